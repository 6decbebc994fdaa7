package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/store/memory"
)

// TestCheckpointsCarryWhereTheCallsStood has calls that come with events, alone
// and not at all, and a record of them that fails.
func TestCheckpointsCarryWhereTheCallsStood(t *testing.T) {
	s, c := memory.New(), clock.Frozen(noon)
	var at string
	var failing error
	var failed []error
	a := open(t, audit.Options{
		Store: s, Dir: t.TempDir(), Clock: c, Calls: func() (string, error) { return at, failing },
		Failed: func(err error) { failed = append(failed, err) },
	})
	at = "1:a"
	if h := checkpoint(t, a); h.Number != 0 {
		t.Errorf("a first checkpoint of calls alone: %v", h)
	}
	for _, step := range []struct {
		what, at string
		events   bool
		pass     time.Duration
		err      error
		number   uint64
	}{
		{what: "events and calls", at: "2:b", events: true, number: 1},
		{what: "calls, too soon", at: "3:c", number: 1},
		{what: "calls, a minute later", at: "3:c", pass: time.Minute, number: 2},
		{what: "nothing, a minute later", at: "3:c", pass: time.Minute, number: 2},
		{what: "events, and calls cannot be asked", at: "4:d", events: true, err: errors.New("disk"), number: 3},
		{what: "events and calls again", at: "5:e", events: true, number: 4},
	} {
		at, failing = step.at, step.err
		if c.Advance(step.pass); step.events {
			happen(t, s, "r-1")
		}
		if h := checkpoint(t, a); h.Number != step.number {
			t.Errorf("%s: checkpoint %d, want %d", step.what, h.Number, step.number)
		}
	}
	var told []string
	got, err := audit.Verify(t.Context(), s, a.PublicKey(), audit.VerifyOptions{Head: a.Head(), Calls: func(head string) { told = append(told, head) }})
	if err != nil || got.Checkpoints != 4 || len(failed) != 1 {
		t.Errorf("%+v, %v; failed %v", got, err, failed)
	}
	if diff := cmp.Diff([]string{"2:b", "3:c", "5:e"}, told); diff != "" {
		t.Error(diff)
	}
}
