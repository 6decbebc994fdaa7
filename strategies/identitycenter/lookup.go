package identitycenter

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	org "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"sesame/flows/access"
)

// setsAge is how long permission sets and accounts are remembered: long enough
// for one load of the flow files, in which many targets share them.
const setsAge = time.Minute

// A PermissionSet is what an assignment gives, and for how long at a time.
type PermissionSet struct {
	ARN     string
	Name    string
	Session time.Duration
}

// PermissionSet returns the permission set with a name, or access.ErrNotFound.
func (c *Center) PermissionSet(ctx context.Context, name string) (PermissionSet, error) {
	sets, err := c.permissionSets(ctx)
	if err != nil {
		return PermissionSet{}, err
	}
	set, ok := sets[name]
	if !ok {
		return PermissionSet{}, fmt.Errorf("permission set %q: %w", name, access.ErrNotFound)
	}
	return set, nil
}

// permissionSets reads all of them: AWS has no look-up by name.
func (c *Center) permissionSets(ctx context.Context) (map[string]PermissionSet, error) {
	c.mu.Lock()
	sets := c.sets
	c.mu.Unlock()
	if sets.value != nil && c.clock.Now().Sub(sets.at) < setsAge {
		return sets.value, nil
	}
	sets = cached[map[string]PermissionSet]{map[string]PermissionSet{}, c.clock.Now()}
	pages := ssoadmin.NewListPermissionSetsPaginator(c.sso, &ssoadmin.ListPermissionSetsInput{InstanceArn: &c.instance, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, arn := range page.PermissionSets {
			set, err := c.describeSet(ctx, arn)
			if err != nil {
				return nil, err
			}
			sets.value[set.Name] = set
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets = sets
	return sets.value, nil
}

func (c *Center) describeSet(ctx context.Context, arn string) (PermissionSet, error) {
	out, err := c.sso.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: &c.instance, PermissionSetArn: &arn})
	if err != nil {
		return PermissionSet{}, err
	}
	s := out.PermissionSet
	lasts, err := parseISO(aws.ToString(s.SessionDuration))
	if err != nil {
		return PermissionSet{}, fmt.Errorf("permission set %s: %w", arn, err)
	}
	return PermissionSet{arn, aws.ToString(s.Name), lasts}, nil
}

var isoDuration = regexp.MustCompile(`^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$`)

// parseISO reads a session duration. AWS's default, when none is set, is an
// hour.
func parseISO(s string) (time.Duration, error) {
	if s == "" {
		return time.Hour, nil
	}
	m := isoDuration.FindStringSubmatch(s)
	if m == nil || s == "PT" {
		return 0, fmt.Errorf("session duration %q is not hours, minutes and seconds", s)
	}
	var d time.Duration
	for i, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi(m[i+1]) // digits or nothing, by the expression
		d += time.Duration(n) * unit
	}
	return d, nil
}

// AccountActive reports whether an account is there and can be used. It
// returns access.ErrNotFound for one that is not in the organisation, and
// access.ErrForbidden if we may not ask.
func (c *Center) AccountActive(ctx context.Context, id string) (bool, error) {
	now := c.clock.Now()
	c.mu.Lock()
	was, ok := c.accounts[id]
	c.mu.Unlock()
	if ok && now.Sub(was.at) < setsAge {
		return was.value, nil
	}
	active, err := c.describeAccount(ctx, id)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accounts[id] = cached[bool]{active, now}
	return active, nil
}

func (c *Center) describeAccount(ctx context.Context, id string) (bool, error) {
	out, err := c.org.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &id})
	switch {
	case notFound(err):
		return false, fmt.Errorf("account %s: %w", id, access.ErrNotFound)
	case denied(err):
		return false, fmt.Errorf("account %s: %w: %w", id, access.ErrForbidden, err)
	case err != nil:
		return false, err
	}
	return out.Account.State == org.AccountStateActive || out.Account.Status == org.AccountStatusActive, nil
}
