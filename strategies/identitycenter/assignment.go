package identitycenter

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sesame/flows/access"
)

// An Assignment gives one user a permission set in an account. AWS gives it no
// other id.
type Assignment struct {
	Account       string
	PermissionSet string // its ARN
	User          access.Principal
}

// Create requests the assignment.
func (c *Center) Create(ctx context.Context, a Assignment) (access.Operation, error) {
	asked := c.clock.Now()
	out, err := c.sso.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: &c.instance, TargetId: &a.Account, TargetType: sso.TargetTypeAwsAccount,
		PermissionSetArn: &a.PermissionSet, PrincipalType: sso.PrincipalTypeUser, PrincipalId: aws.String(string(a.User)),
	})
	if err != nil {
		return c.unanswered(access.Creation, err)
	}
	return c.started(asked, a, access.Creation, out.AccountAssignmentCreationStatus)
}

// Delete requests the assignment's removal. One that is not there is an
// operation that succeeded.
func (c *Center) Delete(ctx context.Context, a Assignment) (access.Operation, error) {
	asked := c.clock.Now()
	out, err := c.sso.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: &c.instance, TargetId: &a.Account, TargetType: sso.TargetTypeAwsAccount,
		PermissionSetArn: &a.PermissionSet, PrincipalType: sso.PrincipalTypeUser, PrincipalId: aws.String(string(a.User)),
	})
	if notFound(err) {
		return access.Operation{Kind: access.Removal, State: access.OpSucceeded, StartedAt: asked}, nil
	}
	if err != nil {
		return c.unanswered(access.Removal, err)
	}
	return c.started(asked, a, access.Removal, out.AccountAssignmentDeletionStatus)
}

// unanswered makes the next look at operations in progress a fresh one when a
// request may have started one that we have no id of.
func (c *Center) unanswered(kind access.OpKind, err error) (access.Operation, error) {
	if access.ClassOf(err) == access.Ambiguous {
		c.book(kind).distrust()
	}
	return access.Operation{}, err
}

func (c *Center) started(asked time.Time, a Assignment, kind access.OpKind, s *sso.AccountAssignmentOperationStatus) (access.Operation, error) {
	if s == nil || aws.ToString(s.RequestId) == "" {
		return c.unanswered(kind, &access.WayError{Err: fmt.Errorf("%s of %v: the answer has no request id", kind, a)})
	}
	op := operation(kind, s, c.clock.Now())
	op.StartedAt = asked // by our clock, as what it is compared with
	c.known.remember(a, op)
	if op.State == access.OpRunning {
		c.book(kind).add(op.ID)
	}
	return op, nil
}

// operation translates a status. One without a date began at now.
func operation(kind access.OpKind, s *sso.AccountAssignmentOperationStatus, now time.Time) access.Operation {
	op := access.Operation{Kind: kind, ID: aws.ToString(s.RequestId), Reason: aws.ToString(s.FailureReason), StartedAt: now}
	if s.CreatedDate != nil {
		op.StartedAt = *s.CreatedDate
	}
	switch s.Status {
	case sso.StatusValuesInProgress:
		op.State = access.OpRunning
	case sso.StatusValuesSucceeded:
		op.State = access.OpSucceeded
	case sso.StatusValuesFailed:
		op.State = access.OpFailed
	}
	return op
}

// Exists reads whether the assignment is there.
func (c *Center) Exists(ctx context.Context, a Assignment) (bool, error) {
	for other, err := range c.beside(ctx, a) {
		if err != nil || a.matches(other) {
			return err == nil, err
		}
	}
	return false, nil
}

// beside goes through the assignments of the permission set of a in its account.
// There are none of one that is gone.
func (c *Center) beside(ctx context.Context, a Assignment) iter.Seq2[sso.AccountAssignment, error] {
	return func(yield func(sso.AccountAssignment, error) bool) {
		pages := ssoadmin.NewListAccountAssignmentsPaginator(c.sso, &ssoadmin.ListAccountAssignmentsInput{
			InstanceArn: &c.instance, AccountId: &a.Account, PermissionSetArn: &a.PermissionSet, MaxResults: aws.Int32(100),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if notFound(err) {
				if err = c.setGone(ctx, a.PermissionSet, err); err == nil {
					return
				}
			}
			if err != nil {
				yield(sso.AccountAssignment{}, err)
				return
			}
			for _, other := range page.AccountAssignments {
				if !yield(other, nil) {
					return
				}
			}
		}
	}
}

// groupsAtOnce is how many groups AWS takes when asked whether somebody is in them.
const groupsAtOnce = 100

// Has reports whether the user of a has its permission set in its account by
// anything at all: an assignment of their own, or one of a group that they are in.
func (c *Center) Has(ctx context.Context, a Assignment) (bool, error) {
	var groups []string
	for other, err := range c.beside(ctx, a) {
		if err != nil || a.matches(other) {
			return err == nil, err
		}
		if other.PrincipalType == sso.PrincipalTypeGroup {
			groups = append(groups, aws.ToString(other.PrincipalId))
		}
	}
	for some := range slices.Chunk(groups, groupsAtOnce) {
		in, err := c.inAny(ctx, some, a.User)
		if in || err != nil {
			return in, err
		}
	}
	return false, nil
}

func (c *Center) inAny(ctx context.Context, groups []string, p access.Principal) (bool, error) {
	out, err := c.users.IsMemberInGroups(ctx, &identitystore.IsMemberInGroupsInput{IdentityStoreId: &c.storeID, GroupIds: groups, MemberId: member(p)})
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, unavailable("groups of "+string(p), err)
	}
	return slices.ContainsFunc(out.Results, func(r store.GroupMembershipExistenceResult) bool { return r.MembershipExists }), nil
}

func (a Assignment) matches(other sso.AccountAssignment) bool {
	return other.PrincipalType == sso.PrincipalTypeUser && aws.ToString(other.PrincipalId) == string(a.User) &&
		aws.ToString(other.AccountId) == a.Account && aws.ToString(other.PermissionSetArn) == a.PermissionSet
}

// setGone returns nil if the instance is there and its permission set is not:
// then nothing can be assigned with it. Otherwise "not found" says nothing
// about the assignment, and cause is returned.
func (c *Center) setGone(ctx context.Context, arn string, cause error) error {
	if err := c.readable(ctx); err != nil {
		return err
	}
	_, err := c.describeSet(ctx, arn)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return cause
}

func (c *Center) readable(ctx context.Context) error {
	_, err := c.sso.DescribeInstance(ctx, &ssoadmin.DescribeInstanceInput{InstanceArn: &c.instance})
	return err
}
