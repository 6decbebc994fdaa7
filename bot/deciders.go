package bot

import (
	"context"
	"fmt"
	"slices"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/oncall"
)

// OnCall says who is on call, by the names of the schedules in the flow files.
type OnCall interface {
	People(ctx context.Context, schedule string) ([]oncall.Who, error)
}

// Deciders say whom to tell of a request. All of it is required.
type Deciders struct {
	Directory *Directory
	OnCall    OnCall
	// Rules returns the rules in force, nil when there are none.
	Rules func() *flowfile.Set
}

// Of returns the users who may decide on r as far as Slack can name them, at
// most n: those whose addresses stand in the route, the members of its groups,
// those who are on call now, and the requester where they may decide
// themselves. They are told; whether they may decide is asked when they do.
func (d Deciders) Of(ctx context.Context, r access.Request, n int) ([]string, error) {
	var users []string
	var failed error
	add := func(found []string, err error) {
		if err != nil {
			failed = err
		}
		for _, u := range found {
			own := u == r.By.Account.User && !r.Verdict.Route.Self
			if len(users) < n && !own && !slices.Contains(users, u) {
				users = append(users, u)
			}
		}
	}
	if r.Verdict.Route.Self {
		add([]string{r.By.Account.User}, nil)
	}
	for _, need := range r.Verdict.Route.Needs {
		add(d.byEmail(ctx, need.People))
		for _, g := range named(d.Rules(), need.Groups) {
			add(d.inGroup(ctx, g))
		}
	}
	if len(users) > 0 {
		return users, nil // better some than none
	}
	return nil, failed
}

// inGroup returns the users in a group. Who is in a group of Identity Center
// Slack does not know.
func (d Deciders) inGroup(ctx context.Context, g flowfile.Group) ([]string, error) {
	switch g.Source {
	case flowfile.GroupSlack:
		return d.Directory.members(ctx, g.ID)
	case flowfile.GroupMembers:
		return d.byEmail(ctx, g.Members)
	case flowfile.GroupOnCall:
		return d.onCall(ctx, g.ID)
	default:
		return nil, nil
	}
}

// onCall returns the users who are on call now.
func (d Deciders) onCall(ctx context.Context, schedule string) ([]string, error) {
	people, err := d.OnCall.People(ctx, schedule)
	if err != nil {
		return nil, err
	}
	var users, emails []string
	for _, p := range people {
		if p.Account.IsZero() {
			emails = append(emails, p.Email)
		} else {
			users = append(users, p.Account.User)
		}
	}
	found, err := d.byEmail(ctx, emails)
	return append(users, found...), err
}

// byEmail returns the users with addresses, and skips those nobody has.
func (d Deciders) byEmail(ctx context.Context, emails []string) ([]string, error) {
	var users []string
	for _, e := range emails {
		u, err := d.Directory.api.UserByEmail(ctx, e)
		if webapi.CodeOf(err) == "users_not_found" {
			continue
		}
		if err != nil {
			return users, fmt.Errorf("find %s in slack: %w", e, err)
		}
		users = append(users, u.ID)
	}
	return users, nil
}
