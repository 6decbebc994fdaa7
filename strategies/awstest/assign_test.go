package awstest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sesame/strategies/awstest"
)

func TestAssignmentsAreMadeAndRemovedOverTime(t *testing.T) {
	r := newRig(t)
	op := must(r.create(r.tuple(payments)))(t)
	if op.Status != sso.StatusValuesInProgress || len(*op.RequestId) != 36 {
		t.Errorf("create = %s %s, want IN_PROGRESS and an id of 36 characters", op.Status, *op.RequestId)
	}
	if r.listed(payments) != 0 || len(r.w.Assignments()) != 0 {
		t.Error("the assignment exists before its operation ended")
	}
	r.clock.Advance(2 * time.Second)
	if got := r.creation(op.RequestId); got.Status != sso.StatusValuesSucceeded || !got.CreatedDate.Equal(noon) {
		t.Errorf("after 2s: %s of %v, want SUCCEEDED of noon", got.Status, got.CreatedDate)
	}
	if r.listed(payments) != 1 {
		t.Error("the list does not show the assignment")
	}
	gone := must(r.delete(r.tuple(payments)))(t)
	if r.listed(payments) != 1 {
		t.Error("the assignment went before its operation ended")
	}
	r.clock.Advance(2 * time.Second)
	if r.listed(payments) != 0 {
		t.Error("the assignment is still there")
	}
	out := must(r.sso.DescribeAccountAssignmentDeletionStatus(r.ctx(), &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentDeletionRequestId: gone.RequestId,
	}))(t)
	if got := out.AccountAssignmentDeletionStatus.Status; got != sso.StatusValuesSucceeded {
		t.Errorf("deletion = %s, want SUCCEEDED", got)
	}
}

func TestInstantOperations(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.Latency = -1 })
	if op := must(r.create(r.tuple(payments)))(t); op.Status != sso.StatusValuesSucceeded {
		t.Errorf("create = %s, want SUCCEEDED at once", op.Status)
	}
}

func TestOneChangeOfATupleAtATime(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.PerAccount = -1 })
	must(r.create(r.tuple(payments)))(t)
	_, err := r.delete(r.tuple(payments))
	wantError[*sso.ConflictException](t, err)
	_, err = r.create(r.tuple(payments))
	wantError[*sso.ConflictException](t, err)
}

func TestConflictWhileAChangePropagates(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.Settle = time.Minute })
	must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(time.Minute)
	_, err := r.delete(r.tuple(payments))
	wantError[*sso.ConflictException](t, err)
	r.clock.Advance(2 * time.Second)
	must(r.delete(r.tuple(payments)))(t)
}

func TestOneRoleUpdatePerAccount(t *testing.T) {
	r := newRig(t)
	bob := r.tuple(payments)
	bob.Principal = r.user(awstest.User{UserName: "bob"})
	must(r.create(r.tuple(payments)))(t)
	_, err := r.create(bob)
	wantError[*sso.ConflictException](t, err)
	must(r.create(r.tuple(billing)))(t)
	r.clock.Advance(2 * time.Second)
	must(r.create(bob))(t)
}

func TestOutstandingOperationsAreLimited(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.Outstanding = 3 })
	for i := range 4 {
		account := fmt.Sprintf("55555555555%d", i)
		r.w.AddAccount(awstest.Account{ID: account})
		_, err := r.create(r.tuple(account))
		if i < 3 && err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			wantError[*sso.ConflictException](t, err)
		}
	}
	if now, most := r.w.Outstanding(); now != 3 || most != 3 {
		t.Errorf("outstanding = %d, at most %d, want 3 and 3", now, most)
	}
	r.clock.Advance(2 * time.Second)
	if now, most := r.w.Outstanding(); now != 0 || most != 3 {
		t.Errorf("once done: outstanding = %d, at most %d, want 0 and 3", now, most)
	}
}

func TestCreateWhatExists(t *testing.T) {
	r := newRig(t)
	r.w.Assign(r.tuple(payments))
	op := must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if got := r.creation(op.RequestId).Status; got != sso.StatusValuesSucceeded {
		t.Errorf("by default: %s, want SUCCEEDED", got)
	}
	if by := r.w.Assignments()[0].By; by != (awstest.Caller{}) {
		t.Errorf("the assignment now belongs to %v, want whose it was", by)
	}
	r.w.Tune(func(s *awstest.Settings) { s.CreateExisting = awstest.Fails })
	op = must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if got := r.creation(op.RequestId).Status; got != sso.StatusValuesFailed {
		t.Errorf("set to fail: %s, want FAILED", got)
	}
	r.w.Tune(func(s *awstest.Settings) { s.CreateExisting = awstest.Refused })
	_, err := r.create(r.tuple(payments))
	wantError[*sso.ConflictException](t, err)
}

func TestDeleteWhatIsMissing(t *testing.T) {
	r := newRig(t)
	_, err := r.delete(r.tuple(payments))
	wantError[*sso.ResourceNotFoundException](t, err)
	r.w.Tune(func(s *awstest.Settings) { s.DeleteMissing = awstest.Fails })
	must(r.delete(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	ops := r.w.Operations()
	if len(ops) != 1 || ops[0].Status != "FAILED" || !ops[0].Removal {
		t.Errorf("operations = %+v, want one removal that FAILED", ops)
	}
}

func TestUnknownAccountOrPrincipalFailsLater(t *testing.T) {
	r := newRig(t)
	r.w.AddAccount(awstest.Account{ID: billing, Suspended: true})
	stranger := r.tuple(payments)
	stranger.Principal = "90677f1112-00000000-0000-4000-8000-000000000000"
	for name, tuple := range map[string]awstest.Tuple{
		"suspended account": r.tuple(billing), "unknown account": r.tuple("999999999999"), "unknown user": stranger,
	} {
		op := must(r.create(tuple))(t)
		r.clock.Advance(2 * time.Second)
		if got := r.creation(op.RequestId); got.Status != sso.StatusValuesFailed || aws.ToString(got.FailureReason) == "" {
			t.Errorf("%s: %s %q, want FAILED with a reason", name, got.Status, aws.ToString(got.FailureReason))
		}
	}
}

func TestUnknownPermissionSetIsRefused(t *testing.T) {
	r := newRig(t)
	tuple := r.tuple(payments)
	tuple.PermissionSet = "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-0000000000000000"
	_, err := r.create(tuple)
	wantError[*sso.ResourceNotFoundException](t, err)
}

func TestAssignmentsOutliveTheirUser(t *testing.T) {
	r := newRig(t)
	r.w.Assign(r.tuple(payments))
	r.w.RemoveUser(r.alice)
	if r.listed(payments) != 1 {
		t.Error("the assignment went with its user")
	}
	must(r.delete(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if len(r.w.Assignments()) != 0 {
		t.Error("the orphan could not be removed")
	}
}

func TestManagementAccountIsNotTheDelegatesToChange(t *testing.T) {
	r := newRig(t)
	must(r.create(r.tuple(management)))(t)
	r.clock.Advance(2 * time.Second)
	r.use(r.config(r.w.AddKey(delegated, "sesame")))
	_, err := r.delete(r.tuple(management))
	wantError[*sso.AccessDeniedException](t, err)
	_, err = r.create(r.tuple(management))
	wantError[*sso.AccessDeniedException](t, err)
	must(r.create(r.tuple(payments)))(t)
}

func TestEffectsHaveTheirOwnMoment(t *testing.T) {
	r := newRig(t)
	must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(time.Hour) // nobody looks in between
	h := r.w.History(r.tuple(payments))
	if len(h) != 1 || !h[0].Present || !h[0].At.Equal(noon.Add(2*time.Second)) || h[0].By.KeyID != r.key.ID {
		t.Errorf("history = %+v, want made by %v at 12:00:02", h, r.key)
	}
}

func TestClockSetBackLosesNothing(t *testing.T) {
	r := newRig(t)
	must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if len(r.w.Assignments()) != 1 {
		t.Fatal("not made")
	}
	r.clock.Advance(-time.Hour)
	if len(r.w.Assignments()) != 1 || r.listed(payments) != 1 {
		t.Error("an hour back: the assignment is not there yet")
	}
	must(r.delete(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if len(r.w.Assignments()) != 0 {
		t.Error("the removal waited for the clock to come round")
	}
}
