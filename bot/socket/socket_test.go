package socket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"sesame/bot/socket"
)

func TestDeliveryAndAnswer(t *testing.T) {
	clk := frozen()
	got := make(chan socket.Envelope, 1)
	r := start(t, plain(t), socket.Config{Clock: clk, Handler: func(_ context.Context, e socket.Envelope) {
		must(t, e.Ack(map[string]string{"text": "a < b & c"}))
		got <- e
	}})
	l := next(t, r.links)
	l.send(`{"type":"slash_commands","envelope_id":"E1","accepts_response_payload":true,
		"retry_attempt":2,"retry_reason":"timeout","payload":{"command":"/access"}}`)
	if a := l.wantAck("E1"); string(a.Payload) != `{"text":"a < b & c"}` {
		t.Errorf("answer = %s", a.Payload)
	}
	e := next(t, got)
	if e.Type != "slash_commands" || string(e.Payload) != `{"command":"/access"}` || !e.AcceptsResponsePayload {
		t.Errorf("envelope = %+v", e)
	}
	if e.RetryAttempt != 2 || e.RetryReason != "timeout" || !e.ReceivedAt.Equal(clk.Now()) {
		t.Errorf("envelope = %+v", e)
	}
}

func TestDuplicateIsDeliveredAgain(t *testing.T) {
	r := start(t, plain(t), socket.Config{})
	l := next(t, r.links)
	l.click("E1")
	l.click("E1")
	l.wantAck("E1")
	l.wantAck("E1")
}

func TestAckRefusals(t *testing.T) {
	results := make(chan error, 10)
	r := start(t, plain(t), socket.Config{Handler: func(_ context.Context, e socket.Envelope) {
		if e.Type == "interactive" {
			results <- e.Ack("an answer nobody asked for")
		} else {
			results <- e.Ack(strings.Repeat("x", 20_480))
			results <- e.Ack(func() {})
			// With {"envelope_id":"E1","payload":""} around it, one byte less
			// than Slack drops.
			results <- e.Ack(strings.Repeat("<", 20_479-len(`{"envelope_id":"E1","payload":""}`)))
		}
		results <- e.Ack(nil)
	}})
	l := next(t, r.links)
	l.command("E1")
	if err := next(t, results); !errors.Is(err, socket.ErrAckTooBig) {
		t.Errorf("20 KB answer: %v", err)
	}
	if err := next(t, results); err == nil {
		t.Error("an answer that is no JSON was sent")
	}
	must(t, next(t, results))
	if err := next(t, results); !errors.Is(err, socket.ErrAcked) {
		t.Errorf("second ack: %v", err)
	}
	if a := l.wantAck("E1"); a.size != 20_479 {
		t.Errorf("frame of %d bytes, want 20479", a.size)
	}
	l.click("E2")
	if err := next(t, results); err == nil {
		t.Error("an answer was sent that Slack does not take")
	}
	must(t, next(t, results))
	l.wantAck("E2")
	if err := (socket.Envelope{ID: "E3"}).Ack(nil); err == nil {
		t.Error("an envelope from nowhere was acknowledged")
	}
}

func TestAckReportsItsWriteError(t *testing.T) {
	entered, result, proceed := make(chan bool, 1), make(chan error, 1), make(chan bool)
	r := start(t, plain(t), socket.Config{Handler: func(_ context.Context, e socket.Envelope) {
		entered <- true
		<-proceed
		result <- e.Ack(nil)
	}})
	l := next(t, r.links)
	l.click("E1")
	next(t, entered)
	l.ws.Close()
	if e := r.until(socket.Ended); e.Reason != "lost" {
		t.Errorf("ended for %q, want lost", e.Reason)
	}
	close(proceed)
	if err := next(t, result); err == nil {
		t.Error("an ack onto a dead connection reported no error")
	}
}

func TestReplacementOpensBeforeTheOldDrains(t *testing.T) {
	for _, reason := range []string{"warning", "refresh_requested", "something new"} {
		t.Run(reason, func(t *testing.T) {
			clk := frozen()
			r := start(t, plain(t), socket.Config{Clock: clk})
			old := next(t, r.links)
			r.until(socket.Opened)
			clk.Advance(time.Hour)
			old.disconnect(reason)
			fresh := next(t, r.links)
			r.until(socket.Opened)
			old.stillOpen()
			old.click("on the old")
			old.wantAck("on the old")
			fresh.click("on the new")
			fresh.wantAck("on the new")
			clk.lingers(t)
			clk.Advance(5 * time.Second)
			old.wantClose(websocket.CloseNormalClosure)
			fresh.stillOpen()
			want := map[string]int{reason: 1}
			if reason == "something new" {
				want = map[string]int{"other": 1}
			}
			if diff := cmp.Diff(want, r.client.Status().Disconnects); diff != "" {
				t.Errorf("disconnects (-want +got):\n%s", diff)
			}
		})
	}
}

// lingers waits until a connection has started to linger.
func (c timers) lingers(t *testing.T) {
	for next(t, c.asked) != 5*time.Second {
	}
}

func TestHandlerInFlightAcksOnItsOldConnection(t *testing.T) {
	entered, proceed := make(chan bool, 1), make(chan bool)
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk, Handler: func(_ context.Context, e socket.Envelope) {
		if e.ID == "slow" {
			entered <- true
			<-proceed
		}
		must(t, e.Ack(nil))
	}})
	old := next(t, r.links)
	r.until(socket.Opened)
	clk.Advance(time.Hour)
	old.click("slow")
	next(t, entered)
	old.disconnect("refresh_requested")
	next(t, r.links)
	clk.lingers(t)
	clk.Advance(5 * time.Second)
	old.click("while waiting for the slow one")
	old.wantAck("while waiting for the slow one")
	close(proceed)
	old.wantAck("slow")
	old.wantClose(websocket.CloseNormalClosure)
}

func TestReopeningIsPaced(t *testing.T) {
	for _, reason := range []string{"warning", "refresh_requested", "too_many_websockets", "closed", "no upgrade", "no hello"} {
		t.Run(reason, func(t *testing.T) {
			f, clk := plain(t), frozen()
			f.script = func(l *link) {
				switch reason {
				case "closed":
					l.hello()
					l.ws.Close()
				case "no hello":
					l.ws.Close()
				default:
					l.hello()
					l.disconnect(reason)
				}
			}
			if reason == "no upgrade" {
				f.answer = func(_ int, w http.ResponseWriter) bool {
					fmt.Fprintf(w, `{"ok":true,"url":"ws%s/nowhere"}`, strings.TrimPrefix(f.srv.URL, "http"))
					return true
				}
			}
			r := start(t, f, socket.Config{Clock: clk})
			for i := range 40 {
				d := r.until(socket.Waiting).Wait
				if d < time.Second || d > 30*time.Second {
					t.Fatalf("pause %d is %v, want 1s to 30s", i, d)
				}
				if n := f.opens.Load(); int(n) != i+1 {
					t.Fatalf("%d opens before pause %d", n, i)
				}
				clk.Advance(d)
			}
		})
	}
}

func TestTooManyClosesBeforeTheNextOpen(t *testing.T) {
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	l.disconnect("too_many_websockets")
	l.wantClose(websocket.CloseNormalClosure)
	if n := r.opens.Load(); n != 1 {
		t.Errorf("%d opens, want 1", n)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	f, clk := plain(t), frozen()
	f.answer = func(n int, w http.ResponseWriter) bool {
		if n == 1 {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 1
	}
	r := start(t, f, socket.Config{Clock: clk})
	if d := r.until(socket.Waiting).Wait; d != 2*time.Minute {
		t.Errorf("waits %v, want 2m", d)
	}
	if s := r.client.Status(); !strings.Contains(s.LastError, "2m0s") {
		t.Errorf("last error = %q", s.LastError)
	}
	clk.Advance(2 * time.Minute)
	next(t, r.links)
	r.until(socket.Opened)
	if s := r.client.Status(); s.LastError != "" || s.Opens != 2 {
		t.Errorf("status = %+v", s)
	}
}

func TestShutdownLosesNoAck(t *testing.T) {
	var entered sync.WaitGroup
	entered.Add(50)
	proceed := make(chan bool)
	r := start(t, plain(t), socket.Config{Workers: 50, Handler: func(ctx context.Context, e socket.Envelope) {
		entered.Done()
		<-proceed
		must(t, ctx.Err())
		must(t, e.Ack(nil))
	}})
	l := next(t, r.links)
	for i := range 50 {
		l.click(fmt.Sprintf("E%d", i))
	}
	entered.Wait()
	r.stop()
	for r.client.Status().Connections[0].State != socket.Leaving {
		next(t, r.events)
	}
	close(proceed)
	must(t, next(t, r.result))
	l.wantClose(websocket.CloseNormalClosure)
	if n := len(l.acks); n != 50 {
		t.Errorf("%d acks arrived, want 50", n)
	}
	if s := r.client.Status(); len(s.Connections) != 0 || s.Disconnects["shutdown"] != 1 {
		t.Errorf("status after Run = %+v", s)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	entered, proceed := make(chan bool, 2), make(chan bool)
	defer close(proceed)
	cfg := socket.Config{Grace: time.Millisecond, Handler: func(ctx context.Context, e socket.Envelope) {
		entered <- true
		<-ctx.Done()
		if e.ID == "polite" {
			must(t, e.Ack(nil))
			return
		}
		<-proceed
	}}
	r := start(t, plain(t), cfg)
	l := next(t, r.links)
	l.click("polite")
	l.click("deaf")
	next(t, entered)
	next(t, entered)
	r.stop()
	if err := next(t, r.result); !errors.Is(err, socket.ErrUnfinished) {
		t.Errorf("Run = %v, want ErrUnfinished", err)
	}
	l.wantAck("polite")
	l.wantClose(websocket.CloseNormalClosure)
}

func TestNothingNewIsTakenWhileShuttingDown(t *testing.T) {
	entered, proceed := make(chan bool, 1), make(chan bool)
	r := start(t, plain(t), socket.Config{Handler: func(_ context.Context, e socket.Envelope) {
		entered <- true
		<-proceed
		must(t, e.Ack(nil))
	}})
	l := next(t, r.links)
	l.click("before")
	next(t, entered)
	r.stop()
	r.until(socket.Ended)
	l.click("after")
	if e := r.until(socket.Refused); e.Reason != "after" {
		t.Errorf("refused %q", e.Reason)
	}
	close(proceed)
	l.wantAck("before")
}

func TestHalfOpenConnectionIsReplaced(t *testing.T) {
	f, clk := plain(t), frozen()
	f.deaf = true
	r := start(t, f, socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	clk.Advance(15 * time.Second)
	next(t, l.pings)
	for next(t, clk.asked) != 10*time.Second {
	}
	clk.Advance(10 * time.Second)
	if e := r.until(socket.Ended); e.Reason != "silent" {
		t.Errorf("ended for %q, want silent", e.Reason)
	}
	l.wantClose(websocket.CloseNormalClosure)
}

func TestAnsweredPingKeepsTheConnection(t *testing.T) {
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	for range 2 {
		clk.Advance(10 * time.Minute)
		next(t, l.pings)
		for next(t, clk.asked) != 10*time.Second {
		}
		for !r.client.Status().Connections[0].LastHeard.Equal(clk.Now()) {
		}
	}
	l.stillOpen()
	if n := r.opens.Load(); n != 1 {
		t.Errorf("%d opens, want 1", n)
	}
}

func TestPeersPingCountsAsReceipt(t *testing.T) {
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	ponged := make(chan string, 1)
	l.ws.SetPongHandler(func(s string) error { ponged <- s; return nil })
	clk.Advance(14 * time.Second)
	l.mu.Lock()
	must(t, l.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Time{}))
	l.mu.Unlock()
	if got := next(t, ponged); got != "are you there" {
		t.Errorf("pong = %q", got)
	}
	if at := r.client.Status().Connections[0].LastHeard; !at.Equal(clk.Now()) {
		t.Errorf("last heard %v, want now", at)
	}
}

func TestBadMessagesAreAckedWhereTheyCanBe(t *testing.T) {
	r := start(t, plain(t), socket.Config{})
	l := next(t, r.links)
	for _, tt := range []struct{ name, frame, id string }{
		{"unknown type", `{"type":"surprise","envelope_id":"E1","payload":{}}`, "E1"},
		{"unknown type without id", `{"type":"surprise"}`, ""},
		{"no type", `{"envelope_id":"E2"}`, "E2"},
		{"payload missing", `{"type":"interactive","envelope_id":"E3"}`, "E3"},
		{"payload is null", `{"type":"interactive","envelope_id":"E4","payload":null}`, "E4"},
		{"payload is a list", `{"type":"interactive","envelope_id":"E5","payload":[1]}`, "E5"},
		{"field of the wrong kind", `{"type":"interactive","retry_attempt":"x","envelope_id":"E6","payload":{}}`, "E6"},
		{"cut off after the id", `{"envelope_id":"E7","type":"interactive","payload":{"a`, "E7"},
		{"cut off before the id", `{"type":"interactive","payload":{"a`, ""},
		{"id of the wrong kind", `{"type":"interactive","envelope_id":7,"payload":{}}`, ""},
		{"no id", `{"type":"events_api","payload":{}}`, ""},
		{"not json", "\x00\xff", ""},
		{"a list", `[]`, ""},
		{"empty", ``, ""},
	} {
		l.sendRaw(websocket.TextMessage, tt.frame)
		e := r.until(socket.BadMessage)
		if e.Reason != tt.id || e.Err == nil {
			t.Errorf("%s: event %+v, want id %q", tt.name, e, tt.id)
		}
		if tt.id != "" {
			l.wantAck(tt.id)
		}
	}
	l.sendRaw(websocket.BinaryMessage, `{"type":"interactive","envelope_id":"E8","payload":{}}`)
	l.wantAck("E8")
	l.stillOpen()
	l.click("E9")
	l.wantAck("E9")
}

func TestOversizedMessageEndsTheConnectionOnly(t *testing.T) {
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	clk.Advance(time.Hour)
	l.sendRaw(websocket.TextMessage, strings.Repeat("x", 3<<20))
	if e := r.until(socket.Ended); e.Reason != "too_big" {
		t.Errorf("ended for %q", e.Reason)
	}
	fresh := next(t, r.links)
	fresh.click("E1")
	fresh.wantAck("E1")
}

func TestSlowClassDelaysOnlyItself(t *testing.T) {
	entered, proceed := make(chan bool, 1), make(chan bool)
	r := start(t, plain(t), socket.Config{Workers: 1, Queue: 1, Handler: func(_ context.Context, e socket.Envelope) {
		if e.ID == "slow click" {
			entered <- true
			<-proceed
		}
		must(t, e.Ack(nil))
	}})
	l := next(t, r.links)
	l.click("slow click")
	next(t, entered)
	l.click("waiting click")
	l.click("one too many")
	if e := r.until(socket.Refused); e.Reason != "one too many" {
		t.Errorf("refused %q", e.Reason)
	}
	l.command("command")
	l.wantAck("command")
	l.send(`{"type":"events_api","envelope_id":"event","payload":{}}`)
	l.wantAck("event")
	l.send(`{"type":"interactive","envelope_id":"submit","payload":{"type":"view_submission"}}`)
	l.wantAck("submit")
	l.send(`{"type":"interactive","envelope_id":"typing","payload":{"type":"block_suggestion"}}`)
	l.wantAck("typing")
	close(proceed)
	l.wantAck("slow click")
	l.wantAck("waiting click")
}

func TestHandlerThatDoesNotAckIsReported(t *testing.T) {
	r := start(t, plain(t), socket.Config{Handler: func(context.Context, socket.Envelope) {}})
	l := next(t, r.links)
	l.click("E1")
	if e := r.until(socket.Unacked); e.Reason != "E1" {
		t.Errorf("unacked %q", e.Reason)
	}
}

func TestStatusTellsOfGhosts(t *testing.T) {
	f, clk := plain(t), frozen()
	f.numbers = func(int) int { return 10 }
	r := start(t, f, socket.Config{Clock: clk, Connections: 2})
	next(t, r.links)
	next(t, r.links)
	r.until(socket.Opened)
	r.until(socket.Opened)
	s := r.client.Status()
	if s.SlackHolds != 10 || s.Ghosts != 8 || s.Opens != 2 {
		t.Errorf("status = %+v", s)
	}
	for i, c := range s.Connections {
		want := socket.Connection{ID: i + 1, State: socket.Open, Opened: clk.Now(), Hello: clk.Now(), LastHeard: clk.Now()}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("connection %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestSecondConnectionServesWhileTheFirstIsGone(t *testing.T) {
	clk := frozen()
	r := start(t, plain(t), socket.Config{Clock: clk, Connections: 2})
	a, b := next(t, r.links), next(t, r.links)
	r.until(socket.Opened)
	r.until(socket.Opened)
	a.ws.Close()
	r.until(socket.Ended)
	b.click("E1")
	b.wantAck("E1")
}

func TestTLS(t *testing.T) {
	f := newFake(t, httptest.NewTLSServer)
	r := start(t, f, socket.Config{HTTP: f.srv.Client()})
	l := next(t, r.links)
	l.click("E1")
	l.wantAck("E1")
}

func TestTwoConnectionsByDefault(t *testing.T) {
	f := plain(t)
	c, err := socket.New(socket.Config{
		APIURL:  f.srv.URL + "/api/",
		Token:   func() string { return token },
		Handler: func(context.Context, socket.Envelope) {},
	})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { must(t, c.Run(ctx)) })
	next(t, f.links)
	next(t, f.links)
	stop()
	wg.Wait()
}

func BenchmarkEnvelopeToAck(b *testing.B) {
	r := start(b, plain(b), socket.Config{})
	l := next(b, r.links)
	for i := 0; b.Loop(); i++ {
		l.click("E1")
		<-l.acks
	}
}
