package slacktest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// A Workspace is one Slack workspace with one app installed, and the servers
// that Slack would run for it. Its methods are safe for concurrent use.
type Workspace struct {
	cfg Config
	// ctx is the lifetime of everything that Start set going; end ends it.
	ctx      context.Context
	end      context.CancelFunc
	wg       sync.WaitGroup
	server   *http.Server
	listener net.Listener

	mu      sync.Mutex // guards what follows
	team    *team
	hub     *hub
	faults  faults
	changed chan struct{} // closed and replaced at every change
	version uint64
	closed  bool
}

// New returns a Workspace that has the app's bot and nobody else. It listens
// once it is started.
func New(cfg Config) *Workspace {
	cfg = cfg.withDefaults()
	w := &Workspace{cfg: cfg, changed: make(chan struct{})}
	w.team = newTeam(cfg)
	w.hub = newHub(w.team.rng)
	w.ctx, w.end = context.WithCancel(context.Background())
	return w
}

// Start listens on a free loopback port and serves until Close.
func (w *Workspace) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for slack clients: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", w.serveAPI)
	mux.HandleFunc("/link/", w.serveLink)
	mux.HandleFunc("POST /response/{hook}", w.serveHook)
	w.listener, w.server = l, &http.Server{Handler: mux}
	w.change(func(t *team) { t.base = "http://" + l.Addr().String() })
	w.wg.Go(func() { _ = w.server.Serve(l) }) // ends with ErrServerClosed, at Close
	return nil
}

// Close ends every connection and waits until nothing of the Workspace runs.
func (w *Workspace) Close() error {
	w.mu.Lock()
	w.closed = true
	conns := w.hub.all()
	w.mu.Unlock()
	w.end()
	for _, c := range conns {
		c.drop()
	}
	var err error
	if w.server != nil {
		err = w.server.Close()
	}
	w.wg.Wait()
	return err
}

// APIURL is where the Web API is, with the slash at the end that clients want.
func (w *Workspace) APIURL() string { return w.base() + "/api/" }

func (w *Workspace) base() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.team.base
}

// BotToken returns the app's bot token.
func (w *Workspace) BotToken() string { return w.team.botToken }

// AppToken returns the app-level token, which opens connections.
func (w *Workspace) AppToken() string { return w.team.appToken }

// BotUser returns the user id of the app's bot.
func (w *Workspace) BotUser() string { return w.team.bot }

// TeamID returns the id of the workspace.
func (w *Workspace) TeamID() string { return w.team.id }

// AppID returns the id of the app.
func (w *Workspace) AppID() string { return w.team.app }

// change runs f on the workspace's state, tells whoever waits that something
// changed, and sends the events that f gave rise to.
func (w *Workspace) change(f func(t *team)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.team.now = w.cfg.Clock.Now()
	f(w.team)
	for _, e := range w.team.takeEvents() {
		if !w.closed {
			w.wg.Go(func() { w.deliverEvent(w.ctx, e) })
		}
	}
	w.bumpLocked()
}

// read runs f on the workspace's state without changing it.
func (w *Workspace) read(f func(t *team)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.team.now = w.cfg.Clock.Now()
	f(w.team)
}

func (w *Workspace) bumpLocked() {
	w.version++
	close(w.changed)
	w.changed = make(chan struct{})
}

var errClosed = errors.New("the stand-in is closed")

// Changed blocks until the workspace is past version since, and returns the
// version that it is at. A page that shows the workspace calls it in a loop,
// starting at 0.
func (w *Workspace) Changed(ctx context.Context, since uint64) (uint64, error) {
	for {
		w.mu.Lock()
		version, changed := w.version, w.changed
		w.mu.Unlock()
		if version > since {
			return version, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return version, context.Cause(ctx)
		case <-w.ctx.Done():
			return version, errClosed
		}
	}
}

// Await blocks until done reports true, asking again after every change. It
// runs done without the Workspace's lock, so that done may call any method.
func (w *Workspace) Await(ctx context.Context, done func() bool) error {
	var seen uint64
	for {
		w.mu.Lock()
		seen = w.version
		w.mu.Unlock()
		if done() {
			return nil
		}
		if _, err := w.Changed(ctx, seen); err != nil {
			return fmt.Errorf("awaiting a change in slack: %w", err)
		}
	}
}

// Violations returns what the app did that Slack would let pass and a careful
// app would not do. A test of the app wants none.
func (w *Workspace) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.team.violations...)
}
