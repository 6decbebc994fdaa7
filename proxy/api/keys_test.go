package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
	"sesame/proxy/api"
)

// keyring makes keys that say what they were asked for.
type keyring struct{ clock *clock.Movable }

func (k keyring) Now() time.Time { return k.clock.Now() }
func (k keyring) Place() (api.Place, error) {
	return api.Place{Proxy: "[::]:3128", Authority: "PEM"}, nil
}
func (k keyring) Serves(g access.Grant) bool { return strings.HasPrefix(g.Target, "role-") }
func (k keyring) Mint(_ context.Context, g access.Grant, until time.Time, from netip.Addr) (api.Key, error) {
	return api.Key{ID: "SESA" + string(g.ID), Secret: "hidden", Token: "hidden", Region: from.String(), Expires: until}, nil
}

// vend says whom it was asked by in what it hands out.
func vend(_ context.Context, g access.Grant, to api.Holder) (api.Key, error) {
	return api.Key{ID: "ASIA" + string(g.ID) + " from " + to.From.String(), Secret: "hidden", Direct: true, Expires: g.EndsAt}, nil
}

// hold has somebody hold a grant until an hour from noon.
func (r *rig) hold(who access.PersonID, target string, state access.GrantState) {
	r.t.Helper()
	r.holdUntil(who, access.Grant{ID: access.GrantID("g-" + target), Target: target, State: state, EndsAt: noon.Add(time.Hour)})
}

func (r *rig) holdUntil(who access.PersonID, g access.Grant) {
	r.t.Helper()
	g.Holder, g.CloseBy, g.Vended = who, g.EndsAt, r.vended
	g.Request = access.RequestID("r-" + strings.TrimPrefix(string(g.ID), "g-"))
	change, err := access.Put(g, 0)
	if err == nil {
		_, err = r.store.Commit(r.t.Context(), access.Commit{Changes: []access.Change{change}})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) person(loginID string) access.PersonID {
	r.t.Helper()
	l, err := r.logins.Of(r.t.Context(), login.ID(loginID))
	if err != nil {
		r.t.Fatal(err)
	}
	return l.Person
}

// keyed returns what comes of asking for a key.
func (r *rig) keyed(c try) (k api.Key, refused api.Error) {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(r.request(c))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusOK {
		err = errors.Join(err, json.Unmarshal(text, &k))
	} else {
		err = errors.Join(err, json.Unmarshal(text, &refused))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return k, refused
}

func TestKeysAreForTheHolderWhileItIsOpen(t *testing.T) {
	r := newRig(t)
	alice, bob := r.signIn("alice", key(1)), r.signIn("bob", key(2))
	ask := func(who, body string) try {
		c := try{method: http.MethodPost, path: "/v1/keys", body: body, who: who, key: key(1)}
		if who == bob {
			c.key = key(2)
		}
		return c
	}
	refused := func(c try, code access.RefusalCode, part string) {
		t.Helper()
		if k, e := r.keyed(c); e.Code != string(code) || !strings.Contains(e.Text, part) || k.ID != "" {
			t.Errorf("%s: %+v, want %s with %q", c.body, e, code, part)
		}
	}
	refused(ask(alice, ``), api.CodeNoAccess, "sesame targets list shows what you can ask for")
	r.hold(r.person(alice), "role-a", access.Open)
	r.hold(r.person(alice), "direct", access.Open)
	r.hold(r.person(alice), "role-new", access.Opening)
	r.hold(r.person(alice), "role-old", access.Closing)
	k, e := r.keyed(ask(alice, ``))
	want := api.Key{
		Place: api.Place{Proxy: "[::]:3128", Authority: "PEM"}, Grant: "g-role-a", Target: "role-a", Region: "127.0.0.1",
		ID: "SESAg-role-a", Secret: "hidden", Token: "hidden", Expires: noon.Add(api.KeyLasts), EndsAt: noon.Add(time.Hour), Now: noon,
	}
	if k != want {
		t.Errorf("%+v, %+v, want %+v", k, e, want)
	}
	if k, _ := r.keyed(ask(alice, `{"target":"role-a","whole":true}`)); !k.Expires.Equal(k.EndsAt) {
		t.Errorf("good until %v, want %v", k.Expires, k.EndsAt)
	}
	refused(ask(alice, `{"target":"direct"}`), api.CodeNoAccess, "sesame mine r-direct says how you get in")
	refused(ask(alice, `{"target":"role-new"}`), api.CodeNoAccess, "is being opened")
	refused(ask(alice, `{"target":"role-old"}`), api.CodeNoAccess, "is over")
	refused(ask(alice, `{"lasts":"1h"}`), access.RefusedInput, "")
	refused(ask(bob, `{"target":"role-a"}`), api.CodeNoAccess, "You hold no access")
	refused(ask(bob, `{}`), api.CodeNoAccess, "You hold no access")
	stranger := ask(alice, ``)
	stranger.key = key(2)
	refused(stranger, api.CodeSignature, "sesame login")

	for _, ends := range []time.Duration{30 * time.Minute, 45 * time.Minute} {
		g := access.Grant{ID: access.GrantID("g-for-" + ends.String()), Target: "role-a", State: access.Open, EndsAt: noon.Add(ends)}
		r.holdUntil(r.person(alice), g)
	}
	if k, e := r.keyed(ask(alice, ``)); k.Grant != "g-role-a" {
		t.Errorf("of three accesses to one target the key is of %q, %+v; want that which lasts longest", k.Grant, e)
	}
	r.hold(r.person(alice), "role-b", access.Open)
	refused(ask(alice, ``), api.CodeSeveral, "role-a and role-b")
	r.clock.Advance(50 * time.Minute)
	if k, _ := r.keyed(ask(alice, `{"target":"role-a"}`)); !k.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("good until %v, want no longer than the grant", k.Expires)
	}
	r.clock.Advance(10 * time.Minute)
	refused(ask(alice, `{"target":"role-a"}`), api.CodeNoAccess, "is over")
	if strings.Contains(r.log.String(), "hidden") {
		t.Error("a secret is in the log")
	}
	if text := fmt.Sprintf("%v %+v %#v %q", k, k, k, k.Secret); strings.Contains(text, "hidden") {
		t.Errorf("a key prints its secret: %s", text)
	}
}

// TestKeysOfAWS are for who asks for them, under grants that give them.
func TestKeysOfAWS(t *testing.T) {
	r := newRig(t)
	alice := r.signIn("alice", key(1))
	r.hold(r.person(alice), "role-a", access.Open)
	r.vended = true
	r.hold(r.person(alice), "role-direct", access.Open)
	ask := func(body string) api.Key {
		t.Helper()
		k, refused := r.keyed(try{method: http.MethodPost, path: "/v1/keys", body: body, who: alice, key: key(1)})
		if refused.Code != "" {
			t.Fatal(refused)
		}
		return k
	}
	for body, want := range map[string]struct {
		id            string
		direct, vends bool
	}{
		`{"target":"role-direct","direct":true}`: {"ASIAg-role-direct from 127.0.0.1", true, true},
		`{"target":"role-direct"}`:               {"SESAg-role-direct", false, true},
		`{"target":"role-a","direct":true}`:      {"SESAg-role-a", false, false},
	} {
		k := ask(body)
		if k.ID != want.id || k.Direct != want.direct || k.Vends != want.vends || k.Grant == "" || !k.EndsAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: %+v", body, k)
		}
	}
}
