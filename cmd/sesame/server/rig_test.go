package server_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/clock"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

const (
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	management = "111111111111"
	frontend   = "222222222222"
)

// flowsYAML has %CHANNEL% and %GROUP% where ids go.
const flowsYAML = `version: 1
groups:
  engineering: {slack: %GROUP%}
  leads: {members: [bob@example.com]}
channels: {access: %CHANNEL%}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "` + instance + `"}
targets:
  ec2-frontend: {label: EC2 front end, strategy: sso, account: "` + frontend + `", permission_set: FrontEnd}
flows:
  ec2:
    label: EC2 access
    targets: [ec2-frontend]
    duration: {choices: [1h, 2h], default: 1h}
    who: 'in_group("engineering", requester)'
    routes: [{name: leads, approvers: {groups: [leads], count: 1}, notify: [access]}]
`

// A rig is a workspace and an organization of stand-ins, with a server's
// configuration for them.
type rig struct {
	testing.TB
	clock   *clock.Movable
	slack   *slacktest.Workspace
	aws     *awstest.World
	alice   string
	channel string
	group   string
	options server.Options
	reload  chan os.Signal
	log     *lines
	stop    func() // ends the server that was started last
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, clock: clock.Frozen(noon), reload: make(chan os.Signal), log: &lines{}}
	r.startSlack()
	r.startAWS()
	dir := shortDir(t)
	c := config.Default()
	c.DataDir, c.Flows, c.Socket = filepath.Join(dir, "data"), filepath.Join(dir, "flows.yaml"), filepath.Join(dir, "s")
	c.Slack.Workspace, c.Slack.APIURL = r.slack.TeamID(), r.slack.APIURL()
	c.AWS.Account, c.AWS.Endpoint = management, r.aws.URL()
	c.Identity.TrustEmail = true
	c.Roles.Admins = []string{"admin@example.com"}
	c.AdminChannel = r.slack.AddChannel(slacktest.Channel{Name: "sesame-admin", Members: []string{r.slack.BotUser()}})
	c.AllowCustomEndpoints = true
	r.options = server.Options{
		Config: c, Unpaced: true, Clock: r.clock, Reload: r.reload, Log: zerolog.New(r.log),
		Secrets: config.Secrets{AppToken: config.NewSecret(r.slack.AppToken()), BotToken: config.NewSecret(r.slack.BotToken())},
	}
	r.writeFlows(flowsYAML)
	r.useKey(management)
	return r
}

func (r *rig) startSlack() {
	r.slack = slacktest.New(slacktest.Config{Clock: r.clock, NoRateLimits: true})
	if err := r.slack.Start(); err != nil {
		r.Fatal(err)
	}
	slack := r.slack
	r.Cleanup(func() {
		if err := slack.Close(); err != nil {
			r.Error(err)
		}
	})
	r.alice = r.slack.AddUser(slacktest.User{Name: "alice", Email: "alice@example.com"})
	r.group = r.slack.AddGroup(slacktest.Group{Handle: "engineering", Users: []string{r.alice}})
	r.channel = r.slack.AddChannel(slacktest.Channel{Name: "access", Members: []string{r.slack.BotUser(), r.alice}})
}

func (r *rig) startAWS() {
	r.aws = awstest.New(awstest.Config{Clock: r.clock, Settings: awstest.Settings{Rate: -1}})
	if err := r.aws.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(r.aws.Close)
	r.aws.AddAccount(awstest.Account{ID: frontend, Name: "front end"})
	r.aws.AddPermissionSet(awstest.PermissionSet{Name: "FrontEnd", Session: time.Hour})
}

func (r *rig) useKey(account string) {
	k := r.aws.AddKey(account, "sesame")
	r.options.AWSCredentials = credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token)
}

func (r *rig) writeFlows(text string) {
	r.Helper()
	text = strings.NewReplacer("%CHANNEL%", r.channel, "%GROUP%", r.group).Replace(text)
	if err := os.WriteFile(r.options.Config.Flows, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// start runs the server until the test ends, and returns a client of it.
func (r *rig) start() *client.Client {
	r.Helper()
	ctx, stop := context.WithCancel(r.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	r.options.Ready = func() { close(ready) }
	go func() { done <- server.Run(ctx, r.options) }()
	select {
	case <-ready:
	case err := <-done:
		r.Fatalf("the server did not start: %v\n%s", err, r.log)
	}
	c := client.New(r.options.Config.Socket)
	r.stop = sync.OnceFunc(func() {
		c.Close()
		stop()
		if err := <-done; err != nil {
			r.Errorf("the server ended with %v", err)
		}
	})
	r.Cleanup(r.stop)
	return c
}

// freshLog has the next server write to an empty log.
func (r *rig) freshLog() {
	r.log = &lines{}
	r.options.Log = zerolog.New(r.log)
}

// startOnce runs the server, and ends it as soon as it is ready.
func (r *rig) startOnce() {
	r.Helper()
	o := r.options
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	o.Ready = stop
	if err := server.Run(ctx, o); err != nil {
		r.Fatal(err)
	}
}

// refused runs a server that must not start, and returns why.
func (r *rig) refused() string {
	r.Helper()
	err := server.Run(r.Context(), r.options)
	if err == nil {
		r.Fatal("the server started")
	}
	return err.Error()
}

func (r *rig) sighup() { r.reload <- syscall.SIGHUP }

// shortDir returns a temporary folder whose path leaves room for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// lines keeps a log, and lets a test wait for a line of it.
type lines struct {
	mu   sync.Mutex // guards what follows
	text strings.Builder
	more chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await blocks until the log has text.
func (l *lines) await(ctx context.Context, text string) error {
	return l.until(ctx, func() bool { return strings.Contains(l.String(), text) })
}

// until blocks until something is so, which is looked at whenever the log grows.
func (l *lines) until(ctx context.Context, is func() bool) error {
	for {
		more := l.next()
		if is() {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is closed once there is more than now.
func (l *lines) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return l.more
}
