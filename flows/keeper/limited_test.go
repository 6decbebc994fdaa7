package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/flows/ledger"
	"sesame/store/memory"
)

// A limited way has the limits of Identity Center: 20 calls a second, polls and
// reads among them, first come first served; 10 operations in progress; one for
// each account. As with the real client, one list says of all operations how
// they are, and is asked for three times a second at most.
type limited struct {
	clock clock.Clock
	calls *rate.Limiter

	// listing is full while the list is fetched, so that all share one. A
	// bubble does not pass time while somebody waits for a mutex.
	listing chan struct{}

	mu      sync.Mutex // guards what follows
	ops     map[string]*limitedOp
	running map[string]bool // operations that are, by account
	listed  map[string]bool // as the last list says
	taken   time.Time
	begun   map[access.ObjectKey]time.Time
	ended   map[access.ObjectKey]time.Time // when the removal was through
	refused int
	made    int // calls
}

type limitedOp struct {
	spec access.Spec
	ends time.Time
}

// The model of the limits.
const (
	callsPerSecond = 20
	outstanding    = 10
	opTakes        = 2 * time.Second
	callTakes      = 50 * time.Millisecond
	listAge        = time.Second
	hurriedAge     = 300 * time.Millisecond // for operations that may be over
	lookedAt       = 5 * time.Second        // for the question whether anything runs
)

func newLimited(c clock.Clock) *limited {
	return &limited{
		clock: c, calls: rate.NewLimiter(callsPerSecond, callsPerSecond/2), ops: map[string]*limitedOp{},
		listing: make(chan struct{}, 1), running: map[string]bool{}, listed: map[string]bool{},
		begun: map[access.ObjectKey]time.Time{}, ended: map[access.ObjectKey]time.Time{},
	}
}

// call waits for the turn of a call, and for its answer.
func (w *limited) call(ctx context.Context) error {
	now := w.clock.Now()
	turn := now.Add(w.calls.ReserveN(now, 1).DelayFrom(now))
	w.mu.Lock()
	w.made++
	w.mu.Unlock()
	return clock.Wait(ctx, w.clock, turn.Add(callTakes))
}

// settleLocked lets operations end.
func (w *limited) settleLocked() {
	now := w.clock.Now()
	for id, op := range w.ops {
		if w.running[op.spec.Lane] && !now.Before(op.ends) {
			delete(w.running, op.spec.Lane)
			w.ended[op.spec.Key] = op.ends
			delete(w.ops, id)
		}
	}
}

func (w *limited) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	if err := w.call(ctx); err != nil {
		return access.Operation{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	if len(w.running) >= outstanding || w.running[s.Lane] {
		w.refused++
		return access.Operation{}, &access.WayError{Class: access.Throttled, Err: errors.New("too much in progress")}
	}
	now := w.clock.Now()
	w.running[s.Lane], w.begun[s.Key] = true, now
	w.ops[string(s.Key)] = &limitedOp{s, now.Add(opTakes)}
	w.listed[string(s.Key)] = true
	return access.Operation{Kind: access.Removal, ID: string(s.Key), State: access.OpRunning, StartedAt: now}, nil
}

func (w *limited) Apply(context.Context, access.Spec) (access.Operation, error) {
	return access.Operation{}, errors.New("nothing is to be made")
}

func (w *limited) Poll(ctx context.Context, _ access.Spec, op access.Operation) (access.Operation, error) {
	age := listAge
	if over := op.StartedAt.Add(opTakes); w.list().Before(over) && !w.clock.Now().Before(over) {
		age = hurriedAge
	}
	if err := w.refresh(ctx, age); err != nil {
		return op, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.listed[op.ID] {
		op.State = access.OpSucceeded
	}
	return op, nil
}

func (w *limited) list() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.taken
}

// refresh fetches the list of what is in progress if it is older than age, and
// with it the one of what failed, which says how the others ended.
func (w *limited) refresh(ctx context.Context, age time.Duration) error {
	w.listing <- struct{}{}
	defer func() { <-w.listing }()
	if w.clock.Now().Sub(w.list()) < age {
		return nil
	}
	if err := w.call(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	w.settleLocked()
	w.taken = w.clock.Now()
	clear(w.listed)
	for id := range w.ops {
		w.listed[id] = true
	}
	w.mu.Unlock()
	return w.call(ctx)
}

func (w *limited) Observe(ctx context.Context, s access.Spec, _ time.Time) (access.Observation, error) {
	if err := w.refresh(ctx, lookedAt); err != nil {
		return access.Observation{}, err
	}
	if err := w.call(ctx); err != nil {
		return access.Observation{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	_, gone := w.ended[s.Key]
	return access.Observation{Present: !gone}, nil
}

// A crowd is many grants over a hundred accounts that end at once, and some
// people who end theirs a moment later.
type crowd struct {
	way         *limited
	all, urgent int
	began       time.Time
	store       access.Store
	grants      map[access.ObjectKey]time.Time // when they are due
}

// endAll has them end, and returns once the last is closed.
func endAll(tb testing.TB, all int) *crowd {
	c := clock.System{}
	w := &crowd{way: newLimited(c), all: all, urgent: all / 20, store: memory.New(), began: c.Now().Add(time.Second)}
	w.grants = openGrants(tb, w.store, w.all, func(i int) time.Time {
		if i < w.urgent {
			return w.began.Add(time.Hour)
		}
		return w.began
	})
	stop := run(tb, keeper.Config{Store: w.store, Ways: map[string]access.Way{"test": w.way}, Clock: c, Gate: open})
	defer stop()
	wait := func(until func() bool) {
		for !until() {
			if err := clock.Wait(tb.Context(), c, c.Now().Add(time.Second)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	wait(func() bool { return c.Now().After(w.began.Add(10 * time.Second)) })
	for i := range w.urgent {
		endNow(tb, w.store, c.Now(), access.RequestIDFrom(fmt.Sprintf("object-%05d", i)).Grant())
	}
	wait(func() bool { return w.live(tb) == 0 })
	return w
}

func endNow(tb testing.TB, s access.Store, now time.Time, id access.GrantID) {
	tb.Helper()
	err := ledger.Retry(func() error {
		g, v, err := access.Load[access.Grant](tb.Context(), s, access.Grant{ID: id}.Key())
		if err != nil {
			return err
		}
		b := ledger.NewBatch(now)
		if _, err := b.End(tb.Context(), s, g, v, access.End{At: now, Cause: access.EndedEarly}); err != nil {
			return err
		}
		_, err = b.Commit(tb.Context(), s)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *crowd) live(tb testing.TB) (n int) {
	err := access.Each(tb.Context(), w.store, access.Query{Index: access.IndexLive}, func(access.Record) error {
		n++
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// outcome is how long it took until the last removal was through, as a multiple of
// what ten at a time allow; how long the urgent ones took; and how many others
// were asked for after the first urgent one and before the last.
func (w *crowd) outcome() (factor float64, urgent time.Duration, overtook int) {
	w.way.mu.Lock()
	defer w.way.mu.Unlock()
	var last, firstUrgent, lastUrgent time.Time
	for k, at := range w.way.ended {
		if at.After(last) {
			last = at
		}
		if begun := w.way.begun[k]; w.isUrgent(k) {
			if begun.After(lastUrgent) {
				lastUrgent = begun
			}
			if firstUrgent.IsZero() || begun.Before(firstUrgent) {
				firstUrgent = begun
			}
		}
	}
	for k, at := range w.way.begun {
		if !w.isUrgent(k) && at.After(firstUrgent) && at.Before(lastUrgent) {
			overtook++
		}
	}
	best := time.Duration(w.all) * opTakes / outstanding
	return float64(last.Sub(w.began)) / float64(best), lastUrgent.Sub(w.began.Add(10 * time.Second)), overtook
}

func (w *crowd) isUrgent(k access.ObjectKey) bool { return w.grants[k].After(w.began) }

// TestLimitsAreUsedUp ends many grants at once with AWS's limits, in time that
// is made up: it takes little more than the limits make it take, and who ended
// their access early does not wait for the others.
func TestLimitsAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := endAll(t, 100)
		// The last few operations run with nothing beside them, and how the
		// polls of one fall between those of others is chance.
		factor, urgent, overtook := w.outcome()
		if factor > 1.3 {
			t.Errorf("it took %.2f times as long as %d operations at once allow", factor, outstanding)
		}
		// Who was on the way to AWS already when they came is not called back.
		const onTheWay = 4
		if urgent > 10*time.Second || overtook > onTheWay {
			t.Errorf("the urgent ones took %v, and %d others came in between", urgent, overtook)
		}
		if w.way.refused > 0 {
			t.Errorf("AWS was asked %d times for more than it allows", w.way.refused)
		}
	})
}

// BenchmarkLimits is the same with a thousand grants. The time that it reports
// is made up as well, so that a busy machine changes nothing about it.
func BenchmarkLimits(b *testing.B) {
	for range b.N {
		inBubble(b, func(t *testing.T) {
			w := endAll(t, 1000)
			factor, urgent, overtook := w.outcome()
			b.ReportMetric(factor, "times-the-least")
			b.ReportMetric(urgent.Seconds(), "urgent-over-s")
			b.ReportMetric(float64(overtook), "overtook-urgent")
			b.ReportMetric(float64(w.way.made)/(factor*200), "calls/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// inBubble runs f in a bubble, for which only a test can ask.
func inBubble(b *testing.B, f func(*testing.T)) {
	b.Helper()
	all := func(_, _ string) (bool, error) { return true, nil }
	test := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) { synctest.Test(t, f) }}
	if !testing.RunTests(all, []testing.InternalTest{test}) {
		b.Error("it failed")
	}
}
