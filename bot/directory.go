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
)

// A Directory says what Slack knows about people: it is facts.Profiles, and
// the half of facts.Members that Slack answers for. It remembers nothing;
// callers who ask for the same group at once share one answer.
type Directory struct {
	api   *webapi.API
	id    webapi.Identity
	asked singleflight.Group
}

// NewDirectory returns the directory of the workspace that id belongs to.
func NewDirectory(api *webapi.API, id webapi.Identity) *Directory {
	return &Directory{api: api, id: id}
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
		Name:   or(or(u.RealName, u.Profile.RealName), u.Name),
		Status: u.Profile.StatusText,
		Email:  u.Profile.Email, EmailConfirmed: u.IsEmailConfirmed,
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

// Members returns the accounts in a group. It is oncall.Usergroups.
func (d *Directory) Members(ctx context.Context, group string) ([]access.Account, error) {
	users, err := d.members(ctx, group)
	if err != nil {
		return nil, err
	}
	accounts := make([]access.Account, len(users))
	for i, u := range users {
		accounts[i] = access.Account{Workspace: d.id.Workspace(), User: u}
	}
	return accounts, nil
}
