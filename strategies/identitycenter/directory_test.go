package identitycenter_test

import (
	"errors"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
)

func TestByEmail(t *testing.T) {
	r := newRig(t)
	r.w.Tune(func(s *awstest.Settings) { s.SharedEmails, s.PageSize = true, 2 })
	mixed := r.user(awstest.User{UserName: "bob", Email: "Bob@Example.com"})
	r.user(awstest.User{UserName: "carol@example.com"}) // a name is not an address
	r.user(awstest.User{UserName: "dave1", Email: "dave@example.com"})
	r.user(awstest.User{UserName: "dave2", Email: "dave@example.com", Disabled: true})
	for email, want := range map[string][]bool{ // enabled or not
		"alice@example.com":  {true},
		"bob@example.com":    {true},
		"carol@example.com":  nil,
		"dave@example.com":   {true, false},
		"nobody@example.com": nil,
	} {
		users := must(r.center.ByEmail(t.Context(), email))(t)
		enabled := map[bool]int{}
		for _, u := range users {
			enabled[u.Enabled]++
		}
		for _, e := range want {
			enabled[e]--
		}
		if len(users) != len(want) || enabled[true] != 0 || enabled[false] != 0 {
			t.Errorf("%s: %+v, want enabled %v", email, users, want)
		}
	}
	if users := must(r.center.ByEmail(t.Context(), "bob@example.com"))(t); users[0].Principal != mixed || users[0].Email != "Bob@Example.com" {
		t.Errorf("bob = %+v", users[0])
	}
	if n := r.took("ListUsers"); n != 3 {
		t.Errorf("the list of users was read in %d pages, want 3: once for all", n)
	}
}

func TestByEmailFindsWhoJustCame(t *testing.T) {
	r := newRig(t)
	must(r.center.ByEmail(t.Context(), "alice@example.com"))(t)
	erin := r.user(awstest.User{UserName: "erin", Email: "erin@example.com"})
	if users := must(r.center.ByEmail(t.Context(), "erin@example.com"))(t); len(users) != 1 || users[0].Principal != erin {
		t.Errorf("erin = %+v", users)
	}
}

func TestUser(t *testing.T) {
	r := newRig(t)
	want := identitycenter.User{Principal: r.alice, Name: "alice", Email: "alice@example.com", Enabled: true}
	if got := must(r.center.User(t.Context(), r.alice))(t); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.w.RemoveUser(string(r.alice))
	if _, err := r.center.User(t.Context(), r.alice); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.ServerError})
	if _, err := r.center.User(t.Context(), r.alice); !errors.Is(err, access.ErrUnavailable) || access.ClassOf(err) != access.Ambiguous {
		t.Errorf("got %v, want unavailable", err)
	}
}

func TestGroups(t *testing.T) {
	r := newRig(t)
	group := r.w.AddGroup("engineers")
	in := func(id string) bool { return must(r.center.InDirectoryGroup(t.Context(), id, r.alice))(t) }
	if in(group) {
		t.Error("she is in it already")
	}
	r.w.Join(group, string(r.alice))
	if !in(group) || in("90677f1112-00000000-0000-4000-8000-000000000000") {
		t.Error("want her in her group, and not in one that does not exist")
	}
	if g := must(r.center.DirectoryGroup(t.Context(), group))(t); g.Name != "engineers" {
		t.Errorf("group = %s, want engineers", g.Name)
	}
	if _, err := r.center.DirectoryGroup(t.Context(), "90677f1112-00000000-0000-4000-8000-000000000000"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

func TestLookUps(t *testing.T) {
	r := newRig(t)
	set := must(r.center.PermissionSet(t.Context(), "ReadOnly"))(t)
	if set.ARN != r.set || set.Session != 2*time.Hour {
		t.Errorf("permission set = %+v, want 2h", set)
	}
	if _, err := r.center.PermissionSet(t.Context(), "Admin"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	r.w.AddAccount(awstest.Account{ID: billing, Suspended: true})
	if !must(r.center.AccountActive(t.Context(), payments))(t) || must(r.center.AccountActive(t.Context(), billing))(t) {
		t.Error("want payments active and billing suspended")
	}
	if _, err := r.center.AccountActive(t.Context(), "999999999999"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Deny})
	if !must(r.center.AccountActive(t.Context(), payments))(t) {
		t.Error("an account of which AWS answered just now is asked for again")
	}
	r.clock.Advance(time.Minute)
	if _, err := r.center.AccountActive(t.Context(), payments); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("got %v, want forbidden", err)
	}
}
