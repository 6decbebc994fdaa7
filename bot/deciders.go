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

// Of returns the users who may decide on r in the stage that it is in, as far
// as Slack can name them, at most n: those whose addresses stand in the route,
// the members of its groups, those who are on call now, and the requester where
// they may decide themselves. They are told; whether they may decide is asked
// when they do.
func (d Deciders) Of(ctx context.Context, r access.Request, n int) ([]string, error) {
	var asked access.Audience
	for _, need := range r.Outstanding() {
		asked.Groups = append(asked.Groups, need.Groups...)
		asked.People = append(asked.People, need.People...)
	}
	users, err := d.Audience(ctx, asked, n+1)
	own := r.By.Account.User
	users = slices.DeleteFunc(users, func(u string) bool { return u == own })
	if r.Verdict.Route.Self {
		users = append([]string{own}, users...)
	}
	if len(users) > 0 {
		return users[:min(n, len(users))], nil
	}
	return nil, err
}

// Audience returns the users in a, as far as Slack can name them, at most n.
func (d Deciders) Audience(ctx context.Context, a access.Audience, n int) ([]string, error) {
	var users []string
	var failed error
	add := func(found []string, err error) {
		if err != nil {
			failed = err
		}
		for _, u := range found {
			if len(users) < n && !slices.Contains(users, u) {
				users = append(users, u)
			}
		}
	}
	for _, g := range named(d.Rules(), a.Groups) {
		add(d.inGroup(ctx, g))
	}
	add(d.byEmail(ctx, a.People))
	if len(users) > 0 {
		return users, nil // better some than none
	}
	return nil, failed
}

// Names returns what users are called, as they have it in Slack.
func (d Deciders) Names(ctx context.Context, users []string) ([]string, error) {
	var names []string
	for _, u := range users {
		p, err := d.Directory.Profile(ctx, access.Account{Workspace: d.Directory.id.Workspace(), User: u})
		if err != nil {
			return names, fmt.Errorf("look up what %s is called: %w", u, err)
		}
		names = append(names, p.Name)
	}
	return names, nil
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
