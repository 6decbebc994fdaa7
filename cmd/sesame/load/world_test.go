//go:build unix

package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/store/bolt"
	"sesame/store/storetest"
	"sesame/strategies/awstest"
)

const (
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	directory  = "d-90677f1112"
	management = "111111111111"
)

// targets is how many targets there are, each in an account of its own, so
// that what one person asks for is not all about one object.
const targets = 10

// A world is a workspace with many people, an organization with many accounts,
// and what a server between the two is made of.
type world struct {
	*testing.B
	slack     *slacktest.Workspace
	aws       *awstest.World
	key       awstest.Key
	engineers []access.Person
	leads     []access.Person
	group     string // of the engineers
	channel   string // where requests are told

	dir, data, file string // where all is, the store, and the configuration
}

// newWorld returns a world with so many engineers and five leads, all of them
// linked.
func newWorld(b *testing.B, engineers int) *world {
	b.Helper()
	// Not b.TempDir: its path is longer than that of a socket may be.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{B: b, dir: dir, data: filepath.Join(dir, "data"), file: filepath.Join(dir, "sesame.yaml")}
	w.slack = slacktest.New(slacktest.Config{NoRateLimits: true})
	w.aws = awstest.New(awstest.Config{InstanceARN: instance, IdentityStoreID: directory, Management: management, Settings: awstest.Settings{Rate: -1}})
	w.must(w.slack.Start())
	w.must(w.aws.Start())
	b.Cleanup(w.close)
	w.engineers, w.leads = w.people("engineer", engineers), w.people("lead", 5)
	w.furnish()
	w.configure()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) close() {
	w.aws.Close()
	if err := w.slack.Close(); err != nil {
		w.Error(err)
	}
	for _, v := range w.slack.Violations() {
		w.Errorf("violation: %s", v)
	}
}

// people returns n people who have an account on either side.
func (w *world) people(what string, n int) []access.Person {
	var all []access.Person
	for i := range n {
		name := fmt.Sprintf("%s-%d", what, i)
		email := name + "@example.com"
		principal, err := w.aws.AddUser(awstest.User{UserName: name, Name: name, Email: email})
		w.must(err)
		account := access.Account{Workspace: w.slack.TeamID(), User: w.slack.AddUser(slacktest.User{Name: name, Email: email})}
		all = append(all, access.Person{
			ID: access.PersonIDFrom(directory, access.Principal(principal)), Account: account, Directory: directory,
			Principal: access.Principal(principal), Email: email, Name: name, LinkedAt: time.Unix(0, 0).UTC(), LinkedBy: "email",
		})
	}
	return all
}

func users(people []access.Person) []string {
	var ids []string
	for _, p := range people {
		ids = append(ids, p.Account.User)
	}
	return ids
}

// furnish puts the groups, the channels and the accounts there.
func (w *world) furnish() {
	bot := w.slack.BotUser()
	w.group = w.slack.AddGroup(slacktest.Group{Handle: "engineering", Users: users(w.engineers)})
	members := slices.Concat([]string{bot}, users(w.engineers), users(w.leads))
	w.channel = w.slack.AddChannel(slacktest.Channel{Name: "access", Members: members})
	for i := range targets {
		w.aws.AddAccount(awstest.Account{ID: account(i), Name: target(i)})
	}
	w.aws.AddPermissionSet(awstest.PermissionSet{Name: "FrontEnd", Session: time.Hour})
}

func target(i int) string { return fmt.Sprintf("frontend-%d", i%targets) }

func account(i int) string { return fmt.Sprintf("2222222222%02d", i%targets) }

// flows is the flow file: membership of a group decides who may ask, and one
// of the leads who may have it.
func (w *world) flows() string {
	var list, names strings.Builder
	for i := range targets {
		fmt.Fprintf(&list, "  %s: {label: Front end, strategy: sso, account: %q, permission_set: FrontEnd}\n", target(i), account(i))
		fmt.Fprintf(&names, "%s, ", target(i))
	}
	var emails []string
	for _, p := range w.leads {
		emails = append(emails, p.Email)
	}
	return fmt.Sprintf(`version: 1
groups:
  engineering: {slack: %s}
  leads: {members: [%s]}
channels: {access: %s}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: %q}
targets:
%sflows:
  ec2:
    label: EC2 access
    targets: [%s]
    duration: {choices: [1h, 2h], default: 1h}
    who: 'in_group("engineering", requester)'
    routes: [{name: leads, approvers: {groups: [leads], count: 1}, notify: [access]}]
`, w.group, strings.Join(emails, ", "), w.channel, instance, list.String(), strings.TrimSuffix(names.String(), ", "))
}

// configure writes the configuration of a server that finds all this.
func (w *world) configure() {
	w.key = w.aws.AddKey(management, "sesame")
	admins := w.slack.AddChannel(slacktest.Channel{Name: "sesame-admin", Members: []string{w.slack.BotUser()}})
	w.must(os.WriteFile(filepath.Join(w.dir, "flows.yaml"), []byte(w.flows()), 0o600))
	w.must(os.WriteFile(w.file, fmt.Appendf(nil, `data_dir: data
flows: flows.yaml
slack:
  workspace: %s
  app_token: ${env:SLACK_APP_TOKEN}
  bot_token: ${env:SLACK_BOT_TOKEN}
  api_url: %s
aws: {account: %q, endpoint: %q}
identity: {trust_email: true}
roles: {admins: [admin@example.com]}
admin_channel: %s
allow_custom_endpoints: true
`, w.slack.TeamID(), w.slack.APIURL(), management, w.aws.URL(), admins), 0o600))
}

// remember fills the store, which no server has open, with everybody's links
// and so many requests that ended.
func (w *world) remember(requests int) {
	w.Helper()
	s, err := bolt.Open(bolt.Options{Dir: w.data})
	w.must(err)
	for _, p := range slices.Concat(w.engineers, w.leads) {
		w.must(link(w.Context(), s, p))
	}
	past := storetest.History{Requests: requests, By: w.engineers, Until: machine.Now().Add(-time.Hour)}
	w.must(past.Fill(w.Context(), s, w.data))
	w.must(s.Close())
}

func link(ctx context.Context, s access.Store, p access.Person) error {
	var c access.Commit
	for _, v := range []access.Stored{p, p.AccountLink(), p.PrincipalLink()} {
		ch, err := access.Put(v, 0)
		if err != nil {
			return err
		}
		c.Changes = append(c.Changes, ch)
	}
	_, err := s.Commit(ctx, c)
	return err
}

// records opens the store that a server has left, for reading.
func (w *world) records() access.Reader {
	w.Helper()
	s, err := bolt.OpenReadOnly(w.data)
	w.must(err)
	w.Cleanup(func() { w.must(s.Close()) })
	return s
}
