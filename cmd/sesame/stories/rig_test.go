package stories_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/oncall/oncalltest"
	"sesame/flows/scenario"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

// scenarios is where the stories are.
const scenarios = "../../../testdata/scenarios/"

// morning is when stories begin: a Monday.
var morning = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// The ids that the shared flow file names.
const (
	channelAccess   = "C0ACCESS"
	channelSecurity = "C0SECURITY"
	channelAdmin    = "C0ADMINS"
	groupLeads      = "S0LEADS"
	groupSecurity   = "90677f11aa-00000000-0000-4000-8000-000000000001"
	management      = "111111111111"
)

// sets are the permission sets that the flow file names, by target.
var sets = map[string]string{"ec2-frontend": "EC2FrontendShell", "billing-readonly": "BillingReadOnly", "sandbox": "Sandbox"}

// homes are the accounts that targets are in.
var homes = map[string]string{"ec2-frontend": "222222222222", "billing-readonly": "333333333333", "sandbox": "444444444444"}

// A world is the whole of Sesame between its stand-ins.
type world struct {
	t     *testing.T
	story scenario.Story
	pace  *pacemaker
	slack *slacktest.Workspace
	aws   *awstest.World
	// onCall is any service that knows who is on call.
	onCall *oncalltest.Server
	sink   atomic.Bool // takes note
	// ours is the server's clock: the machine's, which may be set wrong.
	ours *shifted

	arns     map[string]string // of permission sets, by target
	users    map[string]string // principals by name
	security string            // id of the directory's group
	options  server.Options
	reload   chan os.Signal
	log      syncBuffer
	client   *client.Client
	server   *process
	outage   outage

	mu      sync.Mutex // guards what follows
	asked   []access.RequestID
	buttons map[access.RequestID]slacktest.Message // messages as they were when one could decide
}

func newWorld(t *testing.T, s scenario.Story) *world {
	c := clock.Frozen(morning)
	w := &world{
		t: t, story: s, pace: newPacemaker(t, c), ours: &shifted{Movable: c}, reload: make(chan os.Signal, 1),
		arns: map[string]string{}, users: map[string]string{}, buttons: map[access.RequestID]slacktest.Message{},
	}
	w.startStandIns(c)
	w.furnishSlack()
	w.furnishAWS()
	w.configure()
	w.story = s.Over(w.shared())
	w.writeFlows(w.story.Flows)
	t.Cleanup(func() {
		w.stop()
		w.close()
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	w.start(&plug{})
	return w
}

func (w *world) startStandIns(c *clock.Movable) {
	w.slack = slacktest.New(slacktest.Config{Clock: c, PingEvery: time.Hour})
	w.aws = awstest.New(awstest.Config{Clock: c, Management: management})
	w.onCall = oncalltest.New(c)
	w.onCall.Shifts()
	w.ok(errors.Join(w.slack.Start(), w.aws.Start()))
}

// close ends the stand-ins, and wants the bot to have done nothing that a
// careful app would not do.
func (w *world) close() {
	for _, v := range w.slack.Violations() {
		w.t.Errorf("slack: %s", v)
	}
	w.aws.Close()
	w.onCall.Close()
	w.ok(w.slack.Close())
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// userID is the id of the Slack user of that name.
func userID(name string) string { return "U0" + strings.ToUpper(name) }

func email(name string) string { return name + "@example.com" }

func (w *world) furnishSlack() {
	everybody := []string{w.slack.BotUser()}
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory", "eve"} {
		u := slacktest.User{ID: userID(name), Name: name, Email: email(name), Restricted: name == "eve"}
		everybody = append(everybody, w.slack.AddUser(u))
	}
	w.slack.AddGroup(slacktest.Group{ID: groupLeads, Handle: "frontend-leads", Users: []string{userID("bob"), userID("carol")}})
	for id, name := range map[string]string{channelAccess: "access", channelSecurity: "security", channelAdmin: "sesame-admin"} {
		w.slack.AddChannel(slacktest.Channel{ID: id, Name: name, Members: everybody})
	}
}

func (w *world) furnishAWS() {
	for target, account := range homes {
		w.aws.AddAccount(awstest.Account{ID: account, Name: target})
		w.arns[target] = w.aws.AddPermissionSet(awstest.PermissionSet{Name: sets[target], Session: time.Hour})
	}
	w.aws.AddAccount(awstest.Account{ID: "555555555555", Name: "moved"})
	w.security = w.aws.AddGroup("security")
	for _, name := range []string{"alice", "bob", "carol", "dave", "mallory"} {
		w.addPrincipal(name, email(name))
	}
	w.aws.Join(w.security, w.users["carol"])
	w.aws.Join(w.security, w.users["dave"])
}

func (w *world) addPrincipal(name, email string) {
	id, err := w.aws.AddUser(awstest.User{UserName: name, Name: name, Email: email})
	w.ok(err)
	w.users[name] = id
}

// configure says to the server where everything is.
func (w *world) configure() {
	dir := shortDir(w.t)
	c := config.Default()
	c.DataDir, c.Flows, c.Socket = filepath.Join(dir, "data"), filepath.Join(dir, "flows.yaml"), filepath.Join(dir, "s")
	c.FlowSecrets = dir
	w.ok(os.WriteFile(filepath.Join(dir, "on-call"), []byte(oncalltest.Token), 0o600))
	c.Slack.Workspace, c.Slack.APIURL = w.slack.TeamID(), w.slack.APIURL()
	c.AWS.Account, c.AWS.Endpoint = management, w.aws.URL()
	c.Identity.TrustEmail, c.AllowCustomEndpoints = true, true
	c.Roles.Admins = []string{"admin@example.com"}
	c.AdminChannel = channelAdmin
	w.furnishSink(&c)
	key := w.aws.AddKey(management, "sesame")
	w.options = server.Options{
		Config: c, Clock: w.ours, Reload: w.reload, Log: zerolog.New(&w.log), OnCallTransport: w.onCall,
		Secrets:        config.Secrets{AppToken: config.NewSecret(w.slack.AppToken()), BotToken: config.NewSecret(w.slack.BotToken())},
		AWSCredentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, key.Token),
	}
	w.client = client.New(c.Socket)
	w.t.Cleanup(w.client.Close)
}

// shared is the flow file that all stories share.
func (w *world) shared() []byte {
	b, err := os.ReadFile(scenarios + "flows.yaml")
	w.ok(err)
	return b
}

// writeFlows writes the flow file, with the id that the group has here.
func (w *world) writeFlows(text []byte) {
	text = bytes.ReplaceAll(text, []byte(groupSecurity), []byte(w.security))
	w.ok(os.WriteFile(w.options.Config.Flows, text, 0o600))
}

// shortDir returns a temporary folder whose path leaves room for a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A process is one run of the server.
type process struct {
	group errgroup.Group
	plug  *plug
	ended chan struct{}
	err   error // once it has ended
}

// start starts the server on the records that are there, and returns once
// people can use it, or once its plug is pulled.
func (w *world) start(p *plug) {
	w.t.Helper()
	w.launch(p)
	err := w.pace.await("the server listens", 5*time.Minute, func() bool { return w.listens() || w.server.over() })
	if err != nil || w.server.over() && !p.gone() {
		w.t.Fatalf("the server did not start: %v, %v", err, w.server.err)
	}
}

// launch starts the server, and waits for nothing.
func (w *world) launch(p *plug) {
	ctx, cancel := context.WithCancel(w.t.Context())
	p.pull = cancel
	o := w.options
	o.Between = p.between
	w.aws.OnCall(p.call)
	run := &process{plug: p, ended: make(chan struct{})}
	run.group.Go(func() error {
		defer close(run.ended)
		run.err = server.Run(ctx, o)
		return nil
	})
	w.server = run
}

// listens reports whether Slack reaches the server.
func (w *world) listens() bool {
	s, err := w.client.Status(w.t.Context())
	return err == nil && s.Slack.State == "connected"
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop ends the server, and waits until it has.
func (w *world) stop() {
	if w.server == nil {
		return
	}
	w.server.plug.pull()
	_ = w.server.group.Wait() // it has no error of its own
	if err := w.server.err; err != nil && !w.server.plug.gone() {
		w.t.Errorf("the server ended with %v", err)
	}
	w.server = nil
}

// store is what the server that runs stores in.
func (w *world) store() access.Store { return w.server.plug.stored() }

// A syncBuffer takes a log.
type syncBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A shifted clock is the machine's, set wrong.
type shifted struct {
	*clock.Movable
	mu  sync.Mutex // guards off
	off time.Duration
}

func (s *shifted) set(back time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off -= back
}

// Now implements clock.Clock.
func (s *shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Movable.Now().Add(s.off)
}

// Timer implements clock.Clock. Timers that are set already are not held up by
// a clock that is set back.
func (s *shifted) Timer(at time.Time) *clock.Timer {
	return s.Movable.Timer(s.Movable.Now().Add(at.Sub(s.Now())))
}

var errNoRequest = errors.New("there is no such request")

// nth returns the n-th request that was asked for, or the latest.
func (w *world) nth(n int) (access.RequestID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		n = len(w.asked)
	}
	if n < 1 || n > len(w.asked) {
		return "", fmt.Errorf("#%d: %w", n, errNoRequest)
	}
	return w.asked[n-1], nil
}
