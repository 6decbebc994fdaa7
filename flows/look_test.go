package flows_test

import (
	"testing"

	"sesame/flows/access"
	"sesame/flows/facts/factstest"
)

func TestWhoSeesARequest(t *testing.T) {
	for who, sees := range map[string]bool{"alice": true, "bob": true, "carol": true, "root": true, "dave": false, "mallory": false, "eve": false} {
		r := newRig(t)
		q := r.ask("alice", "ec2")
		for _, state := range []access.RequestState{access.Pending, access.Approved} {
			if state == access.Approved {
				r.approve("bob", q)
			}
			got, err := r.Look(t.Context(), r.people.Account(who), q.ID)
			if sees && (err != nil || got.ID != q.ID || got.State != state) {
				t.Errorf("%s sees %s of %s: %v", who, got.State, state, err)
			}
			if !sees {
				refused(t, who+" looks", err)
				if got.ID != "" {
					t.Errorf("%s is refused and handed %s", who, got.ID)
				}
			}
		}
	}
}

func TestARequestOfOthersIsAsIfItWereNone(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	_, theirs := r.Look(t.Context(), r.people.Account("dave"), q.ID)
	_, none := r.Look(t.Context(), r.people.Account("dave"), "r-0000000000")
	a, b := refused(t, "somebody else's", theirs), refused(t, "none", none)
	if a.Code != access.RefusedUnknown || a.Code != b.Code {
		t.Errorf("somebody else's is %q and none is %q", a.Code, b.Code)
	}
}

func TestWhoCannotBeToldApartSeesNothing(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "ec2")
	r.ask("root", "ec2") // links them
	r.people.Fail(factstest.SlackGroups, errDown)
	for who, want := range map[string]access.RefusalCode{"carol": access.RefusedUnable, "root": "", "alice": ""} {
		_, err := r.Look(t.Context(), r.people.Account(who), q.ID)
		if want == "" && err != nil {
			t.Errorf("%s: %v", who, err)
		}
		if want != "" && refused(t, who, err).Code != want {
			t.Errorf("%s: %v", who, err)
		}
	}
}
