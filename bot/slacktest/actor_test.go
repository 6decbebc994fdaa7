package slacktest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
)

func TestCommandPayload(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	e, reply := r.command(l, "/access ec2-frontend 1h INC-42 for @bob & <!channel> in #access, not @nobody")
	if reply.Error != "" || e.Type != "slash_commands" || !e.Accepts {
		t.Errorf("envelope %+v, reply %+v", e, reply)
	}
	var c slack.SlashCommand
	r.ok(json.Unmarshal(e.Payload, &c))
	want := "ec2-frontend 1h INC-42 for <@" + r.bob + "> &amp; &lt;!channel&gt; in <#" + r.access + ">, not @nobody"
	if c.Text != want {
		t.Errorf("text %q, want %q", c.Text, want)
	}
	if c.Command != "/access" || c.UserID != r.alice || c.TeamID != r.TeamID() || c.ChannelID != r.access || c.ChannelName != "access" {
		t.Errorf("command %+v", c)
	}
	if c.TriggerID == "" || !strings.HasPrefix(c.ResponseURL, "http://127.0.0.1:") {
		t.Errorf("trigger %q, response url %q", c.TriggerID, c.ResponseURL)
	}
	r.noViolations()

	raw := start(t, slacktest.Config{NoEscape: true})
	if e, _ := raw.command(raw.dial(), "/access for @bob"); e.field("text") != "for @bob" {
		t.Errorf("text %v, want it as typed", e.field("text"))
	}
}

func TestChannelNamesAreMentionsToo(t *testing.T) {
	r := start(t, slacktest.Config{})
	r.AddGroup(slacktest.Group{ID: "S0LEADS", Handle: "leads"})
	if e, _ := r.command(r.dial(), "/access #access @leads"); e.field("text") != "<#"+r.access+"> <!subteam^S0LEADS>" {
		t.Errorf("text %v", e.field("text"))
	}
}

func TestCommandsThatSlackKeepsToItself(t *testing.T) {
	r := start(t, slacktest.Config{})
	hidden := r.AddChannel(slacktest.Channel{Name: "hidden", Private: true})
	eve := r.AddUser(slacktest.User{Name: "eve", Team: "T0ELSEWHERE"})
	r.Invite(r.access, eve)
	gone := r.AddUser(slacktest.User{Name: "gone", Deleted: true})
	for _, c := range []struct{ name, user, channel, line string }{
		{"unknown command", r.alice, r.access, "/nonsense"},
		{"somebody from another workspace", eve, r.access, "/access"},
	} {
		reply, err := r.As(c.user).Command(t.Context(), c.channel, c.line)
		if err != nil || !strings.Contains(reply.Error, "not a valid command") {
			t.Errorf("%s: %+v, %v", c.name, reply, err)
		}
	}
	for _, c := range []struct{ name, user, channel string }{
		{"channel that alice does not see", r.alice, hidden},
		{"somebody who left", gone, r.access},
		{"a bot", r.BotUser(), r.access},
		{"nobody", "U0NOBODY", r.access},
	} {
		if _, err := r.As(c.user).Command(t.Context(), c.channel, "/access"); err == nil {
			t.Errorf("%s could type a command", c.name)
		}
	}
	if n := len(r.Envelopes()); n != 0 {
		t.Errorf("%d envelopes, want none", n)
	}
}

func TestCommandAnswers(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	say := func(payload any) slacktest.Reply {
		l.answer(payload)
		reply, err := r.As(r.alice).Command(t.Context(), r.access, "/access help")
		r.ok(err)
		return reply
	}
	if reply := say(map[string]any{"text": "try this"}); reply.Message == nil || reply.Message.Text() != "try this" {
		t.Errorf("reply %+v", reply)
	}
	if got := r.Ephemerals(r.alice); len(got) != 1 || len(r.Messages(r.access)) != 0 {
		t.Errorf("an answer is ephemeral unless it says otherwise: %+v", got)
	}
	say(map[string]any{"text": "look", "response_type": "in_channel"})
	if got := r.Messages(r.access); len(got) != 1 || got[0].Text() != "look" {
		t.Errorf("in_channel: %+v", got)
	}
	r.noViolations()
	if reply := say(map[string]any{"blocks": []any{map[string]any{"type": "nonsense"}}}); reply.Error == "" {
		t.Error("a wrong answer went unnoticed")
	}
	r.wantViolation("the answer to /access is wrong")
	say(map[string]any{"text": "x", "response_typ": "in_channel"})
	r.wantViolation(`field "response_typ"`)
}

func TestResponseURL(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	e, _ := r.command(l, "/access")
	url := e.field("response_url").(string)
	say := func(opts ...slack.MsgOption) error {
		_, _, err := r.api.PostMessageContext(t.Context(), "", append(opts, slack.MsgOptionText("done", false))...)
		return err
	}
	ephemeral := slack.MsgOptionResponseURL(url, slack.ResponseTypeEphemeral)
	for range 5 {
		r.ok(say(ephemeral))
	}
	if got := r.Ephemerals(r.alice); len(got) != 5 || got[0].Text() != "done" {
		t.Errorf("ephemerals %+v", got)
	}
	if err := say(ephemeral); err == nil {
		t.Error("a sixth use worked")
	}
	e, _ = r.command(l, "/access")
	r.clk.Advance(30*time.Minute + time.Second)
	if err := say(slack.MsgOptionResponseURL(e.field("response_url").(string), slack.ResponseTypeInChannel)); err == nil {
		t.Error("a use after 30 minutes worked")
	}
	r.noViolations()
}

func approvable(r *rig) slacktest.Message {
	approve := button("approve", "r-1:7", "Approve Request").WithStyle(slack.StylePrimary)
	approve.Confirm = slack.NewConfirmationBlockObject(text("Sure?"), text("This is production."), text("Yes"), text("No"))
	return r.post(slack.MsgOptionText("alice asks", false), slack.MsgOptionBlocks(
		slack.NewSectionBlock(mrkdwn("<@"+r.alice+"> requests *ec2-frontend*"), nil, nil),
		slack.NewActionBlock("v1", approve, button("deny", "r-1:7", "Deny")),
	))
}

func TestClick(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	m := approvable(r)
	if got, want := m.Text(), "@Alice Ames requests ec2-frontend\n[Approve Request] [Deny]"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	got := l.answer(nil)
	reply, err := r.As(r.bob).Click(t.Context(), m.Control("approve"))
	r.ok(err)
	if reply.Error != "" || reply.Confirm != "This is production." {
		t.Errorf("reply %+v", reply)
	}
	e := <-got
	var c slack.InteractionCallback
	r.ok(json.Unmarshal(e.Payload, &c))
	action := c.ActionCallback.BlockActions[0]
	if c.Type != slack.InteractionTypeBlockActions || c.User.ID != r.bob || c.User.TeamID != r.TeamID() || c.Team.ID != r.TeamID() {
		t.Errorf("who %+v", c)
	}
	if action.ActionID != "approve" || action.BlockID != "v1" || action.Value != "r-1:7" || action.ActionTs == "" {
		t.Errorf("action %+v", action)
	}
	if c.Container.MessageTs != m.TS || c.Channel.ID != r.access || c.Message.Timestamp != m.TS || len(c.Message.Blocks.BlockSet) != 2 {
		t.Errorf("where %+v", c)
	}
	if e.Accepts || c.TriggerID == "" || c.ResponseURL == "" {
		t.Errorf("accepts %v, trigger %q, response url %q", e.Accepts, c.TriggerID, c.ResponseURL)
	}
	r.noViolations()
}

func TestClickReplacesThroughItsResponseURL(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	m := approvable(r)
	for _, c := range []struct {
		how  func(string) slack.MsgOption
		want int
	}{{slack.MsgOptionReplaceOriginal, 1}, {slack.MsgOptionDeleteOriginal, 0}} {
		got := l.answer(nil)
		_, err := r.As(r.bob).ClickOld(t.Context(), m, "deny")
		r.ok(err)
		_, _, err = r.api.PostMessageContext(t.Context(), "", c.how((<-got).field("response_url").(string)), slack.MsgOptionText("denied", false))
		r.ok(err)
		if shown := r.Messages(r.access); len(shown) != c.want || (c.want == 1 && shown[0].Text() != "denied") {
			t.Errorf("messages %+v, want %d", shown, c.want)
		}
	}
	r.noViolations()
}

func TestForgedAndOldClicks(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	m := approvable(r)
	got := l.answer(nil)
	_, err := r.As(r.bob).ClickForged(t.Context(), m.Control("approve"), "r-2:1")
	r.ok(err)
	if e := <-got; e.field("actions", "value") != "r-2:1" {
		t.Errorf("value %v, want the forged one", e.field("actions", "value"))
	}
	_, _, _, err = r.api.UpdateMessageContext(t.Context(), r.access, m.TS, slack.MsgOptionText("gone", false), slack.MsgOptionBlocks())
	r.ok(err)
	if _, err := r.As(r.bob).Click(t.Context(), m.Control("approve")); err == nil {
		t.Error("bob clicked a button that is gone")
	}
	got = l.answer(nil)
	_, err = r.As(r.bob).ClickOld(t.Context(), m, "approve")
	r.ok(err)
	if e := <-got; e.field("actions", "value") != "r-1:7" || e.field("actions", "block_id") != "v1" {
		t.Errorf("old click %s", e.Payload)
	}
}

func TestWhoCanClick(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	m := approvable(r)
	eve := r.AddUser(slacktest.User{Name: "eve", Team: "T0ELSEWHERE"})
	guest := r.AddUser(slacktest.User{Name: "gus", Restricted: true})
	reader := r.AddUser(slacktest.User{Name: "rita"})
	for _, user := range []string{eve, guest} {
		if _, err := r.As(user).Click(t.Context(), m.Control("approve")); err == nil {
			t.Errorf("%s clicked in a channel that they are not in", user)
		}
	}
	r.Invite(r.access, eve)
	for user, team := range map[string]string{eve: "T0ELSEWHERE", reader: r.TeamID()} {
		got := l.answer(nil)
		_, err := r.As(user).Click(t.Context(), m.Control("approve"))
		r.ok(err)
		if e := <-got; e.field("user", "team_id") != team || e.field("team", "id") != r.TeamID() {
			t.Errorf("payload %s, want a user of %s", e.Payload, team)
		}
	}
	for _, c := range []slacktest.Control{
		{Channel: "C0NOWHERE", TS: m.TS, Action: "approve"}, {Channel: r.access, TS: "1.000000", Action: "approve"}, m.Control("nonsense"),
	} {
		if _, err := r.As(r.bob).Click(t.Context(), c); err == nil {
			t.Errorf("bob clicked %+v", c)
		}
	}
}

func TestClickOnAnEphemeral(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	_, err := r.api.PostEphemeralContext(t.Context(), r.access, r.alice,
		slack.MsgOptionBlocks(slack.NewActionBlock("names", button("pick", "ec2", "Ec2 Frontend"))))
	r.ok(err)
	m := r.Ephemerals(r.alice)[0]
	if _, err := r.As(r.bob).Click(t.Context(), m.Control("pick")); err == nil {
		t.Error("bob clicked what alice alone sees")
	}
	got := l.answer(nil)
	_, err = r.As(r.alice).Click(t.Context(), m.Control("pick"))
	r.ok(err)
	if e := <-got; e.field("container", "is_ephemeral") != true || e.field("message") != nil {
		t.Errorf("payload %s", e.Payload)
	}
}

func TestMenusOnMessages(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	option := func(value string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(value, text(value), nil)
	}
	m := r.post(slack.MsgOptionBlocks(slack.NewActionBlock("menus",
		slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, text("Duration"), "duration", option("1h"), option("2h")),
		slack.NewOverflowBlockElement("more", option("shorter"), option("policy")),
		button("go", "r-1", "Go"),
	)))
	got := l.answer(nil)
	_, err := r.As(r.bob).Enter(t.Context(), m.Control("duration"), "2h")
	r.ok(err)
	if e := <-got; e.field("actions", "selected_option", "value") != "2h" {
		t.Errorf("select %s", e.Payload)
	}
	got = l.answer(nil)
	_, err = r.As(r.bob).Enter(t.Context(), m.Control("more"), "policy")
	r.ok(err)
	if e := <-got; e.field("actions", "selected_option", "value") != "policy" {
		t.Errorf("overflow %s", e.Payload)
	}
	got = l.answer(nil)
	_, err = r.As(r.bob).Click(t.Context(), m.Control("go"))
	r.ok(err)
	if e := <-got; e.field("state", "values", "menus", "duration", "selected_option", "value") != "2h" {
		t.Errorf("state %s", e.Payload)
	}
	if _, err := r.As(r.bob).Enter(t.Context(), m.Control("duration"), "9h"); err == nil {
		t.Error("bob chose what is not offered")
	}
	if _, err := r.As(r.bob).Enter(t.Context(), m.Control("more")); err == nil {
		t.Error("bob chose nothing from an overflow menu")
	}
	if _, err := r.As(r.bob).Click(t.Context(), m.Control("duration")); err == nil {
		t.Error("bob clicked a menu as if it were a button")
	}
	r.noViolations()
}

func TestUnansweredClickShowsAnError(t *testing.T) {
	r := start(t, slacktest.Config{})
	m := approvable(r)
	reply, err := r.As(r.bob).Click(t.Context(), m.Control("approve"))
	r.ok(err)
	if reply.Error == "" {
		t.Error("a click that nobody heard showed no error")
	}
	if n := len(r.Envelopes()); n != 1 {
		t.Errorf("%d deliveries, want one: clicks are not retried", n)
	}
}

func TestSay(t *testing.T) {
	r := start(t, slacktest.Config{})
	m, err := r.As(r.alice).Say(r.access, "hello @bob")
	r.ok(err)
	if m.Author != r.alice || m.Text() != "hello @Bob Burr" {
		t.Errorf("said %+v", m)
	}
	if _, err := r.As(r.alice).Say(r.DM(r.bob), "psst"); err == nil {
		t.Error("alice spoke in bob's direct messages")
	}
}
