package keeper_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/strategies/strategytest"
)

// cutting plays a story with people who start sessions.
func cutting(t *testing.T, f func(*testing.T, *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.sessions = strategytest.NewShells(clock.System{})
		f(t, b)
	})
}

// receipt returns that of the only object of a grant that is closed.
func (b *bench) receipt(id access.GrantID) access.ObjectReceipt {
	b.t.Helper()
	g := b.state(id)
	if g.State != access.Closed || len(g.Receipt.Objects) != 1 {
		b.t.Fatalf("grant %s is %s with %+v", id, g.State, g.Receipt)
	}
	return g.Receipt.Objects[0]
}

func TestNoReceiptWhileASessionGoesOn(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		shell := b.sessions.Start(b.spec("a"))
		b.sessions.Break(strategytest.Fault{Kind: strategytest.SlowOperation, On: access.Removal, Delay: 2 * time.Hour})
		time.Sleep(90 * time.Minute)
		b.want(id, access.Closing, false)
		if n := b.sessions.Cuts(); n < 5 || n > 60 {
			t.Errorf("its end was asked for %d times in half an hour, want now and again", n)
		}
		if got := strings.Join(b.alarms(), "\n"); !strings.Contains(got, "sessions that were started by a are not confirmed over: 1 session (alice-1 on i-a) did not end when AWS was asked for it") {
			t.Errorf("alarms %q", got)
		}
		time.Sleep(3 * time.Hour)
		if r := b.receipt(id); len(r.Cut) != 1 || r.Cut[0].ID != shell || r.ClearAt.IsZero() {
			t.Errorf("receipt %+v", r)
		}
	})
}

// Nobody ends sessions here, so nothing is proven about them, for ever.
func TestNobodyEndsSessions(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.conf = func(c *keeper.Config) { c.Cutter = nil }
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(3 * time.Hour)
		b.want(id, access.Closing, false)
		if got := strings.Join(b.alarms(), "\n"); !strings.Contains(got, "nobody is configured who ends sessions") {
			t.Errorf("alarms %q", got)
		}
	})
}

// What was never there let nobody start anything, and what AWS says about
// sessions does not matter.
func TestWhatWasNeverMadeLetNobodyIn(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.conf = func(c *keeper.Config) { c.Cutter = nil }
		b.twist(twisted{apply: func() (access.Operation, error) {
			return access.Operation{}, &access.WayError{Class: access.Refused, Err: errCut}
		}})
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		if r := b.receipt(id); !r.NeverMade || !r.ClearAt.IsZero() {
			t.Errorf("receipt %+v", r)
		}
	})
}

// While the shells of a grant are being ended, somebody gets another one on the
// same object, whose they are from then on.
func TestAGrantInTheMiddleOfAnEnd(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		first := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		b.endEarly(first)
		time.Sleep(20 * time.Second)
		b.want(first, access.Closing, false)
		second := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		b.want(second, access.Open, true)
		if r := b.receipt(first); len(r.KeptFor) != 1 {
			t.Errorf("receipt of the first %+v", r)
		}
		shell := b.sessions.Start(b.spec("a"))
		time.Sleep(50 * time.Minute)
		if !b.sessions.Open(shell) {
			t.Error("a session of the second grant was ended")
		}
		time.Sleep(20 * time.Minute)
		if r := b.receipt(second); len(r.Cut) != 1 || b.sessions.Open(shell) {
			t.Errorf("receipt of the second %+v", r)
		}
	})
}

// The second grant is refused before anything is made for it: what may be left
// of the first is ended all the same.
func TestAGrantThatDoesNotOpenInTheMiddleOfAnEnd(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		var closed atomic.Bool
		b.gate = func(context.Context, access.Grant) error {
			if closed.Load() {
				return &access.Refusal{Code: access.RefusedStranger, Text: "No."}
			}
			return nil
		}
		b.start()
		defer b.stop()
		first := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		shell := b.sessions.Start(b.spec("a"))
		b.sessions.Break(strategytest.Fault{Kind: strategytest.LostRequest, On: access.Removal})
		closed.Store(true)
		b.endEarly(first)
		time.Sleep(2100 * time.Millisecond)
		second := b.grant("a", time.Hour)
		time.Sleep(5 * time.Minute)
		b.want(second, access.Closed, false)
		if r := b.receipt(second); b.sessions.Open(shell) || len(r.Cut) != 1 {
			t.Errorf("receipt %+v, and the session is open: %v", r, b.sessions.Open(shell))
		}
	})
}

// Two objects of one person let a session go on, which the first of them ends
// up leaving to the second.
func TestASessionIsHandedOver(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer func() { b.stop() }()
		first := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		shell, own := b.sessions.Start(b.spec("a"), b.spec("b")), b.sessions.Start(b.spec("a"))
		time.Sleep(time.Minute)
		second := b.grant("b", 2*time.Hour)
		time.Sleep(time.Hour + 2*time.Minute)
		if r := b.receipt(first); len(r.Cut) != 1 || r.LeftCount != 1 || b.sessions.Open(own) || !b.sessions.Open(shell) {
			t.Errorf("receipt of the first %+v", r)
		}
		b.stop()
		b.start()
		time.Sleep(2 * time.Hour)
		if r := b.receipt(second); len(r.Cut) != 1 || r.Cut[0].ID != shell || b.sessions.Open(shell) {
			t.Errorf("receipt of the second %+v", r)
		}
	})
}

// Somebody has another right to start sessions, and goes on doing so: those that
// begin after AWS must know of the end are left alone, and keep no grant open.
func TestSessionsByAnotherRight(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Hour + 2*time.Second)
		for range 30 {
			b.sessions.Start(b.spec("a"))
			time.Sleep(10 * time.Second)
		}
		if r := b.receipt(id); len(r.Cut) < 5 || len(r.Cut) > 9 {
			t.Errorf("%d sessions were ended, want those of the first minute", len(r.Cut))
		}
	})
}

// So many at once do not fit into one commit.
func TestManySessions(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		const many = 620
		for range many {
			b.sessions.Start(b.spec("a"))
		}
		b.sessions.Break(strategytest.Fault{Kind: strategytest.Refused, On: access.Removal})
		time.Sleep(time.Hour + time.Minute)
		if r := b.receipt(id); len(r.Cut) != 200 || !r.CutMore || b.sessions.Cuts() != many+1 {
			t.Errorf("%d sessions of %d are named, in %d calls", len(r.Cut), many, b.sessions.Cuts())
		}
	})
}

// What was handed over is known to be the heir's, whatever becomes of the machine.
func TestASessionIsHandedOverAndItsMachineChanges(t *testing.T) {
	cutting(t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		b.grant("a", time.Hour)
		time.Sleep(time.Minute)
		shell := b.sessions.Start(b.spec("a"), b.spec("b"))
		second := b.grant("b", 2*time.Hour)
		time.Sleep(time.Hour + 2*time.Minute)
		b.sessions.Retag(shell)
		other := b.sessions.Start(b.spec("c"))
		time.Sleep(time.Hour)
		r := b.receipt(second)
		if len(r.Cut) != 1 || b.sessions.Open(shell) {
			t.Errorf("receipt %+v", r)
		}
		if len(r.Elsewhere) != 1 || r.Elsewhere[0].ID != other || !b.sessions.Open(other) {
			t.Errorf("left alone %+v", r.Elsewhere)
		}
	})
}
