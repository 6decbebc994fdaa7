package awstest

import (
	"slices"
	"strings"
	"time"
)

// An Assignment is an account assignment that exists.
type Assignment struct {
	Tuple
	Since time.Time
	By    Caller // who made it; the zero Caller made it by hand
}

// An Operation is an asynchronous change of an assignment.
type Operation struct {
	Tuple
	ID       string
	Removal  bool
	By       Caller
	Created  time.Time
	Status   string // IN_PROGRESS, SUCCEEDED or FAILED
	Failure  string
	Finished time.Time // zero while in progress
}

// Assign makes an assignment by hand, at once, and Unassign removes one.
func (w *World) Assign(t Tuple) { w.byHand(t, true) }

// Unassign removes an assignment by hand, at once.
func (w *World) Unassign(t Tuple) { w.byHand(t, false) }

func (w *World) byHand(t Tuple, present bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	w.center.set(t, Change{At: w.clock.Now(), Present: present})
	w.changedLocked()
}

// Assignments returns what exists now, whatever lists show.
func (w *World) Assignments() []Assignment {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	var all []Assignment
	for t, h := range w.center.histories {
		if last := h.last(); last.Present {
			all = append(all, Assignment{t, last.At, last.By})
		}
	}
	slices.SortFunc(all, func(a, b Assignment) int { return strings.Compare(a.order(), b.order()) })
	return all
}

// History returns every change of an assignment, oldest first.
func (w *World) History(t Tuple) []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	if h, ok := w.center.histories[t]; ok {
		return slices.Clone(h.changes)
	}
	return nil
}

// Operations returns every assignment operation, oldest first.
func (w *World) Operations() []Operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	var all []Operation
	for _, o := range w.center.operations {
		op := Operation{Tuple: o.Tuple, ID: o.id, Removal: o.removal, By: o.by, Created: o.created, Status: o.status, Finished: o.finished}
		if o.status == failed {
			op.Failure = o.failure
		}
		all = append(all, op)
	}
	return all
}

// Outstanding returns how many assignment operations are in progress, and
// the most that ever were.
func (w *World) Outstanding() (now, most int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	return len(w.center.running), w.center.most
}

// Memberships returns who is in which group.
func (w *World) Memberships() []Membership {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Membership
	memberships := w.store.memberships.now()
	for _, id := range sortedKeys(memberships) {
		all = append(all, memberships[id])
	}
	return all
}
