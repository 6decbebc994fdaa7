package slacktest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
)

func choice(values ...string) []*slack.OptionBlockObject {
	var all []*slack.OptionBlockObject
	for _, v := range values {
		all = append(all, slack.NewOptionBlockObject(v, text("The "+v), nil))
	}
	return all
}

func input(block, action string, e slack.BlockElement) *slack.InputBlock {
	return slack.NewInputBlock(block, text(block), nil, e)
}

// form is a modal with every kind of input that Sesame uses.
func form() slack.ModalViewRequest {
	target := slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, text("Target"), "target")
	none := 0
	target.MinQueryLength = &none
	reason := slack.NewPlainTextInputBlockElement(text("Why"), "reason").WithMultiline(true).WithMinLength(3).WithMaxLength(20)
	count := slack.NewNumberInputBlockElement(text("How many"), "count", false).WithMinValue("1").WithMaxValue("5").WithInitialValue("2")
	duration := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, "duration", choice("1h", "2h")...)
	duration.InitialOption = choice("1h")[0]
	durations := input("duration", "duration", duration)
	durations.DispatchAction = true
	flags := input("flags", "flags", slack.NewCheckboxGroupsBlockElement("flags", choice("urgent", "quiet")...))
	flags.Optional = true
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: text("Request Access"), Submit: text("Send Request"), Close: text("Cancel"),
		CallbackID: "request", PrivateMetadata: "r-1",
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewSectionBlock(text("Fill this"), nil, nil),
			input("target", "target", target), durations, input("reason", "reason", reason), input("count", "count", count), flags,
			input("risk", "risk", slack.NewRadioButtonsBlockElement("risk", choice("low", "high")...)),
		}},
	}
}

// note is a modal with nothing to fill in.
func note(title string) slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: text(title),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewAlertBlock(text("Mind the gap"))}},
	}
}

// trigger lets alice type a command and returns its trigger id.
func (r *rig) trigger(l *link) string {
	r.t.Helper()
	e, _ := r.command(l, "/access")
	id, _ := e.field("trigger_id").(string)
	return id
}

// open opens a modal for alice.
func (r *rig) open(l *link, v slack.ModalViewRequest) slacktest.View {
	r.t.Helper()
	_, err := r.api.OpenViewContext(r.t.Context(), r.trigger(l), v)
	r.ok(err)
	open := r.Views(r.alice)
	return open[len(open)-1]
}

func TestTriggers(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	ctx := t.Context()
	_, err := r.api.OpenViewContext(ctx, "12.34.ab", note("Help"))
	r.refused(err, "invalid_trigger_id")
	id := r.trigger(l)
	r.clk.Advance(3*time.Second + time.Millisecond)
	_, err = r.api.OpenViewContext(ctx, id, note("Help"))
	r.refused(err, "expired_trigger_id")
	id = r.trigger(l)
	_, err = r.api.OpenViewContext(ctx, id, note("Help"))
	r.ok(err)
	_, err = r.api.OpenViewContext(ctx, id, note("Help"))
	r.refused(err, "exchanged_trigger_id")
	if open := r.Views(r.alice); len(open) != 1 || open[0].Text() != "Help\nMind the gap" {
		t.Errorf("open %+v", open)
	}
	if open := r.Views(r.bob); len(open) != 0 {
		t.Errorf("bob sees %+v", open)
	}
	r.noViolations()
}

func TestInvalidViews(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	long := form()
	long.Title = text(strings.Repeat("x", 25))
	_, err := r.api.OpenViewContext(t.Context(), r.trigger(l), long)
	e := r.refused(err, "invalid_arguments")
	if want := "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"; len(e.ResponseMetadata.Messages) != 1 || e.ResponseMetadata.Messages[0] != want {
		t.Errorf("messages %q, want %q", e.ResponseMetadata.Messages, want)
	}
	big := note("Big")
	big.Blocks.BlockSet = nil
	for i := range 90 {
		big.Blocks.BlockSet = append(big.Blocks.BlockSet, slack.NewSectionBlock(text(fmt.Sprint(i, strings.Repeat("x", 2990))), nil, nil))
	}
	_, err = r.api.OpenViewContext(t.Context(), r.trigger(l), big)
	r.refused(err, "view_too_large")
	home := note("Home")
	home.Type = slack.VTHomeTab
	home.Title, home.Blocks.BlockSet = nil, []slack.Block{slack.NewDividerBlock()}
	_, err = r.api.OpenViewContext(t.Context(), r.trigger(l), home)
	r.refused(err, "invalid_arguments")
}

func TestExternalIDsAreUnique(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := note("One")
	v.ExternalID = "mine"
	r.open(l, v)
	_, err := r.api.OpenViewContext(t.Context(), r.trigger(l), v)
	r.refused(err, "duplicate_external_id")
	v.Title = text("Two")
	_, err = r.api.UpdateViewContext(t.Context(), v, "mine", "", "")
	r.ok(err)
	if got := r.Views(r.alice); got[0].Title != "Two" {
		t.Errorf("open %+v", got)
	}
	r.noViolations()
}

func TestViewHash(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, note("One"))
	_, err := r.api.UpdateViewContext(t.Context(), note("Two"), "", v.Hash, v.ID)
	r.ok(err)
	_, err = r.api.UpdateViewContext(t.Context(), note("Three"), "", v.Hash, v.ID)
	r.refused(err, "hash_conflict")
	if got := r.Views(r.alice)[0]; got.Title != "Two" || got.Hash == v.Hash {
		t.Errorf("view %+v", got)
	}
	_, err = r.api.UpdateViewContext(t.Context(), note("Three"), "", "", "V0NOWHERE")
	r.refused(err, "not_found")
	_, err = r.api.UpdateViewContext(t.Context(), note("Three"), "mine", "", v.ID)
	r.refused(err, "invalid_arguments")
}

func TestViewsStackThreeDeep(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	more := note("Depth")
	more.Blocks.BlockSet = append(more.Blocks.BlockSet, slack.NewActionBlock("more", button("deeper", "1", "Deeper")))
	r.open(l, more)
	push := func() error {
		open := r.Views(r.alice)
		got := l.answer(nil)
		_, err := r.As(r.alice).Click(t.Context(), open[len(open)-1].Control("deeper"))
		r.ok(err)
		_, err = r.api.PushViewContext(t.Context(), (<-got).field("trigger_id").(string), more)
		return err
	}
	r.ok(push())
	r.ok(push())
	r.refused(push(), "push_limit_reached")
	_, err := r.api.PushViewContext(t.Context(), r.trigger(l), more)
	r.refused(err, "not_found")
	open := r.Views(r.alice)
	_, err = r.As(r.alice).CloseView(t.Context(), open[2].ID)
	r.ok(err)
	if got := r.Views(r.alice); len(got) != 2 || got[1].ID != open[1].ID {
		t.Errorf("open %+v, want the two below", got)
	}
}

func TestWhatWasEnteredSurvivesAnUpdate(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, form())
	_, err := r.As(r.alice).Enter(t.Context(), slacktest.Control{View: v.ID, Action: "reason"}, "disk full")
	r.ok(err)
	got := l.answer(nil)
	_, err = r.As(r.alice).Enter(t.Context(), v.Control("duration"), "2h")
	r.ok(err)
	if e := <-got; e.field("view", "state", "values", "reason", "reason", "value") != "disk full" ||
		e.field("actions", "selected_option", "value") != "2h" || e.field("response_url") != nil {
		t.Errorf("dispatched %s", e.Payload)
	}
	next := form()
	next.Blocks.BlockSet[3].(*slack.InputBlock).BlockID = "reason-2"
	_, err = r.api.UpdateViewContext(t.Context(), next, "", "", v.ID)
	r.ok(err)
	values := r.Views(r.alice)[0].Values
	if v := values["duration"]["duration"].(map[string]any)["selected_option"].(map[string]any)["value"]; v != "2h" {
		t.Errorf("duration %v, want what was chosen: its ids are the same", v)
	}
	if v := values["reason-2"]["reason"].(map[string]any)["value"]; v != nil {
		t.Errorf("reason %v, want nothing: its block id changed", v)
	}
	r.noViolations()
}

func TestSuggestions(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, form())
	options := func(n int, label string) map[string]any {
		all := []any{}
		for i := range n {
			all = append(all, map[string]any{
				"text": map[string]any{"type": "plain_text", "text": fmt.Sprint(label, i)}, "value": fmt.Sprint("t", i),
			})
		}
		return map[string]any{"options": all}
	}
	got := l.answer(options(2, "Target "))
	shown, err := r.As(r.alice).Suggest(t.Context(), v.Control("target"), "ec")
	r.ok(err)
	if diff := cmp.Diff([]slacktest.Option{{Text: "Target 0", Value: "t0"}, {Text: "Target 1", Value: "t1"}}, shown); diff != "" {
		t.Error(diff)
	}
	if e := <-got; !e.Accepts || e.field("type") != "block_suggestion" || e.field("value") != "ec" || e.field("action_id") != "target" || e.field("view", "id") != v.ID {
		t.Errorf("payload %s", e.Payload)
	}
	r.noViolations()
	for name, answer := range map[string]any{"nothing": nil, "101 options": options(101, ""), "a long label": options(1, strings.Repeat("x", 80))} {
		l.answer(answer)
		if _, err := r.As(r.alice).Suggest(t.Context(), v.Control("target"), "ec"); err == nil {
			t.Errorf("%s: the menu showed something", name)
		}
	}
	r.wantViolation("block_suggestion is wrong")
}

func TestSuggestionsWaitForThreeCharacters(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := note("Pick")
	v.Submit = text("Send")
	v.Blocks.BlockSet = []slack.Block{input("target", "target", slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, nil, "target"))}
	open := r.open(l, v)
	before := len(r.Envelopes())
	if shown, err := r.As(r.alice).Suggest(t.Context(), open.Control("target"), "ec"); err != nil || shown != nil {
		t.Errorf("shown %v, %v, want nothing yet", shown, err)
	}
	if n := len(r.Envelopes()); n != before {
		t.Error("the app was asked after two characters")
	}
}

// filled is a complete form. The target comes from a suggestion.
var filled = slacktest.Values{"target": {"ec2"}, "duration/duration": {"1h"}, "reason": {"disk full"}, "risk": {"low"}}

// submit answers what comes of a submission: menu, menu change, submission.
func (r *rig) submit(l *link, who, view string, values slacktest.Values, answer any) (slacktest.Reply, envelope) {
	r.t.Helper()
	reply := later(r.t, func() (slacktest.Reply, error) { return r.As(who).Submit(r.t.Context(), view, values) })
	for {
		e := l.next()
		switch e.field("type") {
		case "block_suggestion":
			l.ack(e, map[string]any{"options": []any{map[string]any{
				"text": map[string]any{"type": "plain_text", "text": "EC2"}, "value": e.field("value"),
			}}})
			continue
		case "view_submission":
			l.ack(e, answer)
			got, err := reply()
			r.ok(err)
			return got, e
		}
		l.ack(e, nil)
	}
}

func TestSubmit(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, form())
	reply, e := r.submit(l, r.alice, v.ID, filled, nil)
	if reply.Error != "" || reply.Errors != nil || len(r.Views(r.alice)) != 0 {
		t.Errorf("reply %+v, want a closed form", reply)
	}
	values := func(names ...string) any { return e.field(append([]string{"view", "state", "values"}, names...)...) }
	for _, c := range []struct{ got, want any }{
		{values("target", "target", "selected_option", "value"), "ec2"},
		{values("duration", "duration", "selected_option", "value"), "1h"},
		{values("reason", "reason", "value"), "disk full"},
		{values("count", "count", "value"), "2"},
		{values("risk", "risk", "selected_option", "value"), "low"},
		{e.field("view", "private_metadata"), "r-1"},
		{e.field("view", "callback_id"), "request"},
		{e.field("user", "id"), r.alice},
		{e.Accepts, true},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	r.noViolations()
}

func TestSlackChecksFormsItself(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, form())
	before := len(r.Envelopes())
	for name, c := range map[string]struct {
		block  string
		values slacktest.Values
	}{
		"required":    {"risk", nil},
		"too short":   {"reason", slacktest.Values{"reason": {"x"}}},
		"too long":    {"reason", slacktest.Values{"reason": {strings.Repeat("x", 21)}}},
		"no number":   {"count", slacktest.Values{"count": {"many"}}},
		"no decimals": {"count", slacktest.Values{"count": {"1.5"}}},
		"too small":   {"count", slacktest.Values{"count": {"0"}}},
		"too large":   {"count", slacktest.Values{"count": {"6"}}},
	} {
		reply, err := r.As(r.alice).Submit(t.Context(), v.ID, c.values)
		if err != nil || reply.Errors[c.block] == "" || r.Views(r.alice)[0].Errors[c.block] == "" {
			t.Errorf("%s: %+v, %v, want an error at %s", name, reply, err, c.block)
		}
	}
	if n := len(r.Envelopes()); n != before {
		t.Errorf("%d deliveries for forms that slack refuses", n-before)
	}
	for _, values := range []slacktest.Values{{"nonsense": {"x"}}, {"risk": {"none"}}} {
		if _, err := r.As(r.alice).Submit(t.Context(), v.ID, values); err == nil {
			t.Errorf("entered %v", values)
		}
	}
	if _, err := r.As(r.alice).Submit(t.Context(), "V0NOWHERE", nil); err == nil {
		t.Error("submitted a view that is not there")
	}
}

func TestAnswersToASubmit(t *testing.T) {
	second := map[string]any{"type": "modal", "title": map[string]any{"type": "plain_text", "text": "Sent"},
		"blocks": []any{map[string]any{"type": "divider"}}}
	for name, c := range map[string]struct {
		answer any
		open   string // titles of what is open then
		errs   map[string]string
		wrong  bool
	}{
		"close":          {map[string]any{}, "", nil, false},
		"clear":          {map[string]any{"response_action": "clear"}, "", nil, false},
		"update":         {map[string]any{"response_action": "update", "view": second}, "Sent", nil, false},
		"push":           {map[string]any{"response_action": "push", "view": second}, "Request Access, Sent", nil, false},
		"errors":         {map[string]any{"response_action": "errors", "errors": map[string]string{"reason": "be kind"}}, "Request Access", map[string]string{"reason": "be kind"}, false},
		"no action":      {map[string]any{"response_action": "dance"}, "Request Access", nil, true},
		"no input":       {map[string]any{"response_action": "errors", "errors": map[string]string{"nonsense": "x"}}, "Request Access", nil, true},
		"no errors":      {map[string]any{"response_action": "errors"}, "Request Access", nil, true},
		"an empty error": {map[string]any{"response_action": "errors", "errors": map[string]string{"reason": ""}}, "Request Access", nil, true},
		"a wrong view":   {map[string]any{"response_action": "update", "view": map[string]any{"type": "modal"}}, "Request Access", nil, true},
		"no object":      {[]any{1}, "Request Access", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, slacktest.Config{})
			l := r.dial()
			v := r.open(l, form())
			reply, _ := r.submit(l, r.alice, v.ID, filled, c.answer)
			var open []string
			for _, v := range r.Views(r.alice) {
				open = append(open, v.Title)
			}
			if got := strings.Join(open, ", "); got != c.open {
				t.Errorf("open %q, want %q", got, c.open)
			}
			if diff := cmp.Diff(c.errs, reply.Errors); diff != "" {
				t.Error(diff)
			}
			if (reply.Error != "") != c.wrong || (len(r.Violations()) > 0) != c.wrong {
				t.Errorf("error %q, violations %q, wrong is %v", reply.Error, r.Violations(), c.wrong)
			}
		})
	}
}

func TestSubmitTwiceLateAndAsSomebodyElse(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := r.open(l, form())
	if _, err := r.As(r.alice).Resubmit(t.Context(), v.ID); err == nil {
		t.Error("sent again what was never sent")
	}
	r.clk.Advance(2 * time.Hour)
	_, e := r.submit(l, r.bob, v.ID, filled, map[string]any{"response_action": "errors", "errors": map[string]string{"reason": "not yours"}})
	if e.field("user", "id") != r.bob || e.field("view", "id") != v.ID {
		t.Errorf("forged %s", e.Payload)
	}
	_, first := r.submit(l, r.alice, v.ID, nil, nil)
	got := l.answer(nil)
	reply, err := r.As(r.alice).Resubmit(t.Context(), v.ID)
	r.ok(err)
	again := <-got
	if reply.Error != "" || again.EnvelopeID == first.EnvelopeID || again.field("trigger_id") == first.field("trigger_id") {
		t.Errorf("reply %+v, want the same submission in a new envelope", reply)
	}
	state := []string{"view", "state", "values"}
	if diff := cmp.Diff(first.field(state...), again.field(state...)); diff != "" {
		t.Error(diff)
	}
	r.noViolations()
}

func TestUnansweredSubmitKeepsTheForm(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := note("Sure?")
	v.Submit = text("Yes")
	open := r.open(l, v)
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Submit(t.Context(), open.ID, nil) })
	l.next()
	r.clk.Advance(3 * time.Second)
	got, err := reply()
	r.ok(err)
	if got.Error == "" || got.View == nil || got.View.ID != open.ID {
		t.Errorf("reply %+v, want an error over the open form", got)
	}
	r.open(l, note("No Button"))
	if _, err := r.As(r.alice).Submit(t.Context(), r.Views(r.alice)[0].ID, nil); err == nil {
		t.Error("submitted a modal without a button for it")
	}
}

func TestCloseView(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	v := note("Help")
	v.NotifyOnClose, v.ClearOnClose = true, true
	open := r.open(l, v)
	got := l.answer(nil)
	_, err := r.As(r.alice).CloseView(t.Context(), open.ID)
	r.ok(err)
	if e := <-got; e.field("type") != "view_closed" || e.field("is_cleared") != true {
		t.Errorf("payload %s", e.Payload)
	}
	if _, err := r.As(r.alice).CloseView(t.Context(), open.ID); err == nil {
		t.Error("closed a view twice")
	}
	_, err = r.api.UpdateViewContext(t.Context(), note("Late"), "", "", open.ID)
	r.refused(err, "not_found")
	r.noViolations()
}

func TestHome(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	ctx := t.Context()
	if _, ok, err := r.As(r.alice).OpenHome(); err != nil || ok {
		t.Errorf("a home before it was published: %v, %v", ok, err)
	}
	e := l.next()
	l.ack(e, nil)
	if e.field("event", "type") != "app_home_opened" || e.field("event", "user") != r.alice || e.field("event", "channel") != r.DM(r.alice) {
		t.Errorf("event %s", e.Payload)
	}
	home := slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{
		slack.NewHeaderBlock(text("Your access")), slack.NewActionBlock("g-1", button("end", "g-1", "End Access")),
	}}}
	published, err := r.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: r.alice, View: home})
	r.ok(err)
	stale := "1.x"
	_, err = r.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: r.alice, View: home, Hash: &stale})
	r.refused(err, "hash_conflict")
	_, err = r.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: r.alice, View: home, Hash: &published.Hash})
	r.ok(err)
	_, err = r.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: "U0NOBODY", View: home})
	r.refused(err, "invalid_arguments")
	v, ok, err := r.As(r.alice).OpenHome()
	if err != nil || !ok || v.Text() != "Your access\n[End Access]" {
		t.Errorf("home %+v, %v, %v", v, ok, err)
	}
	e = l.next()
	l.ack(e, nil)
	got := l.answer(nil)
	_, err = r.As(r.alice).Click(ctx, v.Control("end"))
	r.ok(err)
	if e := <-got; e.field("container", "view_id") != v.ID || e.field("view", "type") != "home" {
		t.Errorf("click %s", e.Payload)
	}
	r.noViolations()

	closed := start(t, slacktest.Config{NoHomeTab: true})
	_, err = closed.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: closed.alice, View: home})
	closed.refused(err, "not_enabled")
	if _, _, err := closed.As(closed.alice).OpenHome(); err == nil {
		t.Error("opened a tab that is switched off")
	}
}

func TestAwaitSeesWhatComes(t *testing.T) {
	r := start(t, slacktest.Config{})
	waiting := later(t, func() (slacktest.Message, error) {
		return r.AwaitMessage(t.Context(), r.access, func(m slacktest.Message) bool { return m.Text() == "granted" })
	})
	parent := r.post(slack.MsgOptionText("granted", false))
	if m, err := waiting(); err != nil || m.TS != parent.TS {
		t.Errorf("got %+v, %v", m, err)
	}
	r.clk.Advance(time.Second)
	_, _, err := r.api.PostMessageContext(t.Context(), r.access, slack.MsgOptionText("closed", false), slack.MsgOptionTS(parent.TS))
	r.ok(err)
	anything := func(slacktest.Message) bool { return true }
	if m, err := r.AwaitReply(t.Context(), parent, anything); err != nil || m.Text() != "closed" {
		t.Errorf("got %+v, %v", m, err)
	}
	_, err = r.api.PostEphemeralContext(t.Context(), r.access, r.alice, slack.MsgOptionText("psst", false))
	r.ok(err)
	if m, err := r.AwaitEphemeral(t.Context(), r.alice, anything); err != nil || m.Text() != "psst" {
		t.Errorf("got %+v, %v", m, err)
	}
	l := r.dial()
	r.open(l, note("Help"))
	if v, err := r.AwaitView(t.Context(), r.alice, func(slacktest.View) bool { return true }); err != nil || v.Title != "Help" {
		t.Errorf("got %+v, %v", v, err)
	}
	version, err := r.Changed(t.Context(), 0)
	r.ok(err)
	r.ok(r.Close())
	if _, err := r.Changed(t.Context(), version+100); err == nil {
		t.Error("waited for a change of what is closed")
	}
	if err := r.Await(t.Context(), func() bool { return false }); err == nil || errors.Is(err, t.Context().Err()) {
		t.Errorf("Await = %v", err)
	}
}

func TestNotifies(t *testing.T) {
	r := start(t, slacktest.Config{})
	trick := "<!channel> <@" + r.bob + "> @here"
	rich := slack.NewRichTextBlock("why", slack.NewRichTextSection(slack.NewRichTextSectionTextElement(trick, nil)))
	for name, c := range map[string]struct {
		opts []slack.MsgOption
		want []string
	}{
		"rich text":       {[]slack.MsgOption{slack.MsgOptionBlocks(rich)}, []string{}},
		"plain text":      {[]slack.MsgOption{slack.MsgOptionBlocks(slack.NewSectionBlock(text(trick), nil, nil))}, []string{}},
		"escaped":         {[]slack.MsgOption{slack.MsgOptionText(trick, true)}, []string{}},
		"mrkdwn":          {[]slack.MsgOption{slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn(trick), nil, nil))}, []string{r.bob, "channel", "here"}},
		"fallback":        {[]slack.MsgOption{slack.MsgOptionText(trick, false)}, []string{r.bob, "channel"}},
		"a rich mention":  {[]slack.MsgOption{slack.MsgOptionBlocks(slack.NewRichTextBlock("x", slack.NewRichTextSection(slack.NewRichTextSectionUserElement(r.bob, nil))))}, []string{r.bob}},
		"rich to a group": {[]slack.MsgOption{slack.MsgOptionBlocks(slack.NewRichTextBlock("x", slack.NewRichTextSection(slack.NewRichTextSectionUserGroupElement("S0X")), slack.NewRichTextSection(slack.NewRichTextSectionBroadcastElement("everyone"))))}, []string{"S0X", "everyone"}},
	} {
		if got := r.post(c.opts...).Notifies(); !cmp.Equal(got, c.want, cmp.Transformer("set", toSet)) {
			t.Errorf("%s notifies %q, want %q", name, got, c.want)
		}
	}
	r.noViolations()
}

func toSet(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}
