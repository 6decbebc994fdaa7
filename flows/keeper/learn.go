package keeper

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// agreeing is how many reads in a row must show absence before it counts.
const agreeing = 2

// lag is how long after a removal that succeeded a read may still show the
// object without that meaning anything.
const lag = time.Minute

// watches are the moments after a confirmed absence at which it is looked at
// again; the last one is Limits.WatchFor.
var watches = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// learn keeps what a read showed.
func (s *visit) learn(b *ledger.Batch, seen access.Observation) {
	s.o.Tries, s.o.LastError = 0, ""
	asked := s.o.Op
	switch {
	case !seen.Running.IsZero() && !s.unfinished(seen.Running):
		s.running(seen.Running)
	case seen.Present && seen.Altered != "" && s.o.State == access.Gone && !s.o.Wanted():
		s.absent(b) // what is there has its place by now
	case seen.Present && seen.Altered != "" && s.o.State != access.Foreign:
		s.altered(b, seen.Altered)
	case seen.Present:
		s.present(b, seen)
	default:
		s.o.Silent = both(s.o.Places, seen.Silent)
		s.absent(b)
		if !seen.Running.IsZero() {
			// It may finish yet, however late: somebody will look.
			s.o.WatchUntil, s.o.Watched = s.now.Add(s.Limits.WatchFor), false
		}
	}
	if !asked.IsZero() && s.o.Op.IsZero() && s.unfinished(seen.Running) {
		s.stuck(b, seen.Running)
	}
}

// both returns the names that are in both lists.
func both(some, others []string) []string {
	return slices.DeleteFunc(slices.Clone(some), func(name string) bool { return !slices.Contains(others, name) })
}

// stuck says that AWS does not finish what it was asked for. It happens once
// for each operation: from here on it is not the object's any more.
func (s *visit) stuck(b *ledger.Batch, op access.Operation) {
	s.alarm(b, fmt.Sprintf("AWS has not finished a %s of %s since %s (operation %s): Sesame goes by what it reads, gives the operation's place to others, and watches for as long as AWS shows it; ask AWS about the operation.",
		op.Kind, s.o.Spec.Called(), op.StartedAt.UTC().Format("2006-01-02 15:04 UTC"), op.ID))
}

// unfinished reports whether op takes so long that nobody waits for it any
// more.
func (s *visit) unfinished(op access.Operation) bool {
	return !op.IsZero() && !s.now.Before(op.StartedAt.Add(s.Limits.OpTimeout))
}

// running waits for an operation that AWS is at. It is ours if its kind is the
// one that we asked for and have no answer to.
func (s *visit) running(op access.Operation) {
	if s.o.Op.Kind == op.Kind && s.o.Op.ID == "" {
		s.o.Op = op
	}
	s.o.AbsentReads = 0
	s.o.NextAt = s.now.Add(s.Limits.PollEvery)
}

// altered leaves alone what somebody else put in the object's place, once two
// reads agree on it: one alone may be behind.
func (s *visit) altered(b *ledger.Batch, why string) {
	o := &s.o
	o.AbsentReads = 0
	if o.AlteredReads++; o.AlteredReads < agreeing || s.justRemoved() {
		o.NextAt = s.now.Add(s.Limits.ConfirmGap)
		return
	}
	if o.Wanted() && o.Failure == "" {
		o.Failure = why
	}
	s.alarm(b, fmt.Sprintf("%s is not as Sesame makes it, so Sesame leaves it alone. %s", o.Spec.Called(), why))
	s.foreign(b)
}

// justRemoved reports whether reads may still show what was removed.
func (s *visit) justRemoved() bool {
	return s.o.State == access.Leaving && s.now.Before(s.o.RemovedAt.Add(lag))
}

// present says whose it is, if that was open, and what is next.
func (s *visit) present(b *ledger.Batch, seen access.Observation) {
	o, made := &s.o, seen.Made
	o.AbsentReads, o.AlteredReads = 0, 0
	switch {
	case s.justRemoved():
		o.NextAt = s.now.Add(s.Limits.ConfirmGap)
		return
	case o.State == access.Foreign, o.AttemptAt.IsZero():
		s.foreign(b)
	case o.State == access.Gone && !o.Wanted() && len(both(o.Silent, seen.Places)) > 0:
		s.back(b, both(o.Silent, seen.Places))
		s.keep(seen)
	case o.State == access.Gone && !(made && o.SeenAt.Before(o.AttemptAt)):
		// What Sesame had made was there and went, so this is something else,
		// although AWS still lists the creation.
		s.alarm(b, fmt.Sprintf("%s is there again after it was gone: somebody else made it, so Sesame leaves it alone.", o.Spec.Called()))
		s.foreign(b)
	case !s.ours(made):
		s.unsure(b, seen)
	default:
		if o.State == access.Gone {
			s.alarm(b, fmt.Sprintf("%s appeared after it was absent: AWS finished late what Sesame had asked for, and Sesame removes it.", o.Spec.Called()))
		}
		s.lingering(b)
		s.keep(seen)
	}
}

// back says that machines can be asked again that the object is still on.
func (s *visit) back(b *ledger.Batch, machines []string) {
	s.alarm(b, fmt.Sprintf("%s is still on %s, which could not be reached when Sesame removed it and is back: Sesame removes it there now.", s.o.Spec.Called(), strings.Join(machines, " and ")))
}

// lingering says, once for each end, that an object of ours is there although
// AWS removed it.
func (s *visit) lingering(b *ledger.Batch) {
	o := &s.o
	if o.State != access.Leaving || o.RemovedAt.IsZero() || o.Wanted() || o.Lingers {
		return
	}
	o.Lingers = true
	s.alarm(b, fmt.Sprintf("%s is still there more than a minute after AWS confirmed its removal: AWS is late, or somebody made it again. Sesame goes on removing it; if it does not go, find out in AWS who makes it.", o.Spec.Called()))
}

// ours reports whether it is certain that Sesame made the object: it was seen
// as ours before, AWS named or lists the operation, or this very process asked
// for it just now.
func (s *visit) ours(made bool) bool {
	o := s.o
	settled := o.State == access.Present || o.State == access.Deleting || !o.RemovedAt.IsZero()
	return settled || made || o.Op.ID != "" || o.AttemptRun == s.epoch
}

// keep notes an object of ours as present, where, and by what it is known.
func (s *visit) keep(seen access.Observation) {
	o := &s.o
	o.Spec.ID, o.Spec.SessionName = cmp.Or(seen.ID, o.Spec.ID), cmp.Or(seen.SessionName, o.Spec.SessionName)
	o.Places = slices.Compact(slices.Sorted(slices.Values(slices.Concat(o.Places, seen.Places))))
	o.State, o.SeenAt, o.Op = access.Present, s.now, access.Operation{}
	o.NextAt = s.now
	if o.Wanted() {
		o.NextAt = s.now.Add(s.Limits.SweepEvery)
	}
}

// foreign notes an object that is not ours.
func (s *visit) foreign(b *ledger.Batch) {
	o := &s.o
	if o.Failure == "" && o.Wanted() {
		o.Failure = "You have this access in AWS already; Sesame did not make it and leaves it as it is."
		s.note(b, access.EventAlarm, alarmed{o.Spec.Key, "present before Sesame made it"})
	}
	o.State, o.Op, o.NextAt = access.Foreign, access.Operation{}, s.now
}

// unsure notes an object that appeared while nobody was looking.
func (s *visit) unsure(b *ledger.Batch, seen access.Observation) {
	o := &s.o
	if s.Unsure == Report {
		s.alarm(b, fmt.Sprintf("%s is there, and a restart fell into its creation, so it is not known who made it: Sesame leaves it alone; remove it by hand if it should go.", o.Spec.Called()))
		s.foreign(b)
		return
	}
	s.alarm(b, fmt.Sprintf("%s is there, and a restart fell into its creation: Sesame had read it absent just before, and treats it as its own.", o.Spec.Called()))
	s.keep(seen)
}

// absent counts reads that agree, and says what follows.
func (s *visit) absent(b *ledger.Batch) {
	o := &s.o
	o.AlteredReads = 0
	if o.Wanted() {
		s.absentButWanted(b)
		return
	}
	switch {
	case o.State == access.Gone && !o.AbsentAt.IsZero():
		o.Watched = !s.now.Before(o.WatchUntil) && len(o.Silent) == 0
		o.NextAt = s.nextWatch()
		return
	case o.State == access.Foreign || o.AttemptAt.IsZero():
		o.State, o.Op, o.NextAt = access.Gone, access.Operation{}, s.now
		return
	}
	o.State, o.Op = access.Leaving, access.Operation{}
	if s.agreed() {
		o.State, o.AbsentAt, o.Failure = access.Gone, s.now, ""
		o.WatchUntil = s.now.Add(s.Limits.WatchFor)
		s.settle()
	}
}

// agreed counts one more read of absence. It reports whether there were
// enough, and plans the next one if not.
func (s *visit) agreed() bool {
	s.o.AbsentReads++
	if s.o.AbsentReads >= agreeing {
		return true
	}
	s.o.NextAt = s.now.Add(s.Limits.ConfirmGap)
	return false
}

func (s *visit) absentButWanted(b *ledger.Batch) {
	o := &s.o
	switch {
	case o.State == access.Present && len(o.Silent) > 0:
		o.NextAt = s.now.Add(s.Limits.SweepEvery) // it may be there, on a machine that is away
	case o.State == access.Present:
		if s.agreed() {
			o.State, o.Op, o.AbsentAt = access.Gone, access.Operation{}, s.now
			o.WatchUntil, o.NextAt = s.now.Add(s.Limits.WatchFor), s.now
			o.Failure = "It was removed in AWS by somebody else."
			s.alarm(b, fmt.Sprintf("%s was removed by somebody else while a grant was open: Sesame ends the grant and does not make it again.", o.Spec.Called()))
		}
	case o.Op.State == access.OpSucceeded:
		// Done, says AWS, and not to be seen yet: it is there when it is seen.
		o.NextAt = s.now.Add(s.Limits.ConfirmGap)
	case !o.Op.IsZero():
		// The answer was lost. Not there now, so a removal has had its effect,
		// and a creation did not arrive or is late: another one follows, and
		// the record of this attempt stays.
		if s.agreed() {
			o.State, o.Op, o.NextAt = access.Unknown, access.Operation{}, s.now
		}
	default:
		o.State, o.NextAt = access.Unknown, s.now
	}
}

func (s *visit) nextWatch() time.Time {
	for _, after := range watches {
		if at := s.o.AbsentAt.Add(after); at.After(s.now) && at.Before(s.o.WatchUntil) {
			return at
		}
	}
	if len(s.o.Silent) > 0 && !s.now.Before(s.o.WatchUntil) {
		return s.now.Add(s.Limits.SweepEvery)
	}
	return s.o.WatchUntil
}
