package flowtest_test

import (
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowtest"
)

// TestApproversOfSeveralGroupsAllCount walks a request of the bank through the
// stages of its route: one of the owners, then two of security, then one of the
// change board.
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
		{"sam", "staff", false, 4}, {"ines", "security", false, 4}, {"carla", "cards", false, 4}, {"piet", "payments", true, 3},
		{"piet2", "payments", false, 3}, {"ines", "security", true, 2}, {"ines", "security", false, 2}, {"chair", "change-board", false, 2},
		{"omar", "security", true, 1}, {"wei", "security", false, 1}, {"chair", "change-board", true, 0},
	} {
		s := access.Standing{
			Person: access.Person{ID: access.PersonID("p-" + step.who), Principal: access.Principal(step.who), Name: step.who},
			Groups: map[string]bool{step.group: true}, Active: true, Fit: true,
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
