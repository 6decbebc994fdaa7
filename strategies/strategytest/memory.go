package strategytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// stuckFor is how long a stuck operation keeps others from its object.
const stuckFor = 10 * time.Minute

// nearby is how far apart an attempt and its operation may begin.
const nearby = time.Minute

// A Memory is a way whose objects are in memory, and the world behind it. It
// is safe for concurrent use.
type Memory struct {
	clock   clock.Clock
	latency time.Duration

	mu      sync.Mutex // guards what follows
	objects map[access.ObjectKey][]change
	running []*operation
	ops     map[string]*operation
	faults  armed
	lag     time.Duration
	writes  int
}

// A change is a moment at which an object came or went.
type change struct {
	at     time.Time
	exists bool
}

type operation struct {
	access.Operation
	key   access.ObjectKey
	ends  time.Time
	fails bool
	stuck bool
}

// NewMemory returns a healthy world with nothing in it, whose operations take
// latency.
func NewMemory(c clock.Clock, latency time.Duration) *Memory {
	return &Memory{clock: c, latency: latency, objects: map[access.ObjectKey][]change{}, ops: map[string]*operation{}}
}

// Observe implements access.Way.
func (m *Memory) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	if err := ctx.Err(); err != nil {
		return access.Observation{}, wayError(access.Throttled, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settleLocked()
	seen := access.Observation{Present: m.existsLocked(s.Key, m.clock.Now().Add(-m.lag))}
	for _, o := range m.ops {
		if o.key != s.Key {
			continue
		}
		if o.State == access.OpRunning {
			seen.Running = o.Operation
		}
		near := !since.IsZero() && o.StartedAt.Sub(since).Abs() <= nearby
		seen.Made = seen.Made || near && o.Kind == access.Creation && o.State == access.OpSucceeded
	}
	return seen, nil
}

// Apply implements access.Way.
func (m *Memory) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.write(ctx, s, access.Creation)
}

// Remove implements access.Way.
func (m *Memory) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	return m.write(ctx, s, access.Removal)
}

// Poll implements access.Way.
func (m *Memory) Poll(ctx context.Context, _ access.Spec, op access.Operation) (access.Operation, error) {
	if err := ctx.Err(); err != nil {
		return op, wayError(access.Throttled, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settleLocked()
	o, ok := m.ops[op.ID]
	if !ok {
		return op, wayError(access.Refused, fmt.Errorf("no operation %q", op.ID))
	}
	return o.Operation, nil
}

func wayError(c access.Class, err error) error { return &access.WayError{Class: c, Err: err} }

func (m *Memory) write(ctx context.Context, s access.Spec, kind access.OpKind) (access.Operation, error) {
	if err := ctx.Err(); err != nil {
		return access.Operation{}, wayError(access.Throttled, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settleLocked()
	m.writes++
	if err := m.refuseLocked(s.Key, kind); err != nil {
		return access.Operation{}, err
	}
	o := m.startLocked(s.Key, kind)
	if _, lost := m.faults.take(LostAnswer, kind); lost {
		return access.Operation{}, wayError(access.Ambiguous, errors.New("the answer was lost"))
	}
	return o.Operation, nil
}

// refuseLocked returns the error of a write that has no effect.
func (m *Memory) refuseLocked(key access.ObjectKey, kind access.OpKind) error {
	for fault, class := range map[FaultKind]access.Class{
		LostRequest: access.Ambiguous, Throttled: access.Throttled, Busy: access.Busy, Refused: access.Refused,
	} {
		if _, struck := m.faults.take(fault, kind); struck {
			return wayError(class, fmt.Errorf("%s struck on purpose", kind))
		}
	}
	if slices.ContainsFunc(m.running, func(o *operation) bool { return o.key == key }) {
		return wayError(access.Busy, errors.New("another operation is in progress"))
	}
	return nil
}

// startLocked starts an operation. One that has nothing to do is over at once.
func (m *Memory) startLocked(key access.ObjectKey, kind access.OpKind) *operation {
	now := m.clock.Now()
	o := &operation{key: key, ends: now.Add(m.latency)}
	o.Operation = access.Operation{Kind: kind, ID: fmt.Sprintf("op-%d", len(m.ops)+1), State: access.OpRunning, StartedAt: now}
	if f, slow := m.faults.take(SlowOperation, kind); slow {
		o.ends = now.Add(f.Delay)
	}
	if _, stuck := m.faults.take(StuckOperation, kind); stuck {
		o.ends, o.stuck = now.Add(stuckFor), true
	}
	_, o.fails = m.faults.take(FailedOperation, kind)
	if m.existsLocked(key, now) == (kind == access.Creation) {
		o.ends = now
	}
	m.ops[o.ID] = o
	m.running = append(m.running, o)
	m.settleLocked()
	return o
}

// settleLocked lets the operations end whose time has come, in their order.
func (m *Memory) settleLocked() {
	now := m.clock.Now()
	slices.SortStableFunc(m.running, func(a, b *operation) int { return a.ends.Compare(b.ends) })
	for len(m.running) > 0 && !m.running[0].ends.After(now) {
		o := m.running[0]
		m.running = m.running[1:]
		switch {
		case o.stuck:
		case o.fails:
			o.State, o.Reason = access.OpFailed, FailReason
		default:
			o.State = access.OpSucceeded
			m.putLocked(o.key, change{o.ends, o.Kind == access.Creation})
		}
	}
}

func (m *Memory) putLocked(key access.ObjectKey, c change) {
	if m.existsLocked(key, c.at) != c.exists {
		m.objects[key] = append(m.objects[key], c)
	}
}

func (m *Memory) existsLocked(key access.ObjectKey, at time.Time) bool {
	for _, c := range slices.Backward(m.objects[key]) {
		if !c.at.After(at) {
			return c.exists
		}
	}
	return false
}

// Exists implements World.
func (m *Memory) Exists(s access.Spec) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settleLocked()
	return m.existsLocked(s.Key, m.clock.Now())
}

// Put implements World.
func (m *Memory) Put(s access.Spec, exists bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settleLocked()
	m.putLocked(s.Key, change{m.clock.Now(), exists})
}

// Break implements World.
func (m *Memory) Break(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Kind == LaggingReads {
		m.lag = f.Delay
		return
	}
	m.faults = append(m.faults, f)
}

// Writes implements World.
func (m *Memory) Writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}
