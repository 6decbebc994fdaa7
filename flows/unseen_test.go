package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/facts/factstest"
)

// hidden.yaml has a target for the leads, which nobody else sees, and one that
// only the person on call sees and everybody may have.
func TestWhatIsNotShownIsNotThere(t *testing.T) {
	r := newRig(t)
	r.load("hidden.yaml")
	r.people.SetOnCall("platform", "dave")
	draft := func(who, target string, d time.Duration) flows.Draft {
		q := r.draft(who, target)
		q.Duration = d
		return q
	}
	noTarget := func(who string, q flows.Draft) {
		t.Helper()
		_, err := r.Ask(t.Context(), q)
		refusal := refused(t, who, err)
		want := fmt.Sprintf("There is no target %q: /access list shows what you can ask for.", q.Target)
		if refusal.Code != access.RefusedUnknown || refusal.Text != want || len(refusal.Fields)+len(refusal.Verdict.Reasons) > 0 {
			t.Errorf("%s is told %+v", who, refusal)
		}
	}
	// What the rules and the form would say of it is not said.
	noTarget("alice", draft("alice", "vault", time.Hour))
	noTarget("alice", draft("alice", "vault", time.Minute))
	r.ask("bob", "vault")
	if _, err := r.Ask(t.Context(), draft("bob", "vault", time.Minute)); !strings.Contains(refused(t, "bob", err).Text, "cannot be had for") {
		t.Errorf("bob sees it, and is told %v", err)
	}
	// It takes no authority: whoever may, may.
	r.ask("alice", "pager")
	// What cannot be told is not shown.
	r.people.Fail(factstest.Schedules, errDown)
	noTarget("dave", draft("dave", "pager", time.Minute))
	r.ask("dave", "pager")
}
