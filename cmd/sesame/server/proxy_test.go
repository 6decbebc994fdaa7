package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/calls"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

const servedRole = "arn:aws:iam::" + frontend + ":role/SesameEC2"

const deployRole = "arn:aws:iam::333333333333:role/Deploy"

const rolesYAML = `version: 1
groups: {engineering: {slack: %GROUP%}}
channels: {access: %CHANNEL%}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "` + instance + `"}
  role: {type: aws_role, region: us-east-1, role_arn: "` + servedRole + `", external_id: "${file:external-id}"}
targets:
  ec2-frontend: {strategy: role, session_tags: {Department: FrontEnd}, calls: {assume: ["` + deployRole + `"], allow: ["ec2:Describe*"]}}
  billing: {strategy: sso, account: "` + frontend + `", permission_set: FrontEnd}
flows:
  all:
    targets: [ec2-frontend, billing]
    duration: {choices: [1h], default: 1h}
    who: 'in_group("engineering", requester)'
    routes: [{name: auto, auto_approve: true, notify: [access]}]
`

// A served is a story with a proxy, and the store that the server keeps.
type served struct {
	*rig
	bob   string
	store access.Store
}

func newServed(t *testing.T) *served {
	t.Helper()
	r, bob := newStory(t)
	s := &served{rig: r, bob: bob}
	r.aws.AddRole(awstest.Role{ARN: servedRole, Trusts: []string{management}, ExternalID: "x-17", TagSession: true, SetSource: true})
	r.aws.AddRole(awstest.Role{ARN: deployRole, Trusts: []string{servedRole}, TagSession: true, SetSource: true})
	r.options.Config.FlowSecrets = t.TempDir()
	if err := os.WriteFile(filepath.Join(r.options.Config.FlowSecrets, "external-id"), []byte("x-17\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.options.Config.Proxy.Listen, r.options.Config.Proxy.SealingKey = "127.0.0.1:0", filepath.Join(t.TempDir(), "seal.key")
	r.options.Between = func(store access.Store) access.Store {
		s.store = store
		return store
	}
	r.writeFlows(rolesYAML)
	return s
}

var servedAt = regexp.MustCompile(`"address":"([0-9.:]+)","message":"AWS is served`)

// client is the SDK's, through the proxy, with a key of the grant.
func (s *served) client(g access.Grant) *sts.Client {
	s.Helper()
	sealer, err := rolesession.OpenSealer(s.options.Config.Proxy.SealingKey, s.options.Config.DataDir)
	if err != nil {
		s.Fatal(err)
	}
	k, err := rolesession.NewKeys(s.store, sealer).Mint(s.Context(), g.Objects[0], rolesession.Terms{Grant: g.ID, Expires: g.CloseBy, Address: netip.MustParseAddr("127.0.0.1")})
	if err != nil {
		s.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.options.Config.DataDir, "ca", "ca.pem"))
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(text) {
		s.Fatal(err)
	}
	at := servedAt.FindStringSubmatch(s.log.String())
	if at == nil {
		s.Fatalf("no proxy\n%s", s.log)
	}
	t := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: at[1]}), TLSClientConfig: &tls.Config{RootCAs: roots}}
	s.Cleanup(t.CloseIdleConnections)
	return sts.NewFromConfig(aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: t}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token),
	})
}

// goOn is the SDK's client with the key that STS answers with.
func (s *served) goOn(from *sts.Client, in *sts.AssumeRoleInput) *sts.Client {
	s.Helper()
	out, err := from.AssumeRole(s.Context(), in)
	if err != nil {
		s.Fatal(err)
	}
	return sts.NewFromConfig(aws.Config{
		Region: "us-east-1", HTTPClient: from.Options().HTTPClient, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(aws.ToString(out.Credentials.AccessKeyId), aws.ToString(out.Credentials.SecretAccessKey), aws.ToString(out.Credentials.SessionToken)),
	})
}

// grantIn waits for the one grant to be in a state.
func (s *served) grantIn(state access.GrantState) access.Grant {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	for seen := make(chan struct{}, 1); ; {
		watch, stop := context.WithCancel(ctx)
		s.store.Watch(watch, func([]access.Key) {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
		page, err := s.store.List(ctx, access.Query{Index: access.IndexGrants})
		if err != nil {
			s.Fatal(err)
		}
		for _, rec := range page.Records {
			if g, err := access.Decode[access.Grant](rec); err == nil && g.State == state {
				stop()
				return g
			}
		}
		select {
		case <-seen:
		case <-ctx.Done():
			s.Fatalf("no grant is %s\n%s", state, s.log)
		}
		stop()
	}
}

func TestAWSIsServedThroughEverything(t *testing.T) {
	s := newServed(t)
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	g := s.grantIn(access.Open)
	client := s.client(g)
	who, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil || !strings.HasSuffix(aws.ToString(who.Arn), "assumed-role/SesameEC2/alice@example.com+"+string(g.ID)) {
		t.Fatalf("%+v, %v\n%s", who, err, s.log)
	}
	if _, err := client.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("x")}); err == nil || !strings.Contains(err.Error(), "hands out credentials") {
		t.Errorf("GetFederationToken: %v", err)
	}
	deploy := s.goOn(client, &sts.AssumeRoleInput{RoleArn: aws.String(deployRole), RoleSessionName: aws.String("x")})
	who, err = deploy.GetCallerIdentity(t.Context(), nil)
	if err != nil || !strings.HasSuffix(aws.ToString(who.Arn), "assumed-role/Deploy/alice@example.com+"+string(g.ID)) {
		t.Fatalf("%+v, %v\n%s", who, err, s.log)
	}
	s.clock.Advance(61 * time.Minute)
	if _, err := client.GetCallerIdentity(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "fresh one with sesame env") && !strings.Contains(err.Error(), "on ec2-frontend ended at") {
		t.Errorf("after the end: %v", err)
	}
	if _, err := deploy.GetCallerIdentity(t.Context(), nil); err == nil {
		t.Error("the role that was gone on as outlives the grant")
	}
	if g := s.grantIn(access.Closed); g.Receipt.RemovedAt.IsZero() || !g.Receipt.DeadBy.IsZero() {
		t.Errorf("receipt %+v, want the key removed and nothing that outlives it", g.Receipt)
	}
	s.stop()
	var kinds []calls.Kind
	dir := filepath.Join(s.options.Config.DataDir, "calls")
	if err := calls.Each(dir, func(e calls.Entry) error { kinds = append(kinds, e.Kind); return nil }); err != nil || len(kinds) < 2 || kinds[0] != calls.Answer || kinds[1] != calls.Refused {
		t.Errorf("recorded %v, %v", kinds, err)
	}
	if _, err := calls.Verify(dir); err != nil {
		t.Error(err)
	}
	if strings.Contains(s.log.String(), "x-17") {
		t.Error("the external id is in the log")
	}
}

func TestRolesAreCheckedOnline(t *testing.T) {
	s := newServed(t)
	check := func() error {
		set, err := flowfile.Abilities{Proxy: true}.Open(s.options.Config.Flows)
		if err != nil {
			t.Fatal(err)
		}
		_, err = server.Check(t.Context(), s.options, set)
		return err
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	s.aws.AddRole(awstest.Role{ARN: servedRole, Trusts: []string{management}, TagSession: true, SetSource: true})
	if err := check(); err == nil || !strings.Contains(err.Error(), "targets.ec2-frontend: the role "+servedRole+" can be assumed without the external id") {
		t.Errorf("a role that anybody may assume: %v", err)
	}
	s.options.Config.Proxy.Listen = ""
	if err := check(); err == nil || !strings.Contains(err.Error(), "role sessions need a proxy") {
		t.Errorf("without a proxy: %v", err)
	}
}

// TestWithoutAProxyTheRestGoesOn has a record that cannot be gone on with.
func TestWithoutAProxyTheRestGoesOn(t *testing.T) {
	s := newServed(t)
	s.options.Config.Proxy.SealingKey = filepath.Join(s.options.Config.DataDir, "seal.key")
	s.start()
	if err := s.log.await(t.Context(), "only ending access until the flow files can be put in force"); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
	if !strings.Contains(s.log.String(), "there is no proxy until that is repaired") {
		t.Errorf("nobody was told\n%s", s.log)
	}
}
