package facts_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/golden"
	"sesame/store/memory"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A rig is People over a world that a test can change.
type rig struct {
	*facts.People
	world *factstest.World
	clock *clock.Movable
	store *memory.Store
}

func newRig(change func(*facts.Config)) rig {
	r := rig{world: factstest.New("T1", "d-1"), clock: clock.Frozen(noon), store: memory.New()}
	c := facts.Config{Workspace: "T1", TrustEmail: true}
	if change != nil {
		change(&c)
	}
	r.People = facts.New(r.store, r.world.Sources(), r.clock, c)
	return r
}

func (r rig) identify(t *testing.T, a access.Account) access.Person {
	t.Helper()
	who, err := r.Identify(t.Context(), a)
	if err != nil {
		t.Fatalf("Identify(%s): %v", a, err)
	}
	return who
}

func refusalOf(t *testing.T, err error) *access.Refusal {
	t.Helper()
	r, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		t.Fatalf("error %v is not a refusal", err)
	}
	return r
}

func TestIdentifyLinksOnce(t *testing.T) {
	r := newRig(nil)
	a := r.world.Join("Alice")
	got := r.identify(t, a)
	want := access.Person{
		ID: access.PersonIDFrom("d-1", "user-alice"), Account: a, Principal: "user-alice", Directory: "d-1",
		Email: "alice@example.com", Name: "Alice", Zone: "Europe/Berlin", LinkedAt: noon, LinkedBy: "email",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Identify (-want +got):\n%s", diff)
	}
	// Another address leads nowhere else once the link is made.
	r.world.Join("bob")
	r.world.ChangeProfile(a, func(p *facts.Profile) { p.Email, p.Name = "bob@example.com", "Alice B." })
	r.clock.Advance(time.Hour)
	want.Name = "Alice B."
	if diff := cmp.Diff(want, r.identify(t, a)); diff != "" {
		t.Errorf("Identify after the address changed (-want +got):\n%s", diff)
	}
	if got, err := r.Known(t.Context(), a); err != nil || got.ID != want.ID {
		t.Errorf("Known = %v, %v", got.ID, err)
	}
}

func TestIdentifyByMap(t *testing.T) {
	for _, key := range []string{"T1/UALICE", "UALICE", "Alice@Example.com"} {
		r := newRig(func(c *facts.Config) {
			c.TrustEmail = false
			c.Map = map[string]access.Principal{key: "user-a9"}
		})
		a := r.world.Visit("alice", facts.Member)
		r.world.SetUser(facts.User{Principal: "user-a9", Email: "A.Lice@example.com", Enabled: true})
		got := r.identify(t, a)
		if got.Principal != "user-a9" || got.LinkedBy != "map" || got.Email != "a.lice@example.com" {
			t.Errorf("by %q: %+v, want user-a9 with the directory's address", key, got)
		}
	}
}

// An address that two users share stands for nobody, though the map says which
// of them this is.
func TestSharedAddressCarriesNothing(t *testing.T) {
	r := newRig(func(c *facts.Config) { c.Map = map[string]access.Principal{"UALICE": "user-alice"} })
	a := r.world.Join("alice")
	r.world.SetUser(facts.User{Principal: "user-other", Email: "alice@example.com", Enabled: true})
	if got := r.identify(t, a); got.Email != "" || got.Principal != "user-alice" {
		t.Errorf("Identify = %+v, want user-alice without an address", got)
	}
}

// An address that only its bearer gave themselves must not stand for them.
func TestClaimedAddressCarriesNothing(t *testing.T) {
	r := newRig(func(c *facts.Config) { c.Map = map[string]access.Principal{"UEVE": "user-eve"} })
	a := r.world.Join("eve")
	r.world.ChangeProfile(a, func(p *facts.Profile) { p.Email, p.EmailConfirmed = "ciso@example.com", false })
	if got := r.identify(t, a); got.Email != "eve@example.com" {
		t.Errorf("Email = %q, want the directory's", got.Email)
	}
}

// strangers are people who are refused, each in a world of their own.
func strangers() map[string]func(*rig) access.Account {
	kind := func(k facts.Kind) func(*rig) access.Account {
		return func(r *rig) access.Account {
			a := r.world.Join("alice")
			r.world.ChangeProfile(a, func(p *facts.Profile) { p.Kind = k })
			return a
		}
	}
	profile := func(change func(*facts.Profile)) func(*rig) access.Account {
		return func(r *rig) access.Account {
			a := r.world.Join("alice")
			r.world.ChangeProfile(a, change)
			return a
		}
	}
	return map[string]func(*rig) access.Account{
		"guest":                 kind(facts.Guest),
		"bot":                   kind(facts.Bot),
		"stranger":              kind(facts.Stranger),
		"deleted":               kind(facts.Deleted),
		"other workspace":       kind(facts.OtherWorkspace),
		"kind nobody knows":     kind(""),
		"profile elsewhere":     profile(func(p *facts.Profile) { p.Workspace = "T2" }),
		"account of no profile": func(r *rig) access.Account { return r.world.Account("nobody") },
		"unconfirmed e-mail":    profile(func(p *facts.Profile) { p.EmailConfirmed = false }),
		"no e-mail":             profile(func(p *facts.Profile) { p.Email = "" }),
		"e-mail of no user":     func(r *rig) access.Account { return r.world.Visit("alice", facts.Member) },
		"look-alike e-mail":     profile(func(p *facts.Profile) { p.Email = "alice@example.com\u200b" }),
		"ambiguous e-mail": func(r *rig) access.Account {
			r.world.SetUser(facts.User{Principal: "user-other", Email: "alice@example.com", Enabled: true})
			return r.world.Join("alice")
		},
		"disabled user": func(r *rig) access.Account {
			a := r.world.Join("alice")
			r.world.Disable("user-alice")
			return a
		},
		"mapped to no user": func(r *rig) access.Account { return r.world.Join("mapped") },
		"mapped to a disabled user": func(r *rig) access.Account {
			r.world.SetUser(facts.User{Principal: "user-elsewhere"})
			return r.world.Join("mapped")
		},
		"second account": func(r *rig) access.Account {
			if _, err := r.Identify(context.Background(), r.world.Join("alice")); err != nil {
				panic(err)
			}
			second := r.world.Visit("alice2", facts.Member)
			r.world.ChangeProfile(second, func(p *facts.Profile) { p.Email = "alice@example.com" })
			return second
		},
	}
}

func TestStrangersAreRefused(t *testing.T) {
	var b strings.Builder
	table := strangers()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		r := newRig(func(c *facts.Config) { c.Map = map[string]access.Principal{"UMAPPED": "user-elsewhere"} })
		a := table[name](&r)
		_, err := r.Identify(t.Context(), a)
		refusal := refusalOf(t, err)
		if refusal.Code != access.RefusedStranger {
			t.Errorf("%s: code %q, want stranger", name, refusal.Code)
		}
		b.WriteString(name + "\n\t" + refusal.Text + "\n")
		if _, err := r.Known(t.Context(), a); err == nil {
			t.Errorf("%s: linked although refused", name)
		}
	}
	golden.Equal(t, "testdata/refusals.golden", b.String())
}

func TestOthersAreRefusedBeforeAnyLookUp(t *testing.T) {
	r := newRig(nil)
	for _, a := range []access.Account{{}, {Workspace: "T1"}, {User: "U1"}, {Workspace: "T2", User: "UALICE"}} {
		_, err := r.Identify(t.Context(), a)
		refusalOf(t, err)
	}
	if n := r.world.Asked(factstest.Slack); n != 0 {
		t.Errorf("Slack was asked %d times", n)
	}
	r.world.Visit("guest", facts.Guest)
	_, err := r.Identify(t.Context(), r.world.Account("guest"))
	refusalOf(t, err)
	if n := r.world.Asked(factstest.Directory); n != 0 {
		t.Errorf("the directory was asked %d times about a guest", n)
	}
}

func TestEmailLinksOnlyWhereItIsTrusted(t *testing.T) {
	r := newRig(func(c *facts.Config) { c.TrustEmail = false })
	_, err := r.Identify(t.Context(), r.world.Join("alice"))
	if text := refusalOf(t, err).Text; !strings.Contains(text, "T1/UALICE") {
		t.Errorf("refusal %q does not say what to link", text)
	}
}

func TestUnconfirmedEmailIsNotMapped(t *testing.T) {
	r := newRig(func(c *facts.Config) {
		c.TrustEmail = false
		c.Map = map[string]access.Principal{"alice@example.com": "user-alice"}
	})
	a := r.world.Join("alice")
	r.world.ChangeProfile(a, func(p *facts.Profile) { p.EmailConfirmed = false })
	_, err := r.Identify(t.Context(), a)
	refusalOf(t, err)
}

func TestMapThatContradictsTheLink(t *testing.T) {
	r := newRig(nil)
	a := r.world.Join("alice")
	who := r.identify(t, a)
	r.world.Join("bob")
	later := facts.New(r.store, r.world.Sources(), r.clock, facts.Config{
		Workspace: "T1", Map: map[string]access.Principal{"UALICE": "user-bob"},
	})
	_, err := later.Identify(t.Context(), a)
	refusalOf(t, err)
	s, err := later.Standing(t.Context(), who, nil)
	if err != nil || s.Active {
		t.Errorf("Standing = %+v, %v, want inactive", s, err)
	}
}

func TestIdentifySaysWhatIsDown(t *testing.T) {
	for source, name := range map[factstest.Source]string{
		factstest.Slack: "Slack", factstest.Directory: "Identity Center",
	} {
		r := newRig(nil)
		a := r.world.Join("alice")
		r.world.Fail(source, errors.New("status 503"))
		_, err := r.Identify(t.Context(), a)
		if !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("with %s down: %v, want unavailable, naming it", source, err)
		}
		r.world.Fail(source, nil)
		r.identify(t, a)
	}
}

// Everybody comes at once, each also with a second account: one account of
// each person is linked, and everybody who is let in is the same person.
func TestLinkingTogether(t *testing.T) {
	r := newRig(nil)
	names := []string{"alice", "bob", "carol"}
	for _, name := range names {
		r.world.Join(name)
		second := r.world.Visit(name+"2", facts.Member)
		r.world.ChangeProfile(second, func(p *facts.Profile) { p.Email = r.world.Email(name) })
	}
	var mu sync.Mutex
	accounts := map[access.PersonID]map[access.Account]bool{}
	var wg sync.WaitGroup
	for i := range 60 {
		name := names[i%3] + []string{"", "2"}[i/3%2]
		wg.Go(func() {
			who, err := r.Identify(t.Context(), r.world.Account(name))
			if _, refused := errors.AsType[*access.Refusal](err); refused {
				return
			}
			if err != nil || who.Account != r.world.Account(name) {
				t.Errorf("Identify(%s) = %v, %v", name, who.Account, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if accounts[who.ID] == nil {
				accounts[who.ID] = map[access.Account]bool{}
			}
			accounts[who.ID][who.Account] = true
		})
	}
	wg.Wait()
	if len(accounts) != len(names) {
		t.Errorf("%d people, want %d", len(accounts), len(names))
	}
	for id, as := range accounts {
		if len(as) != 1 {
			t.Errorf("%s has the accounts %v", id, as)
		}
	}
}
