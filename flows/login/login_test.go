package login_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
	"sesame/store/memory"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// people are everybody of one workspace.
type people struct{ admin string }

func (p people) Identify(_ context.Context, a access.Account) (access.Person, error) {
	if a.Workspace != "T1" {
		return access.Person{}, &access.Refusal{Code: access.RefusedStranger, Text: "No."}
	}
	return access.Person{ID: access.PersonID("p-" + a.User), Name: strings.ToLower(a.User), Account: a}, nil
}

func (p people) Recall(ctx context.Context, a access.Account) (access.Standing, error) {
	who, err := p.Identify(ctx, a)
	return access.Standing{Person: who, Active: true, Admin: a.User == p.admin}, err
}

type rig struct {
	*login.Logins
	t     *testing.T
	clock *clock.Movable
	store *memory.Store
}

func newRig(t *testing.T) rig {
	r := rig{t: t, clock: clock.Frozen(noon), store: memory.New()}
	r.Logins = login.New(login.Config{Store: r.store, People: people{admin: "ADMIN"}, Clock: r.clock, Lasts: 12 * time.Hour})
	return r
}

func user(name string) access.Account { return access.Account{Workspace: "T1", User: name} }

var laptop = login.Origin{Address: "192.0.2.7", Host: "laptop", Agent: "sesame/1"}

func (r rig) begin() login.Attempt {
	r.t.Helper()
	a, err := r.Begin(laptop, make([]byte, ed25519.PublicKeySize))
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r rig) signIn(who access.Account) login.Login {
	r.t.Helper()
	a, err := r.Look(r.t.Context(), who, r.begin().Code)
	if err != nil {
		r.t.Fatal(err)
	}
	made, err := r.Confirm(r.t.Context(), who, a.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// refused wants err to be a refusal of one sentence.
func refused(t *testing.T, err error, code access.RefusalCode) {
	t.Helper()
	r, ok := errors.AsType[*access.Refusal](err)
	if !ok || r.Code != code || !strings.HasSuffix(r.Text, ".") {
		t.Errorf("got %v, want a refusal %q", err, code)
	}
}

func (r rig) events() []string {
	r.t.Helper()
	log, err := r.store.Log(r.t.Context(), 1, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	all := make([]string, len(log))
	for i, e := range log {
		all[i] = string(e.Type) + " by " + e.Name
	}
	return all
}

func TestFromACodeToALogin(t *testing.T) {
	r := newRig(t)
	begun := r.begin()
	if out, _, ok := r.Outcome(begun.ID); !ok || out.Login != nil || out.Declined {
		t.Errorf("before anybody typed the code: %+v, %v", out, ok)
	}
	seen, err := r.Look(t.Context(), user("ALICE"), "`"+strings.ToLower(strings.ReplaceAll(begun.Code, "-", " "))+"`")
	if err != nil || seen.Origin != laptop || seen.ID != begun.ID || seen.Code != "" {
		t.Fatalf("Look = %+v, %v", seen, err)
	}
	made, err := r.Confirm(t.Context(), user("ALICE"), seen.ID)
	if err != nil || made.Account != user("ALICE") || !made.Until.Equal(noon.Add(12*time.Hour)) {
		t.Fatalf("Confirm = %+v, %v", made, err)
	}
	if out, _, ok := r.Outcome(begun.ID); !ok || out.Login == nil || out.Login.ID != made.ID {
		t.Errorf("the terminal hears %+v, %v", out, ok)
	}
	if held, err := r.Of(t.Context(), made.ID); err != nil || held.Person != "p-ALICE" {
		t.Errorf("Of = %+v, %v", held, err)
	}
	if got, want := r.events(), []string{"login by alice"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestACodeIsGoodForOneLoginOfOnePerson(t *testing.T) {
	r := newRig(t)
	begun := r.begin()
	seen, err := r.Look(t.Context(), user("ALICE"), begun.Code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Look(t.Context(), user("MALLORY"), begun.Code)
	refused(t, err, access.RefusedUnknown)
	_, err = r.Confirm(t.Context(), user("MALLORY"), seen.ID)
	refused(t, err, access.RefusedDecided)
	refused(t, r.Decline(user("MALLORY"), seen.ID), access.RefusedDecided)
	if _, err := r.Confirm(t.Context(), user("ALICE"), seen.ID); err != nil {
		t.Fatal(err)
	}
	_, err = r.Confirm(t.Context(), user("ALICE"), seen.ID)
	refused(t, err, access.RefusedDecided)
	_, err = r.Look(t.Context(), user("ALICE"), begun.Code)
	refused(t, err, access.RefusedUnknown)
}

func TestNobodyConfirmsWhatNobodyTyped(t *testing.T) {
	r := newRig(t)
	_, err := r.Confirm(t.Context(), user("ALICE"), r.begin().ID)
	refused(t, err, access.RefusedDecided)
	_, err = r.Confirm(t.Context(), access.Account{}, r.begin().ID)
	refused(t, err, access.RefusedDecided)
}

func TestADeclinedCodeIsOver(t *testing.T) {
	r := newRig(t)
	begun := r.begin()
	if _, err := r.Look(t.Context(), user("ALICE"), begun.Code); err != nil {
		t.Fatal(err)
	}
	if err := r.Decline(user("ALICE"), begun.ID); err != nil {
		t.Fatal(err)
	}
	if out, _, ok := r.Outcome(begun.ID); !ok || !out.Declined {
		t.Errorf("the terminal hears %+v, %v", out, ok)
	}
	_, err := r.Confirm(t.Context(), user("ALICE"), begun.ID)
	refused(t, err, access.RefusedDecided)
}

func TestACodeLastsFiveMinutes(t *testing.T) {
	r := newRig(t)
	begun := r.begin()
	r.clock.Advance(login.CodeLasts)
	_, err := r.Look(t.Context(), user("ALICE"), begun.Code)
	refused(t, err, access.RefusedUnknown)
	if _, _, ok := r.Outcome(begun.ID); ok {
		t.Error("the attempt is still there")
	}
}

func TestAnAccountGuessesThreeTimes(t *testing.T) {
	r := newRig(t)
	begun := r.begin()
	for i := range login.MaxWrong {
		_, err := r.Look(t.Context(), user("MALLORY"), fmt.Sprint("BBBB-BBB", i))
		refused(t, err, access.RefusedUnknown)
	}
	for range 2 {
		_, err := r.Look(t.Context(), user("MALLORY"), begun.Code)
		refused(t, err, access.RefusedTooMany)
	}
	if got, want := r.events(), []string{"denial by T1/MALLORY"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if _, err := r.Look(t.Context(), user("ALICE"), begun.Code); err != nil {
		t.Errorf("somebody else's tries: %v", err)
	}
	r.clock.Advance(login.CodeLasts)
	if _, err := r.Look(t.Context(), user("MALLORY"), r.begin().Code); err != nil {
		t.Errorf("five minutes later: %v", err)
	}
}

func TestStrangersTypeInVain(t *testing.T) {
	r := newRig(t)
	_, err := r.Look(t.Context(), access.Account{Workspace: "T2", User: "ALICE"}, r.begin().Code)
	refused(t, err, access.RefusedStranger)
}

func TestCodesForOneNetworkAreFew(t *testing.T) {
	r := newRig(t)
	key := make([]byte, ed25519.PublicKeySize)
	for i := range login.MaxPlace {
		if _, err := r.Begin(login.Origin{Address: fmt.Sprintf("2001:db8::%x", i)}, key); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.Begin(login.Origin{Address: "2001:db8::ffff"}, key)
	refused(t, err, access.RefusedTooMany)
	if _, err := r.Begin(login.Origin{Address: "2001:db8:0:1::"}, key); err != nil {
		t.Errorf("another network: %v", err)
	}
	for i := range login.MaxPlace + 1 {
		if _, err := r.Begin(login.Origin{Address: fmt.Sprintf("::ffff:192.0.2.%d", i)}, key); err != nil {
			t.Errorf("an address of IPv4 in the form of IPv6: %v", err)
		}
	}
	r.clock.Advance(login.CodeLasts)
	if _, err := r.Begin(login.Origin{Address: "2001:db8::ffff"}, key); err != nil {
		t.Errorf("once those codes are over: %v", err)
	}
	_, err = r.Begin(laptop, key[1:])
	refused(t, err, access.RefusedInput)
}

func TestALoginEnds(t *testing.T) {
	for name, c := range map[string]struct {
		how    func(rig, login.Login) error
		events []string
	}{
		"by itself": {
			func(r rig, l login.Login) error { r.clock.Advance(12 * time.Hour); return nil }, nil,
		},
		"by logging out": {
			func(r rig, l login.Login) error { return r.Logout(t.Context(), l) }, []string{"logout by alice"},
		},
		"with all of its holder": {
			func(r rig, l login.Login) error {
				r.signIn(user("ALICE"))
				n, err := r.LogoutAll(t.Context(), user("ALICE"))
				if n != 2 {
					err = fmt.Errorf("%d logins ended, want 2", n)
				}
				return err
			},
			[]string{"login by alice", "logout by alice", "logout by alice"},
		},
		"by an admin": {
			func(r rig, l login.Login) error {
				_, err := r.Revoke(t.Context(), user("ADMIN"), string(l.ID))
				return err
			},
			[]string{"logout by admin"},
		},
		"because its holder left": {
			func(r rig, l login.Login) error {
				if who, err := r.Holders(t.Context()); err != nil || !slices.Equal(who, []access.PersonID{"p-ALICE", "p-BOB"}) {
					return fmt.Errorf("signed in are %v, %v", who, err)
				}
				return r.Leave(t.Context(), l.Person, "alice is no longer an active member.")
			},
			[]string{"logout by "},
		},
		"by an admin who names the user": {
			func(r rig, l login.Login) error { _, err := r.Revoke(t.Context(), user("ADMIN"), "ALICE"); return err },
			[]string{"logout by admin"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			held, other := r.signIn(user("ALICE")), r.signIn(user("BOB"))
			if err := c.how(r, held); err != nil {
				t.Fatal(err)
			}
			_, err := r.Of(t.Context(), held.ID)
			refused(t, err, login.RefusedSignedOut)
			if got := r.events()[2:]; !slices.Equal(got, c.events) {
				t.Errorf("events %q, want %q", got, c.events)
			}
			if _, err := r.Of(t.Context(), other.ID); err != nil && name != "by itself" {
				t.Errorf("somebody else's login: %v", err)
			}
		})
	}
}

func TestNobodyElseEndsALogin(t *testing.T) {
	r := newRig(t)
	held := r.signIn(user("ALICE"))
	_, err := r.Revoke(t.Context(), user("BOB"), string(held.ID))
	refused(t, err, access.RefusedNotYours)
	_, err = r.Revoke(t.Context(), user("ADMIN"), "l-0000000000")
	refused(t, err, access.RefusedUnknown)
	if _, err := r.Of(t.Context(), held.ID); err != nil {
		t.Error(err)
	}
}

func TestLoginsOfOnePersonAreFew(t *testing.T) {
	r := newRig(t)
	for range login.MaxLogins {
		r.signIn(user("ALICE"))
		r.clock.Advance(login.CodeLasts)
	}
	a, err := r.Look(t.Context(), user("ALICE"), r.begin().Code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Confirm(t.Context(), user("ALICE"), a.ID)
	refused(t, err, access.RefusedTooMany)
	r.clock.Advance(12 * time.Hour)
	r.signIn(user("ALICE"))
	page, err := r.store.List(t.Context(), access.Query{Index: login.IndexLogins})
	if err != nil || len(page.Records) != 1 {
		t.Errorf("%d records, %v; want that those which are over were forgotten", len(page.Records), err)
	}
}

func TestWhatATerminalSaysIsCut(t *testing.T) {
	r := newRig(t)
	a, err := r.Begin(login.Origin{Address: "192.0.2.7", Host: strings.Repeat("x", 200), Agent: "a\x1b[2Jb\u202ec"}, make([]byte, ed25519.PublicKeySize))
	if err != nil || len(a.Origin.Host) != 100 || a.Origin.Agent != "a[2Jbc" {
		t.Errorf("Begin = %+v, %v", a, err)
	}
}
