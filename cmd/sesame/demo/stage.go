package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "time/tzdata" // the demo's zone, on machines that have none

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
	"sesame/flows/clock"
	"sesame/proxy/client"
	"sesame/strategies/awstest"
)

//go:embed flows.yaml
var flowFile string

// DefaultFlows returns the flow file of the demo.
func DefaultFlows() []byte { return []byte(flowFile) }

// Opening is when the demo begins: a Tuesday morning at ten, where the
// workspace is.
func Opening() time.Time { return time.Date(2026, time.December, 1, 9, 0, 0, 0, time.UTC) }

// Config says what a Stage is made of. The zero Config is the demo's.
type Config struct {
	// Dir is where configuration and data are kept. Default: a new folder
	// among the temporary ones, which Close removes.
	Dir string
	// Clock drives everything. Default: one that runs from Opening.
	Clock *clock.Movable
	// Flows is the flow file. Default: DefaultFlows.
	Flows []byte
	// Slack sets up the workspace; its Clock is replaced. Optional.
	Slack slacktest.Config
	// AWS sets up the organisation; its Clock and instance are replaced.
	// Optional.
	AWS awstest.Config
	// Log takes what the server logs. Default: nothing does.
	Log zerolog.Logger
	// Server changes what the server is started with, at each start. Optional.
	Server func(*server.Options)
}

// A Stage is both stand-ins with their people, and the server between them.
// Its methods are safe for concurrent use, but for Close, Stop, Start and
// Restart.
type Stage struct {
	cfg     Config
	slack   *slacktest.Workspace
	aws     *awstest.World
	people  []Person
	names   names
	file    string // path of sesame.yaml
	socket  string
	ownDir  bool
	key     awstest.Key
	pulse   *pulse
	follows errgroup.Group
	// ctx is the lifetime of everything that the Stage started; end ends it.
	ctx context.Context
	end context.CancelFunc

	mu   sync.Mutex // guards what follows
	show *show      // nil while the server is stopped
}

// NewStage starts both stand-ins and the server, and returns once people can
// use it. Everything ends when ctx does, or with Close.
func NewStage(ctx context.Context, cfg Config) (*Stage, error) {
	s := &Stage{cfg: cfg.withDefaults(), pulse: newPulse()}
	s.ctx, s.end = context.WithCancel(ctx)
	if err := errors.Join(s.build(), s.ctx.Err()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.Start(ctx); err != nil {
		_ = s.Close() // it could only say the same
		return nil, err
	}
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.Running(Opening())
	}
	if c.Flows == nil {
		c.Flows = DefaultFlows()
	}
	c.Slack.Clock, c.AWS.Clock = c.Clock, c.Clock
	c.AWS.Region, c.AWS.InstanceARN, c.AWS.Management = region, instance, management
	return c
}

// build starts the stand-ins, and writes down where they are.
func (s *Stage) build() error {
	s.slack, s.aws = slacktest.New(s.cfg.Slack), awstest.New(s.cfg.AWS)
	if err := errors.Join(s.slack.Start(), s.aws.Start()); err != nil {
		return err
	}
	furnishSlack(s.slack)
	var err error
	if s.people, s.names, err = furnishAWS(s.aws); err != nil {
		return err
	}
	s.key = s.aws.AddKey(management, "sesame")
	s.pulse.follow(s.ctx, &s.follows, s.slack, s.aws)
	if err := s.write(); err != nil {
		return err
	}
	written, err := config.Load(s.file)
	s.socket = written.Socket
	return err
}

// Close ends the server and the stand-ins, and returns once nothing of them
// runs. It returns why the server ended, if it did so by itself.
func (s *Stage) Close() error {
	err := s.Stop()
	s.end()
	err = errors.Join(err, s.slack.Close())
	s.aws.Close()
	_ = s.follows.Wait() // they have nothing to say
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.cfg.Dir))
	}
	return err
}

// Slack returns the workspace.
func (s *Stage) Slack() *slacktest.Workspace { return s.slack }

// AWS returns the organisation.
func (s *Stage) AWS() *awstest.World { return s.aws }

// Clock returns the clock that everything runs on.
func (s *Stage) Clock() *clock.Movable { return s.cfg.Clock }

// ConfigFile returns the path of the server's configuration, which commands
// take with --config.
func (s *Stage) ConfigFile() string { return s.file }

// Client returns what commands reach the server with. Close it.
func (s *Stage) Client() *client.Client { return client.New(s.socket) }

// Person returns the one of that name. It panics for a name that nobody has.
func (s *Stage) Person(name string) Person {
	for _, p := range s.people {
		if p.Name == name {
			return p
		}
	}
	panic(fmt.Sprintf("demo: nobody is called %q", name))
}

// As returns the Actor for the person of that name.
func (s *Stage) As(name string) slacktest.Actor { return s.slack.As(s.Person(name).ID) }

// write writes the server's configuration as an operator would.
func (s *Stage) write() error {
	if s.cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "sesame-demo-")
		if err != nil {
			return err
		}
		s.cfg.Dir, s.ownDir = dir, true
	}
	s.file = filepath.Join(s.cfg.Dir, "sesame.yaml")
	for name, text := range map[string]string{
		"sesame.yaml":     s.settings(),
		"flows/demo.yaml": string(s.cfg.Flows),
		"app-token":       s.slack.AppToken(),
		"bot-token":       s.slack.BotToken(),
		// What flow files may refer to.
		"flow-secrets/external-id": ExternalID,
	} {
		path := filepath.Join(s.cfg.Dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// settings is the server's configuration: that of serve, but for addresses.
func (s *Stage) settings() string {
	return fmt.Sprintf(`# Written by the demo, which makes a new one each time.
slack:
  workspace: %s
  app_token: ${file:app-token}
  bot_token: ${file:bot-token}
  api_url: %s
aws:
  account: %q
  endpoint: %s
# The stand-in for Slack lets nobody choose their own address.
identity: {trust_email: true}
roles: {admins: [carol@example.com]}
admin_channel: %s
# Whoever runs the demo ends grants by command as Carol.
operators: {%d: U0CAROL}
# Where engineers' commands are answered, and where they find AWS.
api: {listen: "127.0.0.1:0", login_lasts: 168h}
proxy: {listen: "127.0.0.1:0", sealing_key: seal.key}
allow_custom_endpoints: true
`, s.slack.TeamID(), s.slack.APIURL(), management, s.aws.URL(), ChannelAdmin, os.Getuid())
}
