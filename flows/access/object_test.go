package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
)

func TestLeases(t *testing.T) {
	o := access.Object{Spec: access.Spec{Key: "a", Lane: "1"}}
	if o.Wanted() || o.LeasedBy("g-1") || o.Holders() != nil {
		t.Error("the zero object is wanted")
	}
	one := o.Leased("g-1", after(time.Hour), noon)
	two := one.Leased("g-2", after(2*time.Hour), after(time.Minute))
	if !slices.Equal(two.Holders(), []access.GrantID{"g-1", "g-2"}) || !two.NextAt.Equal(after(time.Minute)) {
		t.Errorf("holders %v, due %v", two.Holders(), two.NextAt)
	}
	again := two.Leased("g-1", after(3*time.Hour), after(2*time.Minute))
	if len(again.Leases) != 2 || !again.LeasedBy("g-1") {
		t.Errorf("one grant has two leases: %v", again.Leases)
	}
	longer := two.Extended("g-1", after(5*time.Hour))
	if !longer.Leases[0].Until.Equal(after(5*time.Hour)) || !longer.NextAt.Equal(two.NextAt) {
		t.Errorf("extended: %v, due %v", longer.Leases, longer.NextAt)
	}
	if diff := cmp.Diff(two, two.Extended("g-3", noon)); diff != "" {
		t.Errorf("extending a lease that is not there: %s", diff)
	}
	none := two.Released("g-1", noon, false).Released("g-2", noon, true)
	if none.Wanted() || !slices.Equal(none.Closing, []access.GrantID{"g-1", "g-2"}) || !none.Urgent {
		t.Errorf("released: %v, closing %v, urgent %v", none.Leases, none.Closing, none.Urgent)
	}
	if twice := none.Released("g-2", noon, false); len(twice.Closing) != 2 {
		t.Errorf("released twice, owed %v", twice.Closing)
	}
	if left := none.Receipted("g-1"); !slices.Equal(left.Closing, []access.GrantID{"g-2"}) {
		t.Errorf("after one receipt, owed %v", left.Closing)
	}
	if len(one.Leases) != 1 || len(two.Leases) != 2 || !two.Leases[0].Until.Equal(after(time.Hour)) {
		t.Errorf("a change reached the object before it: %v, %v", one.Leases, two.Leases)
	}
}

// What was proven before a lease was taken proves nothing for that grant.
func TestANewLeaseNeedsNewProof(t *testing.T) {
	was := access.Object{
		State: access.Gone, AttemptAt: noon, AbsentAt: noon, AbsentReads: 2, Watched: true, Failure: "AWS refused", Urgent: true,
	}
	o := was.Leased("g-2", after(time.Hour), after(time.Minute)).Released("g-2", after(2*time.Minute), false)
	if r, proven := o.Receipt(); proven {
		t.Errorf("receipt %+v from before the grant", r)
	}
	if o.Failure != "" || o.Watched {
		t.Errorf("kept failure %q, watched %v", o.Failure, o.Watched)
	}
}

func TestReceipt(t *testing.T) {
	made := access.Object{Spec: access.Spec{Key: "a", Name: "a for alice"}, AttemptAt: noon, SeenAt: noon, Removal: "op-1"}
	with := func(state access.ObjectState, change func(*access.Object)) access.Object {
		o := made
		o.State = state
		if change != nil {
			change(&o)
		}
		return o
	}
	proof := access.ObjectReceipt{Object: "a", Name: "a for alice", Operation: "op-1", AbsentAt: after(time.Minute), Reads: 2, SeenAt: noon}
	absent := func(o *access.Object) { o.AbsentAt, o.AbsentReads = after(time.Minute), 2 }
	leased := func(o *access.Object) { *o = o.Leased("g-2", after(time.Hour), noon) }
	for name, c := range map[string]struct {
		o    access.Object
		want access.ObjectReceipt
		ok   bool
	}{
		"gone and confirmed":   {with(access.Gone, absent), proof, true},
		"gone by hand, before": {with(access.Gone, absent).Released("g-1", after(time.Hour), false), proof, true},
		"gone, not confirmed":  {with(access.Gone, nil), access.ObjectReceipt{}, false},
		"never made":           {access.Object{Spec: access.Spec{Key: "a"}, State: access.Gone}, access.ObjectReceipt{Object: "a", NeverMade: true}, true},
		"not looked at":        {access.Object{Spec: access.Spec{Key: "a"}}, access.ObjectReceipt{}, false},
		"creating":             {with(access.Creating, nil), access.ObjectReceipt{}, false},
		"present":              {with(access.Present, nil), access.ObjectReceipt{}, false},
		"deleting":             {with(access.Deleting, nil), access.ObjectReceipt{}, false},
		"leaving":              {with(access.Leaving, absent), access.ObjectReceipt{}, false},
		"kept for another":     {with(access.Present, leased), access.ObjectReceipt{Object: "a", Name: "a for alice", KeptFor: []access.GrantID{"g-2"}}, true},
		"foreign":              {with(access.Foreign, nil), access.ObjectReceipt{Object: "a", Name: "a for alice", Foreign: true}, true},
		"foreign and leased":   {with(access.Foreign, leased), access.ObjectReceipt{Object: "a", Name: "a for alice", Foreign: true}, true},
	} {
		got, ok := c.o.Receipt()
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s: enough %v, want %v (-want +got):\n%s", name, ok, c.ok, diff)
		}
	}
}

func TestObjectIndex(t *testing.T) {
	o := access.Object{Spec: access.Spec{Key: "a", Lane: "1"}}
	if got := o.Index(1); !slices.Equal(got, []access.Index{{Name: access.IndexObjects, Value: "1"}}) {
		t.Errorf("at rest: %v", got)
	}
	o.NextAt = noon
	if got := o.Index(1); !slices.Contains(got, access.Index{Name: access.IndexDue, Value: access.TimeKey(noon)}) {
		t.Errorf("waiting: %v", got)
	}
}
