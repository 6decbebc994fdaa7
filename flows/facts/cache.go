package facts

import (
	"context"
	"sync"
	"time"

	"sesame/flows/clock"
)

// A cache keeps answers for a while, and lets callers who ask for the same at
// once share one fetch. Errors are shared with those who wait, and not kept.
type cache[K comparable, V any] struct {
	clock   clock.Clock
	maxAge  time.Duration // not positive: nothing is used again
	keep    time.Duration // how long what is too old for that is remembered, for peek
	mu      sync.Mutex    // guards what follows
	kept    map[K]answer[V]
	flights map[K]*flight[V]
	sweepAt int // how many answers to keep before looking for stale ones
}

// An answer is as old as the moment before it was asked for.
type answer[V any] struct {
	value V
	asked time.Time
}

// A flight is a fetch in progress.
type flight[V any] struct {
	answer[V]
	err  error
	lost bool          // the caller who fetched gave up, which says nothing to others
	done chan struct{} // closed when the above is set
}

const leastSweep = 256

func newCache[K comparable, V any](c clock.Clock, maxAge, keep time.Duration) *cache[K, V] {
	return &cache[K, V]{clock: c, maxAge: maxAge, keep: keep, kept: map[K]answer[V]{}, flights: map[K]*flight[V]{}, sweepAt: leastSweep}
}

// get returns the value of k, at most maxAge old, fetching it with the
// caller's own context if need be.
func (c *cache[K, V]) get(ctx context.Context, k K, fetch func(context.Context) (V, error)) (V, error) {
	for {
		value, f, mine := c.board(k)
		if f == nil {
			return value, nil
		}
		if mine {
			return c.fly(ctx, k, f, fetch)
		}
		select {
		case <-f.done:
			if !f.lost && (f.err != nil || c.fresh(f.answer)) {
				return f.value, f.err
			}
		case <-ctx.Done():
			return value, context.Cause(ctx)
		}
	}
}

// board returns the value of k if it is known, and otherwise the flight that
// fetches it: one that is under way, or one for the caller to carry out.
func (c *cache[K, V]) board(k K) (value V, f *flight[V], mine bool) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.kept[k]; ok && c.freshAt(a, now) {
		return a.value, nil, false
	}
	if f, ok := c.flights[k]; ok {
		return value, f, false
	}
	f = &flight[V]{answer: answer[V]{asked: now}, lost: true, done: make(chan struct{})}
	c.flights[k] = f
	return value, f, true
}

// fly carries out f. If fetch panics, those who wait fetch for themselves.
func (c *cache[K, V]) fly(ctx context.Context, k K, f *flight[V], fetch func(context.Context) (V, error)) (V, error) {
	defer c.land(k, f)
	f.value, f.err = fetch(ctx)
	f.lost = f.err != nil && ctx.Err() != nil
	return f.value, f.err
}

// land keeps the answer of f, unless k was dropped in the meantime.
func (c *cache[K, V]) land(k K, f *flight[V]) {
	defer close(f.done)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[k] != f {
		return
	}
	delete(c.flights, k)
	if f.err == nil && !f.lost {
		c.kept[k] = f.answer
		c.sweepLocked()
	}
}

// put remembers a value for peek.
func (c *cache[K, V]) put(k K, v V) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[k] = answer[V]{value: v, asked: now}
	c.sweepLocked()
}

// peek returns the value of k if it is remembered, whether or not authority may
// rest on it any more.
func (c *cache[K, V]) peek(k K) (V, bool) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.kept[k]
	return a.value, ok && within(a, now, c.keep)
}

// drop forgets the answers that match, those on their way included.
func (c *cache[K, V]) drop(match func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.kept {
		if match(k) {
			delete(c.kept, k)
		}
	}
	for k := range c.flights {
		if match(k) {
			delete(c.flights, k)
		}
	}
}

// fresh reports whether a is usable now.
func (c *cache[K, V]) fresh(a answer[V]) bool { return c.freshAt(a, c.clock.Now()) }

// freshAt reports whether a is usable.
func (c *cache[K, V]) freshAt(a answer[V], now time.Time) bool { return within(a, now, c.maxAge) }

// within reports whether a is younger than most. An answer from the future is
// not: the clock was set back, and nobody knows how old it is.
func within[V any](a answer[V], now time.Time, most time.Duration) bool {
	age := now.Sub(a.asked)
	return age >= 0 && age < most
}

// sweepLocked drops what nobody looks at any more once there are many.
func (c *cache[K, V]) sweepLocked() {
	if len(c.kept) < c.sweepAt {
		return
	}
	now := c.clock.Now()
	for k, a := range c.kept {
		if !within(a, now, max(c.maxAge, c.keep)) {
			delete(c.kept, k)
		}
	}
	c.sweepAt = max(leastSweep, 2*len(c.kept))
}
