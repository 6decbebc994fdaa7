package keeper_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/strategies/strategytest"
)

// attempts returns what is recorded of a grant's attempts and their answers, each
// with the kind of the operation.
func (b *bench) attempts(id access.GrantID) (all []string) {
	b.t.Helper()
	events, err := b.store.Stream(b.t.Context(), b.state(id).Request, 1, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		if e.Type != access.EventAttempt && e.Type != access.EventAnswer {
			continue
		}
		kind := access.Removal
		if strings.Contains(string(e.Data), string(access.Creation)) {
			kind = access.Creation
		}
		all = append(all, string(e.Type)+" "+string(kind))
	}
	return all
}

func (b *bench) object(key access.ObjectKey) access.Object {
	b.t.Helper()
	o, _, err := access.Load[access.Object](b.t.Context(), b.store, key.Record())
	if err != nil {
		b.t.Fatal(err)
	}
	return o
}

// Whoever looks when AWS is asked finds in the store that it is about to be: in
// the object, for what comes after a crash, and in the record, for people.
func TestTheIntentIsRecordedBeforeAWSIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		var id access.GrantID
		refused := false
		look := func(state access.ObjectState, kind access.OpKind) {
			o := b.object("a")
			if o.State != state || o.Op.Kind != kind || o.Op.StartedAt.IsZero() {
				t.Errorf("AWS is asked for a %s while the object is %s with %+v", kind, o.State, o.Op)
			}
			if trail := b.attempts(id); len(trail) == 0 || trail[len(trail)-1] != "attempt "+string(kind) {
				t.Errorf("AWS is asked for a %s after %v", kind, trail)
			}
		}
		b.twist(twisted{
			apply: func() (access.Operation, error) {
				look(access.Creating, access.Creation)
				if !refused {
					refused = true
					return access.Operation{}, &access.WayError{Class: access.Busy, Err: errors.New("busy")}
				}
				return b.cloud.Apply(context.Background(), b.spec("a"))
			},
			remove: func() (access.Operation, error) {
				look(access.Deleting, access.Removal)
				return b.cloud.Remove(context.Background(), b.spec("a"))
			},
		})
		id = b.grant("a", time.Hour)
		b.start()
		defer b.stop()
		time.Sleep(2 * time.Hour)
		b.want(id, access.Closed, false)
		want := []string{"attempt creation", "answer creation", "attempt creation", "answer creation", "attempt removal", "answer removal"}
		if trail := slices.Compact(b.attempts(id)); !slices.Equal(trail, want) {
			t.Errorf("recorded %v, want %v", trail, want)
		}
	})
}

// What AWS took on and gave up is told with its reason, and tried again where
// it was to end something.
func TestOperationsThatAWSGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		at := []access.OpKind{access.Creation, access.Removal}
		b.twist(twisted{
			apply: func() (access.Operation, error) {
				if at[0] == access.Creation {
					return access.Operation{Kind: access.Creation, ID: "op-x", State: access.OpFailed, Reason: strategytest.FailReason}, nil
				}
				return b.cloud.Apply(context.Background(), b.spec("a"))
			},
			remove: func() (access.Operation, error) {
				if at[0] == access.Removal {
					at = []access.OpKind{""}
					return access.Operation{Kind: access.Removal, ID: "op-y", State: access.OpFailed, Reason: strategytest.FailReason}, nil
				}
				if failure := b.object("a").Failure; failure != "" {
					t.Errorf("what could not be removed is said to be unable to be made: %s", failure)
				}
				return b.cloud.Remove(context.Background(), b.spec("a"))
			},
		})
		b.start()
		defer b.stop()
		first := b.grant("a", time.Hour)
		time.Sleep(30 * time.Minute)
		if g := b.state(first); g.State != access.Closed || !strings.Contains(g.End.Detail, strategytest.FailReason) {
			t.Errorf("%s, %+v: want it closed with the reason of AWS", g.State, g.End)
		}
		at = at[1:]
		second := b.grant("a", time.Hour)
		time.Sleep(2 * time.Hour)
		b.want(second, access.Closed, false)
		removals := 0
		for _, said := range b.attempts(second) {
			if said == "attempt removal" {
				removals++
			}
		}
		if removals != 2 {
			t.Errorf("its removal was attempted %d times, want once more than AWS gave up: %v", removals, b.attempts(second))
		}
	})
}
