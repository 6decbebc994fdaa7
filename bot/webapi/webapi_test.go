package webapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/clock"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Acts that come whenever they are admitted never exceed Slack's limit in any
// minute, and use most of it.
func TestNoMinuteSeesMoreThanTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		act   webapi.Act
		limit int
	}{
		"chat.update":        {webapi.Updating(), 50},
		"conversations.open": {webapi.Opening(), 50},
		"a channel":          {webapi.Posting("C1"), 60},
	} {
		clk := clock.Frozen(noon)
		api := open(t, webapi.Config{Token: "xoxb-1", Clock: clk})
		var at []time.Time
		for clk.Now().Before(noon.Add(10 * time.Minute)) {
			ok, again := api.Admit(c.act)
			if ok {
				at = append(at, clk.Now())
				continue
			}
			clk.Advance(again.Sub(clk.Now()))
		}
		for i := range at {
			if i+c.limit < len(at) && at[i+c.limit].Sub(at[i]) < time.Minute {
				t.Fatalf("%s: %d calls within a minute from %v", name, c.limit+1, at[i])
			}
		}
		if least := c.limit * 10 * 3 / 4; len(at) < least {
			t.Errorf("%s: %d calls in ten minutes, want at least %d", name, len(at), least)
		}
	}
}

func TestTurnsAreSpacedInTheOrderInWhichTheyAreTaken(t *testing.T) {
	api := open(t, webapi.Config{Token: "xoxb-1", Clock: clock.Frozen(noon)})
	last := api.Turn(webapi.Posting("C1"))
	if !last.Equal(noon) {
		t.Errorf("the first turn is at %v, want now", last)
	}
	for range 10 {
		next := api.Turn(webapi.Posting("C1"))
		if next.Sub(last) < time.Second {
			t.Errorf("turns at %v and %v in one channel", last, next)
		}
		last = next
	}
	if other := api.Turn(webapi.Posting("C2")); !other.Equal(noon) {
		t.Errorf("another channel waits until %v", other)
	}
}

func open(t *testing.T, c webapi.Config) *webapi.API {
	t.Helper()
	api, err := webapi.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

type rig struct {
	*slacktest.Workspace
	api  *webapi.API
	user string
	room string
	ctx  context.Context
}

func newRig(t *testing.T) *rig {
	clk := clock.Frozen(noon)
	r := &rig{Workspace: slacktest.New(slacktest.Config{Clock: clk, NoRateLimits: true}), ctx: t.Context()}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		for _, v := range r.Violations() {
			t.Error("violation:", v)
		}
	})
	r.user = r.AddUser(slacktest.User{Name: "alice", Email: "alice@example.com"})
	r.room = r.AddChannel(slacktest.Channel{Name: "access", Members: []string{r.user, r.BotUser()}})
	r.api = open(t, webapi.Config{Token: r.BotToken(), URL: r.APIURL(), Clock: clk, Unpaced: true, HTTP: &http.Client{Timeout: 300 * time.Millisecond}})
	return r
}

func (r *rig) post() error {
	_, err := r.api.Post(r.ctx, webapi.Place{Channel: r.room}, webapi.Message{Text: "hello"})
	return err
}

func TestWhatAnErrorMeans(t *testing.T) {
	r := newRig(t)
	post := func() error { return r.post() }
	broken := func(k slacktest.FaultKind) func() error {
		return func() error {
			r.Break(slacktest.Fault{Kind: k, Times: 1, For: 7 * time.Second})
			return r.post()
		}
	}
	cases := []struct {
		name    string
		call    func() error
		outcome webapi.Outcome
		code    string
	}{
		{"429", broken(slacktest.RateLimited), webapi.NotDone, "ratelimited"},
		{"429 without a time", broken(slacktest.RateLimitedBare), webapi.NotDone, "ratelimited"},
		{"503", broken(slacktest.ServerError), webapi.Unknown, ""},
		{"no answer", broken(slacktest.Hang), webapi.Unknown, ""},
		{"connection cut", broken(slacktest.Cut), webapi.Unknown, ""},
		{"answer lost", broken(slacktest.LostAnswer), webapi.Unknown, ""},
		{"archived channel", func() error {
			r.EditChannel(r.room, func(c *slacktest.Channel) { c.Archived = true })
			return post()
		}, webapi.Refused, "is_archived"},
		{"nobody listens", func() error {
			s := httptest.NewServer(http.NotFoundHandler())
			s.Close()
			_, err := open(t, webapi.Config{Token: "xoxb-1", URL: s.URL}).Post(r.ctx, webapi.Place{Channel: "C1"}, webapi.Message{Text: "x"})
			return err
		}, webapi.NotDone, ""},
		{"gave up waiting", func() error {
			ctx, cancel := context.WithCancel(r.ctx)
			cancel()
			_, err := r.api.User(ctx, r.user)
			return err
		}, webapi.NotDone, ""},
		{"token revoked", func() error {
			r.RevokeToken(r.BotToken())
			return post()
		}, webapi.Barred, "token_revoked"},
	}
	for _, c := range cases {
		err := c.call()
		if got := webapi.OutcomeOf(err); err == nil || got != c.outcome || webapi.CodeOf(err) != c.code {
			t.Errorf("%s: %v: %v %q, want %v %q", c.name, err, got, webapi.CodeOf(err), c.outcome, c.code)
		}
		if want := c.outcome != webapi.Refused; errors.Is(err, access.ErrUnavailable) != want {
			t.Errorf("%s: %v: unavailable is %v, want %v", c.name, err, !want, want)
		}
		if err != nil && strings.Contains(err.Error(), "xox") {
			t.Errorf("%s: the error shows a token: %v", c.name, err)
		}
	}
}

func TestMissingScopesAreNamed(t *testing.T) {
	w := slacktest.New(slacktest.Config{Scopes: []string{"commands"}})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	api := open(t, webapi.Config{Token: w.BotToken(), URL: w.APIURL()})
	id, err := api.Identity(t.Context())
	if err != nil || !slices.Equal(id.Scopes, []string{"commands"}) || id.Workspace() != w.TeamID() || id.User != w.BotUser() {
		t.Errorf("identity %+v, %v", id, err)
	}
	_, err = api.User(t.Context(), "U1")
	if webapi.OutcomeOf(err) != webapi.Barred || !strings.Contains(err.Error(), "users:read") {
		t.Errorf("error %v, want one that names users:read", err)
	}
}

func TestAnswersGoToSlackOnly(t *testing.T) {
	r := newRig(t)
	var asked bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	for _, to := range []string{
		elsewhere.URL, "", "/response/1", "http://hooks.slack.com/x", "https://hooks.slack.com.example.com/x",
		"https://notslack.com/x", "file:///etc/passwd",
	} {
		if err := r.api.Respond(r.ctx, to, webapi.Message{Text: "hello"}, false); err == nil || asked {
			t.Errorf("an answer to %q went out: %v", to, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var stolen bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen = true }))
	defer thief.Close()
	s := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	api := open(t, webapi.Config{Token: "xoxb-1", URL: s.URL})
	if _, err := api.Identity(t.Context()); err == nil || stolen {
		t.Errorf("followed a redirect with the token: %v", err)
	}
}

func TestMethods(t *testing.T) {
	r := newRig(t)
	g := r.AddGroup(slacktest.Group{Handle: "leads", Users: []string{r.user}})
	u, err := r.api.UserByEmail(r.ctx, "alice@example.com")
	if err != nil || u.ID != r.user || !u.IsEmailConfirmed {
		t.Errorf("user by e-mail %+v, %v", u, err)
	}
	if members, err := r.api.GroupMembers(r.ctx, g); err != nil || !slices.Equal(members, []string{r.user}) {
		t.Errorf("members %v, %v", members, err)
	}
	if groups, err := r.api.Groups(r.ctx); err != nil || len(groups) != 1 || groups[0].ID != g {
		t.Errorf("groups %v, %v", groups, err)
	}
	if c, err := r.api.Channel(r.ctx, r.room); err != nil || !c.IsMember || c.IsExtShared {
		t.Errorf("channel %+v, %v", c, err)
	}
	dm, err := r.api.OpenDM(r.ctx, r.user)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.api.Post(r.ctx, webapi.Place{Channel: dm}, webapi.Message{Text: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.api.Update(r.ctx, p, webapi.Message{Text: "two"}); err != nil {
		t.Fatal(err)
	}
	if m := r.Messages(r.user); len(m) != 1 || m[0].Text() != "two" {
		t.Errorf("messages %+v", m)
	}
}
