package blocks_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"sesame/bot/blocks"
	"sesame/bot/slacktest/blockkit"
	"sesame/flows/access"
)

// hostile returns the case with text wherever somebody can type, and with
// config wherever an admin can.
func hostile(c blocks.Case, text, config string) blocks.Case {
	r := &c.Request
	r.Reason, r.By.Name, r.By.Email, r.By.Account.User = text, text, text, text
	r.Fields = map[string]string{"ticket": text, "other": text}
	r.Target.Name, r.Target.Label = config, config
	r.Target.Params = map[string]string{"account": config, "permission_set": config, "role_arn": config}
	r.Verdict.Warnings = []access.Reason{{Rule: config, Text: config}}
	r.Verdict.Route.Name = config
	r.Verdict.Route.Needs = []access.Need{{Count: 2, Groups: []string{config}, People: []string{config}}}
	r.Verdict.Route.ApproveWhen, r.Verdict.Route.Skipped = config, r.Verdict.Route.Needs
	r.Verdict.Route.Silence = []access.Escalation{{
		In: time.Minute, Needs: r.Verdict.Route.Needs, Tell: access.Audience{Groups: []string{config}, People: []string{config}},
		Notify: []access.Channel{{Name: config, ID: "C1"}},
	}}
	if r.BreakGlass {
		r.Incident = text
		r.Announcements = []access.Announcement{{Where: config}}
		r.Review.Name, r.Review.Text = text, text
	}
	for i := range r.Decisions {
		r.Decisions[i].Name, r.Decisions[i].Reason = text, text
	}
	g := &c.Grant
	g.End.Name, g.End.Detail = text, text
	for i := range g.Connect {
		g.Connect[i].Label, g.Connect[i].Code = config, config
	}
	for i := range g.Receipt.Objects {
		g.Receipt.Objects[i].Object, g.Receipt.Objects[i].Operation = access.ObjectKey(config), config
	}
	c.Labels = map[string]string{"ticket": config}
	return c
}

// everything draws c in every way there is.
func everything(t testing.TB, c blocks.Case, text string) {
	t.Helper()
	sound(t, blocks.ForApprovers(c, noon))
	sound(t, blocks.ForRequester(c, noon))
	sound(t, blocks.Reminder(c, noon))
	sound(t, blocks.List([]blocks.Entry{{Target: c.Request.Target, Durations: []time.Duration{time.Hour}}}))
	sound(t, blocks.Refused(text))
	sound(t, blocks.Unknown(text, []string{"ec2-frontend"}))
	sound(t, blocks.Grants([]blocks.Case{c}))
	sound(t, blocks.Alarm(access.Notice{Text: text, At: noon, Request: c.Request.ID}))
	sound(t, blocks.Trail(access.Notice{Text: text}))
	sound(t, blocks.ForTold(c, noon))
	sound(t, blocks.Announcement(c, []string{text, text}, noon))
	soundView(t, blocks.DenyForm(c))
	soundView(t, blocks.ReviewForm(c))
	soundView(t, blocks.ExtendForm{Case: c, Reason: text, Alert: text}.View())
	soundView(t, blocks.Waiting(text))
	soundView(t, blocks.Home{
		Decide: []blocks.Case{c}, Hold: []blocks.Case{c}, Asked: []blocks.Case{c}, Admin: []string{text},
	}.View(noon))
	f := form()
	g := glassForm()
	g.Target, g.Incident, g.Reason, g.Alert, g.Announced, g.Skipped = c.Request.Target, text, text, text, text, text
	g.Targets = append(g.Targets, c.Request.Target)
	soundView(t, g.View())
	f.Target, f.Reason, f.Decides, f.Alert, f.Meta = c.Request.Target, text, text, text, text
	f.Targets = append(f.Targets, c.Request.Target)
	f.Values["ticket"], f.Values["hosts"], f.Values["severity"] = text, text, text
	soundView(t, f.View())
}

func TestNothingTypedIsTrusted(t *testing.T) {
	cases := map[string]blocks.Case{
		"pending": pending(), "quorum": approvedBy(quorum(), "Bob"),
		"denied": ended(pending(), access.Denied, said("Bob", false, "no")), "open": open(), "failed": failed(),
		"extension": extension(), "extended": lengthened(extension().Request),
		"reviewed": reviewed(glass(open())),
		"ended":    closed(closing(access.EndedEarly, "Alice", ""), removed()), "kept": kept(),
	}
	for name, text := range map[string]string{
		"mentions":   evil + " <!channel> <!here> <@U0ALICE1> <!subteam^S1> @channel @everyone",
		"links":      evil + " <https://evil.example|Approved> https://evil.example",
		"markup":     evil + " *Approved by Bob* _x_ ~y~ `z` ```code``` &lt;!channel&gt; :white_check_mark:",
		"long":       strings.Repeat(evil+"é𝔸 ", 520),
		"tall":       strings.Repeat(evil+"\n\n\n", 100),
		"controls":   evil + " \x00\x07\x1b[31m\u202eback\u2066\u200b\u00ad\u3164",
		"not utf-8":  evil + " \xff\xfe\xc3",
		"only space": " \n\t ",
		"empty":      "",
	} {
		for state, c := range cases {
			t.Run(name+"/"+state, func(t *testing.T) {
				config := strings.ReplaceAll(text, evil, "config")
				everything(t, hostile(c, text, config), text)
			})
		}
	}
}

func TestHomeAndListsStayWithinTheirLimits(t *testing.T) {
	cases := make([]blocks.Case, 30)
	for i := range cases {
		cases[i] = pending()
		cases[i].Request.ID = access.RequestID("r-" + strings.Repeat("x", i))
	}
	held := make([]blocks.Case, 30)
	for i := range held {
		held[i] = extendable()
		held[i].Request.ID = access.RequestID("r-" + strings.Repeat("y", i))
	}
	soundView(t, blocks.Home{Decide: cases, Hold: held, Review: held, Asked: cases, Glass: true}.View(noon))
	sound(t, blocks.Grants(held))
	entries := make([]blocks.Entry, 500)
	for i := range entries {
		entries[i].Target = pending().Request.Target
	}
	sound(t, blocks.List(entries))
	options := blocks.Suggestions(manyTargets(500))
	b, err := json.Marshal(options)
	if err != nil || len(b) >= 20_000 {
		t.Errorf("type-ahead answer of %d bytes: %v", len(b), err)
	}
	if len(options.Options) < 50 {
		t.Errorf("only %d options", len(options.Options))
	}
	if empty, _ := json.Marshal(blocks.Suggestions(nil)); string(empty) != `{"options":[]}` {
		t.Errorf("empty answer = %s", empty)
	}
}

func TestHidingCharactersAreShown(t *testing.T) {
	c := pending()
	c.Request.Reason = "pay\u202etxt.exe\u200b\x00 ok 👩‍💻\r\nnext"
	m := blocks.ForApprovers(c, noon)
	text := blockkit.Text(generic(t, m.Blocks).([]any), nil)
	if want := "> pay[U+202E]txt.exe[U+200B][U+0000] ok 👩‍💻\n> next"; !strings.Contains(text, want) {
		t.Errorf("%q is not in\n%s", want, text)
	}
	first, _, _ := strings.Cut(m.Text, "\n")
	if want := "Alice requests ec2-frontend for 1 hour – pay[U+202E]txt.exe[U+200B][U+0000] ok 👩‍💻 next"; first != want {
		t.Errorf("fallback = %q\nwant       %q", first, want)
	}
}

// Whatever somebody typed, the buttons below it stay in sight.
func TestTallTextsAreCut(t *testing.T) {
	c := pending()
	c.Request.Reason = "first \t\n\n\n\n" + strings.Repeat("line\n", 100)
	text := blockkit.Text(generic(t, blocks.ForApprovers(c, noon).Blocks).([]any), nil)
	_, reason, _ := strings.Cut(text, "> first\n> \n")
	if want := strings.Repeat("> line\n", 28) + "> …\n"; !strings.HasPrefix(reason, want) {
		t.Errorf("got\n%s\nwant 30 lines, with no two of them empty, and that there is more", text)
	}
}

// An identifier is no markup, which in code only its end is.
func TestIdentifiersStayInCode(t *testing.T) {
	c := pending()
	c.Request.Target.Params = map[string]string{"account": "1` Approved by Bob `2"}
	text := blockkit.Text(generic(t, blocks.ForApprovers(c, noon).Blocks).([]any), nil)
	if want := "1' Approved by Bob '2"; !strings.Contains(text, want) {
		t.Errorf("%q is not in\n%s", want, text)
	}
}

func TestCutsBetweenCharacters(t *testing.T) {
	c := pending()
	c.Request.Reason = strings.Repeat("𝔸", 5000)
	m := blocks.ForApprovers(c, noon)
	first, _, _ := strings.Cut(m.Text, "\n")
	if !utf8.ValidString(first) || !strings.HasSuffix(first, "𝔸…") {
		t.Errorf("fallback = %q", first)
	}
}

func TestButtonValues(t *testing.T) {
	c := pending()
	id, digest, ok := blocks.ParseValue(blocks.Value(c))
	if !ok || id != c.Request.ID || digest != c.Request.Terms().Digest() {
		t.Errorf("value %q reads as %q, %q, %v", blocks.Value(c), id, digest, ok)
	}
	for _, v := range []string{"", "|", "r-1", "r-1|", "g-1|abc", "r-1|a|b", "r-1|" + strings.Repeat("x", 100)} {
		if _, _, ok := blocks.ParseValue(v); ok {
			t.Errorf("%q was taken for a value", v)
		}
	}
}

func TestButtonsBlockChangesWithWhatAClickDependsOn(t *testing.T) {
	changed := pending()
	changed.Request.Reason = "something else"
	seen := map[string]string{}
	for name, c := range map[string]blocks.Case{
		"pending": pending(), "changed": changed, "one approval": approvedBy(quorum(), "Bob"),
		"opening": approved(), "open": open(),
	} {
		for _, control := range blockkit.Controls(generic(t, blocks.ForRequester(c, noon).Blocks).([]any)) {
			if other, ok := seen[control.Block]; ok && other != name {
				t.Errorf("%s and %s share block id %q", name, other, control.Block)
			}
			seen[control.Block] = name
		}
	}
}

func TestReadForm(t *testing.T) {
	state := map[string]map[string]slack.BlockAction{
		"target":              {"target": {SelectedOption: slack.OptionBlockObject{Value: "ec2-frontend"}}},
		"duration":            {"answer": {SelectedOption: slack.OptionBlockObject{Value: "1h30m0s"}}},
		"reason":              {"answer": {Value: "disk full"}},
		"field.hosts":         {"answer": {Value: "3"}},
		"field.customer_data": {"answer": {SelectedOption: slack.OptionBlockObject{Value: "true"}}},
		"field.note":          {"answer": {}},
		"something else":      {"answer": {Value: "x"}},
	}
	want := blocks.Answers{
		Target: "ec2-frontend", Duration: 90 * time.Minute, Reason: "disk full",
		Values: map[string]string{"hosts": "3", "customer_data": "true", "note": ""},
	}
	if diff := cmp.Diff(want, blocks.ReadForm(state)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestErrorsStandAtInputs(t *testing.T) {
	got := form().Errors(map[string]string{
		"ticket": "ticket must match.", "reason": "Say why.", "duration": "Choose 1 hour.", "gone": "There is no field.",
	})
	want := map[string]string{
		"field.ticket": "ticket must match.", "reason": "Say why.", "duration": "Choose 1 hour.", "target": "There is no field.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	// Without a target there is no duration to complain at.
	got = blocks.Form{}.Errors(map[string]string{"duration": "Choose.", "gone": "No field."})
	if diff := cmp.Diff(map[string]string{"target": "Choose. No field."}, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func FuzzTyped(f *testing.F) {
	f.Add("INC-482 disk full", uint8(0))
	f.Add("<!channel> @here *x* \u202e", uint8(1))
	f.Add(strings.Repeat("a\n", 100)+"\xff", uint8(2))
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		cases := []blocks.Case{pending(), open(), failed(), ended(pending(), access.Denied, said("Bob", false, "no"))}
		everything(t, hostile(cases[int(which)%len(cases)], text, text), text)
	})
}
