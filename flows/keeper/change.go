package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// create makes the object, if it is its turn and the gate lets a grant pass.
func (s *visit) create(ctx context.Context) error {
	passed, err := s.admitted(ctx)
	if err != nil {
		s.noteHindrance(err)
		return s.setback(ctx, s.batch(), err)
	}
	if len(passed) == 0 {
		return s.rest(ctx)
	}
	s.o = s.o.Passed(passed...)
	if err := s.place(opening, false); err != nil {
		return err
	}
	seen, err := s.observe(ctx)
	if err != nil {
		return s.setback(ctx, s.batch(), err)
	}
	b := s.batch()
	// On machines that were away it may be there since before: making it again
	// brings all of them to the same state.
	back := seen.Altered == "" && len(both(s.o.Silent, seen.Places)) > 0
	switch {
	case s.unfinished(seen.Running) && !seen.Present:
		err := errUnfinished(seen.Running)
		s.noteHindrance(err)
		return s.setback(ctx, b, err)
	case seen.Present && !back || !seen.Running.IsZero():
		s.learn(b, seen)
		return s.save(ctx, b)
	}
	before := s.o
	s.o.ReadAbsentAt, s.o.AttemptAt, s.o.AttemptRun = s.now, s.now, s.epoch
	s.o.State, s.o.AbsentReads = access.Creating, 0
	s.o.Places = both(s.o.Places, s.o.Silent) // where it was before and may be still
	s.o.Removal, s.o.RemovedAt, s.o.Spec.ID = "", time.Time{}, ""
	if s.o.Spec.SessionsOf != "" {
		s.o.Sessions = s.o.Sessions.Since(s.now)
	}
	if err := s.intend(ctx, access.Creation); err != nil {
		return err
	}
	s.waits.note(s.o.Key(), "")
	call, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	op, err := s.way.Apply(call, s.o.Spec)
	return s.answer(ctx, op, err, before)
}

// remove takes the object away.
func (s *visit) remove(ctx context.Context) error {
	if err := s.place(s.class(), false); err != nil {
		return err
	}
	before := s.o
	s.o.State, s.o.AbsentReads = access.Deleting, 0
	if err := s.intend(ctx, access.Removal); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	op, err := s.way.Remove(call, s.o.Spec)
	return s.answer(ctx, op, err, before)
}

// intend records that AWS is about to be asked.
func (s *visit) intend(ctx context.Context, kind access.OpKind) error {
	s.o.Op = access.Operation{Kind: kind, StartedAt: s.now}
	// Should the process end here, somebody looks at once.
	s.o.NextAt = s.now
	b := s.batch()
	s.note(b, access.EventAttempt, attempted{s.o.Spec.Key, kind})
	return s.save(ctx, b)
}

// answer records what AWS said to an attempt; before is the object without it.
func (s *visit) answer(ctx context.Context, op access.Operation, err error, before access.Object) error {
	s.now = s.Clock.Now()
	b := s.batch()
	if err == nil {
		s.note(b, access.EventAnswer, answered{s.o.Spec.Key, op, ""})
		return s.finish(ctx, b, op)
	}
	s.note(b, access.EventAnswer, answered{s.o.Spec.Key, s.o.Op, err.Error()})
	kind, class := s.o.Op.Kind, access.ClassOf(err)
	if class == access.Ambiguous {
		// The attempt stands, with no id: the object is read before anything
		// is repeated.
		return s.setback(ctx, b, err)
	}
	// It had no effect, so it never was. An earlier attempt still stands.
	s.o.Op, s.o.State = access.Operation{}, before.State
	s.o.ReadAbsentAt, s.o.AttemptAt, s.o.AttemptRun = before.ReadAbsentAt, before.AttemptAt, before.AttemptRun
	s.o.Removal, s.o.RemovedAt, s.o.Spec.ID = before.Removal, before.RemovedAt, before.Spec.ID
	s.o.Sessions = before.Sessions
	if class == access.Refused && kind == access.Creation {
		s.o.Failure = "AWS refused to create it; the admins have been told."
		s.alarm(b, fmt.Sprintf("AWS refused to create %s: %v", s.o.Spec.Called(), err))
	}
	return s.setback(ctx, b, err)
}

// finish records how far an operation is, and what follows.
func (s *visit) finish(ctx context.Context, b *ledger.Batch, op access.Operation) error {
	if op.StartedAt.IsZero() {
		op.StartedAt = s.o.Op.StartedAt
	}
	o := &s.o
	o.Op = op
	switch {
	case op.State == access.OpRunning:
		o.NextAt = s.pace.next(o.Spec, op, s.now, s.queue.waiting() > 0)
	case op.State == access.OpFailed:
		return s.failed(ctx, b, op)
	case op.Kind == access.Removal:
		o.Op, o.State, o.Removal, o.RemovedAt = access.Operation{}, access.Leaving, op.ID, s.now
		o.Tries, o.LastError, o.NextAt = 0, "", s.now
	default:
		o.Tries, o.LastError, o.NextAt = 0, "", s.now
	}
	return s.save(ctx, b)
}

// failed handles an operation that AWS carried out and gave up.
func (s *visit) failed(ctx context.Context, b *ledger.Batch, op access.Operation) error {
	s.o.Op = access.Operation{}
	err := fmt.Errorf("%s of %s failed: %s", op.Kind, s.o.Spec.Called(), op.Reason)
	if op.Kind == access.Removal {
		s.o.State = access.Present
	} else {
		s.o.Failure = "AWS could not create it: " + op.Reason
	}
	return s.setback(ctx, b, err)
}

// admitted returns the grants that wait for this object now and may open. Those
// that may not are failed. What is in the way of one holds up no other; it is
// the error where none may open.
func (s *visit) admitted(ctx context.Context) (passed []access.GrantID, held error) {
	for _, l := range s.o.Leases {
		ok, err := s.admit(ctx, l.Grant)
		switch {
		case ok:
			passed = append(passed, l.Grant)
		case err != nil:
			held = err
		}
	}
	if len(passed) > 0 {
		return passed, nil
	}
	return nil, held
}

func (s *visit) admit(ctx context.Context, id access.GrantID) (bool, error) {
	g, v, err := access.Load[access.Grant](ctx, s.store, access.Grant{ID: id}.Key())
	if err != nil || g.State != access.Opening || !s.now.Before(g.OpenBy) {
		return false, err
	}
	turn, err := s.turn(ctx, g)
	if err != nil || !turn {
		return false, err
	}
	return s.pass(ctx, g, v)
}

// pass asks whether g may open now, and fails it if it may not. An error is that
// nobody can say at the moment.
func (k *Keeper) pass(ctx context.Context, g access.Grant, v access.Version) (bool, error) {
	if k.Skew != nil {
		if skew := k.Skew().Abs(); skew > k.Limits.MaxSkew {
			return false, errSkewed(skew)
		}
	}
	if n := k.store.pending(); n > 0 {
		return false, errHeld(n)
	}
	call, cancel := context.WithTimeout(ctx, k.Limits.CallTimeout)
	defer cancel()
	err := k.Gate(call, g)
	refusal, refused := errors.AsType[*access.Refusal](err)
	if refused && refusal.Code != access.RefusedUnable && refusal.Code != access.RefusedClosing {
		return false, k.end(ctx, g, v, access.EndedFailed, refusal.Text)
	}
	if err != nil {
		return false, errGate(err)
	}
	return true, nil
}

// sift asks about the grants for which alone the object is there any longer. One
// about which nobody can say anything fails: while it waits, the object would
// be there for nobody who may have it.
func (s *visit) sift(ctx context.Context) error {
	passed, held := s.admitted(ctx)
	switch {
	case len(passed) > 0:
		s.o = s.o.Passed(passed...)
		return s.save(ctx, s.batch())
	case held == nil:
		return s.look(ctx)
	}
	s.moved = true
	for _, l := range s.o.Leases {
		g, v, err := access.Load[access.Grant](ctx, s.store, access.Grant{ID: l.Grant}.Key())
		if err != nil {
			return err
		}
		if g.State != access.Opening {
			continue
		}
		s.waits.note(g.Key(), hindered(held))
		if err := s.end(ctx, g, v, access.EndedFailed, s.unopened(ctx, g)); err != nil {
			return err
		}
	}
	return nil
}

// turn reports whether everything that g opens before this object is there.
func (s *visit) turn(ctx context.Context, g access.Grant) (bool, error) {
	for _, key := range g.Objects[:slices.Index(g.Objects, s.o.Spec.Key)] {
		o, _, err := access.Load[access.Object](ctx, s.store, key.Record())
		if err != nil || o.State != access.Present {
			return false, err
		}
	}
	return true, nil
}
