package slacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sesame/bot/slacktest/blockkit"
)

// Values is what is entered in a form: for each input, by "block" or
// "block/action", the text or the values of the options.
type Values map[string][]string

// Submit fills the user's topmost modal and sends it. Inputs that Values does
// not name stay as they are. What Slack's client checks itself comes back as
// Errors without the app hearing of it.
//
// A view of somebody else is submitted with this user's name, as a hostile
// client might try; whether Slack lets that through is not known.
func (a Actor) Submit(ctx context.Context, view string, values Values) (Reply, error) {
	owner, err := a.owner(view)
	if err != nil {
		return Reply{}, err
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		c, err := owner.input(view, key)
		if err != nil {
			return Reply{}, err
		}
		if _, err := owner.Enter(ctx, c, values[key]...); err != nil {
			return Reply{}, err
		}
	}
	var payload map[string]any
	var errs map[string]string
	err = a.do(func(t *team, u *User) error {
		v := t.views[view]
		if stack := t.stacks[v.user]; len(stack) == 0 || stack[len(stack)-1] != v {
			return fmt.Errorf("view %s is not on top", view)
		}
		if v.raw["submit"] == nil {
			return fmt.Errorf("view %s has nothing to submit", view)
		}
		if errs = missing(v); len(errs) > 0 {
			v.errors = errs
			return nil
		}
		v.sent, v.errors = v.state.copied(), nil
		payload = t.submission(u, v)
		return nil
	})
	if err != nil || payload == nil {
		return Reply{Errors: errs}, err
	}
	return a.sendSubmission(ctx, view, payload)
}

// Resubmit sends the last submission of a view once more, even though the view
// may be closed by now: what a client does whose first answer got lost, or a
// double click.
func (a Actor) Resubmit(ctx context.Context, view string) (Reply, error) {
	var payload map[string]any
	err := a.do(func(t *team, u *User) error {
		v := t.views[view]
		if v == nil || v.sent == nil {
			return fmt.Errorf("view %q was never submitted", view)
		}
		payload = t.submission(u, v)
		payload["view"].(map[string]any)["state"] = map[string]any{"values": v.sent}
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	return a.sendSubmission(ctx, view, payload)
}

// owner returns who has a view open.
func (a Actor) owner(view string) (Actor, error) {
	owner := a
	err := a.do(func(t *team, u *User) error {
		v := t.views[view]
		if v == nil || v.closed || v.kind != "modal" {
			return fmt.Errorf("%s has no modal %q open", u.Name, view)
		}
		owner.user = v.user
		return nil
	})
	return owner, err
}

// input finds an input of a view by "block" or "block/action".
func (a Actor) input(view, key string) (Control, error) {
	var found Control
	err := a.do(func(t *team, _ *User) error {
		var there []string
		for _, k := range blockkit.Controls(t.views[view].blocks) {
			if key == k.Block || key == k.Block+"/"+k.Action {
				found = Control{View: view, Block: k.Block, Action: k.Action}
				return nil
			}
			there = append(there, k.Block)
		}
		return fmt.Errorf("the form has no input %q, only %q", key, there)
	})
	return found, err
}

func (t *team) submission(u *User, v *view) map[string]any {
	out := t.interaction("view_submission", u)
	out["view"], out["response_urls"] = t.viewJSON(v), []any{}
	out["trigger_id"] = t.newTrigger(u.ID, v.id)
	return out
}

func (a Actor) sendSubmission(ctx context.Context, view string, payload map[string]any) (Reply, error) {
	ack, outcome, err := a.send(ctx, outgoing{kind: "interactive", payload: payload, accepts: true})
	if err != nil {
		return Reply{}, err
	}
	var reply Reply
	a.w.change(func(t *team) {
		v := t.views[view]
		reply.Error = trouble(outcome)
		if outcome == Acked && !v.closed {
			reply.Errors, reply.Error = t.submitted(v, ack.Payload)
		}
		if stack := t.stacks[v.user]; len(stack) > 0 {
			top := t.shownView(stack[len(stack)-1])
			reply.View = &top
		}
	})
	return reply, nil
}

// formTrouble is what Slack shows in a modal whose answer makes no sense.
const formTrouble = "We had some trouble connecting. Try again?"

// submitted does what the acknowledgement of a submission says.
func (t *team) submitted(v *view, raw json.RawMessage) (map[string]string, string) {
	var answer struct {
		Action string            `json:"response_action"`
		View   any               `json:"view"`
		Errors map[string]string `json:"errors"`
	}
	if !hasContent(raw) {
		t.pop(v)
		return nil, ""
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.violate("socket: the answer to view_submission is wrong: %v", err)
		return nil, formTrouble
	}
	var err error
	switch answer.Action {
	case "clear":
		t.clear(v.user)
	case "update", "push":
		err = t.turn(v, answer.Action, answer.View)
	case "errors":
		if err = fieldErrors(v, answer.Errors); err == nil {
			v.errors = answer.Errors
			return answer.Errors, ""
		}
	default:
		err = fmt.Errorf("response_action %q is none", answer.Action)
	}
	if err != nil {
		t.violate("socket: the answer to view_submission is wrong: %v", err)
		return nil, formTrouble
	}
	return nil, ""
}

// turn shows the view that came with an acknowledgement.
func (t *team) turn(v *view, action string, content any) error {
	raw, err := t.validView(content, "modal")
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if action == "update" {
		t.fill(v, raw)
		return nil
	}
	if len(t.stacks[v.user]) >= maxPushed {
		return refuse("push_limit_reached")
	}
	t.show(v.user, raw)
	return nil
}

// fieldErrors holds errors to name blocks that are inputs; else Slack shows a
// failure of its own.
func fieldErrors(v *view, errs map[string]string) error {
	if len(errs) == 0 {
		return fmt.Errorf("errors is empty")
	}
	inputs := map[string]bool{}
	for _, k := range blockkit.Controls(v.blocks) {
		inputs[k.Block] = k.In["type"] == "input"
	}
	for block, text := range errs {
		if !inputs[block] {
			return fmt.Errorf("errors names %q, which is no input block", block)
		}
		if text == "" {
			return fmt.Errorf("the error of %q is empty", block)
		}
	}
	return nil
}

// missing is what Slack's client itself finds wrong with a form.
func missing(v *view) map[string]string {
	errs := map[string]string{}
	for _, k := range blockkit.Controls(v.blocks) {
		if k.In["type"] != "input" {
			continue
		}
		held, _ := v.state[k.Block][k.Action].(map[string]any)
		given := held[slots[k.Kind].value]
		if list, ok := given.([]any); given == nil || given == "" || (ok && len(list) == 0) {
			if k.In["optional"] != true {
				errs[k.Block] = "Please complete this required field."
			}
			continue
		}
		if text, ok := given.(string); ok {
			if why := misfit(k, text); why != "" {
				errs[k.Block] = why
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// misfit says why typed text does not fit an input, or nothing.
func misfit(k blockkit.Control, text string) string {
	if k.Kind == "number_input" {
		return misfitNumber(k, text)
	}
	n := utf8.RuneCountInString(text)
	if low, ok := k.Element["min_length"].(float64); ok && n < int(low) {
		return fmt.Sprintf("Please enter at least %d characters.", int(low))
	}
	high, ok := k.Element["max_length"].(float64)
	if k.Kind == "plain_text_input" && !ok {
		high, ok = 3000, true
	}
	if ok && n > int(high) {
		return fmt.Sprintf("Please enter at most %d characters.", int(high))
	}
	return ""
}

func misfitNumber(k blockkit.Control, text string) string {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || (strings.Contains(text, ".") && k.Element["is_decimal_allowed"] != true) {
		return "Please enter a number."
	}
	bound := func(name string) (float64, bool) {
		s, _ := k.Element[name].(string)
		b, err := strconv.ParseFloat(s, 64)
		return b, err == nil
	}
	if low, ok := bound("min_value"); ok && n < low {
		return fmt.Sprintf("Please enter at least %v.", low)
	}
	if high, ok := bound("max_value"); ok && n > high {
		return fmt.Sprintf("Please enter at most %v.", high)
	}
	return ""
}

// CloseView dismisses a modal with its close button. The app hears of it if it
// asked to.
func (a Actor) CloseView(ctx context.Context, view string) (Reply, error) {
	var payload map[string]any
	err := a.do(func(t *team, u *User) error {
		v := t.views[view]
		if v == nil || v.closed || v.user != u.ID || v.kind != "modal" {
			return fmt.Errorf("%s has no modal %q open", u.Name, view)
		}
		cleared := v.raw["clear_on_close"] == true
		if v.raw["notify_on_close"] == true {
			payload = t.interaction("view_closed", u)
			payload["view"], payload["is_cleared"] = t.viewJSON(v), cleared
		}
		if t.pop(v); cleared {
			t.clear(u.ID)
		}
		return nil
	})
	if err != nil || payload == nil {
		return Reply{}, err
	}
	_, _, err = a.send(ctx, outgoing{kind: "interactive", payload: payload})
	return Reply{}, err // a close that nobody heard shows no error
}
