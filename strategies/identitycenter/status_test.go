package identitycenter_test

import (
	"fmt"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
)

const (
	listCreations = "ListAccountAssignmentCreationStatus"
	listRemovals  = "ListAccountAssignmentDeletionStatus"
	describe      = "DescribeAccountAssignmentCreationStatus"
)

func TestPollsShareOneList(t *testing.T) {
	r := newRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.Latency = 10 * time.Second })
	var ops []access.Operation
	for i := range 8 {
		account := fmt.Sprintf("77777777777%d", i)
		r.w.AddAccount(awstest.Account{ID: account})
		ops = append(ops, must(r.center.Create(t.Context(), r.assignment(account)))(t))
	}
	for range 5 {
		r.clock.Advance(time.Second)
		for _, op := range ops {
			if now := must(r.center.Poll(t.Context(), op))(t); now.State != access.OpRunning {
				t.Fatalf("%s is %s, want running", op.ID, now.State)
			}
		}
	}
	if lists, singles := r.took(listCreations), r.took(describe); lists != 5 || singles != 0 {
		t.Errorf("40 polls in 5 seconds took %d lists and %d single looks, want 5 and none", lists, singles)
	}
	r.clock.Advance(10 * time.Second)
	for _, op := range ops {
		if now := must(r.center.Poll(t.Context(), op))(t); now.State != access.OpSucceeded {
			t.Errorf("%s is %s, want succeeded", op.ID, now.State)
		}
	}
	if lists, singles := r.took(listCreations), r.took(describe); lists != 2 || singles != 0 {
		t.Errorf("8 ends took %d lists and %d single looks, want one of what runs and one of what failed", lists, singles)
	}
	if n := r.took(listRemovals); n != 0 {
		t.Errorf("removals were listed %d times", n)
	}
}

func TestPollTellsFailuresFromSuccesses(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.FailOperation, Operation: createCall, Reason: "role quota reached"})
	var ops []access.Operation
	for i := range 4 {
		account := fmt.Sprintf("77777777777%d", i)
		r.w.AddAccount(awstest.Account{ID: account})
		ops = append(ops, must(r.center.Create(t.Context(), r.assignment(account)))(t))
	}
	for _, op := range ops { // so that a list has shown them
		must(r.center.Poll(t.Context(), op))(t)
	}
	r.clock.Advance(2 * time.Second)
	for i, op := range ops {
		now := must(r.center.Poll(t.Context(), op))(t)
		if failed := now.State == access.OpFailed; failed != (i == 0) || failed && now.Reason != "role quota reached" {
			t.Errorf("operation %d: %+v", i, now)
		}
	}
	if n := r.took(describe); n != 1 {
		t.Errorf("%d single looks, want one at what failed", n)
	}
}

func TestListsThatLagAreNotBelieved(t *testing.T) {
	r := newRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.Lag, s.Latency = 5*time.Second, 3*time.Second })
	var ops []access.Operation
	for i := range 4 {
		account := fmt.Sprintf("77777777777%d", i)
		r.w.AddAccount(awstest.Account{ID: account})
		ops = append(ops, must(r.center.Create(t.Context(), r.assignment(account)))(t))
	}
	for range 2 {
		r.clock.Advance(time.Second)
		for _, op := range ops {
			if now := must(r.center.Poll(t.Context(), op))(t); now.State != access.OpRunning {
				t.Errorf("%s is %s, want running though no list shows it", op.ID, now.State)
			}
		}
	}
}

func TestALateOperationIsLookedForInTime(t *testing.T) {
	r := newRig(t)
	first := must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	r.clock.Advance(2 * time.Second)
	must(r.center.Poll(t.Context(), first))(t) // so it takes two seconds
	second := must(r.center.Create(t.Context(), r.assignment(billing)))(t)
	r.clock.Advance(1400 * time.Millisecond)
	must(r.center.Poll(t.Context(), second))(t)
	r.clock.Advance(600 * time.Millisecond)
	if now := must(r.center.Poll(t.Context(), second))(t); now.State != access.OpSucceeded {
		t.Errorf("when it is over: %s, want succeeded: the list of 600ms before says nothing", now.State)
	}
}

func TestPollTellsTheReason(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.FailOperation, Operation: createCall, Reason: "role quota reached"})
	op := must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if now := must(r.center.Poll(t.Context(), op))(t); now.State != access.OpFailed || now.Reason != "role quota reached" {
		t.Errorf("got %+v, want failed for its reason", now)
	}
}

func TestForgottenOperationIsRefused(t *testing.T) {
	r := newRig(t)
	op := must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	r.clock.Advance(25 * time.Hour)
	if _, err := r.center.Poll(t.Context(), op); access.ClassOf(err) != access.Refused {
		t.Errorf("got %v, want refused", err)
	}
}

func TestRunningFindsWhatHadNoAnswer(t *testing.T) {
	r := newRig(t)
	if op := must(r.center.Running(t.Context(), r.assignment(payments)))(t); !op.IsZero() {
		t.Errorf("running = %+v, want none", op)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Drop, Operation: createCall, AfterEffect: true})
	_, err := r.center.Create(t.Context(), r.assignment(payments))
	if access.ClassOf(err) != access.Ambiguous {
		t.Fatalf("got %v, want ambiguous", err)
	}
	op := must(r.center.Running(t.Context(), r.assignment(payments)))(t) // at the same moment
	if op.Kind != access.Creation || op.State != access.OpRunning || op.ID == "" || !op.StartedAt.Equal(noon) {
		t.Errorf("running = %+v, want the creation", op)
	}
	if other := must(r.center.Running(t.Context(), r.assignment(billing)))(t); !other.IsZero() {
		t.Errorf("running elsewhere = %+v, want none", other)
	}
}

func TestRunningFindsOthersOperations(t *testing.T) {
	r := newRig(t)
	other := must(identitycenter.Open(t.Context(), r.config()))(t)
	r.w.Assign(awstest.Tuple{Account: payments, PermissionSet: r.set, PrincipalType: "USER", Principal: string(r.alice)})
	must(other.Delete(t.Context(), r.assignment(payments)))(t)
	if op := must(r.center.Running(t.Context(), r.assignment(payments)))(t); op.Kind != access.Removal {
		t.Errorf("running = %+v, want the removal", op)
	}
	r.clock.Advance(time.Minute)
	if op := must(r.center.Running(t.Context(), r.assignment(payments)))(t); !op.IsZero() {
		t.Errorf("once done: %+v, want none", op)
	}
}

func TestMadeKnowsOurOwn(t *testing.T) {
	r := newRig(t)
	must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	r.clock.Advance(2 * time.Second)
	successor := must(identitycenter.Open(t.Context(), r.config()))(t)
	r.calls = nil
	for name, c := range map[string]struct {
		center *identitycenter.Center
		of     identitycenter.Assignment
		since  time.Time
		want   bool
	}{
		"who made it":      {r.center, r.assignment(payments), noon, true},
		"a successor":      {successor, r.assignment(payments), noon.Add(-time.Second), true},
		"long before":      {successor, r.assignment(payments), noon.Add(-2 * time.Minute), false},
		"some time after":  {successor, r.assignment(payments), noon.Add(time.Minute), false},
		"never attempted":  {successor, r.assignment(payments), time.Time{}, false},
		"another account":  {successor, r.assignment(billing), noon, false},
		"beyond searching": {successor, r.assignment(billing), noon.Add(-2 * time.Hour), false},
	} {
		if got := must(c.center.Made(t.Context(), c.of, c.since))(t); got != c.want {
			t.Errorf("%s: made = %v, want %v", name, got, c.want)
		}
	}
}

func TestFailedCreationMadeNothing(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.FailOperation, Operation: createCall})
	op := must(r.center.Create(t.Context(), r.assignment(payments)))(t)
	r.clock.Advance(2 * time.Second)
	must(r.center.Poll(t.Context(), op))(t)
	if must(r.center.Made(t.Context(), r.assignment(payments), noon))(t) {
		t.Error("a failed creation counts as made")
	}
}

func TestDeletingNothingSucceeds(t *testing.T) {
	r := newRig(t)
	if op := must(r.center.Delete(t.Context(), r.assignment(payments)))(t); op.State != access.OpSucceeded || op.Kind != access.Removal {
		t.Errorf("got %+v, want a removal that succeeded", op)
	}
}

func TestExists(t *testing.T) {
	r := newRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.PageSize, s.EmptyPages = 1, true })
	exists := func() bool { return must(r.center.Exists(t.Context(), r.assignment(payments)))(t) }
	if exists() {
		t.Error("it exists before it was made")
	}
	group := r.w.AddGroup("engineers")
	r.w.Assign(awstest.Tuple{Account: payments, PermissionSet: r.set, PrincipalType: "GROUP", Principal: group})
	if exists() {
		t.Error("a group's assignment counts as hers")
	}
	tuple := awstest.Tuple{Account: payments, PermissionSet: r.set, PrincipalType: "USER", Principal: string(r.alice)}
	r.w.Assign(tuple)
	if !exists() {
		t.Error("it does not exist")
	}
}

func TestNothingIsAssignedWithAPermissionSetThatIsGone(t *testing.T) {
	r := newRig(t)
	if err := r.w.RemovePermissionSet(r.set); err != nil {
		t.Fatal(err)
	}
	if must(r.center.Exists(t.Context(), r.assignment(payments)))(t) {
		t.Error("it exists")
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Refuse, Code: "ResourceNotFoundException", Operation: "ListAccountAssignments"})
	r.set = r.w.AddPermissionSet(awstest.PermissionSet{Name: "Other"})
	if _, err := r.center.Exists(t.Context(), r.assignment(payments)); access.ClassOf(err) != access.Refused {
		t.Errorf("not found for another reason: %v, want refused", err)
	}
}
