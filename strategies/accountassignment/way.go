// Package accountassignment grants by assigning a permission set of IAM
// Identity Center to one user in one account. In the flow files it is the
// strategy type aws_sso:
//
//	strategies:
//	  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
//	targets:
//	  billing: {strategy: sso, account: "222222222222", permission_set: BillingReadOnly}
//
// The object is the assignment. AWS gives it no id of its own, so two grants
// of one permission set in one account to one person are one object with two
// leases. Its lane is the account, where AWS changes one role at a time, and
// its budget the instance, which limits the operations in progress.
//
// It promises that a spec says everything that closing needs, so that neither
// the flow files nor the directory are asked, and a user who was deleted is no
// obstacle; and that what was not found is reported as absent only while the
// instance itself answers.
//
// It does not end access that is being used: credentials that were issued
// before the removal live as long as the permission set's session, which is
// the overhang of its targets. Sessions of Session Manager that were started with
// them are ended where the target says by which role: see package shells. It refuses to assign to groups.
package accountassignment

import (
	"context"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// paramPrincipal is the name in access.Spec.Params of whom the object is for.
const paramPrincipal = "principal"

// A Way makes, observes and removes assignments. It is safe for concurrent
// use.
type Way struct {
	centers map[string]*identitycenter.Center // by instance
}

// New returns a Way for the instances. A spec of another one is refused.
func New(centers ...*identitycenter.Center) *Way {
	w := &Way{map[string]*identitycenter.Center{}}
	for _, c := range centers {
		w.centers[c.Instance()] = c
	}
	return w
}

// Observe implements access.Way. Operations are looked for before the
// assignment is read: one that ends in between shows as running, never as
// nothing at all.
func (w *Way) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c, a, err := w.object(s)
	if err != nil {
		return access.Observation{}, err
	}
	var seen access.Observation
	if seen.Running, err = c.Running(ctx, a); err != nil {
		return access.Observation{}, fmt.Errorf("look for operations on %s: %w", s.Key, err)
	}
	if seen.Present, err = c.Exists(ctx, a); err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, err)
	}
	if !seen.Present {
		return seen, nil
	}
	if seen.Made, err = c.Made(ctx, a, since); err != nil {
		return access.Observation{}, fmt.Errorf("find out who made %s: %w", s.Key, err)
	}
	seen.SessionName = sessionName(ctx, c, s, a)
	return seen, nil
}

// sessionName is what AWS calls the sessions of a user: the user's name. It is
// looked up while the user is sure to be there, once, and for those objects alone
// whose sessions are ended. Access does not wait for it.
func sessionName(ctx context.Context, c *identitycenter.Center, s access.Spec, a identitycenter.Assignment) string {
	if s.SessionsOf == "" || s.SessionName != "" {
		return ""
	}
	u, err := c.User(ctx, a.User)
	if err != nil {
		return "" // whoever ends sessions looks again
	}
	return u.Name
}

// Apply implements access.Way.
func (w *Way) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, a, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	op, err := c.Create(ctx, a)
	if err != nil {
		return op, fmt.Errorf("create %s: %w", s.Key, err)
	}
	return op, nil
}

// Remove implements access.Way.
func (w *Way) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, a, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	op, err := c.Delete(ctx, a)
	if err != nil {
		return op, fmt.Errorf("remove %s: %w", s.Key, err)
	}
	return op, nil
}

// Poll implements access.Way.
func (w *Way) Poll(ctx context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	c, _, err := w.object(s)
	if err != nil {
		return op, err
	}
	now, err := c.Poll(ctx, op)
	if err != nil {
		return op, fmt.Errorf("poll %s of %s: %w", op.Kind, s.Key, err)
	}
	return now, nil
}

// object returns what s is about.
func (w *Way) object(s access.Spec) (*identitycenter.Center, identitycenter.Assignment, error) {
	a := identitycenter.Assignment{
		Account:       s.Params[flowfile.ParamAccount],
		PermissionSet: s.Params[flowfile.ParamPermissionSetARN],
		User:          access.Principal(s.Params[paramPrincipal]),
	}
	refuse := func(format string, args ...any) error {
		return &access.WayError{Class: access.Refused, Err: fmt.Errorf("%s: "+format, append([]any{s.Key}, args...)...)}
	}
	if a.Account == "" || a.PermissionSet == "" || a.User == "" {
		return nil, a, refuse("account, permission set or principal is missing")
	}
	c, ok := w.centers[s.Params[flowfile.ParamInstanceARN]]
	if !ok {
		return nil, a, refuse("no strategy is configured for %s: put it back until every grant on it is closed", s.Params[flowfile.ParamInstanceARN])
	}
	return c, a, nil
}
