package awstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"sesame/flows/clock"
	"sesame/strategies/awstest/agent"
)

// Config describes the organisation that a World starts with. Every field is
// optional.
type Config struct {
	// Clock drives operations, limits and lags. Default clock.System.
	Clock clock.Clock
	// Region is the one region that has the Identity Center instance. Default
	// us-east-1.
	Region string
	// InstanceARN and IdentityStoreID name the instance. The defaults are
	// well-formed.
	InstanceARN, IdentityStoreID string
	// Management is the organisation's management account. Default
	// 111111111111.
	Management string
	// Delegated is the account that administers Identity Center on the
	// management account's behalf. Default none.
	Delegated string
	// Program returns what shells run instead of the toy that it is given.
	// Default the toy.
	Program func(toy agent.Shell) agent.Program
	// Settings are the limits to start with.
	Settings Settings
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	orDefault(&c.Region, "us-east-1")
	orDefault(&c.InstanceARN, "arn:aws:sso:::instance/ssoins-1234567890abcdef")
	orDefault(&c.IdentityStoreID, "d-90677f1112")
	orDefault(&c.Management, "111111111111")
	c.Settings = c.Settings.withDefaults()
	return c
}

// A World is one AWS organisation behind one address. It is safe for
// concurrent use.
type World struct {
	config   Config
	clock    *clock.Forward // AWS's time does not go back when ours does
	services []service

	server http.Server
	wg     sync.WaitGroup
	url    string
	life   context.Context // of everything that runs in the background, until Close
	end    context.CancelFunc
	kick   chan struct{} // the waker looks again

	mu               sync.Mutex // guards what follows
	settings         Settings
	changed          chan struct{} // closed at the next change
	hook             func(Call)
	faults           []*liveFault
	calls            []Call
	serial           uint64
	bucket           bucket
	center           center
	store            identityStore
	org              organization
	keys             map[string]*credential
	roles            map[string]Role
	iam              iamState
	decide           func(Ask) bool  // nil decides about nothing
	governed         map[string]bool // accounts that something was attached in
	instances        map[string]Instance
	shells           []*shell
	documents        map[string]SessionDocument
	frames           []*FrameFault
	dataKeys         map[string]dataKey // by their encrypted form
	kmsKeys          map[string]KMSKey
	tasks            map[string]Task
	buckets          map[string]Bucket
	commandDocuments []CommandDocument
	commands         []*command
	osUsers          map[string]OSUser // by machine and name
	// aggregators are those of AWS Config, by account and name.
	aggregators []entity
}

// New returns a healthy World with a management account, an Identity Center
// instance and nobody in it. It does not listen before Start or StartInMemory.
func New(c Config) *World {
	c = c.withDefaults()
	w := &World{
		config:    c,
		clock:     clock.NeverBack(c.Clock, c.Clock.Now()),
		services:  []service{ssoAdmin(), identity(), organizations(), sts(), iamService(), ssmService(), ec2Service(), s3Service(), messages(), kmsService(), ecsService(), configService()},
		kick:      make(chan struct{}, 1),
		settings:  c.Settings,
		changed:   make(chan struct{}),
		center:    newCenter(),
		store:     newIdentityStore(),
		org:       newOrganization(),
		keys:      map[string]*credential{},
		roles:     map[string]Role{},
		iam:       newIAM(),
		instances: map[string]Instance{},
		governed:  map[string]bool{},
		osUsers:   map[string]OSUser{},
		buckets:   map[string]Bucket{},
		documents: newDocuments(),
		dataKeys:  map[string]dataKey{},
		kmsKeys:   map[string]KMSKey{},
		tasks:     map[string]Task{},
	}
	w.life, w.end = context.WithCancel(context.Background())
	w.AddAccount(Account{ID: c.Management, Name: "management"})
	if c.Delegated != "" {
		w.AddAccount(Account{ID: c.Delegated, Name: "delegated"})
	}
	return w
}

// Start listens on a free loopback port. Close ends what it starts.
func (w *World) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the AWS stand-in: %w", err)
	}
	w.serve(l)
	return nil
}

func (w *World) serve(l net.Listener) {
	w.url = "http://" + l.Addr().String()
	w.server.Handler = w
	w.server.ReadHeaderTimeout = time.Minute
	w.wg.Go(func() { _ = w.server.Serve(l) }) // always ErrServerClosed, from Close
	w.wg.Go(w.wake)
}

// URL is the address of every service once the World listens.
func (w *World) URL() string { return w.url }

// Close stops answering, drops the connections that are open and returns once
// nothing of the World runs any more. It is called once.
func (w *World) Close() {
	w.mu.Lock()
	w.end()
	w.mu.Unlock()
	_ = w.server.Close()
	w.wg.Wait()
}

// Tune changes the settings from the next call on. An operation that is in
// progress keeps the latency it started with.
func (w *World) Tune(change func(*Settings)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.settings)
	w.settings = w.settings.withDefaults()
}

// OnCall sets what is told of every call that reached an operation: once
// before it has any effect and once after the effect, before the answer. It
// may block, and replaces the one that was set before.
func (w *World) OnCall(f func(Call)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = f
}

// Changed returns a channel that is closed at the next call or change of
// state.
func (w *World) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// wake finishes operations when they are due, so that somebody who watches
// sees it happen although nobody calls.
func (w *World) wake() {
	for w.life.Err() == nil {
		w.mu.Lock()
		w.settleLocked()
		due, waiting := w.center.nextDue()
		w.mu.Unlock()
		w.sleep(due, waiting)
	}
}

func (w *World) sleep(due time.Time, waiting bool) {
	var fires <-chan time.Time
	if waiting {
		timer := w.clock.Timer(due)
		defer timer.Stop()
		fires = timer.C
	}
	select {
	case <-fires:
	case <-w.kick:
	case <-w.life.Done():
	}
}

// changedLocked tells whoever watches, and lets the waker look again.
func (w *World) changedLocked() {
	close(w.changed)
	w.changed = make(chan struct{})
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// wallLocked is AWS's idea of wall time: signatures, Date headers and
// credentials live by it.
func (w *World) wallLocked() time.Time {
	return time.Now().Add(w.settings.Skew)
}
