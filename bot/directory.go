package bot

import (
	"context"
	"fmt"
	"slices"

	"github.com/slack-go/slack"
	"golang.org/x/sync/singleflight"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/flowfile"
)

// A Directory says what Slack knows about people: it is facts.Profiles, and
// the half of facts.Members that Slack answers for. It remembers nothing;
// callers who ask for the same group at once share one answer.
type Directory struct {
	api   *webapi.API
	id    webapi.Identity
	rules func() *flowfile.Set
	asked singleflight.Group
}

// NewDirectory returns the directory of the workspace that id belongs to.
func NewDirectory(api *webapi.API, id webapi.Identity, rules func() *flowfile.Set) *Directory {
	return &Directory{api: api, id: id, rules: rules}
}

// slackbot is no bot by its profile.
const slackbot = "USLACKBOT"

// Profile implements facts.Profiles. Nothing is asked about an account of
// another workspace.
func (d *Directory) Profile(ctx context.Context, a access.Account) (facts.Profile, error) {
	if a.Workspace != d.id.Workspace() {
		return facts.Profile{Kind: facts.OtherWorkspace, Workspace: a.Workspace}, nil
	}
	u, err := d.api.User(ctx, a.User)
	switch webapi.CodeOf(err) {
	case "user_not_found", "user_not_visible":
		return facts.Profile{}, fmt.Errorf("user %s: %w", a.User, access.ErrNotFound)
	}
	if err != nil {
		return facts.Profile{}, err
	}
	return facts.Profile{
		Kind: d.kindOf(u), Workspace: d.workspaceOf(u), Zone: u.TZ,
		Name:  or(or(u.RealName, u.Profile.RealName), u.Name),
		Email: u.Profile.Email, EmailConfirmed: u.IsEmailConfirmed,
	}, nil
}

func (d *Directory) kindOf(u *slack.User) facts.Kind {
	switch {
	case u.Deleted:
		return facts.Deleted
	case u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == slackbot:
		return facts.Bot
	case u.IsStranger:
		return facts.Stranger
	case u.IsRestricted || u.IsUltraRestricted:
		return facts.Guest
	case d.workspaceOf(u) != d.id.Workspace():
		return facts.OtherWorkspace
	case u.IsInvitedUser:
		return facts.Stranger // nobody accepted the invitation yet
	}
	return facts.Member
}

// workspaceOf returns where a profile belongs: to an enterprise, if we do.
func (d *Directory) workspaceOf(u *slack.User) string {
	if d.id.Enterprise != "" {
		return u.Enterprise.EnterpriseID
	}
	return u.TeamID
}

// InSlackGroup is the Slack half of facts.Members.
func (d *Directory) InSlackGroup(ctx context.Context, group string, a access.Account) (bool, error) {
	if a.Workspace != d.id.Workspace() {
		return false, nil
	}
	users, err := d.members(ctx, group)
	return slices.Contains(users, a.User), err
}

// members returns the users in a group. The call outlives the caller who made
// it, since others may wait for it; its own patience bounds it.
func (d *Directory) members(ctx context.Context, group string) ([]string, error) {
	answer := d.asked.DoChan(group, func() (any, error) {
		return d.api.GroupMembers(context.WithoutCancel(ctx), group)
	})
	select {
	case a := <-answer:
		if webapi.CodeOf(a.Err) == "no_such_subteam" {
			return nil, fmt.Errorf("user group %s: %w", group, access.ErrNotFound)
		}
		users, _ := a.Val.([]string)
		return users, a.Err
	case <-ctx.Done():
		return nil, fmt.Errorf("members of %s: %w: %w", group, access.ErrUnavailable, context.Cause(ctx))
	}
}

// Deciders returns the users who may decide on r as far as Slack can name
// them, at most n: those whose addresses stand in the route, and the members of
// its groups, and the requester where they may decide themselves. They are
// told; whether they may decide is asked when they do.
func (d *Directory) Deciders(ctx context.Context, r access.Request, n int) ([]string, error) {
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
		for _, g := range named(d.rules(), need.Groups) {
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
func (d *Directory) inGroup(ctx context.Context, g flowfile.Group) ([]string, error) {
	switch g.Source {
	case flowfile.GroupSlack:
		return d.members(ctx, g.ID)
	case flowfile.GroupMembers:
		return d.byEmail(ctx, g.Members)
	default:
		return nil, nil
	}
}

// byEmail returns the users with addresses, and skips those nobody has.
func (d *Directory) byEmail(ctx context.Context, emails []string) ([]string, error) {
	var users []string
	for _, e := range emails {
		u, err := d.api.UserByEmail(ctx, e)
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
