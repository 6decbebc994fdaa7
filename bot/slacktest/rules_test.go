package slacktest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"sesame/bot/slacktest"
)

// Every rule names a test, and every test that it names is there.
func TestRulesNameTheirTests(t *testing.T) {
	var code strings.Builder
	for _, pattern := range []string{"*_test.go", "blockkit/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(raw)
		}
	}
	rules, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	for line := range strings.Lines(string(rules)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Rule ") {
			continue
		}
		named := name.FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			t.Errorf("no test in %q", line)
		}
		for _, n := range named {
			if !strings.Contains(code.String(), "func "+n[1]+"(t *testing.T)") {
				t.Errorf("%s is not there", n[1])
			}
		}
	}
}

func TestGhostsSwallowEnvelopes(t *testing.T) {
	r := start(t, slacktest.Config{})
	r.AddGhosts(1)
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	r.pending(1)
	r.clk.Advance(3 * time.Second)
	if got, err := reply(); err != nil || !strings.Contains(got.Error, "operation_timeout") {
		t.Errorf("reply %+v, %v, want a timeout", got, err)
	}
	r.ClearGhosts()
	if l := r.dial(); l.hello.Conns != 1 {
		t.Errorf("hello %+v, want the only connection", l.hello)
	}
}

func TestUpdateAfterLeaving(t *testing.T) {
	r := start(t, slacktest.Config{})
	m := r.post(slack.MsgOptionText("asks", false))
	r.Remove(r.access, r.BotUser())
	_, _, _, err := r.api.UpdateMessageContext(t.Context(), r.access, m.TS, slack.MsgOptionText("closed", false))
	r.ok(err)
	r.EditChannel(r.access, func(c *slacktest.Channel) { c.Private = true })
	_, _, _, err = r.api.UpdateMessageContext(t.Context(), r.access, m.TS, slack.MsgOptionText("late", false))
	r.refused(err, "channel_not_found")
	r.EditChannel(r.access, func(c *slacktest.Channel) { c.Private, c.Archived = false, true })
	_, _, _, err = r.api.UpdateMessageContext(t.Context(), r.access, m.TS, slack.MsgOptionText("late", false))
	r.refused(err, "is_archived")
}

func TestInvalidViewKeepsTheTrigger(t *testing.T) {
	r := start(t, slacktest.Config{})
	id := r.trigger(r.dial())
	_, err := r.api.OpenViewContext(t.Context(), id, note(strings.Repeat("x", 25)))
	r.refused(err, "invalid_arguments")
	_, err = r.api.OpenViewContext(t.Context(), id, note("Help"))
	r.ok(err)
}

func TestSlacksTimeDoesNotGoBack(t *testing.T) {
	r := start(t, slacktest.Config{})
	first := r.post(slack.MsgOptionText("one", false))
	r.clk.Advance(-time.Hour)
	r.Channels() // Slack reads its clock, or it would not see the second that post lets pass
	second := r.post(slack.MsgOptionText("two", false))
	if second.TS <= first.TS {
		t.Errorf("timestamps %s then %s", first.TS, second.TS)
	}
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(t.Context(), r.access, "/access") })
	if got, err := reply(); err != nil || got.Error == "" {
		t.Errorf("reply %+v, %v", got, err)
	}
}

func TestTheAppHearsOfItsEnd(t *testing.T) {
	r := start(t, slacktest.Config{Events: []string{"tokens_revoked", "app_uninstalled", "member_joined_channel", "member_left_channel"}})
	l := r.dial()
	hears := func(kind string) envelope {
		t.Helper()
		e := l.next()
		l.ack(e, nil)
		if got := e.field("event", "type"); got != kind {
			t.Errorf("heard %v, want %s", got, kind)
		}
		return e
	}
	carol := r.AddUser(slacktest.User{Name: "carol"})
	r.Invite(r.access, carol)
	if e := hears("member_joined_channel"); e.field("event", "user") != carol {
		t.Errorf("payload %s", e.Payload)
	}
	r.Invite(r.access, carol) // once is enough
	r.Remove(r.access, carol)
	hears("member_left_channel")
	r.RevokeToken(r.BotToken())
	hears("tokens_revoked")
	r.Uninstall()
	hears("app_uninstalled")
}

func TestWhatCanBeReadBack(t *testing.T) {
	r := start(t, slacktest.Config{})
	leads := r.AddGroup(slacktest.Group{Handle: "leads", Users: []string{r.bob}})
	hidden := r.AddChannel(slacktest.Channel{Name: "hidden", Private: true, Members: []string{r.bob}})
	if got := r.Groups(); len(got) != 1 || got[0].ID != leads || got[0].Name != "leads" {
		t.Errorf("groups %+v", got)
	}
	if got := r.Channels(); len(got) != 2 || got[1].ID != hidden {
		t.Errorf("channels %+v", got)
	}
	guest := r.AddUser(slacktest.User{Name: "gus", Restricted: true})
	for user, want := range map[string]int{r.alice: 1, r.bob: 2, guest: 0} {
		if got := r.As(user).Channels(); len(got) != want {
			t.Errorf("%s sees %+v, want %d channels", user, got, want)
		}
	}
	if got := r.Messages("C0NOWHERE"); got != nil {
		t.Errorf("messages of nowhere: %+v", got)
	}
	if !strings.HasSuffix(r.APIURL(), "/api/") {
		t.Errorf("API at %q", r.APIURL())
	}
}
