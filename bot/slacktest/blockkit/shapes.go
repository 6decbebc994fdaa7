package blockkit

// The limits here are those of Slack's Block Kit reference. The tables are
// never written after start.

// known lists what Slack has and this package does not check.
var known = map[string]bool{
	"video": true, "file": true, "file_input": true, "rich_text_input": true, "table": true, "data_table": true,
	"data_visualization": true, "card": true, "carousel": true, "container": true, "layout": true, "plan": true,
	"task_card": true, "auth_provider": true, "context_actions": true, "workflow_button": true, "icon_button": true,
	"feedback_buttons": true, "multi_users_select": true, "multi_channels_select": true,
	"multi_conversations_select": true, "call": true,
}

func text(high int) rule {
	return kinds{
		"plain_text": shape{"type!": anything, "text!": str(1, high), "emoji": boolean}.check,
		"mrkdwn":     shape{"type!": anything, "text!": str(1, high), "verbatim": boolean}.check,
	}.check
}

func plain(high int) rule {
	return kinds{
		"plain_text": shape{"type!": anything, "text!": str(1, high), "emoji": boolean}.check,
		"mrkdwn": func(c *checker, at string, _ any) {
			c.say(at+"/type", "failed_constraint", "must be one of plain_text")
		},
	}.check
}

var (
	id   = str(1, 255)
	link = str(1, 3000)

	confirm = shape{
		"title!": plain(100), "text!": text(300), "confirm!": plain(30), "deny!": plain(30),
		"style": oneOf("primary", "danger"),
	}.check

	option         = shape{"text!": plain(75), "value!": str(1, 150), "description": plain(75)}.check
	markedOption   = shape{"text!": text(75), "value!": str(1, 150), "description": text(75)}.check
	overflowOption = shape{"text!": plain(75), "value!": str(1, 150), "description": plain(75), "url": link}.check
	optionGroup    = shape{"label!": plain(75), "options!": list(1, 100, option)}.check
	dispatch       = shape{"trigger_actions_on": list(1, 2, oneOf("on_enter_pressed", "on_character_entered"))}.check
)

// element is what every interactive element may carry, and the fields of one.
func element(own shape) shape {
	all := shape{"type!": anything, "action_id": id}
	for name, r := range own {
		all[name] = r
	}
	return all
}

// input is an element that holds a value.
func input(own shape) shape {
	own["focus_on_load"] = focus
	return element(own)
}

func focus(c *checker, at string, v any) {
	boolean(c, at, v)
	if v != true {
		return
	}
	if c.focused {
		c.say(at, "failed_constraint", "only one element can have focus_on_load set to true")
	}
	c.focused = true
}

var elements = kinds{
	"button": element(shape{
		"text!": plain(75), "value": str(1, 2000), "url": link, "style": oneOf("primary", "danger"),
		"confirm": confirm, "accessibility_label": str(1, 75),
	}).check,
	"overflow": element(shape{"options!": list(1, 5, overflowOption), "confirm": confirm}).check,
	"static_select": input(shape{
		"placeholder": plain(150), "options": list(1, 100, option), "option_groups": list(1, 100, optionGroup),
		"initial_option": option, "confirm": confirm,
	}).also(optionsOrGroups, initialAmongOptions),
	"multi_static_select": input(shape{
		"placeholder": plain(150), "options": list(1, 100, option), "option_groups": list(1, 100, optionGroup),
		"initial_options": list(1, 100, option), "confirm": confirm, "max_selected_items": between(1, 100),
	}).also(optionsOrGroups, initialAmongOptions),
	"external_select": input(shape{
		"placeholder": plain(150), "initial_option": option, "min_query_length": between(0, 100), "confirm": confirm,
	}).check,
	"multi_external_select": input(shape{
		"placeholder": plain(150), "initial_options": list(1, 100, option), "min_query_length": between(0, 100),
		"confirm": confirm, "max_selected_items": between(1, 100),
	}).check,
	"users_select":         input(shape{"placeholder": plain(150), "initial_user": id, "confirm": confirm}).check,
	"channels_select":      input(shape{"placeholder": plain(150), "initial_channel": id, "confirm": confirm}).check,
	"conversations_select": input(shape{"placeholder": plain(150), "initial_conversation": id, "confirm": confirm}).check,
	"checkboxes": input(shape{
		"options!": list(1, 10, markedOption), "initial_options": list(1, 10, markedOption), "confirm": confirm,
	}).also(initialAmongOptions),
	"radio_buttons": input(shape{
		"options!": list(1, 10, markedOption), "initial_option": markedOption, "confirm": confirm,
	}).also(initialAmongOptions),
	"datepicker": input(shape{"placeholder": plain(150), "initial_date": str(10, 10), "confirm": confirm}).check,
	"timepicker": input(shape{
		"placeholder": plain(150), "initial_time": str(5, 5), "confirm": confirm, "timezone": str(1, 255),
	}).check,
	"datetimepicker": input(shape{"initial_date_time": number, "confirm": confirm}).check,
	"plain_text_input": input(shape{
		"placeholder": plain(150), "initial_value": str(0, 3000), "multiline": boolean,
		"min_length": between(0, 3000), "max_length": between(1, 3000), "dispatch_action_config": dispatch,
	}).also(initialFits),
	"number_input": input(shape{
		"placeholder": plain(150), "is_decimal_allowed!": boolean, "initial_value": str(0, 100),
		"min_value": str(1, 100), "max_value": str(1, 100), "dispatch_action_config": dispatch,
	}).check,
	"email_text_input": input(shape{
		"placeholder": plain(150), "initial_value": str(0, 3000), "dispatch_action_config": dispatch,
	}).check,
	"url_text_input": input(shape{
		"placeholder": plain(150), "initial_value": str(0, 3000), "dispatch_action_config": dispatch,
	}).check,
	"image": shape{"type!": anything, "alt_text!": str(1, 2000), "image_url!": link}.check,
}

// only narrows elements to those that a place takes.
func only(names ...string) rule {
	some := kinds{}
	for _, name := range names {
		some[name] = elements[name]
	}
	return some.check
}

var (
	choices = []string{
		"static_select", "multi_static_select", "external_select", "multi_external_select", "users_select",
		"channels_select", "conversations_select", "checkboxes", "radio_buttons", "datepicker", "timepicker",
	}
	inAccessory = only(append([]string{"button", "overflow", "image"}, choices...)...)
	inActions   = only(append([]string{"button", "overflow", "datetimepicker"}, choices...)...)
	inInput     = only(append([]string{
		"plain_text_input", "number_input", "email_text_input", "url_text_input", "datetimepicker",
	}, choices...)...)
	inContext = kinds{
		"image": elements["image"], "plain_text": text(3000), "mrkdwn": text(3000),
	}.check
)

// block is what every block may carry, and the fields of one.
func block(own shape) shape {
	all := shape{"type!": anything, "block_id": blockID}
	for name, r := range own {
		all[name] = r
	}
	return all
}

func blockID(c *checker, at string, v any) {
	id(c, at, v)
	s, _ := v.(string)
	if c.blockIDs[s] {
		c.say(at, "failed_constraint", "block_id %q is used more than once", s)
	}
	c.blockIDs[s] = true
}

// on refuses a block outside the surfaces that take it.
func on(r rule, surfaces ...Surface) rule {
	return func(c *checker, at string, v any) {
		for _, s := range surfaces {
			if c.surface == s {
				r(c, at, v)
				return
			}
		}
		c.say(at+"/type", "unsupported_type", "unsupported type: %v", v.(map[string]any)["type"])
	}
}

var blocks = kinds{
	"header":  block(shape{"text!": plain(150), "level": between(1, 4)}).check,
	"divider": block(shape{}).check,
	"section": block(shape{
		"text": text(3000), "fields": list(1, 10, text(2000)), "accessory": inAccessory, "expand": boolean,
	}).also(textOrFields, uniqueActions),
	"context": block(shape{"elements!": list(1, 10, inContext)}).check,
	"actions": block(shape{"elements!": list(1, 25, inActions)}).also(uniqueActions),
	"input": on(block(shape{
		"label!": plain(2000), "hint": plain(2000), "element!": inInput, "optional": boolean, "dispatch_action": boolean,
	}).check, Modal, Home),
	"image": block(shape{
		"image_url!": link, "alt_text!": str(1, 2000), "title": plain(2000),
	}).check,
	"rich_text": block(shape{"elements!": list(1, 100, richElement)}).check,
	"markdown":  on(block(shape{"text!": str(1, 12000)}).check, Message),
	"alert":     on(block(shape{"text!": text(3000), "level": oneOf("default", "info", "warning", "error", "success")}).check, Modal),
}
