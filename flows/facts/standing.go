package facts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// atOnce is how many sources are asked about one person at a time.
const atOnce = 4

// Standing returns what who counts as at this moment: whether they are an
// active member with an enabled user, and in which of the groups they are. An
// inactive person is in none. With an error it is what is known without the
// groups that gave no answer: who counts for enough by the others does.
func (p *People) Standing(ctx context.Context, who access.Person, groups []flowfile.Group) (access.Standing, error) {
	is, err := p.presence(ctx, who)
	if err != nil {
		return access.Standing{}, fmt.Errorf("standing of %s: %w", who.ID, err)
	}
	if is != active {
		return access.Standing{Person: who, Left: is == left}, nil
	}
	in, err := p.memberships(ctx, who, groups)
	if err != nil {
		err = fmt.Errorf("standing of %s: %w", who.ID, err)
	}
	return access.Standing{Person: who, Groups: in, Admin: p.admin(who), Active: true}, err
}

// A presence says whether somebody is there.
type presence int

const (
	inactive presence = iota // for a reason that may be ours
	left                     // Slack or the directory says that they are gone
	active
)

// presence returns whether who is still a full member with an enabled user, and
// nobody wrote down another user for them since.
func (p *People) presence(ctx context.Context, who access.Person) (presence, error) {
	profile, err := p.member(ctx, who.Account)
	if _, refused := errors.AsType[*access.Refusal](err); refused {
		// An account that Slack does not find is no proof: it forgets nobody,
		// so it was asked with a token of somewhere else.
		return leftIf(profile.Kind == Deleted || profile.Kind == Guest), nil
	}
	if err != nil && !p.stands(err) {
		return inactive, err
	}
	if who.Directory != p.fresh.ID() {
		return inactive, nil
	}
	if to, ok := p.mapped(who.Account, profile); ok && to != who.Principal {
		return inactive, nil
	}
	user, err := p.fresh.User(ctx, who.Principal)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return left, nil
	case err != nil:
		return inactive, err
	case !user.Enabled:
		return left, nil
	}
	return active, nil
}

func leftIf(gone bool) presence {
	if gone {
		return left
	}
	return inactive
}

// admin reports whether the operator named who.
func (p *People) admin(who access.Person) bool {
	return p.admins[who.Account.String()] || p.admins[who.Account.User] || who.Email != "" && p.admins[who.Email]
}

// memberships says of each group, by name, whether who is in it. Those that
// gave no answer are left out, and their errors returned.
func (p *People) memberships(ctx context.Context, who access.Person, groups []flowfile.Group) (map[string]bool, error) {
	answers, errs := make([]bool, len(groups)), make([]error, len(groups))
	var asking errgroup.Group
	asking.SetLimit(atOnce)
	for i, g := range groups {
		asking.Go(func() error {
			answers[i], errs[i] = p.in(ctx, who, g)
			return nil
		})
	}
	_ = asking.Wait() // one error says nothing about the others
	in := make(map[string]bool, len(groups))
	for i, g := range groups {
		if errs[i] == nil {
			in[g.Name] = answers[i]
		}
	}
	return in, errors.Join(errs...)
}

// in reports whether who is in g, by ids: the name of a group is nothing that
// its source knows.
func (p *People) in(ctx context.Context, who access.Person, g flowfile.Group) (bool, error) {
	if g.Source == flowfile.GroupMembers {
		return p.named(who, g), nil
	}
	if g.ID == "" {
		return false, fmt.Errorf("group %q has no id", g.Name)
	}
	switch g.Source {
	case flowfile.GroupSlack:
		return p.fresh.InSlackGroup(ctx, g.ID, who.Account)
	case flowfile.GroupIdentityCenter:
		return p.fresh.InDirectoryGroup(ctx, g.ID, who.Principal)
	case flowfile.GroupOnCall:
		return p.fresh.sources.OnCall.On(ctx, g.ID, who)
	default:
		return false, fmt.Errorf("group %q is of an unknown source %q", g.Name, g.Source)
	}
}

// named reports whether g, a list of addresses, has that of who.
func (p *People) named(who access.Person, g flowfile.Group) bool {
	return who.Email != "" && slices.Contains(g.Members, who.Email)
}
