package facts_test

import (
	"errors"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
)

// silent is a world whose chat gives no answer, an hour after alice was linked
// in it.
func silent(t *testing.T, change func(*facts.Config)) (rig, access.Account, *facts.People) {
	t.Helper()
	r := newRig(change)
	alice := r.world.Join("alice")
	r.identify(t, alice)
	r.clock.Advance(time.Hour)
	r.world.Fail(factstest.Slack, errors.New("no route to host"))
	return r, alice, r.WithoutChat()
}

func TestALinkStandsForASilentChat(t *testing.T) {
	r, alice, people := silent(t, nil)
	if _, err := r.Identify(t.Context(), alice); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("by the chat: %v, want that it is not available", err)
	}
	who, err := people.Identify(t.Context(), alice)
	if err != nil || who.Principal != "user-alice" || who.Name != "alice" {
		t.Fatalf("Identify = %+v, %v", who, err)
	}
	groups := []flowfile.Group{
		{Name: "named", Source: flowfile.GroupMembers, Members: []string{"alice@example.com"}},
		{Name: "directory", Source: flowfile.GroupIdentityCenter, ID: "g1"},
		{Name: "chat", Source: flowfile.GroupSlack, ID: "S1"},
	}
	r.world.SetDirectoryGroup("g1", "alice")
	s, err := people.Standing(t.Context(), who, groups)
	if !errors.Is(err, access.ErrUnavailable) || !s.Active || !s.Groups["named"] || !s.Groups["directory"] {
		t.Errorf("Standing = %+v, %v; want active, in two groups, and that the third cannot be looked up", s, err)
	}
	if in, known := s.Groups["chat"]; in || known {
		t.Error("a group of the chat's has an answer")
	}
}

func TestWhomASilentChatLeavesRefused(t *testing.T) {
	t.Run("nobody who was never linked", func(t *testing.T) {
		r, _, people := silent(t, nil)
		if _, err := people.Identify(t.Context(), r.world.Join("bob")); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("got %v, want that the chat is not available", err)
		}
	})
	t.Run("nobody whom the directory disabled", func(t *testing.T) {
		r, alice, people := silent(t, nil)
		r.world.Disable("user-alice")
		who, err := people.Identify(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := people.Standing(t.Context(), who, nil); err != nil || s.Active || !s.Left {
			t.Errorf("Standing = %+v, %v; want that alice has left", s, err)
		}
	})
	t.Run("nobody while the directory is silent too", func(t *testing.T) {
		r, alice, people := silent(t, nil)
		who, err := people.Identify(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		r.world.Fail(factstest.Directory, errors.New("no route to host"))
		if s, err := people.Standing(t.Context(), who, nil); err == nil || s.Active {
			t.Errorf("Standing = %+v, %v; want an error", s, err)
		}
	})
	t.Run("nobody of another workspace", func(t *testing.T) {
		_, alice, people := silent(t, nil)
		alice.Workspace = "T2"
		_, err := people.Identify(t.Context(), alice)
		refusalOf(t, err)
	})
	t.Run("nobody whom the operator mapped to somebody else since", func(t *testing.T) {
		r, alice, _ := silent(t, nil)
		again := facts.New(r.store, r.world.Sources(), r.clock, facts.Config{
			Workspace: "T1", Map: map[string]access.Principal{alice.User: "user-other"},
		})
		_, err := again.WithoutChat().Identify(t.Context(), alice)
		refusalOf(t, err)
	})
	t.Run("nobody whom the chat refuses", func(t *testing.T) {
		r := newRig(nil)
		eve := r.world.Visit("eve", facts.Guest)
		_, err := r.WithoutChat().Identify(t.Context(), eve)
		refusalOf(t, err)
	})
}
