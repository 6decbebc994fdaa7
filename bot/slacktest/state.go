package slacktest

import (
	"maps"

	"sesame/bot/slacktest/blockkit"
)

// A state is what a person entered on a surface: block id to action id to the
// value, in the shape in which payloads carry it.
type state map[string]map[string]any

// initial is the state of blocks that nobody touched yet.
func initial(blocks []any) state {
	s := state{}
	for _, c := range blockkit.Controls(blocks) {
		if v := initialValue(c); v != nil {
			s.put(c, v)
		}
	}
	return s
}

func (s state) put(c blockkit.Control, v map[string]any) {
	if s[c.Block] == nil {
		s[c.Block] = map[string]any{}
	}
	s[c.Block][c.Action] = v
}

// kept is the state of new blocks that replace old ones: what was entered
// survives where block id, action id and kind of element are the same.
func (s state) kept(old, new []any) state {
	before := map[[2]string]string{}
	for _, c := range blockkit.Controls(old) {
		before[[2]string{c.Block, c.Action}] = c.Kind
	}
	next := initial(new)
	for _, c := range blockkit.Controls(new) {
		if v, ok := s[c.Block][c.Action]; ok && before[[2]string{c.Block, c.Action}] == c.Kind {
			next.put(c, v.(map[string]any))
		}
	}
	return next
}

// copied is a state that can be changed without changing s.
func (s state) copied() state {
	c := make(state, len(s))
	for block, actions := range s {
		c[block] = maps.Clone(actions)
	}
	return c
}

// slots is where each kind of element keeps its value in a payload, and where
// its blocks say what it starts with.
var slots = map[string]struct {
	value, initial string
	many           bool
}{
	"plain_text_input":      {"value", "initial_value", false},
	"number_input":          {"value", "initial_value", false},
	"email_text_input":      {"value", "initial_value", false},
	"url_text_input":        {"value", "initial_value", false},
	"static_select":         {"selected_option", "initial_option", false},
	"external_select":       {"selected_option", "initial_option", false},
	"radio_buttons":         {"selected_option", "initial_option", false},
	"multi_static_select":   {"selected_options", "initial_options", true},
	"multi_external_select": {"selected_options", "initial_options", true},
	"checkboxes":            {"selected_options", "initial_options", true},
	"users_select":          {"selected_user", "initial_user", false},
	"channels_select":       {"selected_channel", "initial_channel", false},
	"conversations_select":  {"selected_conversation", "initial_conversation", false},
	"datepicker":            {"selected_date", "initial_date", false},
	"timepicker":            {"selected_time", "initial_time", false},
	"datetimepicker":        {"selected_date_time", "initial_date_time", false},
}

// initialValue is what a control holds before anybody touched it, or nil for
// one that holds nothing.
func initialValue(c blockkit.Control) map[string]any {
	slot, ok := slots[c.Kind]
	if !ok {
		return nil
	}
	v := c.Element[slot.initial]
	if slot.many && v == nil {
		v = []any{}
	}
	return map[string]any{"type": c.Kind, slot.value: v}
}
