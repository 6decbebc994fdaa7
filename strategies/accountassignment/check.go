package accountassignment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// A Report is what AWS says about a target.
type Report struct {
	// Resolved is what was looked up. It is incomplete when there are
	// problems.
	Resolved flowfile.Resolved
	// Problems are why the target cannot be granted, each a sentence.
	Problems []string
	// Warnings are what somebody should know about it.
	Warnings []string
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// Check looks a target up: its permission set's ARN and session length, which
// is the overhang, its directory, and whether the account can be assigned in.
// shortest is the shortest grant that the target's flow offers. An error means
// that AWS could not be asked.
func (w *Way) Check(ctx context.Context, t access.Target, shortest time.Duration) (Report, error) {
	instance := t.Params[flowfile.ParamInstanceARN]
	c, ok := w.centers[instance]
	if !ok {
		return Report{Problems: []string{fmt.Sprintf("there is no strategy for the instance %s: configure one of type %s.", instance, flowfile.WaySSO)}}, nil
	}
	r := Report{Resolved: flowfile.Resolved{Params: map[string]string{flowfile.ParamIdentityStoreID: c.ID()}}}
	if err := r.permissionSet(ctx, c, t, shortest); err != nil {
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	if err := r.account(ctx, c, t.Params[flowfile.ParamAccount]); err != nil {
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	return r, nil
}

func (r *Report) permissionSet(ctx context.Context, c *identitycenter.Center, t access.Target, shortest time.Duration) error {
	name := t.Params[flowfile.ParamPermissionSet]
	set, err := c.PermissionSet(ctx, name)
	if errors.Is(err, access.ErrNotFound) {
		r.problem("the permission set %q does not exist in %s: create it, or name another.", name, c.Instance())
		return nil
	}
	if err != nil {
		return err
	}
	r.Resolved.Params[flowfile.ParamPermissionSetARN], r.Resolved.Overhang = set.ARN, set.Session
	if set.Session > shortest {
		r.warn("credentials of the permission set %q last %s, and the shortest grant %s: they can outlive it by %s, so choose a shorter session, or longer grants.",
			name, short(set.Session), short(shortest), short(set.Session))
	}
	return nil
}

func (r *Report) account(ctx context.Context, c *identitycenter.Center, account string) error {
	if account == c.Owner() && c.Caller().Account != c.Owner() {
		r.problem("%s is the management account, where a delegated administrator (%s) cannot assign: choose another account, or give Sesame credentials of the management account.", account, c.Caller().Account)
		return nil
	}
	active, err := c.AccountActive(ctx, account)
	switch {
	case errors.Is(err, access.ErrNotFound):
		r.problem("the account %s is not in the organization: correct its number.", account)
	case errors.Is(err, access.ErrForbidden):
		r.warn("whether the account %s exists is not known, because Sesame may not call organizations:DescribeAccount: allow that, or check by hand.", account)
	case err != nil:
		return err
	case !active:
		r.problem("the account %s is suspended or closed: reopen it, or choose another.", account)
	}
	return nil
}

// short writes d without the parts that are zero: 1h, 90m as 1h30m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
