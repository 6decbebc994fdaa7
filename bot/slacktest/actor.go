package slacktest

import (
	"context"
	"fmt"
	"strings"
)

// An Actor is one user at the keyboard. Each of its methods does what Slack's
// client would do, blocks until the app acknowledged or its three seconds are
// over, and returns what the user sees. An error means that the client offers
// no such thing: the button is not there, or the user is deactivated.
type Actor struct {
	w    *Workspace
	user string
}

// As returns the Actor for a user id.
func (w *Workspace) As(user string) Actor { return Actor{w: w, user: user} }

// A Reply is what Slack itself shows to a user at once. What the app sends
// later is read from the Workspace.
type Reply struct {
	// Error is the failure that Slack shows, or empty.
	Error string
	// Errors are shown under the inputs of a form, by block id.
	Errors map[string]string
	// Confirm is the text of the dialog that was confirmed on the way.
	Confirm string
	// Message is what the acknowledgement of a command says, if anything.
	Message *Message
	// View is the topmost modal after a submit, if one is open.
	View *View
}

// present returns the user, if it can do anything at all.
func (a Actor) present(t *team) (*User, error) {
	u := t.people[a.user]
	switch {
	case u == nil:
		return nil, fmt.Errorf("no user %q", a.user)
	case u.Deleted:
		return nil, fmt.Errorf("%s is deactivated", u.Name)
	case u.Bot || u.WorkflowBot:
		return nil, fmt.Errorf("%s is a bot and has no keyboard", u.Name)
	case a.w.faults.down:
		return nil, fmt.Errorf("%s sees nothing: slack is down", u.Name)
	}
	return u, nil
}

// do runs f on the workspace's state for the user.
func (a Actor) do(f func(t *team, u *User) error) error {
	var err error
	a.w.change(func(t *team) {
		var u *User
		if u, err = a.present(t); err == nil {
			err = f(t, u)
		}
	})
	return err
}

// send delivers o for the user. It fails only where the caller gave up.
func (a Actor) send(ctx context.Context, o outgoing) (Ack, Outcome, error) {
	ack, outcome := a.w.send(ctx, o)
	if outcome == TimedOut && ctx.Err() != nil {
		return ack, outcome, fmt.Errorf("awaiting the app's acknowledgement: %w", context.Cause(ctx))
	}
	return ack, outcome, nil
}

// Command types a line that starts with a slash into a channel; a user id
// stands for the direct messages with the bot.
func (a Actor) Command(ctx context.Context, channel, line string) (Reply, error) {
	command, text, _ := strings.Cut(line, " ")
	var payload map[string]any
	var room string
	err := a.do(func(t *team, u *User) error {
		c := t.channels[channel]
		if channel == a.user {
			c = t.dm(a.user)
		}
		if c == nil || !t.seenBy(c, a.user) {
			return fmt.Errorf("%s sees no channel %q", u.Name, channel)
		}
		room = c.ID
		text := strings.TrimSpace(text)
		if !t.cfg.NoEscape {
			text = t.escaped(text)
		}
		if t.hasCommand(command) && u.Team == t.id {
			payload = t.commandPayload(u, c, command, text)
		}
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	if payload == nil {
		return Reply{Error: command + " is not a valid command"}, nil
	}
	ack, outcome, err := a.send(ctx, outgoing{kind: "slash_commands", payload: payload, accepts: true})
	if err != nil {
		return Reply{}, err
	}
	return a.commandReply(command, room, ack, outcome), nil
}

func (t *team) commandPayload(u *User, c *channel, command, text string) map[string]any {
	return map[string]any{
		"token": "", "team_id": t.id, "team_domain": t.domain, "channel_id": c.ID, "channel_name": roomName(c),
		"user_id": u.ID, "user_name": u.Name, "command": command, "text": text, "api_app_id": t.app,
		"is_enterprise_install": "false", "response_url": t.newHook(&hook{channel: c.ID, user: u.ID}),
		"trigger_id": t.newTrigger(u.ID, ""),
	}
}

func (a Actor) commandReply(command, channel string, ack Ack, outcome Outcome) Reply {
	switch outcome {
	case Unsent:
		return Reply{Error: command + ` failed with the error "dispatch_failed"`}
	case TimedOut:
		return Reply{Error: command + ` failed with the error "operation_timeout"`}
	}
	if !hasContent(ack.Payload) {
		return Reply{}
	}
	var reply Reply
	a.w.change(func(t *team) {
		m, err := t.respond(&hook{channel: channel, user: a.user}, ack.Payload)
		if err != nil {
			t.violate("socket: the answer to %s is wrong: %v", command, err)
			reply.Error = command + ` failed with the error "invalid_command_response"`
			return
		}
		shown := t.shown(m)
		reply.Message = &shown
	})
	return reply
}

func roomName(c *channel) string {
	switch {
	case c.im != "":
		return "directmessage"
	case c.Private:
		return "privategroup"
	}
	return c.Name
}

// Shortcut runs a global shortcut of the app.
func (a Actor) Shortcut(ctx context.Context, callbackID string) (Reply, error) {
	var payload map[string]any
	err := a.do(func(t *team, u *User) error {
		if !t.hasShortcut(callbackID) || u.Team != t.id {
			return fmt.Errorf("%s is offered no shortcut %q", u.Name, callbackID)
		}
		payload = t.interaction("shortcut", u)
		payload["callback_id"], payload["action_ts"] = callbackID, t.newTS()
		payload["trigger_id"] = t.newTrigger(u.ID, "")
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	_, outcome, err := a.send(ctx, outgoing{kind: "interactive", payload: payload})
	return Reply{Error: trouble(outcome)}, err
}

// Reload starts the user's client again: ephemeral messages are gone.
func (a Actor) Reload() {
	a.w.change(func(t *team) { delete(t.ephemerals, a.user) })
}

// OpenHome opens the app's home tab and returns what it shows at that moment,
// and whether it shows anything. The app hears of it by an event.
func (a Actor) OpenHome() (View, bool, error) {
	err := a.do(func(t *team, u *User) error {
		if t.cfg.NoHomeTab || u.Team != t.id {
			return fmt.Errorf("%s is offered no home tab", u.Name)
		}
		fields := map[string]any{"user": u.ID, "channel": t.dm(u.ID).ID, "tab": "home"}
		if v := t.homes[u.ID]; v != nil {
			fields["view"] = t.viewJSON(v)
		}
		t.raise("app_home_opened", fields)
		return nil
	})
	if err != nil {
		return View{}, false, err
	}
	v, ok := a.w.Home(a.user)
	return v, ok, nil
}

// interaction is what every interactive payload carries.
func (t *team) interaction(kind string, u *User) map[string]any {
	return map[string]any{
		"type": kind, "token": "", "api_app_id": t.app, "enterprise": nil, "is_enterprise_install": false,
		"team": map[string]any{"id": t.id, "domain": t.domain},
		"user": map[string]any{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team},
	}
}

// trouble is what Slack shows when an interaction was not acknowledged.
func trouble(o Outcome) string {
	if o == Acked {
		return ""
	}
	return "This app is not responding. Try again?"
}

// Say posts a message as the user, as people do among themselves.
func (a Actor) Say(channel, text string) (Message, error) {
	var said Message
	err := a.do(func(t *team, u *User) error {
		c := t.channels[channel]
		if c == nil || !c.has(u.ID) {
			return fmt.Errorf("%s is not in channel %q", u.Name, channel)
		}
		m := &Message{Author: u.ID, Fallback: t.escaped(text)}
		t.append(c, m)
		said = t.shown(m)
		return nil
	})
	return said, err
}
