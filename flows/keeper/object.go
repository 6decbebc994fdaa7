package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// A visit is one step on an object.
type visit struct {
	*Keeper
	o   access.Object
	v   access.Version
	way access.Way
	now time.Time
	// moved says that the object changed, which its grants want to know.
	moved bool
}

// errParked ends a step that found no place: the queue brings it back.
var errParked = errors.New("waits for a place")

// An action is what an object needs next.
type action int

const (
	rest action = iota
	look
	poll
	create
	remove
	cut
	forget
	sift
)

// stepObject does what is next for the object key.
func (k *Keeper) stepObject(ctx context.Context, key access.Key) (time.Time, error) {
	o, v, err := access.Load[access.Object](ctx, k.store, key)
	if errors.Is(err, access.ErrNotFound) {
		k.queue.release(key)
		return time.Time{}, nil
	} else if err != nil {
		return time.Time{}, err
	}
	s := &visit{Keeper: k, o: o, v: v, way: k.Ways[o.Spec.Way], now: k.Clock.Now()}
	if !o.NextAt.After(s.now) {
		err = s.act(ctx, k.nextFor(o, s.now))
	}
	s.noteHindrance(err)
	if !k.inProgress(s.o) {
		k.queue.release(key)
	}
	k.queue.calm(key, !s.ending())
	if errors.Is(err, errParked) {
		return time.Time{}, nil
	}
	if s.moved {
		for _, id := range append(s.o.Holders(), s.o.Closing...) {
			k.queue.wake(access.Grant{ID: id}.Key(), s.now)
		}
	}
	return s.o.NextAt, err
}

// ending reports whether the object, or what was started by it, is to be ended
// next. Once AWS is at it, nothing gets faster by looking.
func (s *visit) ending() bool { return !s.o.Wanted() && s.o.State == access.Present || s.o.Uncut() }

func (s *visit) act(ctx context.Context, a action) error {
	if s.way == nil {
		return s.setback(ctx, s.batch(), fmt.Errorf("no strategy %q is configured", s.o.Spec.Way))
	}
	switch a {
	case look:
		return s.look(ctx)
	case poll:
		return s.poll(ctx)
	case create:
		return s.create(ctx)
	case remove:
		return s.remove(ctx)
	case cut:
		return s.cut(ctx)
	case forget:
		return s.forget(ctx)
	case sift:
		return s.sift(ctx)
	default:
		return s.rest(ctx)
	}
}

// inProgress reports whether o's operation takes up a place. One that never
// finishes gives it back.
func (k *Keeper) inProgress(o access.Object) bool {
	return (o.Op.State == access.OpRunning || o.Op.Kind != "" && o.Op.State == "") &&
		k.Clock.Now().Before(o.Op.StartedAt.Add(k.Limits.OpTimeout))
}

// nextFor says what o needs at now.
func (k *Keeper) nextFor(o access.Object, now time.Time) action {
	switch {
	case o.Op.IsZero():
	case o.Op.State == access.OpRunning && o.Op.ID != "" && k.inProgress(o):
		return poll
	default:
		// Finished and not seen yet, or nobody knows: AWS is asked.
		return look
	}
	if o.Wanted() {
		return nextWanted(o, now)
	}
	return nextUnwanted(o)
}

func nextWanted(o access.Object, now time.Time) action {
	switch o.State {
	case access.Present:
		if o.Awaited() {
			return sift
		}
		if stale := !o.NextAt.IsZero() && !o.NextAt.After(now); stale || unseen(o) {
			return look
		}
		return rest
	case access.Deleting:
		return look
	default:
		if o.Failure != "" {
			return rest
		}
		return create
	}
}

// unseen reports whether a lease was taken since o was last seen present.
func unseen(o access.Object) bool {
	for _, l := range o.Leases {
		if o.SeenAt.Before(l.Since) {
			return true
		}
	}
	return false
}

func nextUnwanted(o access.Object) action {
	switch {
	case o.Uncut():
		return cut
	case o.State == access.Foreign:
		return forget
	case o.AttemptAt.IsZero() && o.State == access.Unknown:
		return rest // turns to Gone there
	case o.State == access.Present:
		return remove
	case o.State == access.Gone && (o.AttemptAt.IsZero() || o.Watched):
		return forget
	default:
		return look
	}
}

// rest leaves the object until somebody changes it.
func (s *visit) rest(ctx context.Context) error {
	o := &s.o
	changed := !o.NextAt.IsZero()
	o.NextAt = time.Time{}
	if !o.Wanted() && o.State == access.Unknown {
		o.State, changed = access.Gone, true
	}
	if !changed {
		return nil
	}
	return s.save(ctx, s.batch())
}

// forget deletes the record of an object that is at rest, once every grant
// has its receipt.
func (s *visit) forget(ctx context.Context) error {
	if len(s.o.Closing) > 0 {
		return s.rest(ctx)
	}
	b := s.batch().Ending()
	b.Delete(s.o.Key(), s.v)
	s.o.NextAt = time.Time{}
	return s.commit(ctx, b)
}

// save commits b with the object as it is now.
func (s *visit) save(ctx context.Context, b *ledger.Batch) error {
	if !s.o.Wanted() {
		b.Ending()
	}
	b.Put(s.o, s.v)
	v, err := b.Commit(ctx, s.store)
	if err == nil {
		s.v, s.moved = v, true
	}
	return err
}

// requests returns the requests whose record the object is part of.
func (s *visit) requests() []access.RequestID {
	var ids []access.RequestID
	for _, g := range append(s.o.Holders(), s.o.Closing...) {
		ids = append(ids, g.Request())
	}
	return ids
}

// note records an event for everybody concerned.
func (s *visit) note(b *ledger.Batch, t access.EventType, data any) {
	for _, id := range s.requests() {
		b.Event(id, t, access.Person{}, data)
	}
}

// alarm tells the admins something that needs a person, and records it.
func (s *visit) alarm(b *ledger.Batch, text string) {
	s.note(b, access.EventAlarm, alarmed{s.o.Spec.Key, text})
	var about access.RequestID
	if ids := s.requests(); len(ids) > 0 {
		about = ids[0]
	}
	b.Tell(access.NoticeAlarm, about, text)
}

// alarmed is the data of EventAlarm.
type alarmed struct {
	Object access.ObjectKey `json:"object,omitempty"`
	Text   string           `json:"text"`
}

// class returns how urgent the object is.
func (s *visit) class() class {
	switch {
	case s.o.Wanted() && s.o.State == access.Present && !unseen(s.o):
		return sweeping
	case s.o.Wanted():
		return opening
	case s.o.Uncut() && s.o.Urgent:
		return urgentEnd
	case s.o.Uncut():
		return dueEnd
	case s.o.State == access.Leaving:
		return verifying
	case s.o.State == access.Gone:
		return sweeping
	case s.o.Urgent:
		return urgentEnd
	default:
		return dueEnd
	}
}

// place takes a place for a read or a change, or ends the step.
func (s *visit) place(c class, read bool) error {
	spec := s.o.Spec
	if !s.queue.acquire(s.o.Key(), want{class: c, lane: spec.Lane, budget: spec.Budget, read: read}) {
		return errParked
	}
	s.now = s.Clock.Now()
	return nil
}

// setback notes a failure, and when to try again.
func (s *visit) setback(ctx context.Context, b *ledger.Batch, err error) error {
	s.o.Tries++
	s.o.LastError = err.Error()
	wait := backoff(s.o.Tries)
	if e, ok := errors.AsType[*access.WayError](err); ok {
		wait = max(wait, e.After)
	}
	s.o.NextAt = s.now.Add(wait)
	s.Log.Warn().Err(err).Str("object", string(s.o.Spec.Key)).Int("tries", s.o.Tries).Time("again", s.o.NextAt).Msg("set back")
	return s.save(ctx, b)
}

// observe reads the object in AWS.
func (s *visit) observe(ctx context.Context) (access.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	return s.way.Observe(ctx, s.o.Spec, s.o.AttemptAt)
}

// look reads the object and keeps what that says.
func (s *visit) look(ctx context.Context) error {
	if err := s.place(s.class(), true); err != nil {
		return err
	}
	seen, err := s.observe(ctx)
	b := s.batch()
	if err != nil {
		return s.setback(ctx, b, err)
	}
	s.learn(b, seen)
	return s.save(ctx, b)
}

// poll asks how far the operation is.
func (s *visit) poll(ctx context.Context) error {
	if err := s.place(polling, true); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	op, err := s.way.Poll(call, s.o.Spec, s.o.Op)
	b := s.batch()
	s.now = s.Clock.Now()
	if err != nil {
		if access.ClassOf(err) == access.Refused {
			s.o.Op.ID = "" // AWS does not know the operation: the object itself has to tell
		}
		return s.setback(ctx, b, err)
	}
	if op.State == access.OpRunning {
		// Nothing is new, and the schedule is no record: whoever starts after
		// a crash polls a little early.
		s.o.NextAt = s.pace.next(s.o.Spec, op, s.now, s.queue.waiting() > 0)
		return nil
	}
	s.pace.took(s.o.Spec, op, s.now)
	s.note(b, access.EventAnswer, answered{s.o.Spec.Key, op, ""})
	return s.finish(ctx, b, op)
}

// attempted is the data of EventAttempt.
type attempted struct {
	Object access.ObjectKey `json:"object"`
	Kind   access.OpKind    `json:"kind"`
}

// answered is the data of EventAnswer.
type answered struct {
	Object access.ObjectKey `json:"object"`
	Op     access.Operation `json:"op"`
	Error  string           `json:"error,omitempty"`
}
