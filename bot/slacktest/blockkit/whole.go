package blockkit

import (
	"encoding/json"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// MaxView is the size in bytes over which Slack calls a view too large.
const MaxView = 250_000

// Blocks checks a list of blocks for a surface. Pointers start with at, which
// Slack makes "/blocks" for a message.
func Blocks(v any, on Surface, at string) []Problem {
	c := newChecker(on)
	c.blocks(at, v)
	return c.problems
}

// View checks a modal or a home tab. Pointers start with at, which Slack makes
// "/view".
func View(v any, at string) []Problem {
	obj, ok := v.(map[string]any)
	if !ok {
		return []Problem{{Pointer: at, Code: "invalid_type", Message: "must provide an object"}}
	}
	kind, _ := obj["type"].(string)
	s, ok := map[string]Surface{"modal": Modal, "home": Home}[kind]
	if !ok {
		return []Problem{{Pointer: at + "/type", Code: "unsupported_type", Message: "unsupported type: " + kind}}
	}
	c := newChecker(s)
	c.view(at, obj)
	return c.problems
}

func (c *checker) blocks(at string, v any) {
	high := 100
	if c.surface == Message {
		high = 50
	}
	low := 1
	if c.surface == Message {
		low = 0 // an empty list clears the blocks of a message
	}
	list(low, high, blocks.check)(c, at, v)
}

var viewFields = shape{
	"type!": anything, "blocks!": anything, "private_metadata": str(0, 3000), "callback_id": str(0, 255),
	"external_id": str(0, 255),
}

var modalFields = shape{
	"title!": plain(24), "submit": plain(24), "close": plain(24), "clear_on_close": boolean, "notify_on_close": boolean,
}

func (c *checker) view(at string, obj map[string]any) {
	all := shape{}
	for name, r := range viewFields {
		all[name] = r
	}
	if c.surface == Modal {
		for name, r := range modalFields {
			all[name] = r
		}
	}
	all.check(c, at, obj)
	if list, there := obj["blocks"]; there {
		c.blocks(at+"/blocks", list)
	}
	if _, submits := obj["submit"]; c.surface == Modal && !submits && hasInput(obj["blocks"]) {
		c.say(at, "missing_field", "missing required field: submit")
	}
}

func hasInput(v any) bool {
	items, _ := v.([]any)
	for _, item := range items {
		if str1(item, "type") == "input" {
			return true
		}
	}
	return false
}

// Size returns how many bytes v takes as JSON.
func Size(v any) int {
	raw, err := json.Marshal(v)
	if err != nil {
		return 0
	}
	return len(raw)
}

func textOrFields(c *checker, at string, obj map[string]any) {
	if obj["text"] == nil && obj["fields"] == nil {
		c.say(at, "missing_field", "missing required field: text")
	}
}

func uniqueActions(c *checker, at string, obj map[string]any) {
	seen := map[string]bool{}
	for i, item := range within(obj, "elements") {
		action := str1(item, "action_id")
		if action != "" && seen[action] {
			c.say(fmt.Sprintf("%s/elements/%d/action_id", at, i), "failed_constraint", "action_id %q is used more than once", action)
		}
		seen[action] = true
	}
}

func optionsOrGroups(c *checker, at string, obj map[string]any) {
	if (obj["options"] == nil) == (obj["option_groups"] == nil) {
		c.say(at, "failed_constraint", "must have exactly one of options, option_groups")
	}
}

// initialAmongOptions holds an initial option to be equal, not merely similar,
// to one of those offered: Slack compares text and value.
func initialAmongOptions(c *checker, at string, obj map[string]any) {
	offered := Options(obj)
	initial := within(obj, "initial_options")
	if one := obj["initial_option"]; one != nil {
		initial = append(initial[:len(initial):len(initial)], one)
	}
	for _, want := range initial {
		found := false
		for _, o := range offered {
			found = found || reflect.DeepEqual(any(o), want)
		}
		if !found {
			c.say(at, "failed_constraint", "initial option must exactly match one of the options")
		}
	}
}

func initialFits(c *checker, at string, obj map[string]any) {
	s, _ := obj["initial_value"].(string)
	if high, ok := obj["max_length"].(float64); ok && utf8.RuneCountInString(s) > int(high) {
		c.say(at+"/initial_value", "failed_constraint", "must be less than %d characters", int(high)+1)
	}
	low, _ := obj["min_length"].(float64)
	if high, ok := obj["max_length"].(float64); ok && low > high {
		c.say(at+"/min_length", "failed_constraint", "must not be more than max_length")
	}
}
