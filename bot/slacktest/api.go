package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Call is one call of the Web API, without its token.
type Call struct {
	Method string
	Args   map[string]any
	At     time.Time
	Status int    // of the HTTP answer; 0 where the connection was cut
	Error  string // Slack's error code; empty where the call did what it says
}

// Calls returns every call of the Web API, in the order in which they were
// answered.
func (w *Workspace) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.team.calls)
}

// A call is a Web API call on its way through.
type call struct {
	method string
	token  string
	header bool // the token came in the header
	args   args
}

// args are the arguments of a call. In a form all are strings, in a JSON body
// they have their own types.
type args map[string]any

func (a args) str(name string) string {
	switch v := a[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func (a args) truth(name string) bool {
	switch v := a[name].(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "1"
	}
	return false
}

func (a args) number(name string) int {
	n, err := strconv.Atoi(a.str(name))
	if err != nil {
		return 0
	}
	return n
}

// structure returns an argument that is an object or a list; in a form it is
// JSON in a string.
func (a args) structure(name string) (any, error) {
	s, ok := a[name].(string)
	if !ok {
		return a[name], nil
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, refuse("invalid_arguments", "must provide valid JSON [json-pointer:/"+name+"]")
	}
	return v, nil
}

func (a args) has(name string) bool { _, ok := a[name]; return ok }

// A refusal is an answer with ok false.
type refusal struct {
	code  string
	extra map[string]any
	after time.Duration // for ratelimited
}

func (r *refusal) Error() string { return r.code }

// refuse makes a refusal; messages say more, as Slack prints them.
func refuse(code string, messages ...string) *refusal {
	r := &refusal{code: code}
	if len(messages) > 0 {
		tagged := make([]string, len(messages))
		for i, m := range messages {
			tagged[i] = "[ERROR] " + m
		}
		r.extra = map[string]any{"response_metadata": map[string]any{"messages": tagged}}
	}
	return r
}

const maxBody = 1 << 20

func (w *Workspace) serveAPI(rw http.ResponseWriter, r *http.Request) {
	c, err := readCall(r)
	if w.interfere(rw, r, c.method) {
		return
	}
	lose := w.losesAnswer(c.method)
	var out map[string]any
	if err == nil {
		w.change(func(t *team) { out, err = t.call(c) })
	}
	status, body := w.answer(rw, c, out, err)
	w.change(func(t *team) {
		failed := ""
		if e := (*refusal)(nil); errors.As(err, &e) {
			failed = e.code
		}
		t.calls = append(t.calls, Call{Method: c.method, Args: c.args, At: t.now, Status: status, Error: failed})
	})
	if lose {
		panic(http.ErrAbortHandler)
	}
	rw.WriteHeader(status)
	_, _ = rw.Write(body) // a client that left is told nothing
}

// answer prepares the headers and returns status and body.
func (w *Workspace) answer(rw http.ResponseWriter, c *call, out map[string]any, err error) (int, []byte) {
	status := http.StatusOK
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if c.token == w.BotToken() {
		h.Set("X-OAuth-Scopes", strings.Join(w.cfg.Scopes, ","))
		h.Set("X-Accepted-OAuth-Scopes", methods[c.method].scope)
	}
	var e *refusal
	if errors.As(err, &e) {
		out = map[string]any{}
		maps.Copy(out, e.extra)
		out["error"] = e.code
		if e.after > 0 {
			status = http.StatusTooManyRequests
			h.Set("Retry-After", wholeSeconds(e.after))
		}
	} else if out == nil {
		out = map[string]any{}
	}
	out["ok"] = err == nil
	body, _ := json.Marshal(out) // made of JSON to begin with
	return status, body
}

// wholeSeconds prints d as Retry-After wants it, never too short.
func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

func readCall(r *http.Request) (*call, error) {
	c := &call{method: r.PathValue("method"), args: args{}}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return c, refuse("request_timeout")
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c.token, c.header = token, true
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		if len(body) > 0 && json.Unmarshal(body, &c.args) != nil {
			return c, refuse("invalid_json")
		}
		return c, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return c, refuse("invalid_form_data")
	}
	if !c.header {
		c.token = form.Get("token") // one in the query counts for nothing
	}
	for _, values := range []url.Values{r.URL.Query(), form} {
		values.Del("token")
		for name := range values {
			c.args[name] = values.Get(name)
		}
	}
	return c, nil
}

// call holds a call to everything that is common to all methods, then runs it.
func (t *team) call(c *call) (map[string]any, error) {
	m, ok := methods[c.method]
	if !ok {
		t.violate("%s: no such method here", c.method)
		return nil, refuse("unknown_method")
	}
	if err := t.authorise(c, m); err != nil {
		return nil, err
	}
	if err := t.limit(c.method, m.perMinute); err != nil {
		return nil, err
	}
	if err := t.checkArgs(c, m); err != nil {
		return nil, err
	}
	return m.run(t, c.args)
}

func (t *team) authorise(c *call, m method) error {
	if c.token == "" || (m.app && !c.header) {
		return refuse("not_authed")
	}
	if code := t.revoked[c.token]; code != "" {
		return refuse(code)
	}
	want, other := t.botToken, t.appToken
	if m.app {
		want, other = other, want
	}
	switch c.token {
	case want:
	case other:
		return refuse("not_allowed_token_type")
	default:
		return refuse("invalid_auth")
	}
	if m.app {
		return nil
	}
	return t.needs(m.scope)
}

// needs refuses unless the bot token has a scope; "" needs none.
func (t *team) needs(scope string) error {
	if scope == "" || slices.Contains(t.cfg.Scopes, scope) {
		return nil
	}
	return &refusal{code: "missing_scope", extra: map[string]any{
		"needed": scope, "provided": strings.Join(t.cfg.Scopes, ","),
	}}
}

// checkArgs refuses a missing argument and notes one that is unknown, which
// Slack would ignore.
func (t *team) checkArgs(c *call, m method) error {
	known := map[string]bool{}
	var missing []string
	for _, name := range strings.Fields(m.args) {
		name, required := strings.CutSuffix(name, "!")
		known[name] = true
		if required && (!c.args.has(name) || c.args[name] == "") {
			missing = append(missing, "missing required field: "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.args)) {
		if !known[name] {
			t.violate("%s: argument %q is unknown or not supported here", c.method, name)
		}
	}
	if missing != nil {
		return refuse("invalid_arguments", missing...)
	}
	return nil
}

// limit refuses a call over the limit of its method in any minute.
func (t *team) limit(method string, perMinute int) error {
	if t.cfg.NoRateLimits {
		return nil
	}
	return t.window(t.limits, method, perMinute, time.Minute)
}

// window keeps the moments of the last span and refuses one too many. A call
// that is refused does not count.
func (t *team) window(in map[string][]time.Time, key string, most int, span time.Duration) error {
	recent := in[key]
	for len(recent) > 0 && t.now.Sub(recent[0]) >= span {
		recent = recent[1:]
	}
	if len(recent) >= most {
		in[key] = recent
		return &refusal{code: "ratelimited", after: span - t.now.Sub(recent[0])}
	}
	in[key] = append(recent, t.now)
	return nil
}

// page cuts one page out of a list and returns where the next one starts.
func page[T any](t *team, a args, all []T) ([]T, map[string]any, error) {
	from := 0
	if cursor := a.str("cursor"); cursor != "" {
		if _, err := fmt.Sscanf(cursor, "next:%d", &from); err != nil || from < 0 || from > len(all) {
			return nil, nil, refuse("invalid_cursor")
		}
	}
	limit := a.number("limit")
	if limit <= 0 || limit > t.cfg.PageSize {
		limit = t.cfg.PageSize
	}
	to, next := min(from+limit, len(all)), ""
	if to < len(all) {
		next = fmt.Sprintf("next:%d", to)
	}
	return append([]T{}, all[from:to]...), map[string]any{"next_cursor": next}, nil
}
