package slacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"sesame/bot/slacktest/blockkit"
)

// A Control names one interactive element: on a message, by Channel and TS, or
// in a view.
type Control struct {
	Channel, TS string
	View        string
	// Block may stay empty where Action is unique on the surface.
	Block, Action string
}

// Control names the element of m that has an action id.
func (m Message) Control(action string) Control {
	return Control{Channel: m.Channel, TS: m.TS, Action: action}
}

// Control names the element of v that has an action id.
func (v View) Control(action string) Control { return Control{View: v.ID, Action: action} }

// A surface is a message or a view as one user has it before them.
type surface struct {
	message *Message
	room    *channel
	view    *view
	blocks  []any
	state   state
}

// surface returns what c stands on, if the user sees it.
func (t *team) surface(u *User, c Control) (*surface, error) {
	if c.View != "" {
		v := t.views[c.View]
		if v == nil || v.closed || v.user != u.ID {
			return nil, fmt.Errorf("%s has no view %q open", u.Name, c.View)
		}
		return &surface{view: v, blocks: v.blocks, state: v.state}, nil
	}
	room := t.channels[c.Channel]
	if room == nil || !t.seenBy(room, u.ID) {
		return nil, fmt.Errorf("%s sees no channel %q", u.Name, c.Channel)
	}
	m := room.find(c.TS)
	for _, e := range t.ephemerals[u.ID] {
		if e.Channel == c.Channel && e.TS == c.TS {
			m = e
		}
	}
	if m == nil {
		return nil, fmt.Errorf("%s sees no message %s in %s", u.Name, c.TS, c.Channel)
	}
	if m.states == nil {
		m.states = map[string]state{}
	}
	if m.states[u.ID] == nil {
		m.states[u.ID] = initial(m.Blocks)
	}
	return &surface{message: m, room: room, blocks: m.Blocks, state: m.states[u.ID]}, nil
}

// control finds c among blocks.
func control(blocks []any, c Control) (blockkit.Control, error) {
	var found []blockkit.Control
	var there []string
	for _, k := range blockkit.Controls(blocks) {
		there = append(there, k.Action)
		if k.Action == c.Action && (c.Block == "" || k.Block == c.Block) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return blockkit.Control{}, fmt.Errorf("no control %q there, only %q", c.Action, there)
	}
	return blockkit.Control{}, fmt.Errorf("control %q is there %d times: name the block", c.Action, len(found))
}

// Click presses a button, and says yes to the question that it may ask.
func (a Actor) Click(ctx context.Context, c Control) (Reply, error) {
	return a.press(ctx, c, nil, nil)
}

// ClickForged presses a button, sending another value than the app gave it, as
// a hostile client might. Whether Slack lets that through is not known.
func (a Actor) ClickForged(ctx context.Context, c Control, value string) (Reply, error) {
	return a.press(ctx, c, nil, &value)
}

// ClickOld presses a button of a message as it was read before, although the
// message may have changed since: what a slow hand does.
func (a Actor) ClickOld(ctx context.Context, m Message, action string) (Reply, error) {
	return a.press(ctx, m.Control(action), m.Blocks, nil)
}

func (a Actor) press(ctx context.Context, c Control, old []any, value *string) (Reply, error) {
	var payload map[string]any
	var reply Reply
	err := a.do(func(t *team, u *User) error {
		s, err := t.surface(u, c)
		if err != nil {
			return err
		}
		blocks := s.blocks
		if old != nil {
			blocks = old
		}
		k, err := control(blocks, c)
		if err != nil {
			return err
		}
		if k.Kind != "button" {
			return fmt.Errorf("%q is a %s, not a button", c.Action, k.Kind)
		}
		reply.Confirm = confirmText(k)
		payload = t.actionPayload(u, s, k, pressed(k, value))
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	_, outcome, err := a.send(ctx, outgoing{kind: "interactive", payload: payload})
	reply.Error = trouble(outcome)
	return reply, err
}

// pressed is the action of a button, with a forged value if there is one.
func pressed(k blockkit.Control, value *string) map[string]any {
	action := map[string]any{"text": k.Element["text"]}
	for _, field := range []string{"value", "style"} {
		if v, ok := k.Element[field]; ok {
			action[field] = v
		}
	}
	if value != nil {
		action["value"] = *value
	}
	return action
}

func confirmText(k blockkit.Control) string {
	dialog, _ := k.Element["confirm"].(map[string]any)
	text, _ := dialog["text"].(map[string]any)
	s, _ := text["text"].(string)
	return s
}

// actionPayload is block_actions for one action.
func (t *team) actionPayload(u *User, s *surface, k blockkit.Control, action map[string]any) map[string]any {
	action["type"], action["block_id"], action["action_id"] = k.Kind, k.Block, k.Action
	action["action_ts"] = t.newTS()
	out := t.interaction("block_actions", u)
	out["actions"] = []any{action}
	t.place(out, s)
	if s.view != nil {
		out["trigger_id"] = t.newTrigger(u.ID, s.view.id)
		return out
	}
	out["trigger_id"] = t.newTrigger(u.ID, "")
	out["state"] = map[string]any{"values": s.state.copied()}
	out["response_url"] = t.newHook(&hook{channel: s.room.ID, user: u.ID, message: s.message})
	return out
}

// place says in a payload where something was done.
func (t *team) place(out map[string]any, s *surface) {
	if s.view != nil {
		out["container"] = map[string]any{"type": "view", "view_id": s.view.id}
		out["view"] = t.viewJSON(s.view)
		return
	}
	box := map[string]any{
		"type": "message", "message_ts": s.message.TS, "channel_id": s.room.ID, "is_ephemeral": s.message.For != "",
	}
	if s.message.ThreadTS != "" {
		box["thread_ts"] = s.message.ThreadTS
	}
	out["container"] = box
	out["channel"] = map[string]any{"id": s.room.ID, "name": roomName(s.room)}
	if s.message.For == "" { // an ephemeral message is not repeated
		out["message"] = t.messageJSON(s.message)
	}
}

// Enter chooses options by their values, or types text, in a control that
// holds a value. Where the app asked to hear of it at once, it does.
func (a Actor) Enter(ctx context.Context, c Control, values ...string) (Reply, error) {
	if err := a.lookUp(ctx, c, values); err != nil {
		return Reply{}, err
	}
	var payload map[string]any
	var reply Reply
	err := a.do(func(t *team, u *User) error {
		s, err := t.surface(u, c)
		if err != nil {
			return err
		}
		k, err := control(s.blocks, c)
		if err != nil {
			return err
		}
		v, err := t.value(k, suggestedFor(u.ID, c), values)
		if err != nil {
			return err
		}
		reply.Confirm = confirmText(k)
		if _, holds := slots[k.Kind]; holds {
			s.state.put(k, v)
		}
		if k.In["type"] != "input" || k.In["dispatch_action"] == true {
			payload = t.actionPayload(u, s, k, maps.Clone(v))
		}
		return nil
	})
	if err != nil || payload == nil {
		return reply, err
	}
	_, outcome, err := a.send(ctx, outgoing{kind: "interactive", payload: payload})
	reply.Error = trouble(outcome)
	return reply, err
}

// value is what a control holds after values were entered in it.
func (t *team) value(k blockkit.Control, key string, values []string) (map[string]any, error) {
	if k.Kind == "overflow" {
		chosen, err := choose(blockkit.Options(k.Element), values)
		if err != nil || len(chosen) != 1 {
			return nil, fmt.Errorf("control %q: choose one: %w", k.Action, err)
		}
		return map[string]any{"selected_option": chosen[0]}, nil
	}
	slot, ok := slots[k.Kind]
	if !ok {
		return nil, fmt.Errorf("control %q is a %s and holds no value", k.Action, k.Kind)
	}
	v := map[string]any{"type": k.Kind, slot.value: nil}
	if slot.value != "selected_option" && slot.value != "selected_options" {
		if len(values) > 0 && values[0] != "" {
			v[slot.value] = values[0]
		}
		return v, nil
	}
	chosen, err := choose(append(t.offered(k), t.suggested[key]...), values)
	switch {
	case err != nil:
		return nil, fmt.Errorf("control %q: %w", k.Action, err)
	case slot.many:
		v[slot.value] = chosen
	case len(chosen) > 0:
		v[slot.value] = chosen[0]
	}
	return v, nil
}

// offered are the options that the app put into a control itself.
func (t *team) offered(k blockkit.Control) []map[string]any {
	all := slices.Clone(blockkit.Options(k.Element))
	if o, ok := k.Element["initial_option"].(map[string]any); ok {
		all = append(all, o)
	}
	return all
}

func choose(offered []map[string]any, values []string) ([]any, error) {
	chosen := []any{}
	for _, want := range values {
		i := slices.IndexFunc(offered, func(o map[string]any) bool { return o["value"] == want })
		if i < 0 {
			return nil, fmt.Errorf("no option has the value %q", want)
		}
		chosen = append(chosen, offered[i])
	}
	return chosen, nil
}

func suggestedFor(user string, c Control) string {
	return user + " " + c.View + c.Channel + c.TS + " " + c.Block + " " + c.Action
}

// lookUp asks the app for suggestions where values must come from there and
// have not been seen yet.
func (a Actor) lookUp(ctx context.Context, c Control, values []string) error {
	var ask []string
	err := a.do(func(t *team, u *User) error {
		s, err := t.surface(u, c)
		if err != nil {
			return err
		}
		k, err := control(s.blocks, c)
		if err != nil || (k.Kind != "external_select" && k.Kind != "multi_external_select") {
			return err
		}
		for _, v := range values {
			if _, err := choose(append(t.offered(k), t.suggested[suggestedFor(u.ID, c)]...), []string{v}); err != nil {
				ask = append(ask, v)
			}
		}
		return nil
	})
	for _, v := range ask {
		if _, err := a.Suggest(ctx, c, v); err != nil {
			return err
		}
	}
	return err
}

// An Option is one line of a menu.
type Option struct{ Text, Value string }

// defaultQuery is how much must be typed before Slack asks the app, unless the
// app says otherwise.
const defaultQuery = 3

// Suggest types into a menu whose options come from the app, and returns what
// it then offers.
func (a Actor) Suggest(ctx context.Context, c Control, typed string) ([]Option, error) {
	var payload map[string]any
	err := a.do(func(t *team, u *User) error {
		s, err := t.surface(u, c)
		if err != nil {
			return err
		}
		k, err := control(s.blocks, c)
		if err != nil {
			return err
		}
		least := float64(defaultQuery)
		if n, ok := k.Element["min_query_length"].(float64); ok {
			least = n
		}
		if utf8.RuneCountInString(typed) < int(least) {
			return nil
		}
		payload = t.interaction("block_suggestion", u)
		payload["action_id"], payload["block_id"], payload["value"] = k.Action, k.Block, typed
		t.place(payload, s)
		return nil
	})
	if err != nil || payload == nil {
		return nil, err
	}
	ack, outcome, err := a.send(ctx, outgoing{kind: "interactive", payload: payload, accepts: true})
	if err != nil {
		return nil, err
	}
	if outcome != Acked {
		return nil, fmt.Errorf("the menu loads nothing: %s", outcome)
	}
	return a.suggestions(c, ack)
}

func (a Actor) suggestions(c Control, ack Ack) ([]Option, error) {
	var answer map[string]any
	if err := json.Unmarshal(ack.Payload, &answer); err != nil {
		answer = nil
	}
	found, problems := blockkit.Suggestions(answer)
	var shown []Option
	err := a.do(func(t *team, u *User) error {
		if len(problems) > 0 {
			t.violate("socket: the answer to block_suggestion is wrong: %s", problems[0])
			return fmt.Errorf("the menu loads nothing: %s", problems[0])
		}
		t.suggested[suggestedFor(u.ID, c)] = append(t.suggested[suggestedFor(u.ID, c)], found...)
		return nil
	})
	for _, o := range found {
		text, _ := o["text"].(map[string]any)
		label, _ := text["text"].(string)
		value, _ := o["value"].(string)
		shown = append(shown, Option{Text: label, Value: value})
	}
	return shown, err
}
