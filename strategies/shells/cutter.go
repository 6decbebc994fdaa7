package shells

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/strategies/identitycenter"
)

const (
	// maxPages bounds one listing: so many pages of 200 sessions are open in no
	// region.
	maxPages = 100
	// idsAtOnce is how many values one filter of EC2 takes.
	idsAtOnce = 200
	// maxSeats bounds how many regions of accounts are remembered.
	maxSeats = 1024
)

// A Reach returns how Sesame gets to where an object is, by its params. The
// region is replaced.
type Reach func(params map[string]string) (identitycenter.Config, error)

// Centers returns the instance of Identity Center that an object is on, by its
// params.
type Centers func(ctx context.Context, params map[string]string) (*identitycenter.Center, error)

// A Cutter finds and ends sessions. It is safe for concurrent use.
type Cutter struct {
	reach   Reach
	centers Centers

	mu    sync.Mutex // guards what follows
	seats map[string]*seat
}

// New returns a Cutter that gets to accounts as reach says, and asks centers about
// users. Without centers, it knows whose sessions are whose of no grant by a
// permission set.
func New(reach Reach, centers Centers) *Cutter {
	return &Cutter{reach: reach, centers: centers, seats: map[string]*seat{}}
}

// Sessions implements access.Cutter.
func (c *Cutter) Sessions(ctx context.Context, s access.Spec) ([]access.Session, error) {
	of, err := c.wanted(ctx, s)
	if err != nil {
		return nil, err
	}
	regions, err := c.regions(ctx, s, of)
	if err != nil {
		return nil, err
	}
	var all []access.Session
	for _, region := range regions {
		at, err := c.seat(ctx, s.Params, region)
		if err != nil {
			return nil, err
		}
		found, err := at.sessions(ctx, of)
		if err != nil {
			return nil, fmt.Errorf("in %s: %w", region, identitycenter.Unchanged(err))
		}
		all = append(all, found...)
	}
	return all, nil
}

// Cut implements access.Cutter.
func (c *Cutter) Cut(ctx context.Context, s access.Spec, one access.Session) error {
	at, err := c.seat(ctx, s.Params, one.Region)
	if err != nil {
		return err
	}
	if _, err := at.ssm.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: &one.ID}); err != nil {
		return fmt.Errorf("in %s: %w", one.Region, err)
	}
	return nil
}

// regions returns where sessions may be: where the object says that its machines
// are, or wherever the account may have some.
func (c *Cutter) regions(ctx context.Context, s access.Spec, of wanted) ([]string, error) {
	if len(of.regions) > 0 {
		return of.regions, nil
	}
	at, err := c.seat(ctx, s.Params, of.home)
	if err != nil {
		return nil, err
	}
	out, err := at.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		return nil, fmt.Errorf("list regions: %w", identitycenter.Unchanged(err))
	}
	var all []string
	for _, r := range out.Regions {
		all = append(all, aws.ToString(r.RegionName))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("list regions: %w", identitycenter.Unchanged(access.ErrUnavailable))
	}
	return slices.Sorted(slices.Values(all)), nil
}

// A seat has the clients of one account and region.
type seat struct {
	region  string
	ec2     *ec2.Client
	ssm     *ssm.Client
	clock   clock.Clock
	checked atomic.Int64 // when a probe last went well, in nanoseconds
}

// seat returns the one of a region. Two callers may make it at once, since no
// lock is held while AWS is asked; either will do.
func (c *Cutter) seat(ctx context.Context, params map[string]string, region string) (*seat, error) {
	params, err := reachable(params)
	if err != nil {
		return nil, err
	}
	own, err := c.reach(params)
	if err != nil {
		return nil, err
	}
	own.Region = region
	key := placeOf(own)
	c.mu.Lock()
	s := c.seats[key]
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	cfg, _, err := identitycenter.Connect(ctx, own)
	if err != nil {
		return nil, err
	}
	s = &seat{region: region, ec2: ec2.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg), clock: own.Clock}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seats) >= maxSeats {
		clear(c.seats)
	}
	c.seats[key] = s
	return s, nil
}

// placeOf tells apart where and with whose credentials AWS is asked.
func placeOf(own identitycenter.Config) string {
	role := ""
	if n := len(own.RoleChain); n > 0 {
		role = own.RoleChain[n-1].ARN
	}
	return strings.Join([]string{own.Account, own.Profile, role, own.Region}, "\n")
}

// sessions returns those that are open here, of whom of says. They are elsewhere
// if their machine has none of its sets of tags.
func (s *seat) sessions(ctx context.Context, of wanted) ([]access.Session, error) {
	found, err := s.owned(ctx, of)
	if err != nil || len(found) == 0 || len(of.tags) == 0 {
		return found, err
	}
	tags, err := s.tags(ctx, found)
	if err != nil {
		return nil, err
	}
	for i := range found {
		has, known := tags[found[i].Machine]
		found[i].Elsewhere = known && !of.chooses(has)
	}
	return found, nil
}

// owned returns the sessions of whom of says, on whatever machine of EC2. It
// asks for those of all: what AWS compares an owner with in a filter is not
// documented to the letter, and a filter that misses one would hide it.
func (s *seat) owned(ctx context.Context, of wanted) (all []access.Session, err error) {
	pages := ssm.NewDescribeSessionsPaginator(s.ssm, &ssm.DescribeSessionsInput{State: types.SessionStateActive})
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return nil, fmt.Errorf("more than %d pages of sessions", maxPages)
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, one := range page.Sessions {
			machine := aws.ToString(one.Target)
			grant, owned := of.owns(aws.ToString(one.Owner))
			if owned && (len(of.tags) == 0 || strings.HasPrefix(machine, "i-")) {
				all = append(all, access.Session{ID: aws.ToString(one.SessionId), Machine: machine, Region: s.region, StartedAt: aws.ToTime(one.StartDate), Grant: grant})
			}
		}
	}
	return all, nil
}

// tags returns those of the machines of sessions, by their ids. A machine that
// is gone is not among them.
func (s *seat) tags(ctx context.Context, all []access.Session) (map[string][]ec2types.Tag, error) {
	var ids []string
	for _, one := range all {
		ids = append(ids, one.Machine)
	}
	slices.Sort(ids)
	found := map[string][]ec2types.Tag{}
	for some := range slices.Chunk(slices.Compact(ids), idsAtOnce) {
		in := &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: some}}}
		for pages := ec2.NewDescribeInstancesPaginator(s.ec2, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, r := range page.Reservations {
				for _, i := range r.Instances {
					found[aws.ToString(i.InstanceId)] = i.Tags
				}
			}
		}
	}
	return found, nil
}
