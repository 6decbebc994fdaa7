package identitycenter

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"sesame/flows/access"
)

const (
	// pollAge is how old a list may be that a poll is answered from.
	pollAge = time.Second
	// lookAge is the same for the question whether anything is in progress,
	// where our own operations are known without the list.
	lookAge = 5 * time.Second
	// early and late bound when AWS says that a creation of ours began,
	// against the moment that we wrote down before we asked.
	early, late = 10 * time.Second, time.Minute
	// searchFor is how long after an attempt AWS's list is searched for it.
	searchFor = time.Hour
)

func (c *Center) book(kind access.OpKind) *book {
	if kind == access.Removal {
		return c.removals
	}
	return c.creations
}

// Poll returns op as it stands now. Operations that are in progress cost one
// list a second for all of them, and some more when they are likely to end.
func (c *Center) Poll(ctx context.Context, op access.Operation) (access.Operation, error) {
	b := c.book(op.Kind)
	open, err := b.inProgress(ctx, b.ageFor(op.StartedAt))
	if err != nil {
		return op, err
	}
	if open[op.ID] {
		op.State = access.OpRunning
		return op, nil
	}
	if b.succeeded(op.ID) {
		op.State = access.OpSucceeded
	} else {
		_, now, err := c.describe(ctx, op.Kind, op.ID)
		if err != nil {
			return op, err
		}
		op.State, op.Reason = now.State, now.Reason
	}
	if op.State == access.OpSucceeded {
		b.took(c.clock.Now().Sub(op.StartedAt))
	}
	return op, nil
}

// Running returns the operation on a that is in progress, or none.
func (c *Center) Running(ctx context.Context, a Assignment) (access.Operation, error) {
	for _, kind := range []access.OpKind{access.Creation, access.Removal} {
		open, err := c.book(kind).inProgress(ctx, lookAge)
		if err != nil {
			return access.Operation{}, err
		}
		for id := range open {
			of, op, err := c.learn(ctx, kind, id)
			if err != nil {
				return access.Operation{}, err
			}
			if of == a && op.State == access.OpRunning {
				return op, nil
			}
		}
	}
	return access.Operation{}, nil
}

// Made reports whether AWS knows a creation of a that began at since, give or
// take the clocks, and did not fail. Long after since it only answers from
// memory.
func (c *Center) Made(ctx context.Context, a Assignment, since time.Time) (bool, error) {
	if since.IsZero() {
		return false, nil
	}
	if c.known.made(a, since) {
		return true, nil
	}
	if c.clock.Now().Sub(since) > searchFor {
		return false, nil
	}
	ids, err := c.creationsAround(ctx, since)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if _, _, err := c.learn(ctx, access.Creation, id); err != nil {
			return false, err
		}
	}
	return c.known.made(a, since), nil
}

func around(t, since time.Time) bool {
	return !t.Before(since.Add(-early)) && !t.After(since.Add(late))
}

// learn returns what an operation is about, from memory if it can.
func (c *Center) learn(ctx context.Context, kind access.OpKind, id string) (Assignment, access.Operation, error) {
	if a, op, ok := c.known.recall(id); ok {
		return a, op, nil
	}
	return c.describe(ctx, kind, id)
}

// describe asks AWS about one operation. One that AWS has forgotten is
// refused.
func (c *Center) describe(ctx context.Context, kind access.OpKind, id string) (Assignment, access.Operation, error) {
	s, err := c.status(ctx, kind, id)
	if err != nil {
		return Assignment{}, access.Operation{Kind: kind, ID: id}, err
	}
	a := Assignment{aws.ToString(s.TargetId), aws.ToString(s.PermissionSetArn), access.Principal(aws.ToString(s.PrincipalId))}
	op := operation(kind, s, c.clock.Now())
	c.known.remember(a, op)
	if op.State != access.OpRunning {
		c.book(kind).drop(id)
	}
	return a, op, nil
}

func (c *Center) status(ctx context.Context, kind access.OpKind, id string) (*sso.AccountAssignmentOperationStatus, error) {
	var s *sso.AccountAssignmentOperationStatus
	if kind == access.Removal {
		out, err := c.sso.DescribeAccountAssignmentDeletionStatus(ctx, &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
			InstanceArn: &c.instance, AccountAssignmentDeletionRequestId: &id,
		})
		if err != nil {
			return nil, err
		}
		s = out.AccountAssignmentDeletionStatus
	} else {
		out, err := c.sso.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
			InstanceArn: &c.instance, AccountAssignmentCreationRequestId: &id,
		})
		if err != nil {
			return nil, err
		}
		s = out.AccountAssignmentCreationStatus
	}
	if s == nil {
		return nil, fmt.Errorf("status of %s %s: empty answer", kind, id)
	}
	return s, nil
}

// lists returns how the operations of one kind are listed.
func (c *Center) lists(kind access.OpKind) lister {
	each := c.eachCreation
	if kind == access.Removal {
		each = c.eachRemoval
	}
	return func(ctx context.Context, status sso.StatusValues, most int) (map[string]bool, error) {
		ids, pages := map[string]bool{}, 0
		err := each(ctx, status, func(page []sso.AccountAssignmentOperationStatusMetadata) error {
			for _, s := range page {
				ids[aws.ToString(s.RequestId)] = true
			}
			if pages++; most > 0 && pages >= most {
				return errTooLong
			}
			return nil
		})
		return ids, err
	}
}

func (c *Center) creationsAround(ctx context.Context, since time.Time) ([]string, error) {
	var ids []string
	err := c.eachCreation(ctx, sso.StatusValuesSucceeded, func(page []sso.AccountAssignmentOperationStatusMetadata) error {
		for _, s := range page {
			if around(aws.ToTime(s.CreatedDate), since) {
				ids = append(ids, aws.ToString(s.RequestId))
			}
		}
		return nil
	})
	return ids, err
}

type pageFunc func([]sso.AccountAssignmentOperationStatusMetadata) error

func (c *Center) eachCreation(ctx context.Context, status sso.StatusValues, do pageFunc) error {
	pages := ssoadmin.NewListAccountAssignmentCreationStatusPaginator(c.sso, &ssoadmin.ListAccountAssignmentCreationStatusInput{
		InstanceArn: &c.instance, Filter: &sso.OperationStatusFilter{Status: status}, MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := do(page.AccountAssignmentsCreationStatus); err != nil {
			return err
		}
	}
	return nil
}

func (c *Center) eachRemoval(ctx context.Context, status sso.StatusValues, do pageFunc) error {
	pages := ssoadmin.NewListAccountAssignmentDeletionStatusPaginator(c.sso, &ssoadmin.ListAccountAssignmentDeletionStatusInput{
		InstanceArn: &c.instance, Filter: &sso.OperationStatusFilter{Status: status}, MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := do(page.AccountAssignmentsDeletionStatus); err != nil {
			return err
		}
	}
	return nil
}
