package socket_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sesame/bot/socket"
	"sesame/flows/clock"
)

const token = "xapp-test-token"

// A fake is the server's end of Socket Mode: one-time tickets, the token in
// the header only, and every frame of ours checked.
type fake struct {
	t       testing.TB
	srv     *httptest.Server
	answer  func(n int, w http.ResponseWriter) bool // takes over apps.connections.open
	script  func(l *link)                           // runs after the upgrade; default says hello
	numbers func(n int) int                         // num_connections of the nth hello
	deaf    bool                                    // pings stay unanswered
	opens   atomic.Int32
	tickets sync.Map
	links   chan *link
}

// A link is one accepted connection.
type link struct {
	f      *fake
	n      int
	ws     *websocket.Conn
	mu     sync.Mutex
	acks   chan ack
	pings  chan struct{}
	closed chan int // close code
}

type ack struct {
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
	size    int
}

func newFake(t testing.TB, start func(http.Handler) *httptest.Server) *fake {
	f := &fake{t: t, links: make(chan *link, 10_000)}
	f.script = func(l *link) { l.hello() }
	f.numbers = func(n int) int { return n }
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/apps.connections.open", f.open)
	mux.HandleFunc("GET /link", f.link)
	f.srv = start(mux)
	t.Cleanup(f.srv.Close)
	return f
}

func plain(t testing.TB) *fake { return newFake(t, httptest.NewServer) }

func (f *fake) open(w http.ResponseWriter, r *http.Request) {
	n := int(f.opens.Add(1))
	if f.answer != nil && f.answer(n, w) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+token || r.FormValue("token") != "" {
		fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
		return
	}
	ticket := fmt.Sprintf("ticket-%d", n)
	f.tickets.Store(ticket, n)
	u := "ws" + strings.TrimPrefix(f.srv.URL, "http") + "/link?ticket=" + ticket
	json.NewEncoder(w).Encode(map[string]any{"ok": true, "url": u})
}

func (f *fake) link(w http.ResponseWriter, r *http.Request) {
	n, ok := f.tickets.LoadAndDelete(r.URL.Query().Get("ticket"))
	if !ok {
		http.Error(w, "used or unknown ticket", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		f.t.Errorf("upgrade: %v", err)
		return
	}
	defer ws.Close()
	l := &link{
		f: f, n: n.(int), ws: ws,
		acks: make(chan ack, 1000), pings: make(chan struct{}, 100), closed: make(chan int, 1),
	}
	ws.SetPingHandler(l.ping)
	f.script(l)
	f.links <- l
	l.read()
}

func (l *link) ping(data string) error {
	l.pings <- struct{}{}
	if l.f.deaf {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ws.WriteControl(websocket.PongMessage, []byte(data), time.Time{})
}

func (l *link) read() {
	for {
		kind, data, err := l.ws.ReadMessage()
		if err != nil {
			code := websocket.CloseAbnormalClosure
			if ce, ok := err.(*websocket.CloseError); ok {
				code = ce.Code
			}
			l.closed <- code
			return
		}
		a := ack{size: len(data)}
		if err := json.Unmarshal(data, &a); err != nil || a.ID == "" || kind != websocket.TextMessage {
			l.f.t.Errorf("frame %q is no acknowledgement: %v", data, err)
		}
		l.acks <- a
	}
}

func (l *link) send(format string, args ...any) {
	l.sendRaw(websocket.TextMessage, fmt.Sprintf(format, args...))
}

func (l *link) sendRaw(kind int, data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ws.WriteMessage(kind, []byte(data)); err != nil {
		l.f.t.Logf("link %d: send: %v", l.n, err)
	}
}

func (l *link) hello() {
	l.send(`{"type":"hello","num_connections":%d,"debug_info":{"approximate_connection_time":18060}}`, l.f.numbers(l.n))
}

func (l *link) disconnect(reason string) {
	l.send(`{"type":"disconnect","reason":%q}`, reason)
}

func (l *link) command(id string) {
	l.send(`{"type":"slash_commands","envelope_id":%q,"accepts_response_payload":true,"payload":{"command":"/access"}}`, id)
}

func (l *link) click(id string) {
	l.send(`{"type":"interactive","envelope_id":%q,"payload":{"type":"block_actions"}}`, id)
}

// A timers is a clock that tells of every timer that is asked for.
type timers struct {
	*clock.Movable
	asked chan time.Duration
}

func frozen() timers {
	return timers{clock.Frozen(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)), make(chan time.Duration, 10_000)}
}

func (c timers) Timer(at time.Time) *clock.Timer {
	t := c.Movable.Timer(at)
	c.asked <- at.Sub(c.Now())
	return t
}

// A rig is a client that runs against a fake.
type rig struct {
	*fake
	client *socket.Client
	events chan socket.Event
	result chan error
	stop   context.CancelFunc
}

// start runs a client with what cfg says beyond the usual, until the test
// ends.
func start(t testing.TB, f *fake, cfg socket.Config) *rig {
	t.Helper()
	r := &rig{fake: f, events: make(chan socket.Event, 10_000), result: make(chan error, 1)}
	cfg.APIURL = f.srv.URL + "/api"
	cfg.Report = func(e socket.Event) { r.events <- e }
	if cfg.Connections == 0 {
		cfg.Connections = 1
	}
	if cfg.Token == nil {
		cfg.Token = func() string { return token }
	}
	if cfg.Handler == nil {
		cfg.Handler = func(_ context.Context, e socket.Envelope) { must(t, e.Ack(nil)) }
	}
	var err error
	r.client, err = socket.New(cfg)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	var wg sync.WaitGroup
	wg.Go(func() { r.result <- r.client.Run(ctx) })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v", r.client.Status())
		}
		stop()
		wg.Wait()
		for t.Failed() && len(r.events) > 0 {
			t.Logf("%+v", <-r.events)
		}
	})
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// next returns what arrives on c; that nothing does is a failure.
func next[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	guard := time.NewTimer(20 * time.Second)
	defer guard.Stop()
	select {
	case v := <-c:
		return v
	case <-guard.C:
		t.Fatalf("nothing came")
		panic("unreachable")
	}
}

// until returns the first event of a kind.
func (r *rig) until(kind socket.Kind) socket.Event {
	r.t.Helper()
	for {
		if e := next(r.t, r.events); e.Kind == kind {
			return e
		}
	}
}

func (l *link) wantAck(id string) ack {
	l.f.t.Helper()
	a := next(l.f.t, l.acks)
	if a.ID != id {
		l.f.t.Errorf("link %d: ack of %q, want %q", l.n, a.ID, id)
	}
	return a
}

func (l *link) wantClose(code int) {
	l.f.t.Helper()
	if got := next(l.f.t, l.closed); got != code {
		l.f.t.Errorf("link %d: closed with %d, want %d", l.n, got, code)
	}
}

func (l *link) stillOpen() {
	l.f.t.Helper()
	select {
	case code := <-l.closed:
		l.f.t.Errorf("link %d: closed with %d already", l.n, code)
	default:
	}
}
