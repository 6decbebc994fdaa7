// Package clock is the one source of time for the Desk, the Keeper, the bot,
// the proxy and the stand-ins, so that a story or the demo can move it across
// real sockets.
//
// It promises that a timer fires once its moment is reached, however the
// clock got there: by passing or by being moved. Signatures and TLS do not
// use it; they need wall time. Loops without network are tested on System
// inside a testing/synctest bubble; what crosses a socket runs on a Movable.
package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// A Clock tells the time and wakes who waits for it. Implementations are safe
// for concurrent use.
type Clock interface {
	// Now returns the present moment in UTC.
	Now() time.Time
	// Timer returns a timer that fires once Now is at or after at. A moment
	// that is already past fires at once.
	Timer(at time.Time) *Timer
}

// A Timer delivers one moment on C. Stop it when it is no longer needed.
type Timer struct {
	C    <-chan time.Time
	stop func()
}

// Stop releases the timer. It does not close C, and is harmless after firing.
func (t *Timer) Stop() { t.stop() }

// Wait blocks until c reaches at, or returns the cause of ctx's end.
func Wait(ctx context.Context, c Clock, at time.Time) error {
	t := c.Timer(at)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// System is the machine's clock.
type System struct{}

// Now returns the machine's time, with its monotonic reading.
func (System) Now() time.Time { return time.Now().UTC() }

// Timer returns a timer on the machine's clock.
func (System) Timer(at time.Time) *Timer {
	t := time.NewTimer(time.Until(at))
	return &Timer{C: t.C, stop: func() { t.Stop() }}
}

// A Movable is a clock that is moved by hand. A frozen one stands still in
// between; a running one also passes with the machine's time.
type Movable struct {
	mu      sync.Mutex // guards what follows
	now     time.Time  // when set was taken
	set     time.Time  // machine time of the last move; zero when frozen
	waiters waiters
}

// Frozen returns a clock that stands at now until it is moved.
func Frozen(now time.Time) *Movable { return &Movable{now: now.UTC()} }

// Running returns a clock that starts at now and passes with the machine's
// time.
func Running(now time.Time) *Movable { return &Movable{now: now.UTC(), set: time.Now()} }

// Now returns where the clock stands.
func (m *Movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nowLocked()
}

// Advance moves the clock by d and fires every timer that is reached, in the
// order of their moments. A negative d sets the clock back; timers then wait
// for the clock to come round again.
func (m *Movable) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.nowLocked().Add(d)
	if !m.set.IsZero() {
		m.set = time.Now()
	}
	m.fireLocked()
	for _, w := range m.waiters {
		m.armLocked(w)
	}
}

// Timer returns a timer on m.
func (m *Movable) Timer(at time.Time) *Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &waiter{at: at, c: make(chan time.Time, 1)}
	heap.Push(&m.waiters, w)
	m.fireLocked()
	m.armLocked(w)
	return &Timer{C: w.c, stop: func() { m.stop(w) }}
}

// Next returns the moment of the earliest timer that somebody waits for, and
// whether there is one.
func (m *Movable) Next() (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiters) == 0 {
		return time.Time{}, false
	}
	return m.waiters[0].at, true
}

func (m *Movable) nowLocked() time.Time {
	if m.set.IsZero() {
		return m.now
	}
	return m.now.Add(time.Since(m.set))
}

func (m *Movable) fireLocked() {
	now := m.nowLocked()
	for len(m.waiters) > 0 && !m.waiters[0].at.After(now) {
		w := heap.Pop(&m.waiters).(*waiter)
		w.disarm()
		w.c <- now
	}
}

// armLocked lets a running clock wake itself for w.
func (m *Movable) armLocked(w *waiter) {
	if m.set.IsZero() || w.index < 0 {
		return
	}
	w.disarm()
	w.machine = time.AfterFunc(w.at.Sub(m.nowLocked()), func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fireLocked()
	})
}

func (m *Movable) stop(w *waiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.index >= 0 {
		heap.Remove(&m.waiters, w.index)
	}
	w.disarm()
}

// A waiter is one timer of a Movable. Its index is -1 once it left the heap.
type waiter struct {
	at      time.Time
	c       chan time.Time
	index   int
	machine *time.Timer
}

func (w *waiter) disarm() {
	if w.machine != nil {
		w.machine.Stop()
	}
}

type waiters []*waiter

func (h waiters) Len() int           { return len(h) }
func (h waiters) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h waiters) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *waiters) Push(x any) {
	w := x.(*waiter)
	w.index = len(*h)
	*h = append(*h, w)
}
func (h *waiters) Pop() any {
	old := *h
	w := old[len(old)-1]
	*h, w.index = old[:len(old)-1], -1
	return w
}

// A Forward never goes back, whatever its machine's clock does: it starts at
// the later of the machine's time and a floor (the last committed time), and
// from there passes with the machine's monotonic reading.
type Forward struct {
	inner Clock
	mu    sync.Mutex
	last  time.Time // the latest moment given out
	read  time.Time // inner's reading at that moment
}

// NeverBack wraps inner so that Now is at or after floor and never decreases.
// While inner stands behind what was given out already, time passes at
// inner's rate from there, so that a clock set back an hour does not make a
// grant last an hour longer.
func NeverBack(inner Clock, floor time.Time) *Forward {
	f := &Forward{inner: inner, last: floor.UTC(), read: inner.Now()}
	if f.read.After(f.last) {
		f.last = f.read
	}
	return f
}

// Now returns a moment at or after every one returned before.
func (f *Forward) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nowLocked()
}

// Timer returns a timer that fires once f, not its inner clock, reaches at.
func (f *Forward) Timer(at time.Time) *Timer {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inner.Timer(f.inner.Now().Add(at.Sub(f.nowLocked())))
}

func (f *Forward) nowLocked() time.Time {
	read := f.inner.Now()
	if passed := read.Sub(f.read); passed > 0 {
		f.last = f.last.Add(passed)
	}
	f.read = read
	// Wall against wall: after a suspend, or a correction of a clock that was
	// slow, the monotonic reading lags, and ending late is the worse mistake.
	if read.Round(0).After(f.last.Round(0)) {
		f.last = read
	}
	return f.last
}
