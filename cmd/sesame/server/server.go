// Package server is the running Sesame: the store, the Desk, the Keeper, Slack
// and AWS put together. serve runs it against the real ones, the demo against
// stand-ins; it is the same code.
//
// It promises an order of starting in which what is missing is said before
// anything depends on it: the store, AWS, the flow files, Slack. Ending access
// needs the first two alone. Flow files that cannot be used, and a Slack that
// cannot be reached, leave a server that ends what was granted and opens
// nothing; it says so, and tries again.
//
// It refuses to start when it could not do anything: with credentials of
// another account or tokens of another workspace, and nothing to close.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/bot"
	"sesame/cmd/sesame/config"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/keeper"
	"sesame/flows/ledger"
	"sesame/flows/oncall"
	"sesame/flows/sink"
	"sesame/flows/token"
	"sesame/proxy/api"
	"sesame/store/bolt"
	"sesame/strategies/identitycenter"
)

// Options are what a server is made of.
type Options struct {
	Config  config.Config
	Secrets config.Secrets
	// Version is what status says. Default "devel".
	Version string
	// Clock is where all time comes from. Default: the machine's.
	Clock clock.Clock
	Log   zerolog.Logger
	// Reload has the flow files read again. Optional.
	Reload <-chan os.Signal
	// Watch is how often the flow files are looked at for changes. Default 0:
	// never, since time that is moved by hand is not that of files.
	Watch time.Duration
	// Ready is called once commands are answered, the Keeper runs, and the
	// flow files are in force, or are not. Optional.
	Ready func()
	// Unpaced calls Slack and AWS as fast as it can: for stand-ins that have
	// no limits. Default false.
	Unpaced bool
	// Keeper replaces limits of the Keeper's that the configuration does not
	// know. Optional.
	Keeper keeper.Limits
	// AWSCredentials are taken instead of those that the machine has: for
	// stand-ins. Optional.
	AWSCredentials aws.CredentialsProvider
	// OnCallTransport takes questions about who is on call: for stand-ins.
	// Optional.
	OnCallTransport http.RoundTripper
	// Called is told after each entry in the record of calls; it must not
	// block. Optional.
	Called func()
	// Between stands between the server and its store: for tests that fill the
	// disk or pull the plug. Optional.
	Between func(access.Store) access.Store
}

func (o Options) withDefaults() Options {
	o.Version = cmp.Or(o.Version, "devel")
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Ready == nil {
		o.Ready = func() {}
	}
	if o.Between == nil {
		o.Between = func(s access.Store) access.Store { return s }
	}
	return o
}

// onCall logs what AWS was asked.
func (o Options) onCall() func(identitycenter.Call) {
	return func(c identitycenter.Call) {
		o.Log.Debug().Str("service", c.Service).Str("operation", c.Operation).Str("aws_request", c.RequestID).
			Dur("took", c.Took).Str("code", c.Code).AnErr("error", c.Err).Msg("aws")
	}
}

// A Server is a running Sesame.
type Server struct {
	Options
	file    *bolt.Store
	store   access.Store // what is in file
	cloud   *cloud
	slack   workspace
	checker checker
	known   *bot.Directory
	roster  *oncall.Roster
	people  *facts.People
	desk    *flows.Desk
	// commands is what those have who come by command, and not by Slack.
	commands commands
	// tokens are what programs come with.
	tokens  *token.Tokens
	auditor *audit.Auditor
	teller  *sink.Teller
	keeper  *keeper.Keeper
	serving serving // what the holders of grants call AWS through
	chat    *chat
	rules   rules
	// reloading is what those who have the rules read again share.
	reloading reloading
	started   time.Time
}

// Run runs a server until ctx ends, and returns once everything that it
// started has ended. An error says why it could not start or go on.
func Run(ctx context.Context, o Options) error {
	o = o.withDefaults()
	file, err := bolt.Open(bolt.Options{Dir: o.Config.DataDir})
	if err != nil {
		return err
	}
	return errors.Join(runOn(ctx, o, file), file.Close())
}

func runOn(ctx context.Context, o Options, file *bolt.Store) error {
	floor, err := lastCommit(ctx, file)
	if err != nil {
		return fmt.Errorf("read the end of the record: %w", err)
	}
	o.Clock = clock.NeverBack(o.Clock, floor)
	s, err := newServer(o, file)
	if err != nil {
		return err
	}
	s.teller = s.newTeller()
	s.serveAWS(ctx)
	if s.auditor, err = s.openAudit(ctx); err != nil {
		return err
	}
	if s.chat, err = s.newChat(); err != nil {
		return err
	}
	s.keeper = s.newKeeper()
	if err := s.start(ctx); err != nil {
		return err
	}
	return s.run(ctx)
}

func newServer(o Options, file *bolt.Store) (*Server, error) {
	slack, err := newWorkspace(o)
	if err != nil {
		return nil, err
	}
	store := o.Between(file)
	s := &Server{Options: o, file: file, store: store, cloud: newCloud(o), slack: slack, started: o.Clock.Now()}
	s.known = bot.NewDirectory(slack.api, slack.identity())
	s.checker = checker{s.cloud, slack, o.onCallWorld(s.known)}
	s.roster = oncall.NewRoster(s.checker.onCall, o.Clock)
	s.people = facts.New(store, s.sources(), o.Clock, facts.Config{
		Workspace:  o.Config.Slack.Workspace,
		Map:        principals(o.Config.Identity.People),
		TrustEmail: o.Config.Identity.TrustEmail,
		Admins:     o.Config.Roles.Admins,
		FlowOf:     s.rules.flowOf,
	})
	s.desk = flows.New(flows.Config{
		Store: store, People: s.people, Rules: s.rules.set.Load, Clock: o.Clock,
		Planners: s.rules.planners(), Find: s.machines, Left: s.left,
	})
	s.commands, s.tokens = s.newCommands(), s.newTokens()
	return s, nil
}

func principals(people map[string]string) map[string]access.Principal {
	all := map[string]access.Principal{}
	for slack, aws := range people {
		all[slack] = access.Principal(aws)
	}
	return all
}

func (s *Server) newKeeper() *keeper.Keeper {
	limits := s.Keeper
	limits.Workers = s.Config.Limits.Workers
	limits.Outstanding = s.Config.Limits.Outstanding
	return keeper.New(keeper.Config{
		Store: s.store,
		Ways:  s.ways(), Cutter: s.cloud.shells,
		Gate:  s.mayOpen,
		Clock: s.Clock, Skew: s.cloud.skew, Unsure: keeper.Unsure(s.Config.Unsure),
		Limits: limits, Log: s.Log,
	})
}

func (s *Server) newHolders() keeper.Holders {
	return keeper.Holders{Store: s.store, Recheck: s.desk.Recheck, Others: s.comers, Clock: s.Clock, Log: s.Log}
}

// run starts what runs, and waits for its end.
func (s *Server) run(ctx context.Context) error {
	socket, err := api.Listen(s.Config.Socket)
	if err != nil {
		return err
	}
	s.hearCommands()
	group, running := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{
		s.keeper.Run, s.newHolders().Run, s.newCounter().Run,
		func(ctx context.Context) error { return s.newAPI().Serve(ctx, socket) },
		s.auditor.Run, s.teller.Run, s.tellHeads, s.watchExternalIDs, s.serveMetrics, s.serveCommands, s.serve, s.open,
	} {
		group.Go(func() error { return part(running) })
	}
	if err := group.Wait(); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// open is the part that opens access: it needs flow files in force, and
// somebody to talk to. The Keeper does not wait for it.
func (s *Server) open(ctx context.Context) error {
	// What becomes of it has been said, and the server ends access whatever it is.
	_, _ = s.reload(ctx, atStart)
	s.Ready()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.keepRules(ctx) })
	group.Go(func() error { return s.talk(ctx) })
	return group.Wait()
}

func (s *Server) newAPI() *api.Server {
	return api.New(api.Config{
		Desk: s.desk, Store: s.store, Person: s.operator,
		Status: s.status, Verify: s.verify, Backup: s.file.Backup, Reload: s.apply, Facts: s.census, RotateKey: s.rotateKey,
		Calls: s.calls, Recordings: s.recordings(), VerifyRecordings: s.verifyRecordings, Logins: s.commands.logins, Kit: s.kit, RotateExternalID: s.rotateExternalID, Clock: s.Clock, Log: s.Log,
	})
}

// operator returns the account that the operator recorded for a user of this
// machine.
func (s *Server) operator(uid uint32) (access.Account, bool) {
	user, ok := s.Config.Operators[uid]
	return access.Account{Workspace: s.Config.Slack.Workspace, User: user}, ok
}

// alarm has the admin channel told what needs a person.
func (s *Server) alarm(ctx context.Context, text string) { s.tell(ctx, access.NoticeAlarm, text) }

// relieve has the admin channel told what needs nobody any more.
func (s *Server) relieve(ctx context.Context, text string) { s.tell(ctx, access.NoticeRelief, text) }

// tell records what the admin channel is to hear. When that cannot even be
// recorded, the log is told instead.
func (s *Server) tell(ctx context.Context, kind access.NoticeKind, text string) {
	b := ledger.NewBatch(s.Clock.Now())
	b.Tell(kind, "", text)
	if _, err := b.Commit(ctx, s.store); err != nil {
		s.Log.Error().Err(err).Str("text", text).Msg("tell the admin channel")
	}
}

// lastCommit returns the time of the last event. The store has no place for
// it, so its position is searched for: twice as far as long as there is one,
// and then by halves.
func lastCommit(ctx context.Context, r access.Reader) (time.Time, error) {
	var last time.Time
	there := func(pos uint64) (bool, error) {
		events, err := r.Log(ctx, pos, 1)
		if err != nil || len(events) == 0 {
			return false, err
		}
		last = events[0].At
		return true, nil
	}
	low, high := uint64(0), uint64(1)
	for {
		ok, err := there(high)
		if err != nil {
			return time.Time{}, err
		}
		if !ok {
			break
		}
		low, high = high, 2*high
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		ok, err := there(middle)
		if err != nil {
			return time.Time{}, err
		}
		if ok {
			low = middle
		} else {
			high = middle
		}
	}
	return last, nil
}
