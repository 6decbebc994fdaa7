package slacktest

import (
	"slices"
	"strings"
)

func (t *team) openConversation(a args) (map[string]any, error) {
	if id := a.str("channel"); id != "" {
		c := t.channels[id]
		if c == nil || c.im == "" {
			return nil, refuse("channel_not_found")
		}
		return t.opened(c, a), nil
	}
	users := strings.Split(a.str("users"), ",")
	switch u := t.people[users[0]]; {
	case a.str("users") == "":
		return nil, refuse("users_list_not_supplied")
	case len(users) > 1:
		t.violate("conversations.open: messages to several people are not supported here")
		return nil, refuse("method_not_supported_for_channel_type")
	case u == nil:
		return nil, refuse("user_not_found")
	case u.Deleted:
		return nil, refuse("user_disabled")
	case u.Bot:
		return nil, refuse("cannot_dm_bot")
	default:
		return t.opened(t.dm(u.ID), a), nil
	}
}

func (t *team) opened(c *channel, a args) map[string]any {
	out := map[string]any{"id": c.ID}
	if a.truth("return_im") {
		out = t.channelJSON(c)
	}
	return map[string]any{"no_op": false, "already_open": false, "channel": out}
}

// scopeOf is the scope that a bot needs to read of a conversation.
func (t *team) scopeOf(c *channel) string {
	switch {
	case c.im != "":
		return "im:read"
	case c.Private:
		return "groups:read"
	}
	return "channels:read"
}

// readable returns a conversation that the bot may read of.
func (t *team) readable(id string) (*channel, error) {
	c, err := t.visible(id)
	if err != nil {
		return nil, err
	}
	if err := t.needs(t.scopeOf(c)); err != nil {
		return nil, err
	}
	return c, nil
}

func (t *team) channelInfo(a args) (map[string]any, error) {
	c, err := t.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	out := t.channelJSON(c)
	if a.truth("include_num_members") {
		out["num_members"] = len(c.Members)
	}
	return map[string]any{"channel": out}, nil
}

func (t *team) channelMembers(a args) (map[string]any, error) {
	c, err := t.readable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	some, next, err := page(t, a, c.Members)
	if err != nil {
		return nil, err
	}
	return map[string]any{"members": some, "response_metadata": next}, nil
}

func (t *team) listChannels(a args) (map[string]any, error) {
	types := strings.Split(a.str("types"), ",")
	if a.str("types") == "" {
		types = []string{"public_channel"}
	}
	for _, kind := range types {
		scope, ok := map[string]string{
			"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read",
		}[strings.TrimSpace(kind)]
		if !ok {
			return nil, refuse("invalid_types")
		}
		if err := t.needs(scope); err != nil {
			return nil, err
		}
	}
	var found []any
	for _, id := range t.rooms {
		c := t.channels[id]
		if slices.Contains(types, kindOf(c)) && (kindOf(c) == "public_channel" || c.has(t.bot)) &&
			!(c.Archived && a.truth("exclude_archived")) {
			found = append(found, t.channelJSON(c))
		}
	}
	some, next, err := page(t, a, found)
	if err != nil {
		return nil, err
	}
	return map[string]any{"channels": some, "response_metadata": next}, nil
}

func kindOf(c *channel) string {
	switch {
	case c.im != "":
		return "im"
	case c.Private:
		return "private_channel"
	}
	return "public_channel"
}

func (t *team) channelJSON(c *channel) map[string]any {
	if c.im != "" {
		return map[string]any{"id": c.ID, "is_im": true, "user": c.im, "is_user_deleted": t.people[c.im].Deleted}
	}
	return map[string]any{
		"id": c.ID, "name": c.Name, "name_normalized": c.Name, "is_channel": !c.Private, "is_group": c.Private,
		"is_private": c.Private, "is_archived": c.Archived, "is_im": false, "is_mpim": false,
		"is_member": c.has(t.bot), "is_shared": c.ExtShared, "is_ext_shared": c.ExtShared, "is_org_shared": false,
		"is_general": false, "context_team_id": t.id,
	}
}
