package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A Problem is something about Slack that keeps Sesame from working as it is
// configured.
type Problem struct {
	About string // what it is about: "token", "scope chat:write", "channel access"
	Text  string // one sentence: what, why, what next
}

// String returns "about: text".
func (p Problem) String() string { return p.About + ": " + p.Text }

// Scopes are what the bot token needs, as the manifest asks.
func Scopes() []string {
	return []string{
		"commands", "chat:write", "im:write", "users:read", "users:read.email", "usergroups:read",
		"channels:read", "groups:read", "team:read",
	}
}

// CheckTokens returns what is wrong with tokens by their form alone: the bot's
// is no app's, and the other way round.
func CheckTokens(bot, app string) []Problem {
	var ps []Problem
	check := func(name, token, prefix, where string) {
		switch got, _, _ := strings.Cut(token, "-"); {
		case token == "":
			ps = append(ps, Problem{name, fmt.Sprintf("it is missing: take the one that starts with %s from %s.", prefix, where)})
		case got+"-" != prefix:
			kind := "something else"
			if known := map[string]bool{"xoxb": true, "xapp": true, "xoxp": true, "xoxe": true}; known[got] {
				kind = got + "-…"
			}
			ps = append(ps, Problem{name, fmt.Sprintf("it must start with %s and is %s: take it from %s.", prefix, kind, where)})
		}
	}
	check("bot token", bot, "xoxb-", "OAuth & Permissions")
	check("app token", app, "xapp-", "Basic Information, App-Level Tokens, with connections:write")
	return ps
}

// CheckOnline asks Slack whether everything that the flow files and admin, the
// admin channel's id, count on is there. It returns everything that is wrong
// at once; what cannot be asked is a problem too. A nil set has no channels and
// no groups.
func CheckOnline(ctx context.Context, api *webapi.API, set *flowfile.Set, admin string) []Problem {
	id, err := api.Identity(ctx)
	if err != nil {
		return []Problem{{"bot token", fmt.Sprintf("Slack does not accept it (%s): install the app and use its token.", reason(err))}}
	}
	ps := missing(id.Scopes)
	var channels []access.Channel
	var groups []flowfile.Group
	if set != nil {
		channels, groups = set.Channels(), set.Groups()
	}
	if admin != "" {
		channels = append(channels, access.Channel{Name: "admin channel", ID: admin})
	}
	for _, c := range channels {
		ps = append(ps, checkChannel(ctx, api, c)...)
	}
	return append(ps, checkGroups(ctx, api, groups)...)
}

// missing names the scopes that the token lacks, one by one.
func missing(have []string) []Problem {
	var ps []Problem
	for _, s := range Scopes() {
		if !slices.Contains(have, s) {
			ps = append(ps, Problem{"scope " + s, "the bot token lacks it: add it under OAuth & Permissions and install the app again."})
		}
	}
	return ps
}

// reason is Slack's word for an error, or that there is none.
func reason(err error) string { return or(webapi.CodeOf(err), "no answer") }

func checkChannel(ctx context.Context, api *webapi.API, c access.Channel) []Problem {
	about := fmt.Sprintf("channel %s (%s)", c.Name, c.ID)
	is, err := api.Channel(ctx, c.ID)
	if err != nil {
		text := "Slack does not say whether it is there (" + reason(err) + "): try again."
		if webapi.CodeOf(err) == "channel_not_found" {
			text = "there is none of that id that Sesame can see: correct the id, or invite Sesame if the channel is private."
		}
		return []Problem{{about, text}}
	}
	switch {
	case is.IsArchived:
		return []Problem{{about, "it is archived: unarchive it or name another one."}}
	case is.IsExtShared:
		return []Problem{{about, "it is shared with another company, and requests are not for them: name another one."}}
	case !is.IsMember:
		return []Problem{{about, "Sesame is not in it: invite it."}}
	}
	return nil
}

func checkGroups(ctx context.Context, api *webapi.API, groups []flowfile.Group) []Problem {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g flowfile.Group) bool { return g.Source != flowfile.GroupSlack })
	if len(groups) == 0 {
		return nil
	}
	there, err := api.Groups(ctx)
	if err != nil {
		text := "Slack does not list them (" + reason(err) + "): try again."
		if code := webapi.CodeOf(err); code == "plan_upgrade_required" || code == "paid_teams_only" {
			text = "this workspace's plan has none: use members or Identity Center groups instead."
		}
		return []Problem{{"user groups", text}}
	}
	var ps []Problem
	for _, g := range groups {
		if !slices.ContainsFunc(there, func(u slack.UserGroup) bool { return u.ID == g.ID && u.DateDelete == 0 }) {
			ps = append(ps, Problem{
				fmt.Sprintf("group %s (%s)", g.Name, g.ID),
				"there is no user group of that id, or it is disabled: correct the id, which starts with S.",
			})
		}
	}
	return ps
}
