package blockkit_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/bot/slacktest/blockkit"
)

var (
	long = regexp.MustCompile(`"#(\d+)"`)
	many = regexp.MustCompile(`\[(\d+) of (\{[^\[\]]*\})\]`)
)

// decode reads JSON in which "#5" stands for a text of five characters and
// [3 of {...}] for a list of three; in a list, % is the item's number.
func decode(t *testing.T, s string) any {
	t.Helper()
	s = many.ReplaceAllStringFunc(s, func(m string) string {
		p := many.FindStringSubmatch(m)
		n, _ := strconv.Atoi(p[1]) // digits by the pattern
		items := make([]string, n)
		for i := range items {
			items[i] = strings.ReplaceAll(p[2], "%", fmt.Sprint(i))
		}
		return "[" + strings.Join(items, ",") + "]"
	})
	s = long.ReplaceAllStringFunc(s, func(m string) string {
		n, _ := strconv.Atoi(m[2 : len(m)-1]) // digits by the pattern
		return `"` + strings.Repeat("ä", n) + `"`
	})
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// with puts an element or a text into a block of a kind that takes it.
func with(kind, s string) string {
	switch kind {
	case "section":
		return `[{"type":"section","text":{"type":"plain_text","text":"x"},"accessory":` + s + `}]`
	case "actions":
		return `[{"type":"actions","elements":[` + s + `]}]`
	case "input":
		return `[{"type":"input","label":{"type":"plain_text","text":"x"},"element":` + s + `}]`
	}
	return `[{"type":"` + kind + `",` + s + `}]`
}

func TestLimits(t *testing.T) {
	const plain = `{"type":"plain_text","text":"x"}`
	for _, c := range []struct {
		name     string
		on       blockkit.Surface
		fits     string
		tooMuch  string
		expected string
	}{
		{"blocks of a message", blockkit.Message, `[50 of {"type":"divider"}]`, `[51 of {"type":"divider"}]`,
			`no more than 50 items allowed [json-pointer:/blocks]`},
		{"blocks of a modal", blockkit.Modal, `[100 of {"type":"divider"}]`, `[101 of {"type":"divider"}]`,
			`no more than 100 items allowed [json-pointer:/blocks]`},
		{"section text", blockkit.Message,
			with("section", `{"type":"image","alt_text":"x","image_url":"x"},"block_id":"#255"`),
			`[{"type":"section","text":{"type":"mrkdwn","text":"#3001"}}]`,
			`must be less than 3001 characters [json-pointer:/blocks/0/text/text]`},
		{"section fields", blockkit.Message,
			`[{"type":"section","fields":[10 of {"type":"mrkdwn","text":"#2000"}]}]`,
			`[{"type":"section","fields":[11 of {"type":"mrkdwn","text":"x"}]}]`,
			`no more than 10 items allowed [json-pointer:/blocks/0/fields]`},
		{"field text", blockkit.Message,
			`[{"type":"section","text":{"type":"mrkdwn","text":"#3000","verbatim":true},"expand":true}]`,
			`[{"type":"section","fields":[{"type":"mrkdwn","text":"#2001"}]}]`,
			`must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]`},
		{"header", blockkit.Message, with("header", `"text":{"type":"plain_text","text":"#150"}`),
			with("header", `"text":{"type":"plain_text","text":"#151"}`),
			`must be less than 151 characters [json-pointer:/blocks/0/text/text]`},
		{"context", blockkit.Message, with("context", `"elements":[10 of {"type":"mrkdwn","text":"x"}]`),
			with("context", `"elements":[11 of {"type":"mrkdwn","text":"x"}]`),
			`no more than 10 items allowed [json-pointer:/blocks/0/elements]`},
		{"actions", blockkit.Message,
			`[{"type":"actions","elements":[25 of {"type":"button","action_id":"a%","text":` + plain + `}]}]`,
			`[{"type":"actions","elements":[26 of {"type":"button","action_id":"a%","text":` + plain + `}]}]`,
			`no more than 25 items allowed [json-pointer:/blocks/0/elements]`},
		{"markdown", blockkit.Message, with("markdown", `"text":"#12000"`), with("markdown", `"text":"#12001"`),
			`must be less than 12001 characters [json-pointer:/blocks/0/text]`},
		{"image", blockkit.Message, with("image", `"image_url":"x","alt_text":"#2000"`),
			with("image", `"image_url":"x","alt_text":"#2001"`),
			`must be less than 2001 characters [json-pointer:/blocks/0/alt_text]`},
		{"button text", blockkit.Message,
			with("actions", `{"type":"button","text":{"type":"plain_text","text":"#75","emoji":true}}`),
			with("actions", `{"type":"button","text":{"type":"plain_text","text":"#76"}}`),
			`must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]`},
		{"button value", blockkit.Message,
			with("actions", `{"type":"button","text":`+plain+`,"value":"#2000","url":"#3000","style":"danger"}`),
			with("actions", `{"type":"button","text":`+plain+`,"value":"#2001"}`),
			`must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]`},
		{"action id", blockkit.Message,
			with("actions", `{"type":"button","text":`+plain+`,"action_id":"#255"}`),
			with("actions", `{"type":"button","text":`+plain+`,"action_id":"#256"}`),
			`must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]`},
		{"confirm", blockkit.Message,
			with("actions", `{"type":"button","text":`+plain+`,"confirm":{"title":{"type":"plain_text","text":"#100"},"text":{"type":"mrkdwn","text":"#300"},"confirm":{"type":"plain_text","text":"#30"},"deny":`+plain+`}}`),
			with("actions", `{"type":"button","text":`+plain+`,"confirm":{"title":`+plain+`,"text":{"type":"plain_text","text":"#301"},"confirm":`+plain+`,"deny":`+plain+`}}`),
			`must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]`},
		{"options", blockkit.Message,
			with("section", `{"type":"static_select","options":[100 of {"text":`+plain+`,"value":"#150"}]}`),
			with("section", `{"type":"static_select","options":[101 of {"text":`+plain+`,"value":"v%"}]}`),
			`no more than 100 items allowed [json-pointer:/blocks/0/accessory/options]`},
		{"option value", blockkit.Message,
			with("section", `{"type":"overflow","options":[5 of {"text":`+plain+`,"value":"#150","url":"x","description":{"type":"plain_text","text":"#75"}}]}`),
			with("section", `{"type":"overflow","options":[{"text":`+plain+`,"value":"#151"}]}`),
			`must be less than 151 characters [json-pointer:/blocks/0/accessory/options/0/value]`},
		{"overflow", blockkit.Message,
			with("section", `{"type":"overflow","options":[1 of {"text":`+plain+`,"value":"v"}]}`),
			with("section", `{"type":"overflow","options":[6 of {"text":`+plain+`,"value":"v"}]}`),
			`no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]`},
		{"radio buttons", blockkit.Modal,
			with("input", `{"type":"radio_buttons","options":[10 of {"text":{"type":"mrkdwn","text":"#75"},"value":"v"}]}`),
			with("input", `{"type":"radio_buttons","options":[11 of {"text":`+plain+`,"value":"v"}]}`),
			`no more than 10 items allowed [json-pointer:/blocks/0/element/options]`},
		{"input label", blockkit.Modal,
			`[{"type":"input","label":{"type":"plain_text","text":"#2000"},"hint":` + plain + `,"optional":true,"dispatch_action":true,"element":{"type":"plain_text_input","placeholder":{"type":"plain_text","text":"#150"},"max_length":3000}}]`,
			`[{"type":"input","label":{"type":"plain_text","text":"#2001"},"element":{"type":"plain_text_input"}}]`,
			`must be less than 2001 characters [json-pointer:/blocks/0/label/text]`},
		{"placeholder", blockkit.Modal,
			with("input", `{"type":"number_input","is_decimal_allowed":false,"min_value":"1","focus_on_load":true}`),
			with("input", `{"type":"plain_text_input","placeholder":{"type":"plain_text","text":"#151"}}`),
			`must be less than 151 characters [json-pointer:/blocks/0/element/placeholder/text]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := blockkit.Blocks(decode(t, c.fits), c.on, "/blocks"); got != nil {
				t.Errorf("at the limit: %v", got)
			}
			got := blockkit.Blocks(decode(t, c.tooMuch), c.on, "/blocks")
			if len(got) == 0 || got[0].String() != c.expected {
				t.Errorf("over it: %v, want %s", got, c.expected)
			}
		})
	}
}

func TestWhatSlackRefuses(t *testing.T) {
	const plain = `{"type":"plain_text","text":"x"}`
	for name, c := range map[string]struct {
		on     blockkit.Surface
		blocks string
		want   string
	}{
		"no list":                {blockkit.Message, `{}`, `must provide an array`},
		"no block":               {blockkit.Message, `["x"]`, `must provide an object`},
		"no type":                {blockkit.Message, `[{"text":"x"}]`, `missing required field: type`},
		"an unknown block":       {blockkit.Message, `[{"type":"nonsense"}]`, `unsupported type: nonsense`},
		"an unknown field":       {blockkit.Message, `[{"type":"divider","colour":"red"}]`, `invalid additional property: colour`},
		"an empty text":          {blockkit.Message, with("header", `"text":{"type":"plain_text","text":""}`), `must be more than 0 characters`},
		"a missing text":         {blockkit.Message, `[{"type":"header"}]`, `missing required field: text`},
		"markup in a header":     {blockkit.Message, with("header", `"text":{"type":"mrkdwn","text":"x"}`), `must be one of plain_text`},
		"emoji in markup":        {blockkit.Message, `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`, `invalid additional property: emoji`},
		"a number for a text":    {blockkit.Message, with("header", `"text":{"type":"plain_text","text":5}`), `must provide a string`},
		"a text for a boolean":   {blockkit.Message, `[{"type":"section","text":` + plain + `,"expand":"yes"}]`, `must be a boolean`},
		"an empty section":       {blockkit.Message, `[{"type":"section"}]`, `missing required field: text`},
		"an empty context":       {blockkit.Message, `[{"type":"context","elements":[]}]`, `no fewer than 1 items allowed`},
		"an input in a message":  {blockkit.Message, with("input", `{"type":"plain_text_input"}`), `unsupported type: input`},
		"an alert in a message":  {blockkit.Message, with("alert", `"text":`+plain), `unsupported type: alert`},
		"an alert on a home":     {blockkit.Home, with("alert", `"text":`+plain), `unsupported type: alert`},
		"markdown in a modal":    {blockkit.Modal, with("markdown", `"text":"x"`), `unsupported type: markdown`},
		"a text input in a row":  {blockkit.Modal, with("actions", `{"type":"plain_text_input"}`), `unsupported type: plain_text_input`},
		"a button as an input":   {blockkit.Modal, with("input", `{"type":"button","text":`+plain+`}`), `unsupported type: button`},
		"a block id twice":       {blockkit.Message, `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`, `block_id "a" is used more than once [json-pointer:/blocks/1/block_id]`},
		"an action id twice":     {blockkit.Message, `[{"type":"actions","elements":[2 of {"type":"button","action_id":"a","text":` + plain + `}]}]`, `action_id "a" is used more than once`},
		"an unknown style":       {blockkit.Message, with("actions", `{"type":"button","style":"loud","text":`+plain+`}`), `must be one of primary, danger`},
		"a menu of nothing":      {blockkit.Message, with("section", `{"type":"static_select"}`), `exactly one of options, option_groups`},
		"a choice not offered":   {blockkit.Message, with("section", `{"type":"static_select","options":[{"text":`+plain+`,"value":"a"}],"initial_option":{"text":`+plain+`,"value":"b"}}`), `must exactly match`},
		"two in focus":           {blockkit.Modal, `[2 of {"type":"input","label":` + plain + `,"element":{"type":"plain_text_input","focus_on_load":true}}]`, `only one element can have focus_on_load`},
		"a start too long":       {blockkit.Modal, with("input", `{"type":"plain_text_input","initial_value":"abc","max_length":2}`), `must be less than 3 characters`},
		"bounds the wrong way":   {blockkit.Modal, with("input", `{"type":"plain_text_input","min_length":5,"max_length":2}`), `must not be more than max_length`},
		"a bound out of bounds":  {blockkit.Modal, with("input", `{"type":"plain_text_input","max_length":3001}`), `must be between 1 and 3000`},
		"a text for a number":    {blockkit.Modal, with("input", `{"type":"plain_text_input","max_length":"2"}`), `must be a number`},
		"numbers without a word": {blockkit.Modal, with("input", `{"type":"number_input"}`), `missing required field: is_decimal_allowed`},
		"an empty rich text":     {blockkit.Message, with("rich_text", `"elements":[{"type":"rich_text_section","elements":[{"type":"text","text":""}]}]`), `must be more than 0 characters`},
		"an odd rich text":       {blockkit.Message, with("rich_text", `"elements":[{"type":"rich_text_section","elements":[{"type":"date","timestamp":"x","format":"x"}]}]`), `must be a number`},
	} {
		got := blockkit.Blocks(decode(t, c.blocks), c.on, "/blocks")
		if len(got) == 0 || !strings.Contains(got[0].String(), c.want) || got[0].Unsupported {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestWhatIsNotSupportedSaysSo(t *testing.T) {
	for _, kind := range []string{"table", "card", "video", "container"} {
		got := blockkit.Blocks(decode(t, `[{"type":"`+kind+`"}]`), blockkit.Message, "/blocks")
		if len(got) != 1 || !got[0].Unsupported {
			t.Errorf("%s: %v, want one problem that says unsupported", kind, got)
		}
	}
}

func TestViews(t *testing.T) {
	const rest = `"title":{"type":"plain_text","text":"x"},"blocks":[{"type":"divider"}]`
	const form = `"title":{"type":"plain_text","text":"x"},"blocks":[{"type":"input","label":{"type":"plain_text","text":"x"},"element":{"type":"plain_text_input"}}]`
	const button = `{"type":"plain_text","text":"#25"}`
	for name, c := range map[string]struct{ view, want string }{
		"a modal":                 {`{"type":"modal",` + rest + `,"private_metadata":"#3000","callback_id":"#255","close":{"type":"plain_text","text":"#24"}}`, ``},
		"a form":                  {`{"type":"modal",` + form + `,"submit":{"type":"plain_text","text":"#24"}}`, ``},
		"a home":                  {`{"type":"home","blocks":[{"type":"divider"}]}`, ``},
		"no object":               {`[]`, `must provide an object [json-pointer:/view]`},
		"another type":            {`{"type":"drawer"}`, `unsupported type: drawer [json-pointer:/view/type]`},
		"no title":                {`{"type":"modal","blocks":[{"type":"divider"}]}`, `missing required field: title [json-pointer:/view]`},
		"no blocks":               {`{"type":"home"}`, `missing required field: blocks [json-pointer:/view]`},
		"an empty home":           {`{"type":"home","blocks":[]}`, `no fewer than 1 items allowed [json-pointer:/view/blocks]`},
		"a form without a button": {`{"type":"modal",` + form + `}`, `missing required field: submit [json-pointer:/view]`},
		"a long title":            {`{"type":"modal","title":` + button + `,"blocks":[{"type":"divider"}]}`, `must be less than 25 characters [json-pointer:/view/title/text]`},
		"a long submit":           {`{"type":"modal",` + rest + `,"submit":` + button + `}`, `must be less than 25 characters [json-pointer:/view/submit/text]`},
		"too much metadata":       {`{"type":"modal",` + rest + `,"private_metadata":"#3001"}`, `must be less than 3001 characters [json-pointer:/view/private_metadata]`},
		"a long callback id":      {`{"type":"modal",` + rest + `,"callback_id":"#256"}`, `must be less than 256 characters [json-pointer:/view/callback_id]`},
		"a home with a submit":    {`{"type":"home","blocks":[{"type":"divider"}],"submit":{"type":"plain_text","text":"x"}}`, `invalid additional property: submit [json-pointer:/view]`},
	} {
		got := blockkit.View(decode(t, c.view), "/view")
		if c.want == "" && got != nil {
			t.Errorf("%s: %v, want nothing", name, got)
		}
		if c.want != "" && (len(got) != 1 || got[0].String() != c.want) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestSuggestions(t *testing.T) {
	const option = `{"text":{"type":"plain_text","text":"x"},"value":"v%"}`
	for name, c := range map[string]struct {
		answer string
		n      int
		wrong  bool
	}{
		"options":  {`{"options":[100 of ` + option + `]}`, 100, false},
		"none":     {`{"options":[]}`, 0, false},
		"groups":   {`{"option_groups":[{"label":{"type":"plain_text","text":"x"},"options":[2 of ` + option + `]}]}`, 2, false},
		"too many": {`{"options":[101 of ` + option + `]}`, 101, true},
		"nothing":  {`{}`, 0, true},
		"no value": {`{"options":[{"text":{"type":"plain_text","text":"x"}}]}`, 1, true},
	} {
		options, problems := blockkit.Suggestions(decode(t, c.answer).(map[string]any))
		if len(options) != c.n || (problems != nil) != c.wrong {
			t.Errorf("%s: %d options, %v, want %d, wrong %v", name, len(options), problems, c.n, c.wrong)
		}
	}
}

type people struct{}

func (people) UserName(id string) string    { return map[string]string{"U1": "Alice"}[id] }
func (people) ChannelName(id string) string { return map[string]string{"C1": "access"}[id] }
func (people) GroupName(id string) string   { return map[string]string{"S1": "leads"}[id] }
func (people) Zone() *time.Location         { return time.FixedZone("CET", 3600) }

func TestText(t *testing.T) {
	for _, c := range []struct{ blocks, want string }{
		{`[{"type":"header","text":{"type":"plain_text","text":"*Hi* <@U1>"}}]`, "*Hi* <@U1>"},
		{`[{"type":"section","text":{"type":"mrkdwn","text":"<@U1> wants *ec2* in <#C1>, ask <!subteam^S1> or <@U9>"}}]`,
			"@Alice wants ec2 in #access, ask @leads or @U9"},
		{`[{"type":"section","text":{"type":"mrkdwn","text":"a &lt;!channel&gt; &amp; <!here> 2*3*4 <https://x.example|Approved> <https://y.example>"}}]`,
			"a <!channel> & @here 2*3*4 [Approved](https://x.example) https://y.example"},
		{`[{"type":"context","elements":[{"type":"mrkdwn","text":"until <!date^1763640000^{date_short} {time}|later>"},{"type":"plain_text","text":"r-1"}]}]`,
			"until Nov 20, 2025 13:00 r-1"},
		{`[{"type":"section","fields":[{"type":"mrkdwn","text":"*Target*"},{"type":"plain_text","text":"ec2"}],"accessory":{"type":"overflow","options":[{"text":{"type":"plain_text","text":"Policy"},"value":"p"}]}}]`,
			"Target\nec2\n[… Policy]"},
		{`[{"type":"divider"},{"type":"image","alt_text":"a map","image_url":"x"},{"type":"markdown","text":"**hi**"}]`, "---\n(a map)\n**hi**"},
		{`[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Approve Request"}},{"type":"static_select","placeholder":{"type":"plain_text","text":"Duration"},"options":[]}]}]`,
			"[Approve Request] [Duration]"},
		{`[{"type":"input","label":{"type":"plain_text","text":"Why"},"element":{"type":"plain_text_input","initial_value":"disk"}},
			{"type":"input","label":{"type":"plain_text","text":"How long"},"element":{"type":"static_select","initial_option":{"text":{"type":"plain_text","text":"1 hour"},"value":"1h"}}},
			{"type":"input","label":{"type":"plain_text","text":"How"},"element":{"type":"radio_buttons","options":[{"text":{"type":"plain_text","text":"a"},"value":"a"},{"text":{"type":"plain_text","text":"b"},"value":"b"}]}}]`,
			"Why: [disk]\nHow long: [1 hour ▾]\nHow: ( a | b )"},
		{`[{"type":"rich_text","elements":[
			{"type":"rich_text_section","elements":[{"type":"text","text":"<!channel> "},{"type":"user","user_id":"U1"},{"type":"text","text":" "},{"type":"usergroup","usergroup_id":"S1"},{"type":"text","text":" "},{"type":"channel","channel_id":"C1"},{"type":"text","text":" "},{"type":"broadcast","range":"here"}]},
			{"type":"rich_text_quote","elements":[{"type":"text","text":"disk\nfull"}]},
			{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":"https://x.example","text":"x"}]}]},
			{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"emoji","name":"tada"}]}]},
			{"type":"rich_text_preformatted","elements":[{"type":"date","timestamp":1763640000,"format":"{date_num} {time}"}]}]}]`,
			"<!channel> @Alice @leads #access @here\n> disk\n> full\n1. [x](https://x.example)\n• :tada:\n2025-11-20 13:00"},
	} {
		if got := blockkit.Text(decode(t, c.blocks).([]any), people{}); got != c.want {
			t.Errorf("text %q, want %q", got, c.want)
		}
	}
	if got := blockkit.Mrkdwn("<@U1> <!date^x^y|then>", nil); got != "@U1 then" {
		t.Errorf("text without names %q", got)
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		text     string
		verbatim bool
		want     []string
	}{
		{"<@U1> and <!subteam^S1|@leads>, <!here>", false, []string{"U1", "S1", "here"}},
		{"hey @channel, not me@here.example", false, []string{"channel"}},
		{"hey @channel", true, nil},
		{"&lt;!channel&gt; <https://x.example|@here> !channel", true, nil},
	} {
		if got := blockkit.MentionsInMrkdwn(c.text, c.verbatim); !slices.Equal(got, c.want) {
			t.Errorf("%q mentions %q, want %q", c.text, got, c.want)
		}
	}
	blocks := decode(t, `[{"type":"markdown","text":"<@U1>"},{"type":"header","text":{"type":"plain_text","text":"<@U2> <!channel>"}},
		{"type":"context","elements":[{"type":"mrkdwn","text":"@here","verbatim":true},{"type":"mrkdwn","text":"<@U3>"}]}]`)
	if diff := cmp.Diff([]string{"U1", "U3"}, blockkit.Mentions(blocks.([]any))); diff != "" {
		t.Error(diff)
	}
}

func TestIDsAreFilledInWithoutTouchingTheOriginal(t *testing.T) {
	const sent = `[{"type":"actions","elements":[{"type":"button","action_id":"mine"},{"type":"button"}]},
		{"type":"input","block_id":"b","element":{"type":"plain_text_input"}},{"type":"section","accessory":{"type":"image"}},"odd"]`
	blocks := decode(t, sent).([]any)
	n := 0
	named := blockkit.IDs(blocks, func() string { n++; return fmt.Sprint("id", n) })
	var got []string
	for _, c := range blockkit.Controls(named) {
		got = append(got, c.Block+"/"+c.Action+" "+c.Kind)
	}
	if diff := cmp.Diff([]string{"id1/mine button", "id1/id2 button", "b/id3 plain_text_input"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(decode(t, sent), any(blocks)); diff != "" {
		t.Errorf("the original changed: %s", diff)
	}
}

// FuzzAnyJSON holds that whatever an app sends is refused or read, and that
// nothing falls over on the way.
func FuzzAnyJSON(f *testing.F) {
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"<!date^1^x>"}}]`)
	f.Add(`[{"type":"input","element":{"type":"static_select","option_groups":[{"options":[null]}]}}]`)
	f.Add(`[{"type":"rich_text","elements":[{"type":"rich_text_list","elements":[1,{"elements":{}}]}]}]`)
	f.Add(`{"type":"modal","blocks":{"0":1}}`)
	f.Fuzz(func(t *testing.T, s string) {
		var v any
		if json.Unmarshal([]byte(s), &v) != nil {
			return
		}
		blockkit.View(v, "/view")
		for _, on := range []blockkit.Surface{0, blockkit.Message, blockkit.Modal, blockkit.Home} {
			blockkit.Blocks(v, on, "")
		}
		list, _ := v.([]any)
		blockkit.Text(list, nil)
		blockkit.Mentions(list)
		blockkit.Controls(blockkit.IDs(list, func() string { return "id" }))
	})
}
