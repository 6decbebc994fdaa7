package flows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/facts/factstest"
)

// waiting are the ids of what waits for somebody.
func (r *rig) waiting(who string) []access.RequestID {
	r.t.Helper()
	all, err := r.Waiting(r.t.Context(), r.people.Account(who))
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []access.RequestID
	for _, q := range all {
		ids = append(ids, q.ID)
	}
	return ids
}

func TestWhatWaitsForWhom(t *testing.T) {
	r := newRig(t)
	first := r.ask("dave", "ec2")
	r.clock.Advance(time.Minute)
	second := r.ask("alice", "ec2")
	for who, want := range map[string][]access.RequestID{
		"bob": {first.ID, second.ID}, "carol": {first.ID, second.ID}, "alice": nil, "dave": nil, "root": nil,
	} {
		if got := r.waiting(who); !slices.Equal(got, want) {
			t.Errorf("for %s waits %v, want %v", who, got, want)
		}
	}
	own := r.ask("bob", "ec2")
	if got := r.waiting("bob"); slices.Contains(got, own.ID) {
		t.Error("one's own request waits for oneself")
	}
	r.approve("bob", first)
	if got := r.waiting("carol"); slices.Contains(got, first.ID) {
		t.Error("what is decided waits on")
	}
	if _, err := r.Waiting(t.Context(), r.people.Account("eve")); err == nil {
		t.Error("a guest is shown what waits")
	}
}

// TestWhatWaitsForTwo has one of two approvals given.
func TestWhatWaitsForTwo(t *testing.T) {
	r := newRig(t)
	q := r.ask("alice", "billing")
	if q.State != access.Pending {
		t.Fatalf("the request is %s", q.State)
	}
	r.approve("bob", q)
	if got := r.waiting("bob"); len(got) != 0 {
		t.Errorf("%v waits for who approved it", got)
	}
	if got := r.waiting("carol"); !slices.Equal(got, []access.RequestID{q.ID}) {
		t.Errorf("for carol waits %v", got)
	}
}

// What was approved as it was before waits for who approved it once more.
func TestWhatChangedWaitsAgain(t *testing.T) {
	r := newRig(t)
	q := r.approve("bob", r.ask("alice", "billing"))
	r.load("later.yaml")
	if _, err := r.Approve(t.Context(), r.say("carol", q)); refused(t, "what has changed", err).Code != access.RefusedChanged {
		t.Fatal(err)
	}
	if got := r.waiting("bob"); !slices.Equal(got, []access.RequestID{q.ID}) {
		t.Errorf("for bob waits %v", got)
	}
}

func TestWhatWaitsIsNotGuessed(t *testing.T) {
	r := newRig(t)
	r.ask("alice", "ec2")
	r.people.Fail(factstest.Slack, access.ErrUnavailable)
	_, err := r.Waiting(t.Context(), r.people.Account("bob"))
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != access.RefusedUnable {
		t.Errorf("while nobody says who is an approver: %v", err)
	}
}
