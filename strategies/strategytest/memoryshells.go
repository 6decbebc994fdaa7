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

// Shells are sessions in memory, and what ends them. It is safe for concurrent
// use.
type Shells struct {
	clock clock.Clock

	mu     sync.Mutex // guards what follows
	all    []*shell
	faults armed
	cuts   int
}

// A shell is a session with the objects that are about its machine.
type shell struct {
	access.Session
	of    string
	about []access.ObjectKey
	ends  time.Time // zero while nobody asked for it
}

// NewShells returns a healthy world without sessions.
func NewShells(c clock.Clock) *Shells { return &Shells{clock: c} }

func (m *Shells) open(s *shell) bool { return s.ends.IsZero() || s.ends.After(m.clock.Now()) }

// Sessions implements access.Cutter.
func (m *Shells) Sessions(ctx context.Context, s access.Spec) ([]access.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, wayError(access.Throttled, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.refuseLocked(""); err != nil {
		return nil, err
	}
	if _, lost := m.faults.take(LostAnswer, ""); lost {
		return nil, wayError(access.Throttled, errors.New("the answer was lost"))
	}
	var found []access.Session
	for _, one := range m.all {
		if one.of == s.SessionsOf && m.open(one) {
			seen := one.Session
			seen.Elsewhere = !slices.Contains(one.about, s.Key)
			found = append(found, seen)
		}
	}
	return found, nil
}

// Cut implements access.Cutter.
func (m *Shells) Cut(ctx context.Context, _ access.Spec, asked access.Session) error {
	if err := ctx.Err(); err != nil {
		return wayError(access.Throttled, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cuts++
	if err := m.refuseLocked(access.Removal); err != nil {
		return err
	}
	slow, _ := m.faults.take(SlowOperation, access.Removal)
	for _, one := range m.all {
		if one.ID == asked.ID && one.ends.IsZero() {
			one.ends = m.clock.Now().Add(slow.Delay)
		}
	}
	if _, lost := m.faults.take(LostAnswer, access.Removal); lost {
		return wayError(access.Ambiguous, errors.New("the answer was lost"))
	}
	return nil
}

// refuseLocked returns the error of a call that has no effect.
func (m *Shells) refuseLocked(on access.OpKind) error {
	for fault, class := range map[FaultKind]access.Class{LostRequest: access.Ambiguous, Throttled: access.Throttled, Refused: access.Refused} {
		if _, struck := m.faults.take(fault, on); struck {
			return wayError(class, errors.New("struck on purpose"))
		}
	}
	return nil
}

// Start implements ShellWorld.
func (m *Shells) Start(all ...access.Spec) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	one := &shell{of: all[0].SessionsOf, Session: access.Session{
		ID: fmt.Sprintf("%s-%d", all[0].SessionsOf, len(m.all)+1), Machine: "i-" + string(all[0].Key), Region: "us-east-1", StartedAt: m.clock.Now(),
	}}
	for _, s := range all {
		one.about = append(one.about, s.Key)
	}
	m.all = append(m.all, one)
	return one.ID
}

// Retag makes the machine of a session one that the objects are about, and no
// other is.
func (m *Shells) Retag(id string, all ...access.Spec) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.all {
		if one.ID != id {
			continue
		}
		one.about = nil
		for _, s := range all {
			one.about = append(one.about, s.Key)
		}
	}
}

// Open implements ShellWorld.
func (m *Shells) Open(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.all, func(one *shell) bool { return one.ID == id && m.open(one) })
}

// Break implements ShellWorld.
func (m *Shells) Break(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, f)
}

// Cuts implements ShellWorld.
func (m *Shells) Cuts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cuts
}
