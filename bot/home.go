package bot

import (
	"context"
	"errors"
	"slices"

	"sesame/bot/blocks"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// The bounds of what a home looks through.
const (
	mostAsked   = 10
	mostPending = 500
)

// home publishes somebody's home tab.
func (b *Bot) home(ctx context.Context, a access.Account) error {
	h, err := b.homeOf(ctx, a)
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		h, err = blocks.Home{Note: r.Text}, nil
	}
	if err != nil {
		return err
	}
	return b.API.PublishHome(ctx, a.User, h.View(b.now()))
}

func (b *Bot) homeOf(ctx context.Context, a access.Account) (blocks.Home, error) {
	var h blocks.Home
	who, err := b.People.Identify(ctx, a)
	if err != nil {
		return h, err
	}
	if h.Hold, err = b.held(ctx, who.ID); err != nil {
		return h, err
	}
	if h.Asked, err = b.asked(ctx, who.ID); err != nil {
		return h, err
	}
	h.Glass = breakable(b.Rules())
	if h.Decide, err = b.waiting(ctx, who); err != nil {
		return h, err
	}
	h.Review, err = b.unreviewed(ctx, who)
	return h, err
}

// asked returns somebody's latest requests.
func (b *Bot) asked(ctx context.Context, id access.PersonID) ([]blocks.Case, error) {
	page, err := b.Store.List(ctx, access.Query{
		Index: access.IndexPerson, From: string(id) + "/", To: string(id) + "0", Descending: true, Limit: mostAsked,
	})
	if err != nil {
		return nil, err
	}
	var all []blocks.Case
	for _, rec := range page.Records {
		r, err := access.Decode[access.Request](rec)
		if err != nil {
			return nil, err
		}
		c, err := b.caseFor(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// waiting returns the requests that wait for who. It only shows them: whether
// who may decide is asked again when they do.
func (b *Bot) waiting(ctx context.Context, who access.Person) ([]blocks.Case, error) {
	return b.theirs(ctx, who, access.IndexPending, access.Approve)
}

// unreviewed returns the broken glass that who may review.
func (b *Bot) unreviewed(ctx context.Context, who access.Person) ([]blocks.Case, error) {
	return b.theirs(ctx, who, access.IndexReview, access.Review)
}

// theirs returns the requests of an index to which who may do action. What a
// route asks of an approver at the click is not asked before.
func (b *Bot) theirs(ctx context.Context, who access.Person, index string, action access.Action) ([]blocks.Case, error) {
	page, err := b.Store.List(ctx, access.Query{Index: index, Limit: mostPending})
	if err != nil {
		return nil, err
	}
	var all []access.Request
	for _, rec := range page.Records {
		r, err := access.Decode[access.Request](rec)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	standing, err := b.People.Standing(ctx, who, groupsOf(b.Rules(), all))
	if err != nil && !standing.Active {
		return nil, err
	}
	// What waits for a group that gives no answer shows in its channel.
	standing.Fit = true
	var mine []blocks.Case
	for _, r := range all {
		if access.Authorize(action, standing, r) == nil {
			mine = append(mine, blocks.Case{Request: r, Labels: b.Labels(r.Target.Name)})
		}
	}
	return mine, nil
}

// groupsOf returns the groups whose members may decide on any of the requests.
func groupsOf(rules *flowfile.Set, requests []access.Request) []flowfile.Group {
	var names []string
	for _, r := range requests {
		names = append(names, r.Verdict.Route.Groups()...)
	}
	slices.Sort(names)
	return named(rules, slices.Compact(names))
}

// named returns the definitions of groups; what has none is left out.
func named(rules *flowfile.Set, names []string) []flowfile.Group {
	if rules == nil {
		return nil
	}
	var gs []flowfile.Group
	for _, name := range names {
		if g, ok := rules.Group(name); ok {
			gs = append(gs, g)
		}
	}
	return gs
}
