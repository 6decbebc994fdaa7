package slacktest_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
)

func TestHelloCountsConnections(t *testing.T) {
	r := start(t, slacktest.Config{})
	first, second := r.dial(), r.dial()
	if first.hello.Type != "hello" || first.hello.Conns != 1 || second.hello.Conns != 2 {
		t.Errorf("hello %+v then %+v, want 1 and 2 connections", first.hello, second.hello)
	}
	if first.hello.Debug.Life != 18060 {
		t.Errorf("announced life %d s, want 18060", first.hello.Debug.Life)
	}
	if got := r.Connections(); len(got) != 2 || got[0].Ghost {
		t.Errorf("registered %+v, want two live ones", got)
	}
	r.noViolations()
}

func TestTicketWorksOnceAndExpires(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, url, err := r.api.StartSocketModeContext(t.Context())
	r.ok(err)
	if _, err := r.dialURL(url); err != nil {
		t.Fatal(err)
	}
	if _, err := r.dialURL(url); err == nil {
		t.Error("a ticket worked twice")
	}
	_, url, err = r.api.StartSocketModeContext(t.Context())
	r.ok(err)
	r.clk.Advance(31 * time.Second)
	if _, err := r.dialURL(url); err == nil {
		t.Error("a ticket worked after 31 s")
	}
}

func TestConnectionsOpenTakesTheAppTokenInTheHeaderOnly(t *testing.T) {
	r := start(t, slacktest.Config{})
	_, _, err := r.client(r.BotToken(), r.BotToken()).StartSocketModeContext(t.Context())
	r.refused(err, "not_allowed_token_type")
	resp, err := http.Post(r.APIURL()+"apps.connections.open", "application/x-www-form-urlencoded",
		strings.NewReader("token="+r.AppToken()))
	r.ok(err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	r.ok(err)
	if !strings.Contains(body.String(), "not_authed") {
		t.Errorf("token in the form: %s, want not_authed", &body)
	}
}

func TestEleventhConnectionIsTurnedAway(t *testing.T) {
	r := start(t, slacktest.Config{})
	r.AddGhosts(9)
	if l := r.dial(); l.hello.Type != "hello" || l.hello.Conns != 10 {
		t.Errorf("tenth: %+v, want hello with 10", l.hello)
	}
	l := r.dial()
	if l.hello.Type != "disconnect" || l.hello.Reason != slacktest.TooManyConnections {
		t.Errorf("eleventh: %+v, want disconnect", l.hello)
	}
	if err := l.ended(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("eleventh ended with %v, want a close frame", err)
	}
}

func TestPings(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.clk.Advance(10 * time.Second)
	<-l.pings
	r.ok(r.Await(t.Context(), func() bool { return r.Connections()[0].Pongs == 1 }))
	pong := make(chan string, 1)
	l.mu.Lock()
	l.ws.SetPongHandler(func(s string) error { pong <- s; return nil })
	r.ok(l.ws.WriteControl(websocket.PingMessage, []byte("there?"), time.Time{}))
	l.mu.Unlock()
	if got := <-pong; got != "there?" {
		t.Errorf("pong %q, want what was sent", got)
	}
}

func TestRefreshLetsTheOldConnectionDrain(t *testing.T) {
	r := start(t, slacktest.Config{})
	old := r.dial()
	r.ok(r.Disconnect(r.Connections()[0].ID, slacktest.RefreshRequested))
	if e := old.next(); e.Type != "disconnect" || e.Reason != slacktest.RefreshRequested {
		t.Fatalf("got %+v", e)
	}
	if _, reply := r.command(old, "/access"); reply.Error != "" {
		t.Errorf("alone, the old connection must serve on: %+v", reply)
	}
	fresh := r.dial()
	if _, reply := r.command(fresh, "/access"); reply.Error != "" {
		t.Errorf("the new connection must get what comes: %+v", reply)
	}
	r.clk.Advance(10 * time.Second)
	if err := old.ended(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("old ended with %v, want a close frame", err)
	}
}

func TestConnectionLivesAsLongAsAnnounced(t *testing.T) {
	r := start(t, slacktest.Config{ConnectionLife: time.Hour})
	l := r.dial()
	r.clk.Advance(time.Hour - 10*time.Second)
	if e := l.next(); e.Reason != slacktest.Warning {
		t.Errorf("got %+v, want a warning", e)
	}
	r.clk.Advance(10 * time.Second)
	if e := l.next(); e.Reason != slacktest.RefreshRequested {
		t.Errorf("got %+v, want a request to refresh", e)
	}
}

func TestLinkDisabled(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.ok(r.Disconnect("", slacktest.LinkDisabled))
	if e := l.next(); e.Reason != slacktest.LinkDisabled {
		t.Errorf("got %+v", e)
	}
	_ = l.ended()
	_, _, err := r.api.StartSocketModeContext(t.Context())
	r.refused(err, "link_disabled")
	r.EnableSocketMode()
	r.dial()
}

func TestLostConnections(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.ok(r.Drop(r.Connections()[0].ID))
	if err := l.ended(); websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("dropped: ended with %v, want no close frame", err)
	}
	if n := len(r.Connections()); n != 0 {
		t.Errorf("dropped: %d connections registered, want none", n)
	}
	if err := r.Drop("none"); err == nil {
		t.Error("dropped a connection that is not there")
	}

	l = r.dial()
	r.ok(r.Stall(r.Connections()[0].ID))
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	r.pending(1)
	l.ws.Close()
	_ = l.ended()
	r.clk.Advance(3 * time.Second)
	if got, err := reply(); err != nil || !strings.Contains(got.Error, "operation_timeout") {
		t.Errorf("half-open: %+v, %v, want a timeout", got, err)
	}
	if got := r.Connections(); len(got) != 1 || !got[0].Stalled {
		t.Errorf("half-open: registered %+v, want it still", got)
	}
	r.ClearGhosts()
	if n := len(r.Connections()); n != 0 {
		t.Errorf("cleared: %d connections registered, want none", n)
	}
}

func TestDownAndBack(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	r.SetDown(true)
	_ = l.ended()
	if _, err := r.api.AuthTestContext(t.Context()); err == nil {
		t.Error("the web api answered while slack was down")
	}
	if _, err := r.As(r.alice).Command(t.Context(), r.access, "/access"); err == nil {
		t.Error("alice could type while slack was down")
	}
	r.SetDown(false)
	r.dial()
	_, err := r.api.AuthTestContext(t.Context())
	r.ok(err)
}

func TestFaultsOfTheWebAPI(t *testing.T) {
	r := start(t, slacktest.Config{})
	ctx := t.Context()
	r.Break(slacktest.Fault{Kind: slacktest.RateLimited, Method: "auth.test", Times: 1, For: 7 * time.Second})
	_, err := r.api.AuthTestContext(ctx)
	var limited *slack.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("rate limited: %v, want 7 s", err)
	}
	_, err = r.api.AuthTestContext(ctx)
	r.ok(err)

	for kind, code := range map[slacktest.FaultKind]int{
		slacktest.RateLimitedBare: http.StatusTooManyRequests, slacktest.ServerError: http.StatusServiceUnavailable,
	} {
		r.Break(slacktest.Fault{Kind: kind, Times: 1})
		_, err := r.api.AuthTestContext(ctx)
		var status slack.StatusCodeError
		if !errors.As(err, &status) || status.Code != code {
			t.Errorf("fault %d: %v, want status %d", kind, err, code)
		}
	}

	r.Break(slacktest.Fault{Kind: slacktest.Cut, Times: 1})
	if _, _, err = r.api.PostMessageContext(ctx, r.access, slack.MsgOptionText("cut", false)); err == nil {
		t.Error("a cut call answered")
	}
	r.Break(slacktest.Fault{Kind: slacktest.LostAnswer, Times: 1})
	if _, _, err = r.api.PostMessageContext(ctx, r.access, slack.MsgOptionText("lost", false)); err == nil {
		t.Error("a lost answer arrived")
	}
	if got := r.Messages(r.access); len(got) != 1 || got[0].Fallback != "lost" {
		t.Errorf("messages %+v, want only the one whose answer was lost", got)
	}
}

func TestSlowAndHangingCalls(t *testing.T) {
	r := start(t, slacktest.Config{})
	r.Break(slacktest.Fault{Kind: slacktest.Slow, Method: "auth.test", For: 2 * time.Second})
	done := later(t, func() (*slack.AuthTestResponse, error) { return r.api.AuthTestContext(t.Context()) })
	for _, waiting := r.clk.Next(); !waiting; _, waiting = r.clk.Next() {
	}
	r.clk.Advance(2 * time.Second)
	_, err := done()
	r.ok(err)
	r.ClearFaults()

	r.Break(slacktest.Fault{Kind: slacktest.Hang, Method: "auth.test"})
	done = later(t, func() (*slack.AuthTestResponse, error) { return r.api.AuthTestContext(t.Context()) })
	r.ok(r.Await(t.Context(), func() bool {
		calls := r.Calls()
		return calls[len(calls)-1].Error == "fault"
	}))
	r.ok(r.Close())
	if _, err := done(); err == nil {
		t.Error("a hanging call answered")
	}
}

func TestCloseDoesNotWaitForClientsThatStay(t *testing.T) {
	r := start(t, slacktest.Config{})
	r.AddGhosts(10)
	_, url, err := r.api.StartSocketModeContext(t.Context())
	r.ok(err)
	ws, _, err := websocket.DefaultDialer.DialContext(t.Context(), url, nil) // turned away, and reads nothing
	r.ok(err)
	defer ws.Close()
	r.ok(r.Close())
}
