package awstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sesame/flows/clock"
	"sesame/strategies/awstest"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	management = "111111111111"
	payments   = "222222222222"
	billing    = "333333333333"
	delegated  = "444444444444"
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	storeID    = "d-90677f1112"
)

// A rig is a World on a clock that stands still, with some people in it, and
// the SDK's clients of its management account.
type rig struct {
	t     *testing.T
	w     *awstest.World
	clock *clock.Movable
	key   awstest.Key
	sso   *ssoadmin.Client
	store *identitystore.Client
	org   *organizations.Client
	sts   *sts.Client
	alice string
	set   string // the ARN of a permission set
}

func newRig(t *testing.T, edit ...func(*awstest.Config)) *rig {
	t.Helper()
	c := awstest.Config{Clock: clock.Frozen(noon), Delegated: delegated}
	for _, f := range edit {
		f(&c)
	}
	r := &rig{t: t, w: awstest.New(c), clock: c.Clock.(*clock.Movable)}
	if err := r.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.w.Close)
	r.w.AddAccount(awstest.Account{ID: payments, Name: "payments"})
	r.w.AddAccount(awstest.Account{ID: billing, Name: "billing"})
	r.set = r.w.AddPermissionSet(awstest.PermissionSet{Name: "ReadOnly", Session: 90 * time.Minute})
	r.alice = r.user(awstest.User{UserName: "alice", Email: "alice@example.com"})
	r.key = r.w.AddKey(management, "sesame")
	r.use(r.config(r.key))
	return r
}

func (r *rig) user(u awstest.User) string {
	r.t.Helper()
	id, err := r.w.AddUser(u)
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rig) config(k awstest.Key) aws.Config {
	return aws.Config{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(r.w.URL()),
		Credentials:      credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token),
		RetryMaxAttempts: 1,
	}
}

func (r *rig) use(c aws.Config) {
	r.sso, r.store = ssoadmin.NewFromConfig(c), identitystore.NewFromConfig(c)
	r.org, r.sts = organizations.NewFromConfig(c), sts.NewFromConfig(c)
}

func (r *rig) tuple(account string) awstest.Tuple {
	return awstest.Tuple{Account: account, PermissionSet: r.set, PrincipalType: "USER", Principal: r.alice}
}

func (r *rig) create(t awstest.Tuple) (*sso.AccountAssignmentOperationStatus, error) {
	out, err := r.sso.CreateAccountAssignment(r.ctx(), createInput(t))
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

func (r *rig) delete(t awstest.Tuple) (*sso.AccountAssignmentOperationStatus, error) {
	in := createInput(t)
	out, err := r.sso.DeleteAccountAssignment(r.ctx(), &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: in.InstanceArn, TargetId: in.TargetId, TargetType: in.TargetType,
		PermissionSetArn: in.PermissionSetArn, PrincipalType: in.PrincipalType, PrincipalId: in.PrincipalId,
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

func (r *rig) creation(id *string) *sso.AccountAssignmentOperationStatus {
	r.t.Helper()
	out, err := r.sso.DescribeAccountAssignmentCreationStatus(r.t.Context(), &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentCreationRequestId: id,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out.AccountAssignmentCreationStatus
}

// listed returns how many assignments of the permission set a list shows.
func (r *rig) listed(account string) int {
	r.t.Helper()
	n := 0
	pages := ssoadmin.NewListAccountAssignmentsPaginator(r.sso, &ssoadmin.ListAccountAssignmentsInput{
		InstanceArn: aws.String(instance), AccountId: aws.String(account), PermissionSetArn: aws.String(r.set),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		n += len(page.AccountAssignments)
	}
	return n
}

// must fails the test unless err is nil.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantError fails the test unless err is the SDK's typed error T.
func wantError[T error](t *testing.T, err error) T {
	t.Helper()
	var typed T
	if !errors.As(err, &typed) {
		t.Errorf("got %v, want %T", err, typed)
	}
	return typed
}

// wantCode fails the test unless err carries code.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

func ptr[T any](v T) *T { return &v }

func createInput(t awstest.Tuple) *ssoadmin.CreateAccountAssignmentInput {
	return &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(instance), TargetId: aws.String(t.Account), TargetType: sso.TargetTypeAwsAccount,
		PermissionSetArn: aws.String(t.PermissionSet), PrincipalType: sso.PrincipalType(t.PrincipalType), PrincipalId: aws.String(t.Principal),
	}
}
