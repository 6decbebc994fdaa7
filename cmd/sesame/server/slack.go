package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sesame/bot"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/flowfile"
)

// scopes are what the bot's token must carry, as the manifest that init writes
// asks for.
var scopes = []string{
	"commands", "chat:write", "im:write", "users:read", "users:read.email",
	"usergroups:read", "channels:read", "groups:read", "team:read",
}

// A workspace is Slack as far as the server asks it directly.
type workspace struct {
	api   *webapi.API
	id    string
	admin string // the admin channel
}

func newWorkspace(o Options) (workspace, error) {
	api, err := webapi.New(webapi.Config{
		Token: o.Secrets.BotToken.Reveal(), URL: o.Config.Slack.APIURL, Clock: o.Clock, Unpaced: o.Unpaced,
	})
	if err != nil {
		return workspace{}, err
	}
	return workspace{
		api: api, id: o.Config.Slack.Workspace, admin: o.Config.AdminChannel,
	}, nil
}

// greet checks that the token is one of this workspace and may do what is
// needed. An error that is Findings will not go away by itself.
func (w workspace) greet(ctx context.Context) error {
	who, err := w.api.Identity(ctx)
	if webapi.OutcomeOf(err) == webapi.Barred {
		return Findings{{"slack.bot_token", fmt.Sprintf("Slack refuses it (%s): install the app again, and store the new token", webapi.CodeOf(err))}}
	}
	if err != nil {
		return err
	}
	var wrong Findings
	if who.Workspace() != w.id {
		wrong = append(wrong, Finding{"slack.workspace", fmt.Sprintf("the bot token is one of %s, not of %s: correct the one or the other", who.Workspace(), w.id)})
	}
	for _, scope := range scopes {
		if !slices.Contains(who.Scopes, scope) {
			wrong = append(wrong, Finding{"slack.bot_token", fmt.Sprintf("the scope %s is missing: add it to the app, and install it again", scope)})
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// identity returns what the configured id says the workspace is; greet says
// whether that is so.
func (w workspace) identity() webapi.Identity {
	if strings.HasPrefix(w.id, "E") {
		return webapi.Identity{Enterprise: w.id}
	}
	return webapi.Identity{Team: w.id}
}

// members says who is in which group, in Slack and in the directory.
type members struct {
	*bot.Directory
	directory
}

// sources are where facts come from.
func (s *Server) sources() facts.Sources {
	d := directory{s.cloud}
	return facts.Sources{Profiles: s.known, Directory: d, Members: members{s.known, d}, OnCall: s.roster}
}

// check looks at every channel and group that a set names.
func (w workspace) check(ctx context.Context, set *flowfile.Set) (Findings, error) {
	channels := append([]access.Channel{{Name: "admin_channel", ID: w.admin}}, set.Channels()...)
	var wrong Findings
	for _, c := range channels {
		found, err := w.checkChannel(ctx, c)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	found, err := w.checkGroups(ctx, set)
	return append(wrong, found...), err
}

func (w workspace) checkChannel(ctx context.Context, c access.Channel) (Findings, error) {
	path := "channels." + c.Name
	if c.ID == w.admin && c.Name == "admin_channel" {
		path = c.Name
	}
	ch, err := w.api.Channel(ctx, c.ID)
	switch {
	case webapi.OutcomeOf(err) == webapi.Refused && err != nil:
		return Findings{{path, fmt.Sprintf("Slack does not show %s to the app (%s): correct the id, and invite the app if the channel is private", c.ID, webapi.CodeOf(err))}}, nil
	case err != nil:
		return nil, fmt.Errorf("look at channel %s: %w", c.ID, err)
	case ch.IsArchived:
		return Findings{{path, fmt.Sprintf("%s is archived: choose another channel", c.ID)}}, nil
	case ch.IsExtShared || ch.IsPendingExtShared:
		return Findings{{path, fmt.Sprintf("%s is shared with another company, where requests are nobody's business: choose another channel", c.ID)}}, nil
	case !ch.IsMember:
		return Findings{{path, fmt.Sprintf("the app is not in %s: invite it", c.ID)}}, nil
	}
	return nil, nil
}

func (w workspace) checkGroups(ctx context.Context, set *flowfile.Set) (Findings, error) {
	named := usergroups(set)
	if len(named) == 0 {
		// Workspaces without a paid plan have no user groups to list.
		return nil, nil
	}
	there, err := w.api.Groups(ctx)
	lacks := "there is no user group %s in Slack, or it is disabled: correct the id"
	switch code := webapi.CodeOf(err); {
	case code == "plan_upgrade_required" || code == "paid_teams_only":
		lacks = "there is no user group %s, since this workspace's plan has none: use members, or a group of Identity Center"
	case err != nil:
		return nil, fmt.Errorf("list user groups: %w", err)
	}
	ids := map[string]bool{}
	for _, g := range there {
		ids[g.ID] = true
	}
	var wrong Findings
	for _, path := range slices.Sorted(maps.Keys(named)) {
		if id := named[path]; !ids[id] {
			wrong = append(wrong, Finding{path, fmt.Sprintf(lacks, id)})
		}
	}
	return wrong, nil
}

// usergroups returns the ids of the user groups that a set names, by where.
func usergroups(set *flowfile.Set) map[string]string {
	named := map[string]string{}
	for _, g := range set.Groups() {
		if g.Source == flowfile.GroupSlack {
			named["groups."+g.Name] = g.ID
		}
	}
	for _, o := range set.Schedules() {
		if o.Source == flowfile.OnCallSlack {
			named["on_call."+o.Name] = o.Group
		}
	}
	return named
}
