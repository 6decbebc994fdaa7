package access_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

func TestWhatWasCalledIsSaid(t *testing.T) {
	most := []access.Called{{Operation: "ec2:DescribeInstances", Times: 12}, {Operation: "s3:GetObject", Times: 1}}
	for want, c := range map[string]access.Calls{
		"":                                     {Reads: 1},
		"AWS was not called":                   {At: noon},
		"1 call of AWS: 1 to read, 0 to write": {At: noon, Reads: 1},
		"14 calls of AWS: 12 to read, 2 to write · ec2:DescribeInstances (12), s3:GetObject (1)":       {At: noon, Reads: 12, Writes: 2, Most: most},
		"0 calls of AWS|2 calls refused · iam:CreateAccessKey (2)":                                     {At: noon, Refused: 2, RefusedMost: []access.Called{{Operation: "iam:CreateAccessKey", Times: 2}}},
		"At least 3 calls of AWS: 3 to read, 0 to write|At least 1 call refused":                       {At: noon, Reads: 3, Refused: 1, More: true},
		"How often AWS was called could not be counted, because the record of calls could not be read": {At: noon, Unknown: "because the record of calls could not be read"},
	} {
		if got := strings.Join(c.Sentences(), "|"); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

func TestCallsAreCountedOnceAndAtTheEnd(t *testing.T) {
	closed := access.Grant{ID: "g-1", State: access.Closed, Recorded: true, OpenedAt: noon}
	listed := func(g access.Grant) bool {
		for _, x := range g.Index(1) {
			if x.Name == access.IndexUncounted {
				return true
			}
		}
		return false
	}
	if !closed.Uncounted() || !listed(closed) {
		t.Error("a closed grant whose calls were recorded is not to be counted")
	}
	counted, err := closed.Counted(access.Calls{At: noon.Add(time.Hour), Reads: 3})
	if err != nil || counted.Receipt.Calls.Reads != 3 || counted.Uncounted() || listed(counted) {
		t.Errorf("counted: %+v, %v", counted, err)
	}
	for name, change := range map[string]func(*access.Grant){
		"one that is open":             func(g *access.Grant) { g.State = access.Open },
		"one that was never open":      func(g *access.Grant) { g.OpenedAt = time.Time{} },
		"one that is not recorded":     func(g *access.Grant) { g.Recorded = false },
		"one that was counted already": func(g *access.Grant) { *g = counted },
	} {
		g := closed
		change(&g)
		if _, err := g.Counted(access.Calls{At: noon}); err == nil || listed(g) {
			t.Errorf("%s is counted", name)
		}
	}
	if _, err := closed.Counted(access.Calls{}); err == nil {
		t.Error("a count without a moment is taken")
	}
}
