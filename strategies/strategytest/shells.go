package strategytest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
)

// RunShells holds what ends sessions to the suite. newRig is called once for each
// test.
func RunShells(t *testing.T, newRig func(*testing.T) ShellRig) {
	for _, c := range []struct {
		name string
		test func(*shellBench)
	}{
		{"where nobody is, there is none", noShells},
		{"a session is its owner's, on machines of the object", ownShells},
		{"a machine of two objects is each one's", sharedMachine},
		{"many are all found", manyShells},
		{"one that is cut is over, and no other is", cutShell},
		{"cutting one that is over succeeds", cutTwice},
		{"a lost answer had its effect", cutLostAnswer},
		{"a lost request had none", cutLostRequest},
		{"an error says whether it had an effect", cutClasses},
		{"what could not be read is not none", unreadShells},
		{"one that is slow to end is open until it is over", slowShell},
		{"nothing is sent once the context is over", shellsOverContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&shellBench{t, newRig(t)}) })
	}
}

// A shellBench is one test at work.
type shellBench struct {
	*testing.T
	ShellRig
}

// want holds what is found for s to these sessions.
func (b *shellBench) want(s access.Spec, ids ...string) []access.Session {
	b.Helper()
	all, err := b.Cutter.Sessions(b.Context(), s)
	if err != nil {
		b.Fatalf("sessions of %s: %v", s.Key, err)
	}
	var got []string
	for _, one := range all {
		if !one.Elsewhere {
			got = append(got, one.ID)
		}
		if one.Machine == "" || one.Region == "" || one.StartedAt.Sub(b.Clock.Now()).Abs() > time.Hour {
			b.Errorf("a session is %+v", one)
		}
	}
	slices.Sort(got)
	slices.Sort(ids)
	if diff := cmp.Diff(ids, got); diff != "" {
		b.Errorf("sessions of %s (-want +got):\n%s", s.Key, diff)
	}
	return all
}

// cut ends the session of s with an id.
func (b *shellBench) cut(s access.Spec, id string) error {
	b.Helper()
	all, err := b.Cutter.Sessions(b.Context(), s)
	i := slices.IndexFunc(all, func(one access.Session) bool { return one.ID == id })
	if err != nil || i < 0 {
		b.Fatalf("there is no session %s of %s: %v, %v", id, s.Key, all, err)
	}
	return b.Cutter.Cut(b.Context(), s, all[i])
}

func (b *shellBench) wantOpen(id string, open bool) {
	b.Helper()
	if got := b.World.Open(id); got != open {
		b.Errorf("%s is open: %v, want %v", id, got, open)
	}
}

func noShells(b *shellBench) { b.want(b.Spec(1, 1)) }

func ownShells(b *shellBench) {
	mine, other, somebodys := b.Spec(1, 1), b.Spec(1, 2), b.Spec(2, 1)
	first, second, third := b.World.Start(mine), b.World.Start(other), b.World.Start(somebodys)
	again := b.World.Start(mine)
	b.want(mine, first, again)
	b.want(other, second)
	if all := b.want(somebodys, third); len(all) != 1 {
		b.Errorf("somebody has %v", all)
	}
	if all := b.want(mine, first, again); len(all) != 3 {
		b.Errorf("of three sessions there are %v", all)
	}
}

// sharedMachine has two people on the same machines as well, each of whom has
// an object there.
func sharedMachine(b *shellBench) {
	one, two, hers := b.Spec(1, 1), b.Spec(1, 2), b.Spec(2, 1)
	both, his := b.World.Start(one, two), b.World.Start(hers, one)
	b.want(one, both)
	b.want(two, both)
	b.want(hers, his)
}

func manyShells(b *shellBench) {
	s := b.Spec(1, 1)
	var ids []string
	for range 7 {
		ids = append(ids, b.World.Start(s))
		b.World.Start(b.Spec(2, 1))
	}
	b.want(s, ids...)
}

func cutShell(b *shellBench) {
	mine, somebodys := b.Spec(1, 1), b.Spec(2, 1)
	first, second, third := b.World.Start(mine), b.World.Start(mine), b.World.Start(somebodys, mine)
	if err := b.cut(mine, first); err != nil {
		b.Fatal(err)
	}
	b.wantOpen(first, false)
	b.wantOpen(second, true)
	b.wantOpen(third, true)
	b.want(mine, second)
}

func cutTwice(b *shellBench) {
	s := b.Spec(1, 1)
	b.World.Start(s)
	one := b.want(s, b.ids(s)...)[0]
	for range 2 {
		if err := b.Cutter.Cut(b.Context(), s, one); err != nil {
			b.Fatal(err)
		}
	}
	b.want(s)
}

// ids are those of the sessions of s, as it is said.
func (b *shellBench) ids(s access.Spec) (ids []string) {
	all, err := b.Cutter.Sessions(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	return ids
}

func cutLostAnswer(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	b.World.Break(Fault{Kind: LostAnswer, On: access.Removal})
	if err := b.cut(s, id); err == nil || access.ClassOf(err) != access.Ambiguous {
		b.Errorf("got %v, want it ambiguous", err)
	}
	b.wantOpen(id, false)
	b.want(s)
}

func cutLostRequest(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	b.World.Break(Fault{Kind: LostRequest, On: access.Removal})
	if err := b.cut(s, id); err == nil || access.ClassOf(err) != access.Ambiguous {
		b.Errorf("got %v, want it ambiguous", err)
	}
	b.want(s, id)
	if err := b.cut(s, id); err != nil {
		b.Fatal(err)
	}
	b.want(s)
}

func cutClasses(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	for fault, class := range map[FaultKind]access.Class{Throttled: access.Throttled, Refused: access.Refused} {
		b.World.Break(Fault{Kind: fault, On: access.Removal})
		before := b.World.Cuts()
		if err := b.cut(s, id); err == nil || access.ClassOf(err) != class {
			b.Errorf("got %v, want it %v", err, class)
		}
		if n := b.World.Cuts() - before; n != 1 {
			b.Errorf("its end was asked for %d times, want once: repeating is the Keeper's", n)
		}
		b.Clock.Advance(patience)
		b.want(s, id)
	}
}

func unreadShells(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	for _, fault := range []FaultKind{LostRequest, LostAnswer, Throttled, Refused} {
		b.World.Break(Fault{Kind: fault})
		if all, err := b.Cutter.Sessions(b.Context(), s); err == nil {
			b.Errorf("struck by %d: found %v, want an error", fault, all)
		}
		b.Clock.Advance(patience)
	}
	b.want(s, id)
}

func slowShell(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	b.World.Break(Fault{Kind: SlowOperation, On: access.Removal, Delay: patience})
	if err := b.cut(s, id); err != nil {
		b.Fatal(err)
	}
	b.want(s, id)
	if err := b.cut(s, id); err != nil {
		b.Fatal(err)
	}
	b.Clock.Advance(patience)
	b.want(s)
	b.wantOpen(id, false)
}

func shellsOverContext(b *shellBench) {
	s := b.Spec(1, 1)
	id := b.World.Start(s)
	one := b.want(s, id)[0]
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	before := b.World.Cuts()
	if all, err := b.Cutter.Sessions(ctx, s); err == nil || access.ClassOf(err) == access.Refused {
		b.Errorf("found %v, %v, want an error that can be tried again", all, err)
	}
	if err := b.Cutter.Cut(ctx, s, one); err == nil || access.ClassOf(err) == access.Refused {
		b.Errorf("cut: %v, want an error that can be tried again", err)
	}
	if b.wantOpen(id, true); b.World.Cuts() != before {
		b.Error("something was sent")
	}
}
