package flows_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
)

// leaves has somebody deactivated.
func (r *rig) leaves(who string) {
	r.people.ChangeProfile(r.people.Account(who), func(p *facts.Profile) { p.Kind = facts.Deleted })
}

func TestWhoLeftLosesWhatTheyHave(t *testing.T) {
	r := newRig(t)
	held := r.opened(r.approve("bob", r.ask("alice", "ec2")).ID.Grant())
	waits, other := r.ask("alice", "ec2"), r.ask("dave", "ec2")
	if err := r.Recheck(t.Context(), held.Holder); err != nil || r.stored(waits.ID).State != access.Pending {
		t.Fatalf("a member: %v, %s", err, r.stored(waits.ID).State)
	}
	r.leaves("alice")
	r.load("") // ending needs no rules
	if err := r.Recheck(t.Context(), held.Holder); err != nil {
		t.Fatal(err)
	}
	g, _ := r.grant(held.Request)
	want := access.End{At: noon, Cause: access.EndedEarly, Detail: "alice is no longer an active member."}
	if g.State != access.Closing || g.End != want {
		t.Errorf("grant %s, end %+v", g.State, g.End)
	}
	q := r.stored(waits.ID)
	if d := q.Decisions[0]; q.State != access.Denied || d.Name != "Sesame" || d.Reason != want.Detail {
		t.Errorf("request %s, decision %+v", q.State, d)
	}
	if s := r.stored(other.ID).State; s != access.Pending {
		t.Errorf("somebody else's request is %s", s)
	}
	if !slices.Contains(r.types(held.Request), access.EventEnding) || !slices.Contains(r.types(q.ID), access.EventDenied) {
		t.Errorf("recorded %v and %v", r.types(held.Request), r.types(q.ID))
	}
	if !slices.Equal(r.left, []string{string(held.Holder) + ": " + want.Detail}) {
		t.Errorf("elsewhere it was told of %v", r.left)
	}
	before := len(r.log())
	if err := r.Recheck(t.Context(), held.Holder); err != nil || len(r.log()) != before {
		t.Errorf("again: %v, %d events more", err, len(r.log())-before)
	}
}

func TestNobodyLeavesWhileNobodyCanSay(t *testing.T) {
	r := newRig(t)
	held := r.opened(r.approve("bob", r.ask("alice", "ec2")).ID.Grant())
	r.leaves("alice")
	r.people.Disable("user-alice")
	r.people.Fail(factstest.Slack, access.ErrUnavailable)
	if err := r.Recheck(t.Context(), held.Holder); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("error %v, want that nobody can say", err)
	}
	if g, _ := r.grant(held.Request); g.State != access.Open {
		t.Errorf("grant is %s", g.State)
	}
	if err := r.Recheck(t.Context(), "p-nobody"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("somebody unknown: %v", err)
	}
}

// Whoever asks the Desk about somebody who left finds out.
func TestLeavingIsNoticedAtAnyCheck(t *testing.T) {
	for name, do := range map[string]func(r *rig, waits access.Request){
		"they ask again":       func(r *rig, _ access.Request) { _, _ = r.Ask(r.t.Context(), r.draft("alice", "ec2")) },
		"somebody approves":    func(r *rig, q access.Request) { _, _ = r.Approve(r.t.Context(), r.say("bob", q)) },
		"they want to approve": func(r *rig, _ access.Request) { _, _ = r.Approve(r.t.Context(), r.say("alice", r.ask("dave", "ec2"))) },
	} {
		r := newRig(t)
		held := r.opened(r.approve("bob", r.ask("alice", "ec2")).ID.Grant())
		waits := r.ask("alice", "ec2")
		r.people.Disable("user-alice")
		do(r, waits)
		if g, _ := r.grant(held.Request); g.State != access.Closing || !strings.Contains(g.End.Detail, "no longer") {
			t.Errorf("%s: grant is %s, %q", name, g.State, g.End.Detail)
		}
		if s := r.stored(waits.ID).State; s != access.Denied {
			t.Errorf("%s: request is %s", name, s)
		}
	}
}

func TestLeavingMeetsAnEnd(t *testing.T) {
	r := newRig(t)
	held := r.opened(r.approve("bob", r.ask("alice", "ec2")).ID.Grant())
	r.leaves("alice")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := r.Recheck(t.Context(), held.Holder); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.count(access.EventEnding); n != 1 {
		t.Errorf("it ended %d times", n)
	}
}
