package socket_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/bot/socket"
)

// A town is a client that runs against the stand-in for Slack.
type town struct {
	*slacktest.Workspace
	t       *testing.T
	clk     timers
	client  *socket.Client
	events  chan socket.Event
	result  chan error
	handled atomic.Int32
	alice   string
	access  string
}

func settle(t *testing.T, connections int) *town {
	t.Helper()
	w := &town{t: t, clk: frozen(), events: make(chan socket.Event, 10_000), result: make(chan error, 1)}
	w.Workspace = slacktest.New(slacktest.Config{Clock: w.clk.Movable})
	must(t, w.Start())
	t.Cleanup(func() { must(t, w.Close()) })
	w.alice = w.AddUser(slacktest.User{Name: "alice", Email: "alice@example.com"})
	w.access = w.AddChannel(slacktest.Channel{Name: "access", Members: []string{w.BotUser(), w.alice}})
	var err error
	w.client, err = socket.New(socket.Config{
		Token: w.AppToken, APIURL: w.APIURL(), Clock: w.clk, Connections: connections,
		Report: func(e socket.Event) { w.events <- e },
		Handler: func(_ context.Context, e socket.Envelope) {
			w.handled.Add(1)
			must(t, e.Ack(map[string]string{"response_type": "ephemeral", "text": "heard"}))
		},
	})
	must(t, err)
	return w
}

// open runs the client until the test ends.
func (w *town) open() {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.result <- w.client.Run(ctx) })
	w.t.Cleanup(func() { stop(); wg.Wait() })
}

func (w *town) until(kind socket.Kind) socket.Event {
	w.t.Helper()
	for {
		e := next(w.t, w.events)
		w.t.Logf("%+v", e)
		if e.Kind == kind {
			return e
		}
	}
}

func (w *town) command() {
	w.t.Helper()
	reply, err := w.As(w.alice).Command(w.t.Context(), w.access, "/access list")
	if err != nil || reply.Error != "" || reply.Message == nil {
		w.t.Errorf("command: %+v, %v", reply, err)
	}
}

func (w *town) live() int {
	n := 0
	for _, c := range w.Connections() {
		if !c.Ghost && !c.Stalled && !c.Draining {
			n++
		}
	}
	return n
}

func (w *town) clean() {
	w.t.Helper()
	if v := w.Violations(); len(v) > 0 {
		w.t.Errorf("violations: %q", v)
	}
}

func TestRefreshUnderLoadLosesNothing(t *testing.T) {
	for _, reason := range []string{slacktest.Warning, slacktest.RefreshRequested} {
		t.Run(reason, func(t *testing.T) {
			w := settle(t, 2)
			w.open()
			w.until(socket.Opened)
			w.until(socket.Opened)
			w.clk.Advance(time.Hour)
			var people sync.WaitGroup
			for range 4 {
				people.Go(func() {
					for range 25 {
						w.command()
					}
				})
			}
			must(t, w.Disconnect("", reason))
			people.Wait()
			w.until(socket.Opened)
			w.until(socket.Opened)
			w.clk.lingers(t)
			w.clk.lingers(t)
			w.clk.Advance(5 * time.Second)
			must(t, w.Await(t.Context(), func() bool { return len(w.Connections()) == 2 && w.live() == 2 }))
			w.command()
			if n := w.handled.Load(); n != 101 {
				t.Errorf("%d commands handled, want 101", n)
			}
			w.clean()
		})
	}
}

func TestStalledConnectionBecomesAGhost(t *testing.T) {
	w := settle(t, 1)
	w.open()
	w.until(socket.Opened)
	must(t, w.Stall(w.Connections()[0].ID))
	w.clk.Advance(15 * time.Second)
	for next(t, w.clk.asked) != 10*time.Second {
	}
	w.clk.Advance(10 * time.Second)
	w.clk.Advance(w.until(socket.Waiting).Wait)
	w.until(socket.Opened)
	if s := w.client.Status(); s.Ghosts != 1 || s.Disconnects["silent"] != 1 {
		t.Errorf("status = %+v", s)
	}
	w.ClearGhosts()
	w.command()
	w.clean()
}

func TestTooManyConnectionsIsWaitedOut(t *testing.T) {
	w := settle(t, 1)
	w.AddGhosts(10)
	w.open()
	wait := w.until(socket.Waiting).Wait
	w.ClearGhosts()
	w.clk.Advance(wait)
	w.until(socket.Opened)
	w.command()
	if n := w.client.Status().Disconnects["too_many_websockets"]; n != 1 {
		t.Errorf("counted %d", n)
	}
	w.clean()
}

func TestDroppedConnectionIsReplaced(t *testing.T) {
	w := settle(t, 1)
	w.open()
	w.until(socket.Opened)
	w.clk.Advance(time.Hour)
	must(t, w.Drop(w.Connections()[0].ID))
	w.until(socket.Opened)
	w.command()
	w.clean()
}

func TestSwitchingSocketModeOffEndsRun(t *testing.T) {
	w := settle(t, 2)
	w.open()
	w.until(socket.Opened)
	w.until(socket.Opened)
	must(t, w.Disconnect("", slacktest.LinkDisabled))
	var fatal *socket.FatalError
	if err := next(t, w.result); !errors.As(err, &fatal) || fatal.Code != "link_disabled" {
		t.Errorf("Run = %v", err)
	}
	w.clean()
}

func TestWrongTokenTypeEndsRun(t *testing.T) {
	w := settle(t, 1)
	client, err := socket.New(socket.Config{
		Token: w.BotToken, APIURL: w.APIURL(), Handler: func(context.Context, socket.Envelope) {},
	})
	must(t, err)
	var fatal *socket.FatalError
	if err := client.Run(t.Context()); !errors.As(err, &fatal) || fatal.Code != "not_allowed_token_type" {
		t.Errorf("Run = %v", err)
	}
}

func TestTroubleWhileOpeningIsWaitedOut(t *testing.T) {
	w := settle(t, 1)
	for _, kind := range []slacktest.FaultKind{slacktest.RateLimitedBare, slacktest.ServerError, slacktest.Cut, slacktest.LostAnswer} {
		w.Break(slacktest.Fault{Kind: kind, Method: "apps.connections.open", Times: 1})
	}
	w.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "link", Times: 1})
	w.open()
	for range 5 {
		w.until(socket.OpenFailed)
		w.clk.Advance(w.until(socket.Waiting).Wait)
	}
	w.until(socket.Opened)
	w.command()
	w.clean()
}

func TestFaultsOfDeliveries(t *testing.T) {
	w := settle(t, 2)
	w.open()
	w.until(socket.Opened)
	w.until(socket.Opened)
	w.NextEnvelope(slacktest.Duplicate)
	w.command()
	must(t, w.Await(t.Context(), func() bool { return len(w.Envelopes()[0].Acks) == 2 }))
	if n := w.handled.Load(); n != 2 {
		t.Errorf("handled %d times, want both deliveries", n)
	}
	w.clean()
}

func TestNothingIsLeftRegisteredAfterShutdown(t *testing.T) {
	for n := range 3 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			w := settle(t, 3)
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { must(t, w.client.Run(ctx)) })
			for range n {
				w.until(socket.Opened)
			}
			stop()
			wg.Wait()
			must(t, w.Await(t.Context(), func() bool { return len(w.Connections()) == 0 }))
			w.clean()
		})
	}
}
