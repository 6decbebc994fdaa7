package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// looks are the moments after the first look for sessions at which, when none
// was left, they are looked for again. What lets them start is gone by then, but
// AWS may not know it everywhere yet: the last one is far beyond that.
var looks = [...]time.Duration{2 * time.Second, 10 * time.Second, lag}

// errNoCutter is that sessions cannot be ended by anybody.
var errNoCutter = errors.New("nobody is configured who ends sessions")

// cut ends the sessions that were started by an object which is gone, but for
// those that another object of the same person lets go on.
func (s *visit) cut(ctx context.Context) error {
	if s.Cutter == nil {
		return s.setback(ctx, s.batch(), errNoCutter)
	}
	if err := s.place(s.class(), false); err != nil {
		return err
	}
	if s.o.Sessions.Cutting.IsZero() {
		s.o.Sessions.Cutting = s.now
	}
	open, err := s.open(ctx, s.o.Spec)
	if undecided, ok := errors.AsType[*access.UndecidedError](err); ok {
		return s.leaveAlone(ctx, undecided.Why)
	}
	open = slices.DeleteFunc(open, func(one access.Session) bool { return !s.began(one) })
	b := s.batch()
	if err == nil {
		open, err = s.ofLeases(ctx, open)
	}
	if err == nil {
		open, err = s.leave(ctx, b, open)
	}
	if err != nil {
		return s.setback(ctx, s.batch(), err)
	}
	if open = s.apart(open); len(open) == 0 {
		s.none()
		return s.save(ctx, b)
	}
	return s.cutSome(ctx, b, open)
}

// leaveAlone is the end of looking for sessions of which nobody can tell whose
// they are: the receipt says why.
func (s *visit) leaveAlone(ctx context.Context, why string) error {
	s.o.Tries, s.o.LastError = 0, ""
	s.o.Sessions = s.o.Sessions.LeftAlone(why, s.now)
	s.settle()
	return s.save(ctx, s.batch())
}

// ofLeases returns the sessions that are of no grant in particular, or of one that
// leased the object, which is over: nobody leases it any more. Those of others are
// for these to end.
func (s *visit) ofLeases(ctx context.Context, open []access.Session) (ours []access.Session, err error) {
	for _, one := range open {
		leased := true
		if one.Grant != "" {
			if leased, err = s.leased(ctx, one.Grant); err != nil {
				return nil, err
			}
		}
		if leased {
			ours = append(ours, one)
		}
	}
	return ours, nil
}

// leased reports whether a grant is, or was, one that leases the object.
func (s *visit) leased(ctx context.Context, id access.GrantID) (bool, error) {
	g, _, err := access.Load[access.Grant](ctx, s.store, access.Grant{ID: id}.Key())
	if err != nil {
		return false, ignoreMissing(err)
	}
	return slices.Contains(g.Objects, s.o.Spec.Key), nil
}

// began reports whether a session was started by the object, or inherited. What
// starts so late that AWS must know of the end is by some other right, however
// often somebody starts it.
func (s *visit) began(one access.Session) bool {
	late := s.o.Sessions.Cutting.Add(lag + s.Limits.MaxSkew)
	return s.o.Sessions.Has(one, s.Limits.MaxSkew) && !one.StartedAt.After(late)
}

// open returns the sessions that are open, of whom an object lets in.
func (s *visit) open(ctx context.Context, spec access.Spec) ([]access.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	all, err := s.Cutter.Sessions(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("look for sessions: %w", err)
	}
	return all, nil
}

// leave hands the sessions that other objects let go on over to those, in the
// commit b, and returns the others.
func (s *visit) leave(ctx context.Context, b *ledger.Batch, open []access.Session) ([]access.Session, error) {
	s.o.Sessions.Left = 0
	lane := access.Exactly(access.IndexObjects, s.o.Spec.Lane)
	err := access.Each(ctx, s.store, lane, func(rec access.Record) error {
		heir, v, err := access.Load[access.Object](ctx, s.store, rec.Key)
		if err != nil || !s.letsGoOn(heir) || len(open) == 0 {
			return ignoreMissing(err)
		}
		its, err := s.open(ctx, heir.Spec)
		if err != nil {
			return err
		}
		its = slices.DeleteFunc(its, func(one access.Session) bool { return one.Elsewhere })
		var both []access.Session
		open = slices.DeleteFunc(open, func(one access.Session) bool {
			shared := has(its, one)
			// Where only one of the two may have let it start, and nobody knows
			// which, it ends with the last.
			unclear := s.o.Spec.SessionsAlone && one.Elsewhere
			if unclear || shared && s.own(one) {
				both = append(both, one)
			}
			return unclear || shared
		})
		s.o.Sessions.Left += len(both)
		before := len(heir.Sessions.Inherited)
		if heir.Sessions = heir.Sessions.Inheriting(both); len(heir.Sessions.Inherited) > before {
			b.Put(heir, v)
		}
		return nil
	})
	return open, err
}

// own reports whether a session is on a machine of the object, or known to be its
// own from when it was.
func (s *visit) own(one access.Session) bool {
	return !one.Elsewhere || slices.Contains(s.o.Sessions.Inherited, one.ID) || s.o.Sessions.WasAsked(one)
}

// apart leaves those alone that nothing says were started by the object, and
// returns the others.
func (s *visit) apart(open []access.Session) (own []access.Session) {
	var others []access.Session
	for _, one := range open {
		if s.o.Spec.SessionsAlone || s.own(one) {
			own = append(own, one)
		} else {
			others = append(others, one)
		}
	}
	s.o.Sessions = s.o.Sessions.Apart(others)
	return own
}

// letsGoOn reports whether other lets the same person have sessions now.
func (s *visit) letsGoOn(other access.Object) bool {
	return other.Spec.Key != s.o.Spec.Key && other.Spec.SessionsOf == s.o.Spec.SessionsOf &&
		other.Wanted() && other.State == access.Present
}

func has(all []access.Session, one access.Session) bool {
	return slices.ContainsFunc(all, func(other access.Session) bool { return other.ID == one.ID })
}

// none counts a look that showed no session to be ended, and plans the next one
// unless it was enough.
func (s *visit) none() {
	o := &s.o
	o.Tries, o.LastError = 0, ""
	o.Sessions.Reads++
	over := s.now.Sub(o.Sessions.Cutting)
	if o.Sessions.Reads >= agreeing && over >= looks[len(looks)-1] {
		o.Sessions.ClearAt = s.now
		s.settle()
		return
	}
	o.NextAt = s.now.Add(s.Limits.ConfirmGap)
	for _, after := range looks {
		if after > over {
			o.NextAt = o.Sessions.Cutting.Add(after)
			return
		}
	}
}

// settle plans what comes after an object is gone: the sessions that were
// started by it, or the next look whether it stays away.
func (s *visit) settle() {
	o := &s.o
	o.NextAt = s.now
	if o.Uncut() {
		return
	}
	o.Urgent = false
	if o.State == access.Gone {
		o.NextAt = s.nextWatch()
	}
}

// cutAtOnce is how many sessions are ended in one step: what is recorded of it
// has room in one commit.
const cutAtOnce = 50

// cutSome ends the first of the sessions that are open, and others first the next
// time if that fails. That it is about to is durable before, with b; whether they
// are over, the next look says.
func (s *visit) cutSome(ctx context.Context, b *ledger.Batch, open []access.Session) error {
	first := s.o.Tries * cutAtOnce % len(open)
	open = slices.Concat(open[first:], open[:first])
	open = open[:min(len(open), cutAtOnce)]
	again := slices.ContainsFunc(open, s.o.Sessions.WasAsked)
	s.o.Sessions = s.o.Sessions.Asked(open, s.now)
	s.o.NextAt = s.now
	s.note(b, access.EventAttempt, cutting{s.o.Spec.Key, open})
	if err := s.save(ctx, b); err != nil {
		return err
	}
	var errs []error
	for _, one := range open {
		errs = append(errs, s.cutOne(ctx, one))
	}
	s.now = s.Clock.Now()
	b = s.batch()
	err := errors.Join(errs...)
	if err == nil && again {
		err = fmt.Errorf("%s did not end when AWS was asked for it", named(open))
	}
	s.note(b, access.EventAnswer, cutAnswer{s.o.Spec.Key, text(err)})
	if err != nil {
		return s.setback(ctx, b, err)
	}
	s.o.Tries, s.o.LastError, s.o.NextAt = 0, "", s.now.Add(s.Limits.ConfirmGap)
	return s.save(ctx, b)
}

func (s *visit) cutOne(ctx context.Context, one access.Session) error {
	ctx, cancel := context.WithTimeout(ctx, s.Limits.CallTimeout)
	defer cancel()
	if err := s.Cutter.Cut(ctx, s.o.Spec, one); err != nil {
		return fmt.Errorf("end the session %s on %s: %w", one.ID, one.Machine, err)
	}
	return nil
}

// named names the first of some sessions.
func named(all []access.Session) string {
	var names []string
	for _, one := range all[:min(len(all), 3)] {
		names = append(names, one.ID+" on "+one.Machine)
	}
	return access.Counted(len(all), "session") + " (" + strings.Join(names, ", ") + ")"
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// cutting is the data of EventAttempt when sessions are to be ended.
type cutting struct {
	Object   access.ObjectKey `json:"object"`
	Sessions []access.Session `json:"cut"`
}

// cutAnswer is the data of EventAnswer to that.
type cutAnswer struct {
	Object access.ObjectKey `json:"object"`
	Error  string           `json:"error,omitempty"`
}
