package bot_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"sesame/flows/login"
)

// begins shows a code on a terminal.
func (r *rig) begins() login.Attempt {
	r.t.Helper()
	a, err := r.logins.Begin(login.Origin{Address: "192.0.2.7", Host: "laptop <!channel>", Agent: "sesame/1 *bold*"}, make([]byte, ed25519.PublicKeySize))
	r.ok(err)
	return a
}

func TestSigningIn(t *testing.T) {
	r := newRig(t)
	a := r.begins()
	_, err := r.as("alice").Command(t.Context(), "C0RANDOM", "/access login "+strings.ToLower(a.Code))
	r.ok(err)
	r.hears("alice", 1)
	m := r.Ephemerals(r.people["alice"])[0]
	r.presses("alice", m, "sign_in")
	r.await("she is signed in", func() bool { out, _, _ := r.logins.Outcome(a.ID); return out.Login != nil })
	out, _, _ := r.logins.Outcome(a.ID)
	if out.Login.Account.User != r.people["alice"] {
		t.Errorf("signed in as %s, want alice", out.Login.Account)
	}
	r.await("the question is replaced", func() bool {
		es := r.Ephemerals(r.people["alice"])
		return strings.Contains(es[len(es)-1].Text(), "You are signed in on")
	})
	es := r.Ephemerals(r.people["alice"])
	r.print("alice's answer", es[len(es)-1].Text())
	r.types("alice", "/access logout")
	r.await("she is told", func() bool {
		es := r.Ephemerals(r.people["alice"])
		return strings.Contains(es[len(es)-1].Text(), "signed out")
	})
	if _, err := r.logins.Of(t.Context(), out.Login.ID); err == nil {
		t.Error("the login holds after /access logout")
	}
	r.types("alice", "/access logout")
	if n := len(r.Messages(r.people["alice"])); n != 0 {
		t.Errorf("alice has %d messages that she did not ask for", n)
	}
	r.golden()
}

func TestNotMe(t *testing.T) {
	r := newRig(t)
	a := r.begins()
	_, err := r.as("alice").Command(t.Context(), "C0RANDOM", "/access login "+a.Code)
	r.ok(err)
	r.hears("alice", 1)
	r.presses("alice", r.Ephemerals(r.people["alice"])[0], "not_me")
	r.await("it is turned away", func() bool { out, _, _ := r.logins.Outcome(a.ID); return out.Declined })
	r.golden()
}

func TestCodesThatAreNotThere(t *testing.T) {
	r := newRig(t)
	for i := range 4 {
		r.types("bob", fmt.Sprintf("/access login BBBB-BBB%c", "BCDF"[i]))
		r.hears("bob", i+1)
	}
	r.types("gus", "/access login BBBB-BBBB")
	r.hears("gus", 1)
	r.types("carol", "/access login")
	r.hears("carol", 1)
	r.golden()
}
