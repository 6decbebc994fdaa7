package awstest_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sesame/strategies/awstest"
)

func TestInstanceIsInOneRegion(t *testing.T) {
	r := newRig(t)
	out := must(r.sso.ListInstances(r.ctx(), nil))(t)
	if len(out.Instances) != 1 || *out.Instances[0].InstanceArn != instance || *out.Instances[0].IdentityStoreId != storeID {
		t.Errorf("instances = %v, want one", out.Instances)
	}
	c := r.config(r.key)
	c.Region = "eu-west-1"
	r.use(c)
	if out := must(r.sso.ListInstances(r.ctx(), nil))(t); len(out.Instances) != 0 {
		t.Errorf("in another region: %v, want none", out.Instances)
	}
	if out := must(r.sso.ListInstances(r.ctx(), &ssoadmin.ListInstancesInput{RegionScope: sso.RegionScopeAllRegions}))(t); len(out.Instances) != 1 {
		t.Errorf("in all regions: %v, want one", out.Instances)
	}
	_, err := r.sso.ListPermissionSets(r.ctx(), &ssoadmin.ListPermissionSetsInput{InstanceArn: aws.String(instance)})
	wantError[*sso.ResourceNotFoundException](t, err)
	_, err = r.sso.DescribeInstance(r.ctx(), &ssoadmin.DescribeInstanceInput{InstanceArn: aws.String(instance)})
	wantError[*sso.AccessDeniedException](t, err)
}

func TestDescribeInstance(t *testing.T) {
	r := newRig(t)
	out := must(r.sso.DescribeInstance(r.ctx(), &ssoadmin.DescribeInstanceInput{InstanceArn: aws.String(instance)}))(t)
	if *out.OwnerAccountId != management || out.Status != sso.InstanceStatusActive {
		t.Errorf("instance = %+v, want the management account's, active", out)
	}
}

func TestOtherAccountsSeeNothing(t *testing.T) {
	r := newRig(t)
	r.use(r.config(r.w.AddKey(payments, "mallory")))
	if out := must(r.sso.ListInstances(r.ctx(), nil))(t); len(out.Instances) != 0 {
		t.Errorf("a member account sees %v", out.Instances)
	}
	_, err := r.create(r.tuple(payments))
	wantError[*sso.AccessDeniedException](t, err)
}

func TestPermissionSets(t *testing.T) {
	r := newRig(t)
	out := must(r.sso.DescribePermissionSet(r.ctx(), &ssoadmin.DescribePermissionSetInput{InstanceArn: aws.String(instance), PermissionSetArn: aws.String(r.set)}))(t)
	if got := aws.ToString(out.PermissionSet.SessionDuration); got != "PT1H30M" {
		t.Errorf("session duration = %s, want PT1H30M", got)
	}
	other := r.w.AddPermissionSet(awstest.PermissionSet{Name: "Admin", Session: 12 * time.Hour})
	list := must(r.sso.ListPermissionSets(r.ctx(), &ssoadmin.ListPermissionSetsInput{InstanceArn: aws.String(instance)}))(t)
	if len(list.PermissionSets) != 2 {
		t.Errorf("permission sets = %v, want two", list.PermissionSets)
	}
	if err := r.w.RemovePermissionSet(other); err != nil {
		t.Error(err)
	}
	_, err := r.sso.DescribePermissionSet(r.ctx(), &ssoadmin.DescribePermissionSetInput{InstanceArn: aws.String(instance), PermissionSetArn: aws.String(other)})
	wantError[*sso.ResourceNotFoundException](t, err)
	r.w.Assign(r.tuple(payments))
	if err := r.w.RemovePermissionSet(r.set); err == nil {
		t.Error("a permission set was removed while it was assigned")
	}
}

func TestProvisionedPairs(t *testing.T) {
	r := newRig(t)
	r.w.Assign(r.tuple(payments))
	r.w.Assign(r.tuple(billing))
	accounts := must(r.sso.ListAccountsForProvisionedPermissionSet(r.ctx(), &ssoadmin.ListAccountsForProvisionedPermissionSetInput{
		InstanceArn: aws.String(instance), PermissionSetArn: aws.String(r.set),
	}))(t)
	if len(accounts.AccountIds) != 2 || accounts.AccountIds[0] != payments {
		t.Errorf("accounts = %v, want both", accounts.AccountIds)
	}
	sets := func(status sso.ProvisioningStatus) []string {
		return must(r.sso.ListPermissionSetsProvisionedToAccount(r.ctx(), &ssoadmin.ListPermissionSetsProvisionedToAccountInput{
			InstanceArn: aws.String(instance), AccountId: aws.String(payments), ProvisioningStatus: status,
		}))(t).PermissionSets
	}
	if got := sets(""); len(got) != 1 || got[0] != r.set {
		t.Errorf("permission sets = %v, want one", got)
	}
	if got := sets(sso.ProvisioningStatusLatestPermissionSetNotProvisioned); len(got) != 0 {
		t.Errorf("outdated permission sets = %v, want none", got)
	}
	r.w.Unassign(r.tuple(payments))
	if got := sets(""); len(got) != 0 {
		t.Errorf("after the last assignment went: %v, want none", got)
	}
}

func TestListForPrincipal(t *testing.T) {
	r := newRig(t)
	group := r.w.AddGroup("engineers")
	r.w.Join(group, r.alice)
	r.w.Assign(r.tuple(payments))
	r.w.Assign(awstest.Tuple{Account: billing, PermissionSet: r.set, PrincipalType: "GROUP", Principal: group})
	in := &ssoadmin.ListAccountAssignmentsForPrincipalInput{
		InstanceArn: aws.String(instance), PrincipalId: aws.String(r.alice), PrincipalType: sso.PrincipalTypeUser,
	}
	if out := must(r.sso.ListAccountAssignmentsForPrincipal(r.ctx(), in))(t); len(out.AccountAssignments) != 2 {
		t.Errorf("assignments = %v, want her own and her group's", out.AccountAssignments)
	}
	in.Filter = &sso.ListAccountAssignmentsFilter{AccountId: aws.String(payments)}
	if out := must(r.sso.ListAccountAssignmentsForPrincipal(r.ctx(), in))(t); len(out.AccountAssignments) != 1 {
		t.Errorf("in one account: %v, want one", out.AccountAssignments)
	}
	r.use(r.config(r.w.AddKey(delegated, "sesame")))
	_, err := r.sso.ListAccountAssignmentsForPrincipal(r.ctx(), in)
	wantError[*sso.AccessDeniedException](t, err)
}

func TestStatusLists(t *testing.T) {
	r := newRig(t)
	first := must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(time.Second)
	must(r.create(r.tuple(billing)))(t)
	r.clock.Advance(time.Second)
	count := func(status sso.StatusValues) int {
		out := must(r.sso.ListAccountAssignmentCreationStatus(r.ctx(), &ssoadmin.ListAccountAssignmentCreationStatusInput{
			InstanceArn: aws.String(instance), Filter: &sso.OperationStatusFilter{Status: status},
		}))(t)
		return len(out.AccountAssignmentsCreationStatus)
	}
	if a, b := count(sso.StatusValuesInProgress), count(sso.StatusValuesSucceeded); a != 1 || b != 1 {
		t.Errorf("in progress %d, succeeded %d, want one each", a, b)
	}
	out := must(r.sso.ListAccountAssignmentDeletionStatus(r.ctx(), &ssoadmin.ListAccountAssignmentDeletionStatusInput{InstanceArn: aws.String(instance)}))(t)
	if len(out.AccountAssignmentsDeletionStatus) != 0 {
		t.Error("creations are listed as deletions")
	}
	_, err := r.sso.DescribeAccountAssignmentDeletionStatus(r.ctx(), &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentDeletionRequestId: first.RequestId,
	})
	wantError[*sso.ResourceNotFoundException](t, err)
}

func TestFinishedOperationsAreForgotten(t *testing.T) {
	r := newRig(t)
	op := must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(25 * time.Hour)
	_, err := r.sso.DescribeAccountAssignmentCreationStatus(r.ctx(), &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentCreationRequestId: op.RequestId,
	})
	wantError[*sso.ResourceNotFoundException](t, err)
}

func TestListsLag(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.Lag = 10 * time.Second })
	must(r.create(r.tuple(payments)))(t)
	inProgress := func() int {
		out := must(r.sso.ListAccountAssignmentCreationStatus(r.ctx(), &ssoadmin.ListAccountAssignmentCreationStatusInput{
			InstanceArn: aws.String(instance), Filter: &sso.OperationStatusFilter{Status: sso.StatusValuesInProgress},
		}))(t)
		return len(out.AccountAssignmentsCreationStatus)
	}
	if inProgress() != 0 {
		t.Error("the new operation is listed already")
	}
	r.clock.Advance(11 * time.Second)
	if len(r.w.Assignments()) != 1 || r.listed(payments) != 0 || inProgress() != 1 {
		t.Error("9s after the end: want the assignment made, and a list that says the operation is in progress")
	}
	r.clock.Advance(time.Second)
	if r.listed(payments) != 1 || inProgress() != 0 {
		t.Error("10s after the end: the list does not show it")
	}
	r.w.Unassign(r.tuple(payments))
	if r.listed(payments) != 1 {
		t.Error("a removal shows at once")
	}
}

func TestThrottlingIsOverTheWholeAPI(t *testing.T) {
	r := newRig(t)
	for range 10 {
		must(r.sso.ListInstances(r.ctx(), nil))(t)
		r.listed(payments)
	}
	_, err := r.sso.ListInstances(r.ctx(), nil)
	wantError[*sso.ThrottlingException](t, err)
	_, err = r.create(r.tuple(payments))
	wantError[*sso.ThrottlingException](t, err)
	r.clock.Advance(50 * time.Millisecond)
	must(r.sso.ListInstances(r.ctx(), nil))(t)
	_, err = r.sso.ListInstances(r.ctx(), nil)
	wantError[*sso.ThrottlingException](t, err)
	r.w.Tune(func(s *awstest.Settings) { s.Rate = -1 })
	must(r.sso.ListInstances(r.ctx(), nil))(t)
}

func TestShortAndEmptyPages(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.PageSize, c.Settings.EmptyPages = 2, true })
	for _, name := range []string{"bob", "carol", "dave", "erin"} {
		tuple := r.tuple(payments)
		tuple.Principal = r.user(awstest.User{UserName: name})
		r.w.Assign(tuple)
	}
	r.w.Assign(r.tuple(payments))
	in := &ssoadmin.ListAccountAssignmentsInput{InstanceArn: aws.String(instance), AccountId: aws.String(payments), PermissionSetArn: aws.String(r.set)}
	out := must(r.sso.ListAccountAssignments(r.ctx(), in))(t)
	if len(out.AccountAssignments) != 0 || out.NextToken == nil {
		t.Errorf("first page = %v, want an empty one with a token", out.AccountAssignments)
	}
	if n := r.listed(payments); n != 5 {
		t.Errorf("all pages hold %d, want 5", n)
	}
	in.NextToken, in.AccountId = out.NextToken, aws.String(billing)
	_, err := r.sso.ListAccountAssignments(r.ctx(), in)
	wantError[*sso.ValidationException](t, err)
}
