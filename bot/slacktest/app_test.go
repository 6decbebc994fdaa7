package slacktest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
	"sesame/flows/clock"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A rig is a workspace with two people, a channel and the real client.
type rig struct {
	*slacktest.Workspace
	t          *testing.T
	clk        *clock.Movable
	api        *slack.Client
	alice, bob string
	access     string // a channel with the bot, alice and bob
}

// start runs a workspace. Unless a test wants violations, it fails on any.
func start(t *testing.T, cfg slacktest.Config) *rig {
	t.Helper()
	r := &rig{t: t, clk: clock.Frozen(noon)}
	cfg.Clock = r.clk
	r.Workspace = slacktest.New(cfg)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.alice = r.AddUser(slacktest.User{Name: "alice", RealName: "Alice Ames", Email: "alice@example.com", TZ: "Europe/Berlin"})
	r.bob = r.AddUser(slacktest.User{Name: "bob", RealName: "Bob Burr", Email: "bob@example.com"})
	r.access = r.AddChannel(slacktest.Channel{Name: "access", Members: []string{r.BotUser(), r.alice, r.bob}})
	r.api = r.client(r.BotToken(), r.AppToken())
	return r
}

func (r *rig) client(bot, app string) *slack.Client {
	return slack.New(bot, slack.OptionAppLevelToken(app), slack.OptionAPIURL(r.APIURL()))
}

// noViolations fails the test if the app did something that it should not.
func (r *rig) noViolations() {
	r.t.Helper()
	if v := r.Violations(); len(v) > 0 {
		r.t.Errorf("violations: %q", v)
	}
}

// wantViolation fails the test unless one violation contains text.
func (r *rig) wantViolation(text string) {
	r.t.Helper()
	if !slices.ContainsFunc(r.Violations(), func(v string) bool { return strings.Contains(v, text) }) {
		r.t.Errorf("violations: %q, want one with %q", r.Violations(), text)
	}
}

// refused fails the test unless err is Slack's error code.
func (r *rig) refused(err error, code string) slack.SlackErrorResponse {
	r.t.Helper()
	var e slack.SlackErrorResponse
	if !errors.As(err, &e) || e.Err != code {
		r.t.Errorf("error %v, want %s", err, code)
	}
	return e
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// post posts into the access channel, leaving the channel's second behind.
func (r *rig) post(opts ...slack.MsgOption) slacktest.Message {
	r.t.Helper()
	r.clk.Advance(time.Second)
	_, ts, err := r.api.PostMessageContext(r.t.Context(), r.access, opts...)
	r.ok(err)
	for _, m := range r.Messages(r.access) {
		if m.TS == ts {
			return m
		}
	}
	r.t.Fatalf("no message %s", ts)
	return slacktest.Message{}
}

// An envelope is what a connection delivers.
type envelope struct {
	Type       string          `json:"type"`
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
	Accepts    bool            `json:"accepts_response_payload"`
	Attempt    int             `json:"retry_attempt"`
	RetryWhy   string          `json:"retry_reason"`
	Reason     string          `json:"reason"`
	Conns      int             `json:"num_connections"`
	Debug      struct {
		Life int `json:"approximate_connection_time"`
	} `json:"debug_info"`
}

func (e envelope) field(names ...string) any {
	var v any
	if json.Unmarshal(e.Payload, &v) != nil {
		return nil
	}
	for _, name := range names {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			v = in[0].(map[string]any)[name]
		}
	}
	return v
}

// A link is one Socket Mode connection of the simplest kind.
type link struct {
	t     *testing.T
	ws    *websocket.Conn
	mu    sync.Mutex // guards writes
	in    chan envelope
	pings chan string
	hello envelope
	err   error // why reading ended; read it after in is closed
}

// dial opens a connection and reads its hello.
func (r *rig) dial() *link {
	r.t.Helper()
	_, url, err := r.api.StartSocketModeContext(r.t.Context())
	r.ok(err)
	l, err := r.dialURL(url)
	r.ok(err)
	l.hello = <-l.in
	return l
}

func (r *rig) dialURL(url string) (*link, error) {
	ws, _, err := websocket.DefaultDialer.DialContext(r.t.Context(), url, nil)
	if err != nil {
		return nil, err
	}
	l := &link{t: r.t, ws: ws, in: make(chan envelope, 100), pings: make(chan string, 100)}
	ws.SetPingHandler(func(s string) error {
		l.pings <- s
		l.mu.Lock()
		defer l.mu.Unlock()
		return ws.WriteControl(websocket.PongMessage, []byte(s), time.Time{})
	})
	var wg sync.WaitGroup
	wg.Go(l.read)
	r.t.Cleanup(func() { ws.Close(); wg.Wait() })
	return l, nil
}

func (l *link) read() {
	defer close(l.in)
	for {
		var e envelope
		if l.err = l.ws.ReadJSON(&e); l.err != nil {
			return
		}
		l.in <- e
	}
}

// next returns the next envelope.
func (l *link) next() envelope {
	l.t.Helper()
	e, ok := <-l.in
	if !ok {
		l.t.Fatalf("connection ended: %v", l.err)
	}
	return e
}

// ended waits until the connection is over and returns why.
func (l *link) ended() error {
	for range l.in {
	}
	return l.err
}

func (l *link) ack(e envelope, payload any) {
	l.t.Helper()
	l.send(map[string]any{"envelope_id": e.EnvelopeID, "payload": payload})
}

func (l *link) send(v any) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ws.WriteJSON(v); err != nil {
		l.t.Error(err)
	}
}

// answer acknowledges the next envelope with payload, from another goroutine,
// and hands it over. The channel is closed after it.
func (l *link) answer(payload any) <-chan envelope {
	got := make(chan envelope, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(got)
		if e, ok := <-l.in; ok {
			l.ack(e, payload)
			got <- e
		}
	})
	l.t.Cleanup(wg.Wait)
	return got
}

// later runs f, which blocks, and returns what becomes of it.
func later[T any](t *testing.T, f func() (T, error)) func() (T, error) {
	var v T
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { v, err = f() })
	t.Cleanup(wg.Wait)
	return func() (T, error) { wg.Wait(); return v, err }
}

// pending waits until n deliveries wait for an acknowledgement.
func (r *rig) pending(n int) {
	r.t.Helper()
	r.ok(r.Await(r.t.Context(), func() bool { return r.Unsettled() == n }))
}

func (r *rig) command(l *link, line string) (envelope, slacktest.Reply) {
	r.t.Helper()
	got := l.answer(nil)
	reply, err := r.As(r.alice).Command(r.t.Context(), r.access, line)
	r.ok(err)
	return <-got, reply
}

func text(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
}

func button(action, value, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, value, text(label))
}

func copyTo(w io.Writer, resp *http.Response) (int64, error) { return io.Copy(w, resp.Body) }
