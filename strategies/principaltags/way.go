package principaltags

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
)

// A Way writes, observes and removes slots of tags. It is safe for concurrent
// use.
type Way struct {
	clock    clock.Clock
	accounts clients
}

// New returns a Way for the accounts of the clients. A spec of another one is
// refused.
func New(c clock.Clock, all ...*iamusers.Client) *Way { return &Way{c, byAccount(all)} }

// Observe implements access.Way. A user or
// role that is gone has no tags.
func (w *Way) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c, at, err := w.object(s)
	if err != nil {
		return access.Observation{}, err
	}
	tags, err := c.Tags(ctx, at.of)
	if errors.Is(err, access.ErrNotFound) {
		return access.Observation{}, nil
	}
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, err)
	}
	found := at.in(tags)
	if !found.there {
		return access.Observation{}, nil
	}
	seen := access.Observation{Present: true, Altered: found.altered(at)}
	written, _ := found.at()
	seen.Made = seen.Altered == "" && identitycenter.Around(written, since)
	return seen, nil
}

// Apply implements access.Way. It does not write over what it finds.
func (w *Way) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, at, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	tags, err := c.Tags(ctx, at.of)
	if errors.Is(err, access.ErrNotFound) {
		return access.Operation{}, identitycenter.Refuse(s.Key, "there is no IAM %s", at.of)
	}
	if err != nil {
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	if at.in(tags).there {
		return access.Operation{}, &access.WayError{Class: access.Busy, Err: fmt.Errorf("%s: slot %d of %s is not empty", s.Key, at.number, at.of)}
	}
	asked := w.clock.Now()
	op, err := identitycenter.Immediate(access.Creation, asked, c.Tag(ctx, at.of, at.written(asked)))
	if err != nil {
		return op, fmt.Errorf("write %s: %w", s.Key, err)
	}
	return op, nil
}

// Remove implements access.Way. What somebody else wrote into the slot stays.
// A slot that reads as empty is removed all the same: the read may be behind.
func (w *Way) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, at, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked := w.clock.Now()
	tags, err := c.Tags(ctx, at.of)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return identitycenter.Immediate(access.Removal, asked, nil)
	case err != nil:
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	case at.in(tags).altered(at) != "":
		return identitycenter.Immediate(access.Removal, asked, nil) // ours is not there; Observe says what is
	}
	err = c.Untag(ctx, at.of, at.keys())
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
func (w *Way) Poll(_ context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	return op, identitycenter.Refuse(s.Key, "there is no operation %q: tags change at once", op.ID)
}

// object returns what s is about.
func (w *Way) object(s access.Spec) (*iamusers.Client, slot, error) {
	at, err := slotOf(s)
	if err != nil {
		return nil, at, err
	}
	c, err := w.accounts.of(s)
	return c, at, err
}

// clients are those of IAM, by their accounts.
type clients map[string]*iamusers.Client

func byAccount(all []*iamusers.Client) clients {
	found := clients{}
	for _, c := range all {
		found[c.Account()] = c
	}
	return found
}

func (c clients) of(s access.Spec) (*iamusers.Client, error) {
	account := s.Params[flowfile.ParamAccount]
	if client, ok := c[account]; ok {
		return client, nil
	}
	return nil, identitycenter.Refuse(s.Key, "no strategy is configured for the account %s: put it back until every grant on it is closed", account)
}
