package flowtest_test

import (
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowtest"
)

// TestApproversOfSeveralGroupsAllCount walks a request of the bank through the
// approvals that its route wants: one of the owners, two of security, and one
// of the change board.
func TestApproversOfSeveralGroupsAllCount(t *testing.T) {
	set, err := flowtest.Open(corpus + "/bank")
	if err != nil {
		t.Fatal(err)
	}
	w := flowtest.World{People: map[string]flowtest.Person{"paula@bank.example": {Groups: []string{"staff", "payments"}}}}
	a, err := w.Ask(set, flowtest.Question{
		As: "paula@bank.example", Target: "payments-write", Fields: map[string]string{"ticket": "CHG-1"}, At: time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC),
	})
	if err != nil || !a.Allow {
		t.Fatal(a.Sentences(), err)
	}
	r := a.Request
	for _, step := range []struct {
		who, group string
		counts     bool
		missing    int
	}{
		{"sam", "staff", false, 4}, {"ines", "security", true, 3}, {"ines", "security", false, 3}, {"carla", "cards", false, 3},
		{"piet", "payments", true, 2}, {"chair", "change-board", true, 1}, {"piet2", "payments", false, 1}, {"omar", "security", true, 0},
	} {
		s := access.Standing{
			Person: access.Person{ID: access.PersonID("p-" + step.who), Principal: access.Principal(step.who), Name: step.who},
			Groups: map[string]bool{step.group: true}, Active: true,
		}
		err := access.Authorize(access.Approve, s, r)
		if err == nil {
			var after access.Request
			if after, err = r.Approve(s, access.Decision{At: r.AskedAt}); err == nil {
				r = after
			}
		}
		if (err == nil) != step.counts || r.Missing() != step.missing {
			t.Errorf("%s of %s: %v, %d missing, want counted %t and %d", step.who, step.group, err, r.Missing(), step.counts, step.missing)
		}
	}
	if r.State != access.Approved {
		t.Errorf("the request is %s", r.State)
	}
}
