package groupmembership

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
)

// An IAM makes, observes and removes memberships in groups of IAM users. It is
// safe for concurrent use.
type IAM struct {
	clock    clock.Clock
	accounts map[string]*iamusers.Client
	attempts *attempts
}

// NewIAM returns an IAM for the accounts of the clients. A spec of another one
// is refused.
func NewIAM(c clock.Clock, clients ...*iamusers.Client) *IAM {
	w := &IAM{c, map[string]*iamusers.Client{}, newAttempts()}
	for _, client := range clients {
		w.accounts[client.Account()] = client
	}
	return w
}

// Observe implements access.Way. A user that is gone is in no group.
func (w *IAM) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c, user, group, err := w.object(s)
	if err != nil {
		return access.Observation{}, err
	}
	groups, err := c.Groups(ctx, user)
	if errors.Is(err, access.ErrNotFound) {
		return access.Observation{}, nil
	}
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, err)
	}
	in := slices.ContainsFunc(groups, func(name string) bool { return strings.EqualFold(name, group) })
	return access.Observation{Present: in, Made: in && w.attempts.made(s.Key, since)}, nil
}

// Apply implements access.Way.
func (w *IAM) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, user, group, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked := w.clock.Now()
	w.attempts.remember(s.Key, asked)
	op, err := identitycenter.Immediate(access.Creation, asked, c.Join(ctx, group, user))
	if op.State != access.OpSucceeded && access.ClassOf(err) != access.Ambiguous {
		w.attempts.forget(s.Key)
	}
	if err != nil {
		return op, fmt.Errorf("create %s: %w", s.Key, err)
	}
	return op, nil
}

// Remove implements access.Way.
func (w *IAM) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, user, group, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked := w.clock.Now()
	err = c.Leave(ctx, group, user)
	if errors.Is(err, access.ErrNotFound) {
		err = nil
	}
	op, err := identitycenter.Immediate(access.Removal, asked, err)
	if err != nil {
		return op, fmt.Errorf("remove %s: %w", s.Key, err)
	}
	return op, nil
}

// Poll implements access.Way.
func (w *IAM) Poll(_ context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	return polled(s, op)
}

// object returns what s is about.
func (w *IAM) object(s access.Spec) (c *iamusers.Client, user, group string, err error) {
	user, group = s.Params[flowfile.ParamUser], s.Params[flowfile.ParamGroup]
	if user == "" || group == "" {
		return nil, "", "", identitycenter.Refuse(s.Key, "user or group is missing")
	}
	c, ok := w.accounts[s.Params[flowfile.ParamAccount]]
	if !ok {
		return nil, "", "", identitycenter.Refuse(s.Key, "no strategy is configured for the account %s: put it back until every grant on it is closed", s.Params[flowfile.ParamAccount])
	}
	return c, user, group, nil
}
