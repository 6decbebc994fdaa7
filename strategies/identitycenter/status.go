package identitycenter

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"golang.org/x/sync/singleflight"

	"sesame/flows/access"
	"sesame/flows/clock"
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

// A book is the list of operations of one kind that are in progress.
type book struct {
	clock  clock.Clock
	list   func(context.Context) (map[string]bool, error)
	flight singleflight.Group

	mu      sync.Mutex // guards what follows
	open    map[string]bool
	taken   time.Time
	suspect bool // an operation may have started since
	round   int  // counts fetches and distrust, so that a late answer is not taken for a fresh one
}

func newBook(c clock.Clock, list func(context.Context) (map[string]bool, error)) *book {
	return &book{clock: c, list: list}
}

// inProgress returns the ids in progress, from a list that is no older than
// age.
func (b *book) inProgress(ctx context.Context, age time.Duration) (map[string]bool, error) {
	b.mu.Lock()
	fresh := b.open != nil && !b.suspect && b.clock.Now().Sub(b.taken) < age
	open, round := maps.Clone(b.open), b.round
	b.mu.Unlock()
	if fresh {
		return open, nil
	}
	// Whoever asks in the same round shares one fetch.
	v, err, _ := b.flight.Do(fmt.Sprint(round), func() (any, error) { return b.fetch(ctx, round) })
	if err != nil {
		return nil, err
	}
	return maps.Clone(v.(map[string]bool)), nil
}

func (b *book) fetch(ctx context.Context, round int) (map[string]bool, error) {
	taken := b.clock.Now()
	open, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.round == round {
		b.open, b.taken, b.suspect = open, taken, false
		b.round++
	}
	return maps.Clone(open), nil
}

// add notes an operation that has just started, and drop one that has ended.
func (b *book) add(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]bool{}
		b.suspect = true
	}
	b.open[id] = true
}

func (b *book) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, id)
}

// distrust makes the next question fetch the list.
func (b *book) distrust() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.suspect = true
	b.round++
}

func (c *Center) book(kind access.OpKind) *book {
	if kind == access.Removal {
		return c.removals
	}
	return c.creations
}

// Poll returns op as it stands now. Operations that are in progress cost one
// list a second for all of them.
func (c *Center) Poll(ctx context.Context, op access.Operation) (access.Operation, error) {
	b := c.book(op.Kind)
	open, err := b.inProgress(ctx, pollAge)
	if err != nil {
		return op, err
	}
	if open[op.ID] {
		op.State = access.OpRunning
		return op, nil
	}
	_, now, err := c.describe(ctx, op.Kind, op.ID)
	return now, err
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

func filter(status sso.StatusValues) *sso.OperationStatusFilter {
	return &sso.OperationStatusFilter{Status: status}
}

func (c *Center) listCreations(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	err := c.eachCreation(ctx, sso.StatusValuesInProgress, func(s sso.AccountAssignmentOperationStatusMetadata) {
		ids[aws.ToString(s.RequestId)] = true
	})
	return ids, err
}

func (c *Center) creationsAround(ctx context.Context, since time.Time) ([]string, error) {
	var ids []string
	err := c.eachCreation(ctx, sso.StatusValuesSucceeded, func(s sso.AccountAssignmentOperationStatusMetadata) {
		if around(aws.ToTime(s.CreatedDate), since) {
			ids = append(ids, aws.ToString(s.RequestId))
		}
	})
	return ids, err
}

func (c *Center) eachCreation(ctx context.Context, status sso.StatusValues, do func(sso.AccountAssignmentOperationStatusMetadata)) error {
	pages := ssoadmin.NewListAccountAssignmentCreationStatusPaginator(c.sso, &ssoadmin.ListAccountAssignmentCreationStatusInput{
		InstanceArn: &c.instance, Filter: filter(status), MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.AccountAssignmentsCreationStatus {
			do(s)
		}
	}
	return nil
}

func (c *Center) listRemovals(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	pages := ssoadmin.NewListAccountAssignmentDeletionStatusPaginator(c.sso, &ssoadmin.ListAccountAssignmentDeletionStatusInput{
		InstanceArn: &c.instance, Filter: filter(sso.StatusValuesInProgress), MaxResults: aws.Int32(100),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.AccountAssignmentsDeletionStatus {
			ids[aws.ToString(s.RequestId)] = true
		}
	}
	return ids, nil
}
