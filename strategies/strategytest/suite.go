package strategytest

import (
	"testing"
	"time"

	"sesame/flows/access"
)

// Run holds a way to the suite. newRig is called once for each test.
func Run(t *testing.T, newRig func(*testing.T) Rig) {
	for _, c := range []struct {
		name string
		test func(*bench)
	}{
		{"applied is there, removed is gone", appliedAndRemoved},
		{"applying twice leaves one object", appliedTwice},
		{"removing what is not there succeeds", removedTwice},
		{"what runs is seen", runningIsSeen},
		{"what was made by hand is not ours", byHandIsForeign},
		{"what we made is ours", oursIsKnown},
		{"objects do not touch each other", objectsAreApart},
		{"a lost answer is found", lostAnswer},
		{"a lost answer is found however late", lostAnswerLate},
		{"a lost answer of a removal is found", lostRemoval},
		{"a lost request had no effect", lostRequest},
		{"an error says whether it had an effect", classes},
		{"a failed creation made nothing", failedCreation},
		{"a failed removal removed nothing", failedRemoval},
		{"an operation that never finishes can be overcome", stuckOperation},
		{"reads may lag", laggingReads},
		{"an unknown operation is refused", unknownOperation},
		{"nothing is sent once the context is over", overContext},
		{"many at once", manyAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&bench{t, newRig(t)}) })
	}
}

// A bench is one test at work.
type bench struct {
	*testing.T
	Rig
}

// patience is how long an operation may take that is not stuck.
const patience = time.Minute

// finish polls op until it is over.
func (b *bench) finish(s access.Spec, op access.Operation) access.Operation {
	b.Helper()
	for waited := time.Duration(0); op.State == access.OpRunning; waited += time.Second {
		if waited > patience {
			b.Fatalf("%s of %s still runs after %v", op.Kind, s.Key, patience)
		}
		b.Clock.Advance(time.Second)
		var err error
		if op, err = b.Way.Poll(b.Context(), s, op); err != nil {
			b.Fatalf("poll: %v", err)
		}
	}
	return op
}

func (b *bench) apply(s access.Spec) {
	b.Helper()
	op, err := b.Way.Apply(b.Context(), s)
	if err != nil {
		b.Fatalf("apply: %v", err)
	}
	if op.Kind != access.Creation {
		b.Errorf("apply started a %q", op.Kind)
	}
	if op = b.finish(s, op); op.State != access.OpSucceeded {
		b.Fatalf("creation is %s: %s", op.State, op.Reason)
	}
}

func (b *bench) remove(s access.Spec) {
	b.Helper()
	op, err := b.Way.Remove(b.Context(), s)
	if err != nil {
		b.Fatalf("remove: %v", err)
	}
	if op.Kind != access.Removal {
		b.Errorf("remove started a %q", op.Kind)
	}
	if op = b.finish(s, op); op.State != access.OpSucceeded {
		b.Fatalf("removal is %s: %s", op.State, op.Reason)
	}
}

func (b *bench) observe(s access.Spec, since time.Time) access.Observation {
	b.Helper()
	seen, err := b.Way.Observe(b.Context(), s, since)
	if err != nil {
		b.Fatalf("observe: %v", err)
	}
	return seen
}

// want holds both the observation and the truth to what is expected, with
// nothing running.
func (b *bench) want(s access.Spec, exists bool) {
	b.Helper()
	seen := b.observe(s, time.Time{})
	if truth := b.World.Exists(s); truth != exists || seen.Present != exists {
		b.Errorf("%s: there is %v, observed %v, want %v", s.Key, truth, seen.Present, exists)
	}
	if !seen.Running.IsZero() {
		b.Errorf("%s: %s still runs", s.Key, seen.Running.Kind)
	}
}

// wantClass applies or removes and expects an error of a class.
func (b *bench) wantClass(s access.Spec, kind access.OpKind, class access.Class) {
	b.Helper()
	do := b.Way.Apply
	if kind == access.Removal {
		do = b.Way.Remove
	}
	before := b.World.Writes()
	op, err := do(b.Context(), s)
	if err == nil || access.ClassOf(err) != class {
		b.Fatalf("%s: got %+v, %v, want an error that is %v", kind, op, err, class)
	}
	if n := b.World.Writes() - before; n != 1 {
		b.Errorf("%s was sent %d times, want once: repeating is the Keeper's", kind, n)
	}
}

// settle waits until nothing runs on s.
func (b *bench) settle(s access.Spec, since time.Time) access.Observation {
	b.Helper()
	for waited := time.Duration(0); waited < 2*patience; waited += time.Second {
		b.Clock.Advance(time.Second)
		if seen := b.observe(s, since); seen.Running.IsZero() {
			return seen
		}
	}
	b.Fatalf("%s does not come to rest", s.Key)
	return access.Observation{}
}

func appliedAndRemoved(b *bench) {
	s := b.Spec(1)
	b.want(s, false)
	b.apply(s)
	b.want(s, true)
	b.remove(s)
	b.want(s, false)
	b.apply(s)
	b.want(s, true)
}

func appliedTwice(b *bench) {
	s := b.Spec(1)
	b.apply(s)
	// A second one may be carried out or refused, as long as it does no harm.
	if op, err := b.Way.Apply(b.Context(), s); err == nil {
		b.finish(s, op)
	}
	b.want(s, true)
	b.remove(s)
	b.want(s, false)
}

func removedTwice(b *bench) {
	s := b.Spec(1)
	b.remove(s)
	b.apply(s)
	b.remove(s)
	b.remove(s)
	b.want(s, false)
}

func runningIsSeen(b *bench) {
	s := b.Spec(1)
	op, err := b.Way.Apply(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	if op.State != access.OpRunning {
		return // a way whose changes are immediate
	}
	if op.ID == "" {
		b.Error("an operation that runs has no id")
	}
	if seen := b.observe(s, op.StartedAt); seen.Running.ID != op.ID || seen.Running.Kind != access.Creation || seen.Present {
		b.Errorf("observed %+v, want creation %s running", seen, op.ID)
	}
	if other := b.observe(b.Spec(2), time.Time{}); !other.Running.IsZero() {
		b.Error("another object's operation is taken for its own")
	}
	b.finish(s, op)
	b.want(s, true)
}

func byHandIsForeign(b *bench) {
	s := b.Spec(1)
	b.World.Put(s, true)
	for _, since := range []time.Time{{}, b.Clock.Now()} {
		if seen := b.observe(s, since); !seen.Present || seen.Made {
			b.Errorf("observed %+v, want present and not ours", seen)
		}
	}
	b.World.Put(s, false)
	b.want(s, false)
}

func oursIsKnown(b *bench) {
	s, since := b.Spec(1), b.Clock.Now()
	b.apply(s)
	if seen := b.observe(s, since); !seen.Made {
		b.Error("a creation of ours is not known as ours")
	}
	if seen := b.observe(s, since.Add(-time.Hour)); seen.Made {
		b.Error("a creation counts for an attempt an hour before")
	}
}

func objectsAreApart(b *bench) {
	one, two := b.Spec(1), b.Spec(2)
	b.apply(one)
	b.want(two, false)
	b.apply(two)
	b.remove(one)
	b.want(two, true)
}
