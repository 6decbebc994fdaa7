package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/demo"
	"sesame/proxy/api"
)

// A browser asks a page as a browser would.
type browser struct {
	*testing.T
	http.Client
	origin, token string
}

// openPage returns a browser for the page of a stage of its own.
func openPage(t *testing.T) (*browser, *demo.Stage) {
	t.Helper()
	stage, err := demo.NewStage(t.Context(), demo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := demo.OpenPage(stage, "export SESAME_HOME=/there")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var served errgroup.Group
	served.Go(func() error { return page.Serve(ctx) })
	t.Cleanup(func() {
		stop()
		if err := served.Wait(); err != nil {
			t.Error(err)
		}
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	origin, token, _ := strings.Cut(page.URL(), "/#")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t, Client: http.Client{Jar: jar}, origin: origin, token: token}, stage
}

// A request is one that the page's own script would send, but for what edit
// does to it.
func (b *browser) send(method, path, body string, edit func(*http.Request)) (status int, text string, h http.Header) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.origin+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", b.origin)
		r.Header.Set("Content-Type", "application/json")
	}
	if edit != nil {
		edit(r)
	}
	res, err := b.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	return res.StatusCode, string(got), res.Header
}

func (b *browser) enter() {
	b.Helper()
	if status, text, _ := b.send("POST", "/session", `{"token":"`+b.token+`"}`, nil); status != http.StatusOK {
		b.Fatalf("exchange the token: %d %s", status, text)
	}
}

// do has somebody do something in Slack.
func (b *browser) do(deed string) {
	b.Helper()
	if status, text, _ := b.send("POST", "/act", deed, nil); status != http.StatusOK || strings.Contains(text, "error") {
		b.Errorf("act %s: %d %s", deed, status, text)
	}
}

func TestPageRefusesWhoIsNotThePage(t *testing.T) {
	b, _ := openPage(t)
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	set := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	for _, c := range []struct {
		name, method, path string
		edit               func(*http.Request)
		want               int
	}{
		{"another name that leads here", "GET", "/", host("rebound.example:80"), http.StatusMisdirectedRequest},
		{"another port of this machine", "GET", "/", host("127.0.0.1:1"), http.StatusMisdirectedRequest},
		{"the state without the cookie", "GET", "/state?as=Alice", nil, http.StatusUnauthorized},
		{"the events without the cookie", "GET", "/events", nil, http.StatusUnauthorized},
		{"the log without the cookie", "GET", "/log?kind=aws", nil, http.StatusUnauthorized},
		{"an act without the cookie", "POST", "/act", nil, http.StatusUnauthorized},
		{"the clock without the cookie", "POST", "/clock", nil, http.StatusUnauthorized},
		{"a wrong token", "POST", "/session", nil, http.StatusUnauthorized},
		{"another site's script", "POST", "/session", set("Origin", "http://evil.example"), http.StatusForbidden},
		{"another port's script", "POST", "/session", set("Origin", "http://127.0.0.1:1"), http.StatusForbidden},
		{"a page without an origin", "POST", "/session", set("Origin", "null"), http.StatusForbidden},
		{"a program without an origin", "POST", "/session", func(r *http.Request) { r.Header.Del("Origin") }, http.StatusForbidden},
		{"another site that reads", "GET", "/state?as=Alice", set("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
		{"another port that reads", "GET", "/state?as=Alice", set("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
		{"a form", "POST", "/session", set("Content-Type", "application/x-www-form-urlencoded"), http.StatusUnsupportedMediaType},
		{"a form that says text", "POST", "/session", set("Content-Type", "text/plain"), http.StatusUnsupportedMediaType},
		{"another method", "PUT", "/state", set("Origin", b.origin), http.StatusUnsupportedMediaType},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, text, _ := b.send(c.method, c.path, `{"token":"wrong"}`, c.edit); status != c.want {
				t.Errorf("%d %s, want %d", status, text, c.want)
			}
		})
	}
}

func TestPageRunsNothingButItsOwn(t *testing.T) {
	b, _ := openPage(t)
	status, text, h := b.send("GET", "/", "", nil)
	if status != http.StatusOK || !strings.Contains(text, "Simulated.") {
		t.Errorf("%d %s", status, text)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Cache-Control":              "no-store",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, markup := range []string{"<script>", "<style", " style=", " onclick=", "https://"} {
		if strings.Contains(text, markup) {
			t.Errorf("the page contains %q, which its own policy forbids or which leads elsewhere", markup)
		}
	}
}

func TestTokenBecomesACookieThatScriptsCannotRead(t *testing.T) {
	b, _ := openPage(t)
	_, _, h := b.send("POST", "/session", `{"token":"`+b.token+`"}`, nil)
	cookie := h.Get("Set-Cookie")
	if !strings.Contains(cookie, "; HttpOnly") || !strings.Contains(cookie, "; SameSite=Strict") || strings.Contains(cookie, b.token) {
		t.Errorf("cookie %q, want HttpOnly, SameSite=Strict, and not the token itself", cookie)
	}
	if status, text, _ := b.send("GET", "/state?as=Alice", "", nil); status != http.StatusOK {
		t.Errorf("with the cookie: %d %s", status, text)
	}
}

func TestPageRefusesWhatItDoesNotUnderstand(t *testing.T) {
	b, _ := openPage(t)
	b.enter()
	for _, c := range []struct {
		name, path, body string
		want             int
	}{
		{"no JSON", "/act", `as=Alice`, http.StatusBadRequest},
		{"a field that nobody knows", "/act", `{"as":"Alice","do":"reload","sudo":true}`, http.StatusBadRequest},
		{"two values", "/act", `{"as":"Alice","do":"reload"}{}`, http.StatusBadRequest},
		{"somebody who is not there", "/act", `{"as":"Mallory","do":"reload"}`, http.StatusBadRequest},
		{"what nobody can do", "/act", `{"as":"Alice","do":"fly"}`, http.StatusBadRequest},
		{"a body without end", "/act", `{"as":"` + strings.Repeat("A", 70<<10) + `"}`, http.StatusBadRequest},
		{"a clock that goes back", "/clock", `{"minutes":-10}`, http.StatusConflict},
		{"a clock that jumps for years", "/clock", `{"minutes":1000000}`, http.StatusConflict},
		{"the end of nothing", "/clock", `{"to":"end"}`, http.StatusConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, text, _ := b.send("POST", c.path, c.body, nil); status != c.want || !strings.Contains(text, `"error":"`) {
				t.Errorf("%d %s, want %d and why", status, text, c.want)
			}
		})
	}
	for _, row := range []string{"kind=aws&n=99999", "kind=aws&n=-1", "n=1", "kind=azure&n=1"} {
		if status, _, _ := b.send("GET", "/log?"+row, "", nil); status != http.StatusNotFound {
			t.Errorf("the row %s, which is not there: %d", row, status)
		}
	}
}

// A shownState is the part of the state that the test looks at.
type shownState struct {
	Channels []struct {
		Name     string
		Messages []struct {
			TS     string
			Blocks []any
		}
	}
	AWS struct {
		Assignments []struct{ Who, PermissionSet string }
	}
	Deadlines []struct{ What string }
	Held      []struct{ Who, Target string }
	Calls     []struct {
		Who, Target, Call, Outcome, Why, Took string
		Allowed                               bool
		Resources                             []string
	}
	Terminal struct {
		Setup    string
		Commands []struct{ Line string }
	}
}

func (b *browser) state(as string) shownState {
	b.Helper()
	_, text, _ := b.send("GET", "/state?as="+as, "", nil)
	var s shownState
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	return s
}

func TestAccessIsGrantedAndEndedOnThePage(t *testing.T) {
	b, stage := openPage(t)
	b.enter()
	b.do(`{"as":"Alice","do":"command","channel":"C0ACCESS","text":"/access billing-readonly 1h an invoice"}`)
	m, err := stage.AwaitMessage(t.Context(), demo.ChannelSecurity, demo.Says("[Approve Request]"))
	if err != nil {
		t.Fatal(err)
	}
	b.do(`{"as":"Carol","do":"click","on":{"channel":"C0SECURITY","ts":"` + m.TS + `","action":"approve"}}`)
	if _, err := stage.AwaitMessage(t.Context(), stage.Person(demo.Alice).ID, demo.Says("You have billing-readonly")); err != nil {
		t.Fatal(err)
	}
	open := b.state("Bob")
	if got := open.AWS.Assignments; len(got) != 1 || got[0].Who != "Alice" || got[0].PermissionSet != "BillingReadOnly" {
		t.Errorf("the page shows that AWS holds %+v", got)
	}
	if len(open.Deadlines) != 2 {
		t.Errorf("the page shows the deadlines %+v, want the reminder and the end", open.Deadlines)
	}
	if status, text, _ := b.send("POST", "/clock", `{"to":"end"}`, nil); status != http.StatusOK {
		t.Fatalf("move the clock: %d %s", status, text)
	}
	held := func() bool { return stage.Holds(demo.Alice, "333333333333", "BillingReadOnly") }
	if err := stage.Await(t.Context(), "the access is gone", func() bool { return !held() }); err != nil {
		t.Fatal(err)
	}
	if got := b.state("Bob").AWS.Assignments; len(got) != 0 {
		t.Errorf("the page shows that AWS holds %+v, and it holds nothing", got)
	}
	if _, text, _ := b.send("GET", "/log?kind=aws", "", nil); !strings.Contains(text, "DeleteAccountAssignment") {
		t.Errorf("the log does not show the removal: %s", text)
	}
}

func TestPageShowsCallsAsTheyHappen(t *testing.T) {
	b, stage := openPage(t)
	b.enter()
	if s := b.state("Alice"); len(s.Calls)+len(s.Held) > 0 || s.Terminal.Setup == "" || len(s.Terminal.Commands) == 0 {
		t.Errorf("at first the page shows %+v", s)
	}
	alice, err := stage.SignIn(t.Context(), demo.Alice, "")
	if err != nil {
		t.Fatal(err)
	}
	defer alice.Close()
	b.do(`{"as":"Alice","do":"command","channel":"C0ACCESS","text":"/access ec2-frontend 1h INC-42 disk full"}`)
	m, err := stage.AwaitMessage(t.Context(), demo.ChannelAccess, demo.Says("[Approve Request]"))
	if err != nil {
		t.Fatal(err)
	}
	b.do(`{"as":"Bob","do":"click","on":{"channel":"C0ACCESS","ts":"` + m.TS + `","action":"approve"}}`)
	if _, err := stage.AwaitMessage(t.Context(), stage.Person(demo.Alice).ID, demo.Says("You have ec2-frontend")); err != nil {
		t.Fatal(err)
	}
	k, err := alice.ProxyKey(t.Context(), api.KeyAsking{Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		"Action=RebootInstances&Version=2016-11-15&InstanceId.1=i-0f3a1c2b4d5e6f701",
		"Action=RebootInstances&Version=2016-11-15&InstanceId.1=i-0f3a1c2b4d5e6f701&InstanceId.2=i-0f3a1c2b4d5e6f702",
	} {
		if _, err := demo.Call(t.Context(), k, "ec2", form); err != nil {
			t.Fatal(err)
		}
	}
	s := b.state("Bob")
	if len(s.Held) != 1 || s.Held[0].Who != "Alice" || s.Held[0].Target != "ec2-frontend" {
		t.Errorf("the page shows that access is held by %+v", s.Held)
	}
	if len(s.Calls) != 2 {
		t.Fatalf("the page shows the calls %+v, want what came of two, the newest first", s.Calls)
	}
	if c := s.Calls[0]; c.Allowed || c.Outcome != "refused" || !strings.Contains(c.Why, "must not restart at once") || c.Who != "Alice" {
		t.Errorf("the refused call is shown as %+v", c)
	}
	if c := s.Calls[1]; !c.Allowed || c.Outcome != "200" || c.Call != "ec2:RebootInstances" || len(c.Resources) != 1 || c.Took == "" {
		t.Errorf("the call is shown as %+v", c)
	}
}

func TestPageShowsEachPersonWhatTheySee(t *testing.T) {
	b, _ := openPage(t)
	b.enter()
	for name, want := range map[string]string{
		"Alice": "access security Sesame", "Bob": "access security Sesame",
		"Carol": "access security sesame-admin Sesame", "Eve": "access Sesame",
	} {
		var got []string
		for _, c := range b.state(name).Channels {
			got = append(got, c.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s sees %v, want %s", name, got, want)
		}
	}
}

func TestEventsSayThatSomethingChanged(t *testing.T) {
	b, _ := openPage(t)
	b.enter()
	r, err := http.NewRequestWithContext(t.Context(), "GET", b.origin+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	events := bufio.NewScanner(res.Body)
	next := func() string {
		for events.Scan() {
			if v, ok := strings.CutPrefix(events.Text(), "data: "); ok {
				return v
			}
		}
		t.Fatal("the events have ended")
		return ""
	}
	before := next()
	b.do(`{"as":"Alice","do":"say","channel":"C0ACCESS","text":"good morning"}`)
	if after := next(); after == before {
		t.Errorf("event %q twice", after)
	}
}
