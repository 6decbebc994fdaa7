package slacktest_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
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

func TestGivingUpIsNotATimeout(t *testing.T) {
	r := start(t, slacktest.Config{})
	l := r.dial()
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	reply := later(t, func() (slacktest.Reply, error) { return r.As(r.alice).Command(ctx, r.access, "/access") })
	l.next()
	cancel(gone)
	if got, err := reply(); !errors.Is(err, gone) {
		t.Errorf("reply %+v, %v, want the cause", got, err)
	}
}

func TestATokenInTheQueryCountsForNothing(t *testing.T) {
	r := start(t, slacktest.Config{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.APIURL()+"auth.test?token="+r.BotToken(), nil)
	r.ok(err)
	resp, err := http.DefaultClient.Do(req)
	r.ok(err)
	defer resp.Body.Close()
	var body strings.Builder
	_, err = copyTo(&body, resp)
	r.ok(err)
	if !strings.Contains(body.String(), "not_authed") {
		t.Errorf("answer %s, want not_authed", &body)
	}
}

// Everybody at once: people click while the app posts, reads and reconnects.
func TestManyAtOnce(t *testing.T) {
	r := start(t, slacktest.Config{NoRateLimits: true})
	m := approvable(r)
	links := []*link{r.dial(), r.dial()}
	var apps, people sync.WaitGroup
	for _, l := range links {
		apps.Go(func() {
			for e := range l.in {
				if e.EnvelopeID != "" {
					l.ack(e, nil)
				}
			}
		})
	}
	const each = 50
	for _, user := range []string{r.alice, r.bob} {
		people.Go(func() {
			for range each {
				if reply, err := r.As(user).Click(t.Context(), m.Control("deny")); err != nil || reply.Error != "" {
					t.Errorf("click: %+v, %v", reply, err)
				}
			}
		})
		people.Go(func() {
			for range each {
				if _, _, err := r.api.PostMessageContext(t.Context(), r.access, slack.MsgOptionText("hello", false)); err != nil {
					t.Error(err)
				}
				r.Messages(r.access)
			}
		})
	}
	people.Wait()
	acked := 0
	for _, e := range r.Envelopes() {
		if e.Outcome == slacktest.Acked {
			acked++
		}
	}
	if acked != 2*each || len(r.Messages(r.access)) != 2*each+1 || r.Unsettled() != 0 {
		t.Errorf("%d acknowledged, %d messages, %d unsettled", acked, len(r.Messages(r.access)), r.Unsettled())
	}
	for _, l := range links {
		l.ws.Close()
	}
	apps.Wait()
	r.noViolations()
}

// One command, from the keyboard over the socket and back.
func BenchmarkCommand(b *testing.B) {
	w := slacktest.New(slacktest.Config{NoRateLimits: true})
	if err := w.Start(); err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	alice := w.AddUser(slacktest.User{Name: "alice"})
	_, url, err := slack.New(w.BotToken(), slack.OptionAppLevelToken(w.AppToken()), slack.OptionAPIURL(w.APIURL())).StartSocketModeContext(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ws, _, err := websocket.DefaultDialer.DialContext(b.Context(), url, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer ws.Close()
	var e envelope
	if err := ws.ReadJSON(&e); err != nil { // hello: from here on the connection is registered
		b.Fatal(err)
	}
	var app sync.WaitGroup
	app.Go(func() {
		for ws.ReadJSON(&e) == nil {
			_ = ws.WriteJSON(map[string]string{"envelope_id": e.EnvelopeID}) // the reader finds out
		}
	})
	for b.Loop() {
		if reply, err := w.As(alice).Command(b.Context(), alice, "/access"); err != nil || reply.Error != "" {
			b.Fatalf("%+v, %v", reply, err)
		}
	}
	ws.Close()
	app.Wait()
}
