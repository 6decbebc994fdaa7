package slacktest

import (
	"strings"

	"sesame/bot/slacktest/blockkit"
)

// The tiers of Slack's rate limits, in calls a minute. Slack promises at least
// so many; the stand-in gives no more.
const (
	tier2 = 20
	tier3 = 50
	tier4 = 100
	// special is for methods whose limit Slack only calls "several hundred".
	special = 300
)

// A method is one entry of the Web API.
type method struct {
	perMinute int
	app       bool   // wants the app token, in the header
	scope     string // of the bot token
	// args are the names that the method takes; "!" marks those it needs.
	args string
	run  func(t *team, a args) (map[string]any, error)
}

// methods is what this Slack can do. It is never written after start.
var methods = map[string]method{
	"auth.test":             {perMinute: special, run: (*team).authTest},
	"apps.connections.open": {perMinute: tier3, app: true, run: (*team).openConnection},

	"chat.postMessage": {
		perMinute: special, scope: "chat:write", run: (*team).postMessage,
		args: "channel! text blocks thread_ts reply_broadcast unfurl_links unfurl_media metadata",
	},
	"chat.update": {
		perMinute: tier3, scope: "chat:write", run: (*team).updateMessage,
		args: "channel! ts! text blocks metadata",
	},
	"chat.postEphemeral": {
		perMinute: tier4, scope: "chat:write", run: (*team).postEphemeral,
		args: "channel! user! text blocks thread_ts",
	},
	"chat.delete":       {perMinute: tier3, scope: "chat:write", args: "channel! ts!", run: (*team).deleteMessage},
	"chat.getPermalink": {perMinute: special, args: "channel! message_ts!", run: (*team).permalink},

	"conversations.open": {
		perMinute: tier3, scope: "im:write", args: "users channel return_im prevent_creation",
		run: (*team).openConversation,
	},
	"conversations.info": {
		perMinute: tier3, args: "channel! include_locale include_num_members", run: (*team).channelInfo,
	},
	"conversations.members": {perMinute: tier4, args: "channel! cursor limit", run: (*team).channelMembers},
	"conversations.list": {
		perMinute: tier2, args: "cursor limit types exclude_archived team_id", run: (*team).listChannels,
	},

	"users.info":          {perMinute: tier4, scope: "users:read", args: "user! include_locale", run: (*team).userInfo},
	"users.lookupByEmail": {perMinute: tier3, scope: "users:read.email", args: "email!", run: (*team).userByEmail},
	"users.list": {
		perMinute: tier2, scope: "users:read", args: "cursor limit include_locale team_id presence", run: (*team).listUsers,
	},
	"usergroups.list": {
		perMinute: tier2, scope: "usergroups:read", args: "include_users include_count include_disabled team_id",
		run: (*team).listGroups,
	},
	"usergroups.users.list": {
		perMinute: tier2, scope: "usergroups:read", args: "usergroup! include_disabled team_id",
		run: (*team).groupMembers,
	},

	"views.open":    {perMinute: tier4, args: "trigger_id! view!", run: (*team).openView},
	"views.push":    {perMinute: tier4, args: "trigger_id! view!", run: (*team).pushView},
	"views.update":  {perMinute: tier4, args: "view! view_id external_id hash", run: (*team).updateView},
	"views.publish": {perMinute: tier4, args: "user_id! view! hash", run: (*team).publishView},

	"team.info":       {perMinute: tier3, scope: "team:read", args: "team", run: (*team).teamInfo},
	"bots.info":       {perMinute: tier3, scope: "users:read", args: "bot team_id", run: (*team).botInfo},
	"blocks.validate": {perMinute: special, args: "blocks message view", run: (*team).validateBlocks},
}

func (t *team) authTest(args) (map[string]any, error) {
	return map[string]any{
		"url": t.base + "/", "team": t.name, "team_id": t.id, "user": t.people[t.bot].Name, "user_id": t.bot,
		"bot_id": t.botID, "is_enterprise_install": false,
	}, nil
}

func (t *team) teamInfo(a args) (map[string]any, error) {
	if id := a.str("team"); id != "" && id != t.id {
		return nil, refuse("team_not_found")
	}
	return map[string]any{"team": map[string]any{
		"id": t.id, "name": t.name, "domain": t.domain, "email_domain": "", "icon": map[string]any{},
	}}, nil
}

func (t *team) botInfo(a args) (map[string]any, error) {
	if id := a.str("bot"); id != "" && id != t.botID {
		return nil, refuse("bot_not_found")
	}
	return map[string]any{"bot": map[string]any{
		"id": t.botID, "deleted": false, "name": t.people[t.bot].Name, "updated": t.now.Unix(), "app_id": t.app,
		"user_id": t.bot, "icons": map[string]any{},
	}}, nil
}

// validateBlocks is blocks.validate: exactly one of its three arguments.
func (t *team) validateBlocks(a args) (map[string]any, error) {
	var given []string
	for _, name := range []string{"blocks", "message", "view"} {
		if a.has(name) {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		return nil, refuse("invalid_arguments", "must provide exactly one of blocks, message, view")
	}
	v, err := a.structure(given[0])
	if err != nil {
		return nil, err
	}
	var problems []blockkit.Problem
	switch given[0] {
	case "blocks":
		problems = blockkit.Blocks(v, blockkit.Message, "")
	case "message":
		m, _ := v.(map[string]any)
		problems = blockkit.Blocks(m["blocks"], blockkit.Message, "/blocks")
	case "view":
		problems = blockkit.View(v, "")
	}
	if len(problems) == 0 {
		return nil, nil
	}
	listed := make([]any, len(problems))
	for i, p := range problems {
		listed[i] = map[string]any{"pointer": p.Pointer, "code": p.Code, "message": p.Message}
	}
	return nil, &refusal{code: "invalid_" + given[0], extra: map[string]any{"errors": listed}}
}

// refuseBlocks turns problems into a refusal of Slack's shape, and notes what
// is refused only because it is not supported here.
func (t *team) refuseBlocks(code string, problems []blockkit.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	listed := make([]string, len(problems))
	for i, p := range problems {
		listed[i] = p.String()
		if p.Unsupported {
			t.violate("%s: not supported here", p)
		}
	}
	r := refuse(code, listed...)
	if strings.HasPrefix(code, "invalid_blocks") {
		r.extra["errors"] = listed
	}
	return r
}
