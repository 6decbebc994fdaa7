package socket_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/bot/socket"
)

func TestFatalAnswersEndRun(t *testing.T) {
	for code, want := range map[string]string{
		"not_authed":             "slack refuses socket mode (not_authed): configure the app-level token (xapp-...)",
		"invalid_auth":           "slack refuses socket mode (invalid_auth): the app-level token is not valid; copy it again from the app's Basic Information page",
		"token_revoked":          "slack refuses socket mode (token_revoked): generate a new app-level token with connections:write and configure it",
		"token_expired":          "slack refuses socket mode (token_expired): generate a new app-level token with connections:write and configure it",
		"account_inactive":       "slack refuses socket mode (account_inactive): the app or its workspace was removed or disabled; reinstall the app",
		"missing_scope":          "slack refuses socket mode (missing_scope): the app-level token needs the scope connections:write; generate one that has it",
		"not_allowed_token_type": "slack refuses socket mode (not_allowed_token_type): configure the app-level token (xapp-...), not a bot or user token",
		"link_disabled":          "slack refuses socket mode (link_disabled): Socket Mode is switched off; switch it on in the app's settings and start again",
	} {
		t.Run(code, func(t *testing.T) {
			f := plain(t)
			f.answer = refusing(code)
			err := next(t, start(t, f, socket.Config{Connections: 2}).result)
			var fatal *socket.FatalError
			if !errors.As(err, &fatal) || fatal.Code != code || err.Error() != want {
				t.Errorf("Run = %v\nwant  %s", err, want)
			}
		})
	}
}

func refusing(code string) func(int, http.ResponseWriter) bool {
	return func(_ int, w http.ResponseWriter) bool {
		fmt.Fprintf(w, `{"ok":false,"error":%q}`, code)
		return true
	}
}

func TestNoTokenIsFatalWithoutACall(t *testing.T) {
	r := start(t, plain(t), socket.Config{Token: func() string { return "" }})
	var fatal *socket.FatalError
	if err := next(t, r.result); !errors.As(err, &fatal) || fatal.Code != "not_authed" {
		t.Errorf("Run = %v", err)
	}
	if n := r.opens.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestSocketModeSwitchedOffIsFatal(t *testing.T) {
	for name, script := range map[string]func(*link){
		"instead of hello": func(l *link) { l.disconnect("link_disabled") },
		"after hello":      func(l *link) { l.hello(); l.disconnect("link_disabled") },
	} {
		t.Run(name, func(t *testing.T) {
			f := plain(t)
			f.script = script
			r := start(t, f, socket.Config{})
			var fatal *socket.FatalError
			if err := next(t, r.result); !errors.As(err, &fatal) || fatal.Code != "link_disabled" {
				t.Errorf("Run = %v", err)
			}
			next(t, r.links).wantClose(1000)
		})
	}
}

func TestFatalFinishesWhatIsInFlight(t *testing.T) {
	entered, proceed := make(chan bool, 1), make(chan bool)
	r := start(t, plain(t), socket.Config{Handler: func(_ context.Context, e socket.Envelope) {
		entered <- true
		<-proceed
		must(t, e.Ack(nil))
	}})
	l := next(t, r.links)
	l.click("E1")
	next(t, entered)
	l.disconnect("link_disabled")
	r.until(socket.Ended)
	close(proceed)
	l.wantAck("E1")
	l.wantClose(1000)
}

func TestTokenThatWorkedGetsThreeTries(t *testing.T) {
	f, clk := plain(t), frozen()
	f.answer = func(n int, w http.ResponseWriter) bool { return n > 1 && refusing("invalid_auth")(n, w) }
	r := start(t, f, socket.Config{Clock: clk})
	l := next(t, r.links)
	r.until(socket.Opened)
	l.ws.Close()
	for range 3 {
		clk.Advance(r.until(socket.Waiting).Wait)
		r.until(socket.OpenFailed)
	}
	var fatal *socket.FatalError
	if err := next(t, r.result); !errors.As(err, &fatal) {
		t.Errorf("Run = %v", err)
	}
	if n := r.opens.Load(); n != 4 {
		t.Errorf("%d opens, want 1 and three tries", n)
	}
}

func TestRotatedTokenIsTriedBeforeGivingUp(t *testing.T) {
	f, clk := plain(t), frozen()
	var asked atomic.Int32
	r := start(t, f, socket.Config{Clock: clk, Token: func() string {
		if asked.Add(1) == 1 {
			return "xapp-old"
		}
		return token
	}})
	if e := r.until(socket.OpenFailed); !strings.Contains(e.Err.Error(), "invalid_auth") {
		t.Errorf("first open: %v", e.Err)
	}
	clk.Advance(r.until(socket.Waiting).Wait)
	next(t, r.links)
}

func TestTroubleThatPassesIsRetried(t *testing.T) {
	html := func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, "<html>secret ticket</html>")
	}
	body := func(s string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fmt.Fprint(w, s) }
	}
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"html with 502":      {html, "apps.connections.open: http status 502"},
		"html with 200":      {body("<html>"), "apps.connections.open: the answer is not what Slack sends"},
		"cut off":            {body(`{"ok":true,"url":"wss://x/?ticket=secr`), "apps.connections.open: the answer is not what Slack sends"},
		"internal error":     {body(`{"ok":false,"error":"internal_error"}`), `apps.connections.open: "internal_error"`},
		"no url":             {body(`{"ok":true}`), "apps.connections.open: the answer has no usable url"},
		"in the clear":       {body(`{"ok":true,"url":"ws://slack.example/?ticket=secret"}`), "apps.connections.open: refusing ws to slack.example, want wss"},
		"another scheme":     {body(`{"ok":true,"url":"http://127.0.0.1/?ticket=secret"}`), "apps.connections.open: refusing http to 127.0.0.1, want wss"},
		"redirect elsewhere": {func(w http.ResponseWriter) { w.Header().Set("Location", "/api/other"); w.WriteHeader(307) }, "apps.connections.open: http status 307"},
	} {
		t.Run(name, func(t *testing.T) {
			f, clk := plain(t), frozen()
			f.answer = func(n int, w http.ResponseWriter) bool {
				if n == 1 {
					tt.answer(w)
				}
				return n == 1
			}
			r := start(t, f, socket.Config{Clock: clk})
			if e := r.until(socket.OpenFailed); e.Err.Error() != tt.want {
				t.Errorf("error = %q\nwant    %q", e.Err, tt.want)
			}
			clk.Advance(r.until(socket.Waiting).Wait)
			next(t, r.links)
		})
	}
}

func TestErrorsHoldNoTicketAndNoToken(t *testing.T) {
	f, clk := plain(t), frozen()
	f.answer = func(_ int, w http.ResponseWriter) bool {
		fmt.Fprint(w, `{"ok":true,"url":"ws://127.0.0.1:1/link?ticket=secret"}`)
		return true
	}
	r := start(t, f, socket.Config{Clock: clk})
	e := r.until(socket.OpenFailed)
	for _, text := range []string{e.Err.Error(), fmt.Sprintf("%+v", r.client.Status())} {
		if strings.Contains(text, "secret") || strings.Contains(text, token) {
			t.Errorf("tells too much: %s", text)
		}
	}
}

func TestShutdownWhileWaitingForHello(t *testing.T) {
	f := plain(t)
	f.script = func(*link) {}
	r := start(t, f, socket.Config{})
	l := next(t, r.links)
	r.stop()
	must(t, next(t, r.result))
	l.wantClose(1000)
}

func TestConfigProblemsAreAllNamed(t *testing.T) {
	_, err := socket.New(socket.Config{APIURL: "http://slack.example/api/", Connections: 11, Grace: -time.Second})
	want := []string{
		"token: required",
		"handler: required",
		"connections: 11 is outside 1 to 10",
		"workers, queue and grace: must not be negative",
		`api url: "http://slack.example/api/" is neither https nor loopback`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"type":"hello","num_connections":2}`), 9)
	f.Add([]byte(`{"type":"disconnect","reason":"warning"}`), 0)
	f.Add([]byte(`{"type":"interactive","envelope_id":"E1","payload":{"type":"block_actions"}}`), 40)
	f.Add([]byte(`{"envelope_id":"E1","type":"interactive","payload":{"a`), 20)
	f.Add([]byte(`{"envelope_id":7}`), 1)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		whole, err := socket.Decode(data)
		if err == nil && !json.Valid(data) {
			t.Errorf("%q was taken, and is no JSON", data)
		}
		if at < 0 || at >= len(bytes.TrimSpace(data)) {
			return
		}
		part, partErr := socket.Decode(data[:at])
		if partErr == nil && err == nil {
			t.Errorf("both %q and the rest of it were taken", data[:at])
		}
		// With several ids in one frame there is no telling which one is meant.
		single := bytes.Count(bytes.ToLower(data), []byte("envelope_id")) == 1 && !bytes.Contains(data, []byte(`\`))
		if part != "" && err == nil && part != whole && single {
			t.Errorf("%q gives %q, all of it %q", data[:at], part, whole)
		}
	})
}
