package clock_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/clock"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func fired(t *clock.Timer) bool {
	select {
	case <-t.C:
		return true
	default:
		return false
	}
}

func TestFrozenFiresWhenMovedThere(t *testing.T) {
	c := clock.Frozen(noon)
	late, soon := c.Timer(noon.Add(time.Hour)), c.Timer(noon.Add(time.Minute))
	if next, ok := c.Next(); !ok || !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("Next = %v, %v, want the earlier timer", next, ok)
	}
	c.Advance(time.Minute)
	if !fired(soon) || fired(late) {
		t.Error("a minute later: want only the minute's timer to have fired")
	}
	c.Advance(-time.Hour)
	c.Advance(time.Hour)
	if fired(late) {
		t.Error("set back and forth: the hour's timer fired early")
	}
	late.Stop()
	c.Advance(2 * time.Hour)
	if fired(late) {
		t.Error("a stopped timer fired")
	}
}

func TestPastMomentFiresAtOnce(t *testing.T) {
	for name, c := range map[string]clock.Clock{
		"frozen":  clock.Frozen(noon),
		"forward": clock.NeverBack(clock.Frozen(noon), noon.Add(time.Hour)),
	} {
		if !fired(c.Timer(noon)) {
			t.Errorf("%s: a timer for now did not fire", name)
		}
	}
}

func TestRunningPassesAndMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.Running(noon)
		timer := c.Timer(noon.Add(time.Hour))
		time.Sleep(20 * time.Minute)
		c.Advance(39 * time.Minute)
		if fired(timer) {
			t.Error("fired at 59 minutes")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !fired(timer) {
			t.Error("did not fire at 60 minutes")
		}
		if got := c.Now().Sub(noon); got != time.Hour {
			t.Errorf("passed %v, want 1h", got)
		}
	})
}

func TestNeverBackPassesWhileTheMachineIsBehind(t *testing.T) {
	machine := clock.Frozen(noon)
	c := clock.NeverBack(machine, noon)
	timer := c.Timer(noon.Add(10 * time.Minute))
	machine.Advance(5 * time.Minute)
	c.Now() // a frozen clock has no monotonic reading that would show the five minutes
	machine.Advance(-time.Hour)
	if got := c.Now(); !got.Equal(noon.Add(5 * time.Minute)) {
		t.Errorf("after the machine went back: %v, want 12:05", got)
	}
	timer.Stop()
	timer = c.Timer(noon.Add(10 * time.Minute))
	machine.Advance(5 * time.Minute)
	if got := c.Now(); !got.Equal(noon.Add(10 * time.Minute)) {
		t.Errorf("five minutes on: %v, want 12:10", got)
	}
	if !fired(timer) {
		t.Error("the timer waited for the machine's clock to come round")
	}
	machine.Advance(3 * time.Hour)
	if got, want := c.Now(), machine.Now(); got.Before(want) {
		t.Errorf("once the machine is ahead: %v, want at least %v", got, want)
	}
}

func TestNeverBackStartsAtTheFloor(t *testing.T) {
	c := clock.NeverBack(clock.Frozen(noon), noon.Add(time.Hour))
	if got := c.Now(); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("Now = %v, want the last committed time", got)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	c := clock.Frozen(noon)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if err := clock.Wait(ctx, c, noon.Add(time.Hour)); !errors.Is(err, gone) {
		t.Errorf("Wait = %v, want the cause", err)
	}
	if err := clock.Wait(t.Context(), c, noon); err != nil {
		t.Errorf("Wait for now = %v", err)
	}
}

func TestMovableContended(t *testing.T) {
	c := clock.Running(noon)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				timer := c.Timer(c.Now().Add(time.Second))
				c.Advance(time.Second)
				<-timer.C
				timer.Stop()
			}
		})
	}
	wg.Wait()
}
