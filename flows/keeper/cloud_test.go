package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sesame/flows/access"
)

// A cloud is a way whose objects are there or not, with operations that take
// time, faults drawn at random, and the truth for a test to ask.
type cloud struct {
	mu      sync.Mutex // guards what follows
	rng     *rand.Rand
	faults  float64 // how likely a call goes wrong
	losses  float64 // how likely the answer to one that had its effect is lost
	latency time.Duration
	objects map[access.ObjectKey]*thing
	ops     map[string]*operation
	calls   int
	// most is how many operations were in progress at once, ever. It leaves
	// aside those that nobody waits for any more, and those that were begun
	// while they could not be recorded: a restart does not know of them.
	most int
	// unrecorded is until when what is begun may not be recorded.
	unrecorded time.Time
}

type thing struct {
	present bool
	byHand  bool
	running *operation
}

type operation struct {
	access.Operation
	key    access.ObjectKey
	ends   time.Time
	fails  bool
	sticks bool // never finishes, as far as one can see; takes effect late
	// unrecorded says that it was begun while that could not be recorded.
	unrecorded bool
}

func newCloud(seed uint64) *cloud {
	return &cloud{
		rng: rand.New(rand.NewPCG(seed, 1)), latency: 2 * time.Second,
		objects: map[access.ObjectKey]*thing{}, ops: map[string]*operation{},
	}
}

var errCut = errors.New("the process is gone")

func (c *cloud) thing(k access.ObjectKey) *thing {
	if c.objects[k] == nil {
		c.objects[k] = &thing{}
	}
	return c.objects[k]
}

// settleLocked lets time have its effect.
func (c *cloud) settleLocked() {
	now := time.Now()
	for _, op := range c.ops {
		if op.State != access.OpRunning || now.Before(op.ends) {
			continue
		}
		t := c.thing(op.key)
		t.running = nil
		if op.fails {
			op.State, op.Reason = access.OpFailed, "the role quota is exhausted"
			continue
		}
		op.State, t.present, t.byHand = access.OpSucceeded, op.Kind == access.Creation, false
	}
}

func (c *cloud) wrong() bool { return c.rng.Float64() < c.faults }

// enterLocked begins a call.
func (c *cloud) enterLocked() {
	c.calls++
	c.settleLocked()
}

func (c *cloud) Observe(_ context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enterLocked()
	if c.wrong() {
		return access.Observation{}, &access.WayError{Class: access.Throttled, Err: errors.New("slow down")}
	}
	t := c.thing(s.Key)
	seen := access.Observation{Present: t.present}
	if t.running != nil {
		seen.Running = t.running.Operation
	}
	for _, op := range c.ops {
		near := op.StartedAt.Sub(since).Abs() < time.Minute
		seen.Made = seen.Made || !since.IsZero() && op.key == s.Key && op.Kind == access.Creation && near
	}
	return seen, nil
}

func (c *cloud) Apply(_ context.Context, s access.Spec) (access.Operation, error) {
	return c.start(s, access.Creation)
}

func (c *cloud) Remove(_ context.Context, s access.Spec) (access.Operation, error) {
	return c.start(s, access.Removal)
}

func (c *cloud) start(s access.Spec, kind access.OpKind) (access.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enterLocked()
	t := c.thing(s.Key)
	switch {
	case c.wrong():
		class := []access.Class{access.Throttled, access.Busy, access.Ambiguous}[c.rng.IntN(3)]
		return access.Operation{}, &access.WayError{Class: class, Err: errors.New("did not arrive")}
	case t.running != nil:
		return access.Operation{}, &access.WayError{Class: access.Busy, Err: errors.New("conflict")}
	case t.present == (kind == access.Creation):
		if kind == access.Creation {
			return access.Operation{}, &access.WayError{Class: access.Busy, Err: errors.New("exists")}
		}
		return access.Operation{Kind: kind, State: access.OpSucceeded}, nil
	}
	op := &operation{key: s.Key, ends: time.Now().Add(c.latency), fails: c.wrong(), sticks: c.wrong(), unrecorded: time.Now().Before(c.unrecorded)}
	op.Operation = access.Operation{Kind: kind, ID: fmt.Sprintf("op-%d", len(c.ops)), State: access.OpRunning, StartedAt: time.Now()}
	if op.sticks {
		op.ends = time.Now().Add(12 * time.Minute)
	}
	c.ops[op.ID], t.running = op, op
	c.most = max(c.most, c.runningLocked())
	if c.rng.Float64() < c.losses {
		return access.Operation{}, &access.WayError{Class: access.Ambiguous, Err: errors.New("connection lost")}
	}
	return op.Operation, nil
}

// givenUpAfter is the Keeper's OpTimeout.
const givenUpAfter = 10 * time.Minute

func (c *cloud) runningLocked() (n int) {
	for _, op := range c.ops {
		if op.State == access.OpRunning && !op.unrecorded && time.Since(op.StartedAt) < givenUpAfter {
			n++
		}
	}
	return n
}

func (c *cloud) Poll(_ context.Context, _ access.Spec, op access.Operation) (access.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enterLocked()
	if c.wrong() {
		return access.Operation{}, &access.WayError{Class: access.Ambiguous, Err: errors.New("bad gateway")}
	}
	return c.ops[op.ID].Operation, nil
}

// lastRemoval returns when the last removal was over; the zero time if there was
// none.
func (c *cloud) lastRemoval() (at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range c.ops {
		if op.Kind == access.Removal && op.ends.After(at) {
			at = op.ends
		}
	}
	return at
}

func (c *cloud) operations() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ops)
}

// byHand makes or removes something as somebody else would.
func (c *cloud) byHand(k access.ObjectKey, present bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.thing(k)
	t.present, t.byHand = present, present
}

// there returns what is present now, and whether somebody else made it.
func (c *cloud) there() map[access.ObjectKey]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked()
	found := map[access.ObjectKey]bool{}
	for k, t := range c.objects {
		if t.present {
			found[k] = t.byHand
		}
	}
	return found
}

// setFaults has calls go wrong, and answers be lost, as likely as that.
func (c *cloud) setFaults(faults, losses float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults, c.losses = faults, losses
}

// takes has what is begun from now on take so long.
func (c *cloud) takes(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency = d
}

// busy reports whether an operation on k is in progress.
func (c *cloud) busy(k access.ObjectKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settleLocked()
	return c.thing(k).running != nil
}

// unrecord says until when what is begun may not be recorded.
func (c *cloud) unrecord(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unrecorded = until
}
