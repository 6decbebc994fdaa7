package load_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/client"
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
	dir       string
	slack     *slacktest.Workspace
	aws       *awstest.World
	engineers []access.Person
	leads     []access.Person
	group     string // of the engineers
	channel   string // where requests are told
	options   server.Options
	store     access.Store // of the server that runs
	log       string       // path of its log
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
	w := &world{B: b, dir: dir, log: filepath.Join(dir, "log")}
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

// configure says what a server is made of that finds all this.
func (w *world) configure() {
	c := config.Default()
	c.DataDir, c.Flows, c.Socket = filepath.Join(w.dir, "data"), filepath.Join(w.dir, "flows.yaml"), filepath.Join(w.dir, "s")
	w.must(os.WriteFile(c.Flows, []byte(w.flows()), 0o600))
	c.Slack.Workspace, c.Slack.APIURL = w.slack.TeamID(), w.slack.APIURL()
	c.AWS.Account, c.AWS.Endpoint = management, w.aws.URL()
	c.Identity.TrustEmail, c.AllowCustomEndpoints = true, true
	c.Roles.Admins = []string{"admin@example.com"}
	c.AdminChannel = w.slack.AddChannel(slacktest.Channel{Name: "sesame-admin", Members: []string{w.slack.BotUser()}})
	log, err := os.Create(w.log)
	w.must(err)
	w.Cleanup(func() { w.conclude(log) })
	key := w.aws.AddKey(management, "sesame")
	w.options = server.Options{
		Config: c, Log: zerolog.New(log).Level(zerolog.InfoLevel), Unpaced: true,
		Secrets:        config.Secrets{AppToken: config.NewSecret(w.slack.AppToken()), BotToken: config.NewSecret(w.slack.BotToken())},
		AWSCredentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, key.Token),
		Between:        func(s access.Store) access.Store { w.store = s; return s },
	}
}

// conclude shows the end of the log of a server that did something wrong.
func (w *world) conclude(log *os.File) {
	text, err := os.ReadFile(w.log)
	if err := errors.Join(err, log.Close()); err != nil {
		w.Error(err)
	}
	if w.Failed() {
		w.Logf("%s", text[max(0, len(text)-4000):])
	}
}

// remember fills the store, which no server has open, with everybody's links
// and so many requests that ended.
func (w *world) remember(requests int) {
	w.Helper()
	data := w.options.Config.DataDir
	s, err := bolt.Open(bolt.Options{Dir: data})
	w.must(err)
	for _, p := range slices.Concat(w.engineers, w.leads) {
		w.must(link(w.Context(), s, p))
	}
	past := storetest.History{Requests: requests, By: w.engineers, Until: clock.System{}.Now().Add(-time.Hour)}
	w.must(past.Fill(w.Context(), s, data))
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

// serve runs a server until the benchmark ends or stop is called, and returns
// once Slack reaches it.
func (w *world) serve() (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	w.options.Ready = func() { close(ready) }
	go func() { done <- server.Run(ctx, w.options) }()
	select {
	case <-ready:
	case err := <-done:
		w.Fatalf("the server did not start: %v", err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.Errorf("the server ended with %v", err)
		}
	}
	w.Cleanup(stop)
	c := client.New(w.options.Config.Socket)
	defer c.Close()
	w.must(w.slack.Await(w.Context(), func() bool {
		s, err := c.Status(w.Context())
		return err == nil && s.Slack.State == "connected" && w.hello() == 2
	}))
	return stop
}

// hello is how many connections Slack has.
func (w *world) hello() int { return len(w.slack.Connections()) }
