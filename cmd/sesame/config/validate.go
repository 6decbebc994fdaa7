package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A finding is one thing wrong, with the path of its key.
type finding struct{ path, message string }

// A checker collects findings.
type checker struct{ found []finding }

// want adds a finding unless ok.
func (k *checker) want(ok bool, path, format string, args ...any) {
	if !ok {
		k.found = append(k.found, finding{path, fmt.Sprintf(format, args...)})
	}
}

// Validate reports everything wrong with c at once, each with the path of its
// key. It only looks: it opens no file, dials nothing and changes nothing.
func (c Config) Validate() error {
	if found := c.check(); len(found) > 0 {
		return problemsIn("", nil, found)
	}
	return nil
}

var (
	workspaceForm = regexp.MustCompile(`^[TE][A-Z0-9]{6,}$`)
	userForm      = regexp.MustCompile(`^[UW][A-Z0-9]{6,}$`)
	channelForm   = regexp.MustCompile(`^[CG][A-Z0-9]{6,}$`)
	accountForm   = regexp.MustCompile(`^\d{12}$`)
	roleForm      = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
	sessionForm   = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	sinkForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	nameForm      = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	ofAWS         = regexp.MustCompile(`(^|\.)(amazonaws\.com(\.cn)?|aws)$`)
	kmsForm       = regexp.MustCompile(`^kms:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+$`)
	emailForm     = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

func (c Config) check() []finding {
	k := &checker{}
	k.want(c.DataDir != "", "data_dir", "must name a folder")
	k.want(c.FlowSecrets != "", "flow_secrets", "must name a folder")
	k.want(c.Flows != "", "flows", "must name a flow file or a folder of them")
	k.want(channelForm.MatchString(c.AdminChannel), "admin_channel", "must be the id of a channel (C…), which its details show at the bottom")
	k.want(slices.Contains([]Unsure{UnsureReport, UnsureRemove}, c.Unsure), "unsure", "must be report or remove")
	c.checkSlack(k)
	c.checkAWS(k)
	c.checkPeople(k)
	c.checkLimits(k)
	c.checkSinks(k)
	c.checkOutput(k)
	c.checkProxy(k)
	c.checkAPI(k)
	k.want(c.Recordings.Quota >= leastRecordings, "recordings.quota", "must be at least %d, in MiB", leastRecordings)
	k.want(c.Recordings.Keep == 0 || c.Recordings.Keep >= time.Hour, "recordings.keep", "must be at least 1h, or 0 to keep recordings")
	return k.found
}

// leastRecordings is how many MiB a few sessions need.
const leastRecordings = 128

func (c Config) checkSlack(k *checker) {
	s := c.Slack
	k.want(workspaceForm.MatchString(s.Workspace), "slack.workspace", "must be the id of the workspace (T…), or of the enterprise where there is one (E…)")
	k.ref("slack.app_token", s.AppToken, true)
	k.ref("slack.bot_token", s.BotToken, true)
	k.endpoint("slack.api_url", s.APIURL, c.AllowCustomEndpoints)
	k.want(s.APIURL == "" || strings.HasSuffix(s.APIURL, "/"), "slack.api_url", "must end with a slash")
}

func (c Config) checkAWS(k *checker) {
	a := c.AWS
	k.want(accountForm.MatchString(a.Account), "aws.account", "must be the 12 digits of the account that the credentials belong to, in quotes")
	k.endpoint("aws.endpoint", a.Endpoint, c.AllowCustomEndpoints)
	for i, r := range a.RoleChain {
		path := fmt.Sprintf("aws.role_chain[%d].", i)
		k.want(roleForm.MatchString(r.ARN), path+"role_arn", "must be the ARN of a role")
		k.want(sessionForm.MatchString(r.SessionName), path+"session_name", "must be 2 to 64 letters, digits and any of _+=,.@-")
		k.want(r.Duration >= 15*time.Minute && r.Duration <= time.Hour, path+"duration", "must be 15m to 1h")
		k.ref(path+"external_id", r.ExternalID, false)
	}
}

func (c Config) checkPeople(k *checker) {
	k.want(len(c.Roles.Admins) > 0, "roles.admins", "must name at least one person, by Slack user id or e-mail address")
	k.people("roles.admins", c.Roles.Admins)
	k.people("roles.auditors", c.Roles.Auditors)
	k.people("roles.keystrokes", c.Roles.Keystrokes)
	k.want(c.Identity.TrustEmail || len(c.Identity.People) > 0, "identity",
		"nobody can be linked: map Slack users to Identity Center users under people, or set trust_email if the workspace enforces single sign-on")
	linked := map[string]string{}
	for _, slack := range sortedKeys(c.Identity.People) {
		path, aws := "identity.people."+slack, c.Identity.People[slack]
		k.want(userForm.MatchString(slack), path, "must map the id of a Slack user (U… or W…)")
		k.want(aws != "" && len(aws) <= 47 && !strings.Contains(aws, "@"), path, "must map to the id of an Identity Center user, not to a name or address")
		k.want(linked[aws] == "", path, "maps to the same Identity Center user as %s", linked[aws])
		linked[aws] = slack
	}
	for _, uid := range sortedKeys(c.Operators) {
		k.want(userForm.MatchString(c.Operators[uid]), fmt.Sprintf("operators.%d", uid), "must be the id of a Slack user (U… or W…)")
	}
}

func (c Config) checkLimits(k *checker) {
	l := c.Limits
	k.want(l.CallsPerSecond > 0 && l.CallsPerSecond <= 20, "limits.calls_per_second", "must be more than 0 and at most 20, which is what AWS allows")
	k.want(l.Outstanding >= 1 && l.Outstanding <= 10, "limits.outstanding", "must be 1 to 10, which is what AWS allows")
	k.want(l.Workers >= 1 && l.Workers <= 256, "limits.workers", "must be 1 to 256")
}

func (c Config) checkSinks(k *checker) {
	at := map[string]string{}
	for i, s := range c.Sinks {
		path := fmt.Sprintf("sinks[%d].", i)
		k.want(sinkForm.MatchString(s.Name), path+"name", "must be 1 to 40 small letters, digits, _ and -")
		k.want(at[s.Name] == "", path+"name", "is the name of %s already", at[s.Name])
		at[s.Name] = strings.TrimSuffix(path, ".")
		k.want(s.Timeout >= time.Second && s.Timeout <= time.Minute, path+"timeout", "must be 1s to 1m")
		k.ref(path+"token", s.Token, false)
		// What is wrong with an address is said without it: it may hold a key.
		u, err := url.Parse(s.URL)
		web := err == nil && u.Host != "" && u.User == nil
		k.want(web && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Host)), path+"url", "must be an https address without a password")
		k.want(!web || u.Scheme != "http" || c.AllowCustomEndpoints, path+"url", "needs allow_custom_endpoints: true to be http, even on this machine")
	}
}

func (c Config) checkOutput(k *checker) {
	k.want(slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level), "log.level", "must be debug, info, warn or error")
	k.want(slices.Contains([]string{"json", "console"}, c.Log.Format), "log.format", "must be json or console")
	k.want(c.Metrics.Listen == "" || loopback(c.Metrics.Listen), "metrics.listen", "must be a loopback address with a port, such as 127.0.0.1:9090")
}

func (c Config) checkAPI(k *checker) {
	a := c.API
	_, err := netip.ParseAddrPort(a.Listen)
	k.want(a.Listen == "" || err == nil, "api.listen", "must be an address with a port, such as 0.0.0.0:8443")
	k.want(a.Listen == "" || err != nil || a.Cert != "" || loopback(a.Listen), "api.cert", "must name the file of a certificate, since others than this machine can reach the address")
	k.want((a.Cert == "") == (a.Key == ""), "api.key", "must name the file of the certificate's key, and neither stands without the other")
	k.want(a.Name == "" || nameForm.MatchString(a.Name), "api.name", "must be a name in small letters, such as sesame.example.com")
	k.want(a.LoginLasts >= 10*time.Minute && a.LoginLasts <= 7*24*time.Hour, "api.login_lasts", "must be 10m to 168h")
}

func (c Config) checkProxy(k *checker) {
	p := c.Proxy
	_, err := netip.ParseAddrPort(p.Listen)
	k.want(p.Listen == "" || err == nil, "proxy.listen", "must be an address with a port, such as 127.0.0.1:8443")
	at, err := url.Parse("//" + p.Address)
	k.want(p.Address == "" || err == nil && at.Host == p.Address && at.Hostname() != "" && at.Port() != "", "proxy.address", "must be a host with a port, such as sesame.example.com:3128")
	e := p.Endpoint
	_, err = netip.ParseAddrPort(e.Listen)
	k.want(e.Listen == "" || err == nil, "proxy.endpoint.listen", "must be an address with a port, such as 0.0.0.0:8444")
	k.want(e.Listen == "" || p.Listen != "", "proxy.endpoint.listen", "needs proxy.listen, since it is another way to the same proxy")
	k.want((e.Listen == "") == (e.Name == ""), "proxy.endpoint.name", "must be there if listen is, and only then")
	k.want(e.Name == "" || nameForm.MatchString(e.Name) && !ofAWS.MatchString(e.Name), "proxy.endpoint.name", "must be a name of yours in small letters, such as aws.sesame.example.com")
	k.want(e.Port >= 0 && e.Port < 1<<16, "proxy.endpoint.port", "must be a port")
	for i, host := range p.Tunnels {
		name, wild := strings.CutPrefix(host, "*.")
		path := fmt.Sprintf("proxy.tunnels[%d]", i)
		k.want(nameForm.MatchString(name) && strings.Contains(name, "."), path, "must be a name in small letters, such as registry.terraform.io, or one with *. before it")
		k.want(!wild || !ofAWS.MatchString(name), path, "must not be all of AWS, whose calls are recorded one by one")
	}
	k.want(p.Listen == "" || p.SealingKey != "", "proxy.sealing_key", "must name a file outside data_dir, which is made if there is none")
	for path, key := range map[string]string{"proxy.sealing_key": p.SealingKey, "proxy.former_sealing_key": p.FormerSealingKey} {
		_, inKMS := strings.CutPrefix(key, KMS)
		k.want(!inKMS || kmsForm.MatchString(key), path, "must be kms: and the ARN of a key, such as kms:arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab")
	}
	k.want(p.FormerSealingKey == "" || p.FormerSealingKey != p.SealingKey, "proxy.former_sealing_key", "must be another than sealing_key, or be left out")
	const least = 8
	k.want(p.RecordQuota >= least, "proxy.record_quota", "must be at least %d, in MiB", least)
	k.want(p.RecordFor == 0 || p.RecordFor >= time.Hour, "proxy.record_for", "must be at least 1h, or 0 to keep calls until somebody takes them away")
}

func (k *checker) ref(path string, r Ref, required bool) {
	k.want(r != "" || !required, path, "must say where the token is, as ${env:NAME} or ${file:PATH}")
	k.want(r.problem() == "", path, "%s", r.problem())
}

func (k *checker) people(path string, names []string) {
	for i, n := range names {
		k.want(emailForm.MatchString(n) || userForm.MatchString(n), fmt.Sprintf("%s[%d]", path, i), "must be the id of a Slack user (U… or W…) or an e-mail address")
	}
}

// endpoint refuses an endpoint that would be sent secrets and signed requests,
// unless that is what was asked for.
func (k *checker) endpoint(path, endpoint string, allowed bool) {
	if endpoint == "" {
		return
	}
	k.want(allowed, path, "needs allow_custom_endpoints: true, since whoever sets an endpoint can fake success")
	u, err := url.Parse(endpoint)
	k.want(err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Host)), path, "must be an https address, or one on this machine")
}

// loopback reports whether address is on this machine, as an address and not
// by a name that somebody could point elsewhere.
func loopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}
