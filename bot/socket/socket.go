// Package socket keeps Slack's Socket Mode connections: it opens them, hands
// what arrives to one handler, and carries the handler's answers back.
//
// It promises that
//   - an acknowledgement goes out on the connection that its envelope came
//     from, and its write error is reported to the caller;
//   - when Slack asks a connection to leave, its replacement is open before
//     the old one drains, and what is in flight finishes before the close
//     frame is sent;
//   - Run returns only after handlers have finished, their acknowledgements
//     are written and every connection said goodbye, within a bound;
//   - however often Slack closes on us, connections are opened at a bounded
//     pace; and what only an operator can repair ends Run with a FatalError.
//
// It deals in raw payloads: what they mean, and whether one was seen before,
// is for the caller to know. Slack delivers zero, one or several times, and
// so does this package.
//
// A token or a connection URL never appears in its errors, events or status.
package socket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
)

const (
	defaultAPI     = "https://slack.com/api/"
	defaultWorkers = 256
	defaultQueue   = 1024
	defaultGrace   = 10 * time.Second
	maxConnections = 10 // Slack's limit per app

	openTimeout = 15 * time.Second // from apps.connections.open to hello
	lastWords   = time.Second      // for handlers to answer once told to stop
)

// ErrUnfinished says that handlers were still running when the grace ended.
var ErrUnfinished = errors.New("handlers did not finish in time")

// Config says how to connect and who handles what arrives.
type Config struct {
	// Token returns the app-level token (xapp-...). It is asked before each
	// open, so that a rotated token is picked up. Required.
	Token func() string
	// Handler is called once for each delivery, on a goroutine of its own, and
	// has three seconds to acknowledge it. Its context ends when the grace of
	// a shutdown does. A panic in it is not caught. Required.
	Handler func(ctx context.Context, e Envelope)
	// Report hears of what an operator may want to know. It is called from
	// several goroutines and must not block. Optional.
	Report func(Event)
	// APIURL is the root of Slack's Web API, https unless its host is
	// loopback. Default https://slack.com/api/.
	APIURL string
	// HTTP opens connections; the proxy and TLS settings of its transport
	// serve the WebSocket as well. Default: a client of its own.
	HTTP *http.Client
	// Clock drives back-off, lingering and idle detection. Default: the
	// machine's.
	Clock clock.Clock
	// Connections to keep, 1 to 10. Default 2: while one is replaced or lost,
	// the other one serves.
	Connections int
	// Workers is how many handlers of one class run at once, and Queue how
	// many deliveries of it wait. Each class (events, commands, clicks,
	// submits, type-ahead) has its own, so that a slow one delays only
	// itself. What finds its queue full is not acknowledged, and reported.
	// Defaults 256 and 1024.
	Workers, Queue int
	// Grace is how long handlers may go on after Run's context ended, in the
	// machine's time. Default 10 s.
	Grace time.Duration
}

func (c Config) withDefaults() Config {
	c.APIURL = strings.TrimSuffix(orDefault(c.APIURL, defaultAPI), "/") + "/"
	c.HTTP = orDefault(c.HTTP, &http.Client{Transport: http.DefaultTransport})
	c.Connections = orDefault(c.Connections, 2)
	c.Workers = orDefault(c.Workers, defaultWorkers)
	c.Queue = orDefault(c.Queue, defaultQueue)
	c.Grace = orDefault(c.Grace, defaultGrace)
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	return c
}

func orDefault[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func (c Config) validate() error {
	var errs []error
	if c.Token == nil {
		errs = append(errs, errors.New("token: required"))
	}
	if c.Handler == nil {
		errs = append(errs, errors.New("handler: required"))
	}
	if c.Connections < 1 || c.Connections > maxConnections {
		errs = append(errs, fmt.Errorf("connections: %d is outside 1 to %d", c.Connections, maxConnections))
	}
	if c.Workers < 1 || c.Queue < 0 || c.Grace < 0 {
		errs = append(errs, errors.New("workers, queue and grace: must not be negative"))
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Host == "" || !private(u, "https", "http") {
		errs = append(errs, fmt.Errorf("api url: %q is neither https nor loopback", c.APIURL))
	}
	return errors.Join(errs...)
}

// A Client keeps the connections of one app. Its methods are safe for
// concurrent use; Run is called once.
type Client struct {
	cfg   Config
	http  *http.Client
	pools [classes]*pool
	wg    sync.WaitGroup // readers, watchers, handlers

	mu         sync.Mutex // guards what follows
	conns      map[int]*conn
	lastID     int
	dialing    int
	opens      int
	greeted    bool // Slack has said hello at least once
	slackHolds int
	ghosts     int
	reasons    map[string]int
	lastError  string
	unfinished int
}

// New returns a Client, or everything that is wrong with cfg. It connects to
// nothing yet.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg:     cfg,
		http:    withoutRedirects(cfg.HTTP),
		conns:   map[int]*conn{},
		reasons: map[string]int{},
	}
	for i := range c.pools {
		c.pools[i] = &pool{wg: &c.wg, limit: cfg.Workers, capacity: cfg.Queue}
	}
	return c, nil
}

// Run keeps the connections until ctx ends, and then returns once handlers
// finished, their acknowledgements are written and close frames are sent. It
// returns nil then, ErrUnfinished if the grace did not suffice, or a
// FatalError as soon as Slack refuses us for a reason that no retry changes.
func (c *Client) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	l, done := c.lives(ctx)
	for range c.cfg.Connections {
		g.Go(func() error { return c.keep(l, g) })
	}
	err := g.Wait()
	done()
	if n := c.stillRunning(); n > 0 {
		return errors.Join(err, fmt.Errorf("%w: %d left", ErrUnfinished, n))
	}
	c.wg.Wait()
	return err
}

// lives are the three lifetimes of a Run: connections are kept until run
// ends, handlers are told to stop when handle ends, and nobody waits for them
// beyond hard.
type lives struct {
	run, handle, hard context.Context
}

// lives returns the lifetimes that follow from run's end. The caller calls
// the returned function once all connections are gone.
func (c *Client) lives(run context.Context) (lives, func()) {
	handle, endHandle := context.WithCancel(context.WithoutCancel(run))
	hard, endHard := context.WithCancel(context.WithoutCancel(run))
	done := make(chan struct{})
	c.wg.Go(func() {
		defer endHard()
		defer endHandle()
		<-run.Done()
		if passes(c.cfg.Grace, done) {
			endHandle()
			passes(lastWords, done)
		}
	})
	return lives{run: run, handle: handle, hard: hard}, func() { close(done) }
}

// passes reports whether d of the machine's time passes before done is
// closed. A shutdown is bounded for the sake of the machine, whatever the
// story's clock shows.
func passes(d time.Duration, done <-chan struct{}) bool {
	machine := clock.System{}
	t := machine.Timer(machine.Now().Add(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}
