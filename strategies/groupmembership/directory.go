package groupmembership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// paramPrincipal is the name in access.Spec.Params of whom the object is for.
const paramPrincipal = "principal"

// A Directory makes, observes and removes memberships in groups of Identity
// Center. It is safe for concurrent use.
type Directory struct {
	clock    clock.Clock
	centers  map[string]*identitycenter.Center // by instance
	attempts *attempts
}

// NewDirectory returns a Directory for the instances. A spec of another one is
// refused.
func NewDirectory(c clock.Clock, centers ...*identitycenter.Center) *Directory {
	d := &Directory{c, map[string]*identitycenter.Center{}, newAttempts()}
	for _, center := range centers {
		d.centers[center.Instance()] = center
	}
	return d
}

// Observe implements access.Way.
func (d *Directory) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c, user, err := d.object(s)
	if err != nil {
		return access.Observation{}, err
	}
	m, there, err := c.Membership(ctx, s.Params[flowfile.ParamGroup], user)
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, err)
	}
	if !there {
		return access.Observation{}, nil
	}
	seen := access.Observation{Present: true, ID: m.ID}
	ours := m.By == c.Caller().ARN
	seen.Made = d.attempts.made(access.ObjectKey(m.ID), since) || ours && identitycenter.Around(m.Made, since)
	// Which of Sesame's own it is does not matter: the id may be that of one
	// before, from a read that was behind.
	if s.ID != "" && s.ID != m.ID && !ours {
		seen.Altered = "Somebody else ended the membership in AWS and made another."
	}
	return seen, nil
}

// Apply implements access.Way.
func (d *Directory) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, user, err := d.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	group, err := c.DirectoryGroup(ctx, s.Params[flowfile.ParamGroup])
	switch {
	case errors.Is(err, access.ErrNotFound):
		return access.Operation{}, identitycenter.Refuse(s.Key, "the group does not exist")
	case err != nil:
		return access.Operation{}, fmt.Errorf("read the group of %s: %w", s.Key, identitycenter.Unchanged(err))
	case group.Foreign:
		return access.Operation{}, identitycenter.Refuse(s.Key, "the group %s is kept by somebody else, as by SCIM", group.Name)
	}
	asked := d.clock.Now()
	id, err := c.Join(ctx, group.ID, user)
	op, err := identitycenter.Immediate(access.Creation, asked, err)
	if err != nil {
		return op, fmt.Errorf("create %s: %w", s.Key, err)
	}
	if op.ID = id; id != "" {
		d.attempts.remember(access.ObjectKey(id), asked)
	}
	return op, nil
}

// Remove implements access.Way. What is not known by its id is looked up.
func (d *Directory) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, user, err := d.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked, id := d.clock.Now(), s.ID
	if id == "" {
		m, there, err := c.Membership(ctx, s.Params[flowfile.ParamGroup], user)
		if err != nil {
			return access.Operation{}, fmt.Errorf("find %s: %w", s.Key, identitycenter.Unchanged(err))
		}
		if !there {
			return identitycenter.Immediate(access.Removal, asked, nil)
		}
		id = m.ID
	}
	op, err := identitycenter.Immediate(access.Removal, asked, c.Leave(ctx, id))
	if err != nil {
		return op, fmt.Errorf("remove %s: %w", s.Key, err)
	}
	op.ID = id
	return op, nil
}

// Poll implements access.Way.
func (d *Directory) Poll(_ context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	return polled(s, op)
}

// object returns what s is about.
func (d *Directory) object(s access.Spec) (*identitycenter.Center, access.Principal, error) {
	user := access.Principal(s.Params[paramPrincipal])
	if s.Params[flowfile.ParamGroup] == "" || user == "" {
		return nil, "", identitycenter.Refuse(s.Key, "group or principal is missing")
	}
	c, ok := d.centers[s.Params[flowfile.ParamInstanceARN]]
	if !ok {
		return nil, "", identitycenter.Refuse(s.Key, "no strategy is configured for %s: put it back until every grant on it is closed", s.Params[flowfile.ParamInstanceARN])
	}
	return c, user, nil
}
