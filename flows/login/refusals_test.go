package login_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/golden"
	"sesame/flows/login"
)

// refusing are all ways to be refused.
func refusing() map[string]func(rig) error {
	look := func(r rig, who, code string) error {
		_, err := r.Look(r.t.Context(), user(who), code)
		return err
	}
	confirm := func(r rig, who string, id login.AttemptID) error {
		_, err := r.Confirm(r.t.Context(), user(who), id)
		return err
	}
	return map[string]func(rig) error{
		"a code that is not there": func(r rig) error { return look(r, "ALICE", "BBBB-BBBB") },
		"no code":                  func(r rig) error { return look(r, "ALICE", " - ") },
		"a fourth code": func(r rig) error {
			for range login.MaxWrong {
				_ = look(r, "ALICE", "BBBB-BBBB")
			}
			return look(r, "ALICE", "BBBB-BBBB")
		},
		"a key of another kind": func(r rig) error { _, err := r.Begin(laptop, nil); return err },
		"too many codes": func(r rig) (err error) {
			for range login.MaxPlace + 1 {
				_, err = r.Begin(laptop, make([]byte, ed25519.PublicKeySize))
			}
			return err
		},
		"nothing to confirm": func(r rig) error { return confirm(r, "ALICE", r.begin().ID) },
		"too many logins": func(r rig) error {
			for range login.MaxLogins {
				r.signIn(user("ALICE"))
				r.clock.Advance(login.CodeLasts)
			}
			begun := r.begin()
			if err := look(r, "ALICE", begun.Code); err != nil {
				return err
			}
			return confirm(r, "ALICE", begun.ID)
		},
		"a login that is over": func(r rig) error {
			held := r.signIn(user("ALICE"))
			r.clock.Advance(13 * time.Hour)
			_, err := r.Of(r.t.Context(), held.ID)
			return err
		},
		"no login to end": func(r rig) error { _, err := r.Revoke(r.t.Context(), user("ADMIN"), "U0NOBODY"); return err },
		"a login of somebody else": func(r rig) error {
			r.signIn(user("ALICE"))
			_, err := r.Revoke(r.t.Context(), user("BOB"), "ALICE")
			return err
		},
	}
}

func TestEveryRefusal(t *testing.T) {
	said := map[string]string{}
	for name, refuse := range refusing() {
		err := refuse(newRig(t))
		r, ok := errors.AsType[*access.Refusal](err)
		if !ok {
			t.Fatalf("%s: %v is no refusal", name, err)
		}
		said[name] = fmt.Sprintf("%s: %s", r.Code, r.Text)
	}
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(&got, "%s\n\t%s\n", name, said[name])
	}
	golden.Equal(t, "testdata/refusals.golden", got.String())
}

// TestACodeIsConfirmedOnceHoweverOftenItIsPressed has one button pressed at
// once by many hands.
func TestACodeIsConfirmedOnceHoweverOftenItIsPressed(t *testing.T) {
	r := newRig(t)
	a, err := r.Look(t.Context(), user("ALICE"), r.begin().Code)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 8)
	for range cap(done) {
		go func() { _, err := r.Confirm(t.Context(), user("ALICE"), a.ID); done <- err }()
	}
	won := 0
	for range cap(done) {
		if <-done == nil {
			won++
		}
	}
	if held, err := r.Mine(t.Context(), user("ALICE")); won != 1 || err != nil || len(held) != 1 {
		t.Errorf("%d confirmations won, %d logins, %v; want one", won, len(held), err)
	}
	if got := r.events(); !slices.Equal(got, []string{"login by alice"}) {
		t.Errorf("events %q", got)
	}
}
