package facts

import (
	"context"
	"fmt"
	"slices"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A question is a fact that is needed, and who or what can answer it.
type question struct {
	fact  policies.Fact
	who   access.Person  // of a fact about a person
	group flowfile.Group // of a membership
}

// questions are what to ask, by kind. A fact that nobody could answer is an
// error.
func questions(about policies.About, groups []flowfile.Group, needs []policies.Fact) (map[policies.FactKind][]question, error) {
	all := map[policies.FactKind][]question{}
	for _, need := range needs {
		q := question{fact: need}
		someone := false
		q.who, someone = about.Person(need.About)
		i := slices.IndexFunc(groups, func(g flowfile.Group) bool { return g.Name == need.Name })
		switch {
		case need.Kind == policies.FactHistory && (someone || need.About == policies.Asked):
		case need.Kind == policies.FactStatus && someone:
		case need.Kind == policies.FactGroup && someone && i >= 0:
			q.group = groups[i]
		default:
			return nil, fmt.Errorf("fact %q has no source", need)
		}
		all[need.Kind] = append(all[need.Kind], q)
	}
	return all, nil
}

// Gather fetches the facts that rules need, with the groups that they name. A
// fact that cannot be fetched is an error.
func (p *People) Gather(ctx context.Context, about policies.About, groups []flowfile.Group, needs []policies.Fact) (policies.Facts, error) {
	asked, err := questions(about, groups, needs)
	if err != nil {
		return nil, err
	}
	known := policies.Facts{}
	if err := p.membershipFacts(ctx, asked[policies.FactGroup], known); err != nil {
		return nil, err
	}
	for _, q := range asked[policies.FactStatus] {
		profile, err := p.fresh.Profile(ctx, q.who.Account)
		if err != nil {
			return nil, fmt.Errorf("status of %s: %w", q.who.ID, err)
		}
		known[q.fact] = profile.Status
	}
	if err := p.history(ctx, about.Request, asked[policies.FactHistory], known); err != nil {
		return nil, err
	}
	return known, nil
}

// membershipFacts adds to known who is in which group.
func (p *People) membershipFacts(ctx context.Context, asked []question, known policies.Facts) error {
	groups, who := map[policies.Role][]flowfile.Group{}, map[policies.Role]access.Person{}
	for _, q := range asked {
		groups[q.fact.About], who[q.fact.About] = append(groups[q.fact.About], q.group), q.who
	}
	for role, mine := range groups {
		in, err := p.memberships(ctx, who[role], mine)
		if err != nil {
			return fmt.Errorf("facts about %s: %w", who[role].ID, err)
		}
		for name, is := range in {
			known[policies.Fact{Kind: policies.FactGroup, Name: name, About: role}] = is
		}
	}
	return nil
}
