package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/flows/login"
	"sesame/proxy/api"
	"sesame/proxy/signed"
	"sesame/store/memory"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// A rig is a Remote on loopback, with people who have no rules to ask by.
type rig struct {
	t      *testing.T
	base   string
	world  *factstest.World
	clock  *clock.Movable // of everything but signatures
	wall   *clock.Movable
	logins *login.Logins
	store  *memory.Store
	log    bytes.Buffer
	vended bool // whether grants hand out keys of AWS
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, world: factstest.New("T1", "d-1"), clock: clock.Frozen(noon), wall: clock.Frozen(noon)}
	store := memory.New()
	r.store = store
	people := facts.New(store, r.world.Sources(), r.clock, facts.Config{Workspace: "T1", TrustEmail: true})
	r.logins = login.New(login.Config{Store: store, People: people, Clock: r.clock, Lasts: 12 * time.Hour})
	s := api.NewRemote(api.RemoteConfig{
		Desk: flows.New(flows.Config{
			Store: store, People: people, Rules: func() *flowfile.Set { return nil }, Clock: r.clock,
		}),
		Store: store, Logins: r.logins, Keys: keyring{r.clock}, Vend: vend, Wall: r.wall, Log: zerolog.New(&r.log),
		Default: func(string, bool) time.Duration { return time.Hour },
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.base = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// signIn signs in somebody with a key, and returns the id of the login.
func (r *rig) signIn(name string, k ed25519.PrivateKey) string {
	r.t.Helper()
	who := r.world.Join(name)
	begun, err := r.logins.Begin(login.Origin{Address: "192.0.2.7"}, k.Public().(ed25519.PublicKey))
	if err == nil {
		begun, err = r.logins.Look(r.t.Context(), who, begun.Code)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	made, err := r.logins.Confirm(r.t.Context(), who, begun.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(made.ID)
}

// A try is a call as somebody sends it.
type try struct {
	method, path, body string
	who                string
	key                ed25519.PrivateKey
	at                 time.Duration
	change             func(*http.Request)
}

// request returns the call, signed.
func (r *rig) request(c try) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), c.method, r.base+c.path, strings.NewReader(c.body))
	if err != nil {
		r.t.Fatal(err)
	}
	signed.Sign(req, []byte(c.body), c.who, c.key, noon.Add(c.at))
	if c.change != nil {
		c.change(req)
	}
	return req
}

// send returns the status and the code of an answer.
func (r *rig) send(req *http.Request) (int, api.Error) {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var e api.Error
	if resp.StatusCode != http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
			r.t.Fatalf("%s: %v", resp.Status, err)
		}
	}
	return resp.StatusCode, e
}

func TestWhoIsNotKnownIsRefused(t *testing.T) {
	r := newRig(t)
	alice := r.signIn("Alice", key(1))
	r.signIn("Bob", key(2))
	header := func(old, now string) func(*http.Request) {
		return func(req *http.Request) {
			req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), old, now, 1))
		}
	}
	body := func(text string) func(*http.Request) {
		return func(req *http.Request) {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	get := try{method: "GET", path: "/v1/me", who: alice, key: key(1)}
	post := try{method: "POST", path: "/v1/requests", body: `{"once":"0123456789abcdef","target":"x"}`, who: alice, key: key(1)}
	with := func(c try, change func(*try)) try {
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		try
		status int
		code   access.RefusalCode
	}{
		"who is known":          {get, 200, ""},
		"within the window":     {with(get, func(c *try) { c.at = -time.Minute }), 200, ""},
		"an old call":           {with(get, func(c *try) { c.at = -61 * time.Second }), 401, api.CodeSignature},
		"a call to come":        {with(get, func(c *try) { c.at = 61 * time.Second }), 401, api.CodeSignature},
		"another key":           {with(get, func(c *try) { c.key = key(2) }), 401, api.CodeSignature},
		"another login":         {with(get, func(c *try) { c.who = "l-0000000000" }), 401, api.CodeSignedOut},
		"nobody yet":            {with(get, func(c *try) { c.who = api.NewLogin }), 401, api.CodeSignedOut},
		"another path":          {with(get, func(c *try) { c.change = func(r *http.Request) { r.URL.Path = "/v1/mine" } }), 401, api.CodeSignature},
		"a query":               {with(get, func(c *try) { c.change = func(r *http.Request) { r.URL.RawQuery = "a=b" } }), 401, api.CodeSignature},
		"another body":          {with(post, func(c *try) { c.change = body(`{"once":"0123456789abcdef","target":"y"}`) }), 401, api.CodeSignature},
		"no header":             {with(get, func(c *try) { c.change = func(r *http.Request) { r.Header.Del("Authorization") } }), 401, api.CodeSignedOut},
		"a bearer":              {with(get, func(c *try) { c.change = header("Sesame1 ", "Bearer ") }), 401, api.CodeSignedOut},
		"an unknown key":        {with(post, func(c *try) { c.body = `{"once":"0123456789abcdef","targets":"x"}` }), 400, access.RefusedInput},
		"two objects":           {with(post, func(c *try) { c.body += "{}" }), 400, access.RefusedInput},
		"no object":             {with(post, func(c *try) { c.body = "[]" }), 400, access.RefusedInput},
		"too much":              {with(post, func(c *try) { c.body = strings.Repeat(" ", 65<<10) }), 400, access.RefusedInput},
		"nothing made up":       {with(post, func(c *try) { c.body = `{"target":"x"}` }), 400, access.RefusedInput},
		"no duration":           {with(post, func(c *try) { c.body = `{"once":"0123456789abcdef","target":"x","duration":"soon"}` }), 400, access.RefusedInput},
		"while nothing opens":   {post, 503, access.RefusedClosing},
		"what is not there":     {with(get, func(c *try) { c.path = "/v1/requests/r-0000000000" }), 404, access.RefusedUnknown},
		"a call without a verb": {with(get, func(c *try) { c.path = "/v2/me" }), 404, access.RefusedUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			status, e := r.send(r.request(c.try))
			if status != c.status || e.Code != string(c.code) || status != 200 && !strings.HasSuffix(e.Text, ".") {
				t.Errorf("got %d %+v, want %d %q and a sentence", status, e, c.status, c.code)
			}
		})
	}
}

func TestACallCountsOnce(t *testing.T) {
	r := newRig(t)
	req := r.request(try{method: "GET", path: "/v1/me", who: r.signIn("Alice", key(1)), key: key(1)})
	if status, e := r.send(req); status != 200 {
		t.Fatalf("got %d %+v", status, e)
	}
	status, e := r.send(req.Clone(t.Context()))
	if status != 401 || e.Code != string(api.CodeSignature) || !strings.Contains(e.Text, "taken before") {
		t.Errorf("the second time: %d %+v", status, e)
	}
}

func TestALoginThatIsOverIsNobodys(t *testing.T) {
	for name, end := range map[string]func(r *rig, id string) error{
		"ended by its holder": func(r *rig, id string) error {
			if status, e := r.send(r.request(try{method: "POST", path: "/v1/logout", body: "{}", who: id, key: key(1)})); status != 200 {
				return errors.New(e.Text)
			}
			return nil
		},
		"ended in the chat": func(r *rig, id string) error {
			_, err := r.logins.LogoutAll(t.Context(), r.world.Account("Alice"))
			return err
		},
		"expired": func(r *rig, id string) error { r.clock.Advance(12 * time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			id := r.signIn("Alice", key(1))
			if err := end(r, id); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/v1/me", "/v1/mine"} {
				if status, e := r.send(r.request(try{method: "GET", path: path, who: id, key: key(1)})); status != 401 || e.Code != string(api.CodeSignedOut) {
					t.Errorf("%s: got %d %+v", path, status, e)
				}
			}
		})
	}
}

func TestOnlyTheKeyThatBeganHearsWhatBecameOfACode(t *testing.T) {
	r := newRig(t)
	body := func(k ed25519.PrivateKey) string {
		text, err := json.Marshal(api.Begin{Key: k.Public().(ed25519.PublicKey), Host: "laptop"})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if status, e := r.send(r.request(try{method: "POST", path: "/v1/logins", body: body(key(1)), who: api.NewLogin, key: key(2)})); status != 401 {
		t.Errorf("for the key of somebody else: %d %+v", status, e)
	}
	resp, err := http.DefaultClient.Do(r.request(try{method: "POST", path: "/v1/logins", body: body(key(1)), who: api.NewLogin, key: key(1)}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var begun api.Begun
	if err := json.NewDecoder(resp.Body).Decode(&begun); err != nil || begun.ID == "" || len(begun.Code) != 9 {
		t.Fatalf("begun %+v, %v", begun, err)
	}
	path := "/v1/logins/" + begun.ID
	if status, e := r.send(r.request(try{method: "GET", path: path, who: begun.ID, key: key(2)})); status != 401 {
		t.Errorf("another key: %d %+v", status, e)
	}
	if status, e := r.send(r.request(try{method: "GET", path: path, who: "a-other", key: key(1)})); status != 404 {
		t.Errorf("another name: %d %+v", status, e)
	}
	if status, e := r.send(r.request(try{method: "GET", path: path, who: begun.ID, key: key(1)})); status != 200 {
		t.Errorf("the key that began: %d %+v", status, e)
	}
}

// TestNothingSecretIsLogged looks for signatures, codes and keys in the log.
func TestNothingSecretIsLogged(t *testing.T) {
	r := newRig(t)
	id := r.signIn("Alice", key(1))
	req := r.request(try{method: "POST", path: "/v1/grants/g-0000000000/end", body: "{}", who: id, key: key(1)})
	if status, _ := r.send(req); status != 404 {
		t.Errorf("got %d", status)
	}
	header := req.Header.Get("Authorization")
	for _, secret := range []string{header, header[strings.Index(header, "signature="):], "Authorization"} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, r.log.String())
		}
	}
	want := `{"level":"info","call":"POST /v1/grants/g-0000000000/end","login":"` + id + `","person":"` + string(access.PersonIDFrom("d-1", "user-alice")) + `","refused":"unknown","message":"command"}` + "\n"
	if diff := cmp.Diff(want, r.log.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
