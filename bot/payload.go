package bot

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// The envelope and payload types that are understood.
const (
	typeCommand = "slash_commands"
	typeEvents  = "events_api"
	typeActive  = "interactive"

	payloadClick   = "block_actions"
	payloadSubmit  = "view_submission"
	payloadClosed  = "view_closed"
	payloadSuggest = "block_suggestion"
	payloadHotkey  = "shortcut"
)

// A payload is the part of what Slack sends that is read, of whatever type.
// Blocks and messages are left alone: what is in them is ours to know.
type payload struct {
	Type        string `json:"type"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`

	// Of interactions.
	User       person    `json:"user"`
	Team       subject   `json:"team"`
	Enterprise *subject  `json:"enterprise"`
	Actions    []action  `json:"actions"`
	Container  container `json:"container"`
	View       view      `json:"view"`
	CallbackID string    `json:"callback_id"`
	Value      string    `json:"value"` // what was typed into a menu

	// Of commands.
	UserID       string `json:"user_id"`
	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	Text         string `json:"text"`

	// Of events.
	Event json.RawMessage `json:"event"`
}

type subject struct {
	ID string `json:"id"`
}

type person struct {
	ID     string `json:"id"`
	TeamID string `json:"team_id"`
}

type action struct {
	ActionID string `json:"action_id"`
	Value    string `json:"value"`
	ActionTS string `json:"action_ts"`
}

// kind is the action without what tells several buttons of it apart.
func (a action) kind() string {
	kind, _, _ := strings.Cut(a.ActionID, ".")
	return kind
}

type container struct {
	Type      string `json:"type"` // "message" or "view"
	MessageTS string `json:"message_ts"`
	ChannelID string `json:"channel_id"`
	Ephemeral bool   `json:"is_ephemeral"`
}

type view struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Hash       string `json:"hash"`
	CallbackID string `json:"callback_id"`
	Metadata   string `json:"private_metadata"`
	Blocks     []struct {
		ID string `json:"block_id"`
	} `json:"blocks"`
	State struct {
		Values json.RawMessage `json:"values"`
	} `json:"state"`
}

func (v view) has(block string) bool {
	for _, b := range v.Blocks {
		if b.ID == block {
			return true
		}
	}
	return false
}

// answers returns what was entered. What cannot be read was not entered.
func (v view) answers() map[string]map[string]slack.BlockAction {
	var values map[string]map[string]slack.BlockAction
	if err := json.Unmarshal(v.State.Values, &values); err != nil {
		return nil
	}
	return values
}

func decode(raw json.RawMessage) (payload, error) {
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		// The error could quote what a person typed.
		return payload{}, fmt.Errorf("payload of %d bytes is not what slack sends", len(raw))
	}
	return p, nil
}

// account returns who sent p. Somebody of another workspace keeps that one, so
// that they are refused by whoever is asked who they are.
func (p payload) account() access.Account {
	if p.UserID != "" {
		return access.Account{Workspace: or(p.EnterpriseID, p.TeamID), User: p.UserID}
	}
	home := p.Team.ID
	if p.User.TeamID != "" && p.User.TeamID != home {
		return access.Account{Workspace: p.User.TeamID, User: p.User.ID}
	}
	if p.Enterprise != nil && p.Enterprise.ID != "" {
		home = p.Enterprise.ID
	}
	return access.Account{Workspace: home, User: p.User.ID}
}

// action returns the action of a click.
func (p payload) action() action {
	if len(p.Actions) == 0 {
		return action{}
	}
	return p.Actions[0]
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// unescape undoes what Slack does to three characters of what was typed.
var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// typed returns a command's text as the person typed it. A mention stays what
// it reads as; where Slack gives no name, its id has to do.
func typed(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<")
		out.WriteString(before)
		inside, after, closed := strings.Cut(rest, ">")
		if !found || !closed {
			out.WriteString(rest)
			return unescape.Replace(out.String())
		}
		out.WriteString(reads(inside))
		text = after
	}
}

// reads returns what a mention reads as: the inside of <@U1|bob>, <#C1|access>
// or <https://example.com|example.com>.
func reads(mention string) string {
	id, name, hasName := strings.Cut(mention, "|")
	mark := ""
	switch {
	case strings.HasPrefix(id, "@"), strings.HasPrefix(id, "!subteam^"):
		mark = "@"
	case strings.HasPrefix(id, "#"):
		mark = "#"
	case strings.HasPrefix(id, "!"):
		mark = "@"
	default:
		return id // a link says where it leads, whatever it reads as
	}
	if hasName && name != "" {
		return mark + strings.TrimPrefix(name, mark)
	}
	return mark + strings.TrimPrefix(strings.TrimLeft(id, "@#!"), "subteam^")
}
