package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/token"
	"sesame/store/memory"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// people are everybody of one workspace.
type people struct{}

func (people) Identify(_ context.Context, a access.Account) (access.Person, error) {
	if a.Workspace != "T1" {
		return access.Person{}, &access.Refusal{Code: access.RefusedStranger, Text: "No."}
	}
	return access.Person{ID: access.PersonID("p-" + a.User), Name: strings.ToLower(a.User), Account: a}, nil
}

func (p people) Recall(ctx context.Context, a access.Account) (access.Standing, error) {
	who, err := p.Identify(ctx, a)
	return access.Standing{Person: who, Active: true, Admin: a.User == "ADMIN"}, err
}

// sealer turns a secret around, under the name and one of its keys.
type sealer struct{ key byte }

func (s *sealer) Seal(name string, secret []byte) []byte {
	sealed := slices.Clone(secret)
	slices.Reverse(sealed)
	return append([]byte(string(s.key)+name+"\n"), sealed...)
}

func (s *sealer) Current(sealed []byte) bool { return sealed[0] == s.key }

func (*sealer) Open(name string, sealed []byte) ([]byte, error) {
	secret, ours := bytes.CutPrefix(sealed[1:], []byte(name+"\n"))
	if !ours {
		return nil, errors.New("sealed as something else")
	}
	secret = slices.Clone(secret)
	slices.Reverse(secret)
	return secret, nil
}

type rig struct {
	*token.Tokens
	t      *testing.T
	clock  *clock.Movable
	store  *memory.Store
	sealer *sealer
}

func newRig(t *testing.T) rig {
	r := rig{t: t, clock: clock.Frozen(noon), store: memory.New(), sealer: &sealer{1}}
	r.Tokens = token.New(token.Config{
		Store: r.store, People: people{}, Clock: r.clock, Sealer: func() token.Sealer { return r.sealer },
		Serves: func(target string) bool { return target == "ec2" || target == "logs" },
	})
	return r
}

func user(name string) access.Account { return access.Account{Workspace: "T1", User: name} }

func wish(name string) token.Wish {
	return token.Wish{Name: name, Targets: []string{"ec2"}, Networks: []string{"192.0.2.0/24"}, Lasts: token.UsualLasts}
}

func (r rig) make(who string, w token.Wish) (token.Token, string) {
	r.t.Helper()
	made, secret, err := r.Make(r.t.Context(), user(who), w)
	if err != nil {
		r.t.Fatal(err)
	}
	return made, secret
}

func (r rig) events() []access.Event {
	r.t.Helper()
	all, err := r.store.Log(r.t.Context(), 1, 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func refused(t *testing.T, err error, code access.RefusalCode, part string) {
	t.Helper()
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok || refusal.Code != code || !strings.Contains(refusal.Text, part) {
		t.Errorf("got %v, want %s with %q", err, code, part)
	}
}

func TestTokensAreFoundWithTheirSecret(t *testing.T) {
	r := newRig(t)
	w := wish("nightly")
	w.Networks = []string{"192.0.2.9/24", "2001:db8::1", "192.0.2.0/24"}
	made, secret := r.make("ALICE", w)
	want := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")}
	if !slices.Equal(made.Networks, want) || len(secret) != 40 || made.Owner != "alice" || !made.Until.Equal(noon.Add(token.UsualLasts)) {
		t.Errorf("%+v", made)
	}
	found, again, err := r.Find(t.Context(), made.ID)
	if err != nil || again != secret || found.Name != "nightly" || found.Person != "p-ALICE" {
		t.Errorf("%+v, %v", found, err)
	}
	id, target, ok := token.Parse(made.ID.KeyID("ec2"))
	if !ok || id != made.ID || target != "ec2" {
		t.Errorf("%q is %q and %q", made.ID.KeyID("ec2"), id, target)
	}
	for _, other := range []string{"", "#ec2", "SESAAAAAAAAAAAAAAAAA", "SEST", string(made.ID) + "A#ec2"} {
		if _, _, ok := token.Parse(other); ok {
			t.Errorf("%q is a token's", other)
		}
	}
	if _, _, err := r.Find(t.Context(), "SESTAAAAAAAAAAAAAAAA"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a token that is not there: %v", err)
	}
	rec, err := r.store.Get(t.Context(), access.Key{Kind: token.KindToken, ID: string(made.ID)})
	if err != nil || bytes.Contains(rec.Data, []byte(secret)) {
		t.Errorf("the secret is stored as it is, or: %v", err)
	}
	told := r.events()
	if len(told) != 1 || told[0].Type != token.EventMade || told[0].Actor != "p-ALICE" || strings.Contains(fmt.Sprint(told), secret) {
		t.Errorf("recorded %+v", told)
	}
	var data struct {
		Targets  []string `json:"targets"`
		Networks []string `json:"networks"`
	}
	if err := json.Unmarshal(told[0].Data, &data); err != nil || !slices.Equal(data.Targets, []string{"ec2"}) || data.Networks[1] != "2001:db8::1/128" {
		t.Errorf("recorded %s, %v", told[0].Data, err)
	}
}

// TestWishes holds the sentence of each refusal.
// TestReseal has the sealing key change while tokens are held.
func TestReseal(t *testing.T) {
	r := newRig(t)
	made, secret := r.make("ALICE", wish("nightly"))
	r.make("BOB", wish("weekly"))
	r.sealer.key = 2
	for _, want := range []int{2, 0} {
		if n, err := r.Reseal(t.Context()); err != nil || n != want {
			t.Errorf("resealed %d, %v, want %d", n, err, want)
		}
	}
	found, same, err := r.Find(t.Context(), made.ID)
	if err != nil || same != secret || !r.sealer.Current(found.Sealed) {
		t.Errorf("the token is another one: %v", err)
	}
	if mine, err := r.Mine(t.Context(), user("BOB")); err != nil || len(mine) != 1 {
		t.Errorf("%v, %v", mine, err)
	}
}

func TestWishes(t *testing.T) {
	r := newRig(t)
	many := make([]string, 21)
	for name, c := range map[string]struct {
		change func(*token.Wish)
		part   string
	}{
		"no name":        {func(w *token.Wish) { w.Name = "" }, `"" cannot be the name of a token: it has up to 40 small letters, digits and ._-, as in nightly-backup.`},
		"a blank":        {func(w *token.Wish) { w.Name = "a b" }, "cannot be the name of a token"},
		"no target":      {func(w *token.Wish) { w.Targets = nil }, "A token is for 1 to 20 targets, and this one would be for 0: name them with --target."},
		"many targets":   {func(w *token.Wish) { w.Targets = many }, "would be for 21"},
		"another target": {func(w *token.Wish) { w.Targets = []string{"billing"} }, `"billing" is no target that is served through the proxy`},
		"a target twice": {func(w *token.Wish) { w.Targets = []string{"ec2", "ec2"} }, "or is named twice"},
		"no network":     {func(w *token.Wish) { w.Networks = nil }, "this one would have 0: name them with --from, as 10.0.0.0/8."},
		"no such":        {func(w *token.Wish) { w.Networks = []string{"office"} }, `"office" is no network: write it as 10.0.0.0/8, or as one address.`},
		"mapped":         {func(w *token.Wish) { w.Networks = []string{"::ffff:192.0.2.1"} }, "is no network"},
		"a zone":         {func(w *token.Wish) { w.Networks = []string{"fe80::1%eth0"} }, "is no network"},
		"everywhere":     {func(w *token.Wish) { w.Networks = []string{"::/0"} }, "::/0 is everywhere, and a token is bound to where it is used: name the networks."},
		"a minute":       {func(w *token.Wish) { w.Lasts = time.Minute }, "A token lasts 1 hour to 90 days, and this one would last 1 minute"},
		"for ever":       {func(w *token.Wish) { w.Lasts = 91 * 24 * time.Hour }, "A token lasts"},
	} {
		w := wish("nightly")
		c.change(&w)
		_, secret, err := r.Make(t.Context(), user("ALICE"), w)
		if refused(t, err, access.RefusedInput, c.part); secret != "" {
			t.Errorf("%s: there is a secret", name)
		}
	}
	if _, _, err := r.Make(t.Context(), access.Account{Workspace: "T2", User: "EVE"}, wish("x")); err == nil {
		t.Error("a stranger has a token")
	}
	bare := token.New(token.Config{Store: r.store, People: people{}, Clock: r.clock})
	_, _, err := bare.Make(t.Context(), user("ALICE"), wish("x"))
	refused(t, err, access.RefusedUnable, "This server serves no AWS")
	if n := len(r.events()); n != 0 {
		t.Errorf("%d events of what did not happen", n)
	}
}

func TestThereAreOnlySoMany(t *testing.T) {
	r := newRig(t)
	for i := range token.MaxTokens {
		r.make("ALICE", wish(fmt.Sprint("n", i)))
	}
	_, _, err := r.Make(t.Context(), user("ALICE"), wish("more"))
	refused(t, err, access.RefusedTooMany, "You have 20 tokens")
	r.make("BOB", wish("n1"))
	_, _, err = r.Make(t.Context(), user("BOB"), wish("n1"))
	refused(t, err, access.RefusedTwice, `You have a token "n1" already`)
	r.clock.Advance(token.UsualLasts)
	r.make("ALICE", wish("n1")) // those that ran out are forgotten
	if mine, err := r.Mine(t.Context(), user("ALICE")); err != nil || len(mine) != 1 {
		t.Errorf("%d tokens, %v", len(mine), err)
	}
}

func TestTokensEnd(t *testing.T) {
	r := newRig(t)
	one, _ := r.make("ALICE", wish("one"))
	two, _ := r.make("ALICE", wish("two"))
	theirs, _ := r.make("BOB", wish("one"))
	ctx := t.Context()

	_, err := r.Revoke(ctx, user("BOB"), string(one.ID))
	refused(t, err, access.RefusedNotYours, "only alice, whose it is, and admins can")
	_, err = r.Revoke(ctx, user("BOB"), "two")
	refused(t, err, access.RefusedUnknown, `There is no token "two"`)
	if ended, err := r.Revoke(ctx, user("ALICE"), "one"); err != nil || len(ended) != 1 || ended[0].ID != one.ID {
		t.Errorf("by its name: %+v, %v", ended, err)
	}
	if _, holds, err := r.Holds(ctx, one.ID); holds || err != nil {
		t.Errorf("it holds after its end: %v", err)
	}
	if _, holds, err := r.Holds(ctx, two.ID); !holds || err != nil {
		t.Errorf("another was ended with it: %v", err)
	}
	if ended, err := r.Revoke(ctx, user("ADMIN"), two.ID.KeyID("ec2")); err != nil || len(ended) != 1 {
		t.Errorf("by an admin: %+v, %v", ended, err)
	}
	if owners, err := r.Owners(ctx); err != nil || !slices.Equal(owners, []access.PersonID{"p-BOB"}) {
		t.Errorf("%v, %v", owners, err)
	}
	_, err = r.All(ctx, user("BOB"))
	refused(t, err, access.RefusedNotYours, "only admins can")
	if all, err := r.All(ctx, user("ADMIN")); err != nil || len(all) != 1 || all[0].ID != theirs.ID {
		t.Errorf("%+v, %v", all, err)
	}
	if err := r.Leave(ctx, "p-BOB", "bob is no longer an active member."); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Find(ctx, theirs.ID); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("after its owner left: %v", err)
	}
	told := r.events()
	last := told[len(told)-1]
	if last.Type != token.EventRevoked || last.Actor != "" || !strings.Contains(string(last.Data), "no longer an active member") {
		t.Errorf("recorded %+v", last)
	}
	if err := r.Leave(ctx, "p-BOB", "again"); err != nil || len(r.events()) != len(told) {
		t.Errorf("who has none: %v", err)
	}
}

func TestTokensRunOut(t *testing.T) {
	r := newRig(t)
	made, _ := r.make("ALICE", wish("one"))
	r.clock.Advance(token.UsualLasts)
	if _, holds, err := r.Holds(t.Context(), made.ID); holds || err != nil {
		t.Errorf("it holds: %v", err)
	}
	if found, _, err := r.Find(t.Context(), made.ID); err != nil || !found.Until.Equal(r.clock.Now()) {
		t.Errorf("nobody can say when it ended: %+v, %v", found, err)
	}
}

func TestNothingOpensATokenWithoutASealer(t *testing.T) {
	r := newRig(t)
	made, _ := r.make("ALICE", wish("nightly"))
	unsealed := token.New(token.Config{Store: r.store, People: people{}, Clock: r.clock})
	if _, secret, err := unsealed.Find(t.Context(), made.ID); !errors.Is(err, access.ErrNotFound) || secret != "" {
		t.Errorf("found with %q, %v", secret, err)
	}
}
