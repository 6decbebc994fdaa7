package facts_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/policies"
)

var (
	engineering = flowfile.Group{Name: "engineering", Source: flowfile.GroupSlack, ID: "S1"}
	leads       = flowfile.Group{Name: "leads", Source: flowfile.GroupIdentityCenter, ID: "g-1"}
	security    = flowfile.Group{Name: "security", Source: flowfile.GroupMembers, Members: []string{"alice@example.com"}}
	allGroups   = []flowfile.Group{engineering, leads, security}
)

// everywhere returns a rig in which alice is in each of allGroups.
func everywhere(t *testing.T, change func(*facts.Config)) (rig, access.Person) {
	r := newRig(change)
	a := r.world.Join("Alice")
	r.world.SetSlackGroup("S1", "alice", "bob")
	r.world.SetDirectoryGroup("g-1", "alice")
	return r, r.identify(t, a)
}

func (r rig) standing(t *testing.T, who access.Person) access.Standing {
	t.Helper()
	s, err := r.Standing(t.Context(), who, allGroups)
	if err != nil {
		t.Fatalf("Standing: %v", err)
	}
	return s
}

func TestStanding(t *testing.T) {
	r, alice := everywhere(t, nil)
	want := access.Standing{
		Person: alice, Active: true, Groups: map[string]bool{"engineering": true, "leads": true, "security": true},
	}
	if diff := cmp.Diff(want, r.standing(t, alice)); diff != "" {
		t.Errorf("alice (-want +got):\n%s", diff)
	}
	bob := r.identify(t, r.world.Join("bob"))
	want = access.Standing{
		Person: bob, Active: true, Groups: map[string]bool{"engineering": true, "leads": false, "security": false},
	}
	if diff := cmp.Diff(want, r.standing(t, bob)); diff != "" {
		t.Errorf("bob (-want +got):\n%s", diff)
	}
}

func TestAdmins(t *testing.T) {
	for named, want := range map[string]bool{
		"T1/UALICE": true, "UALICE": true, "ALICE@example.com": true,
		"T2/UALICE": false, "alice": false, "Alice": false, "bob@example.com": false, "": false,
	} {
		r, alice := everywhere(t, func(c *facts.Config) { c.Admins = []string{named} })
		if got := r.standing(t, alice).Admin; got != want {
			t.Errorf("with %q named: Admin = %v, want %v", named, got, want)
		}
	}
}

func TestNamesakeGroupGainsNothing(t *testing.T) {
	r, _ := everywhere(t, nil)
	eve := r.identify(t, r.world.Join("eve"))
	r.world.SetSlackGroup("engineering", "eve")
	r.world.SetSlackGroup("S666", "eve")
	r.world.SetSlackGroup("g-1", "eve")
	r.world.SetDirectoryGroup("leads", "eve")
	r.world.SetDirectoryGroup("S1", "eve")
	for name, in := range r.standing(t, eve).Groups {
		if in {
			t.Errorf("eve is in %s", name)
		}
	}
}

func TestNoAddressIsInNoMembersGroup(t *testing.T) {
	r, alice := everywhere(t, nil)
	alice.Email = ""
	s, err := r.Standing(t.Context(), alice, []flowfile.Group{{Name: "x", Source: flowfile.GroupMembers, Members: []string{""}}})
	if err != nil || s.Groups["x"] || s.Admin {
		t.Errorf("Standing = %+v, %v", s, err)
	}
}

func TestNoLongerActive(t *testing.T) {
	profile := func(change func(*facts.Profile)) func(*factstest.World, access.Person) {
		return func(w *factstest.World, p access.Person) { w.ChangeProfile(p.Account, change) }
	}
	for name, c := range map[string]struct {
		change func(*factstest.World, access.Person)
		left   bool
	}{
		"deleted in Slack":           {profile(func(p *facts.Profile) { p.Kind = facts.Deleted }), true},
		"made a guest":               {profile(func(p *facts.Profile) { p.Kind = facts.Guest }), true},
		"moved to another workspace": {profile(func(p *facts.Profile) { p.Workspace = "T2" }), false},
		"not known to Slack":         {profile(func(p *facts.Profile) { p.Kind = facts.Stranger }), false},
		"user disabled":              {func(w *factstest.World, p access.Person) { w.Disable(p.Principal) }, true},
		"user removed":               {func(w *factstest.World, p access.Person) { w.Remove(p.Principal) }, true},
	} {
		r, alice := everywhere(t, func(c *facts.Config) { c.Admins = []string{"UALICE"} })
		if !r.standing(t, alice).Active {
			t.Fatal("alice is not active to begin with")
		}
		c.change(r.world, alice)
		r.clock.Advance(facts.MaxAge)
		if diff := cmp.Diff(access.Standing{Person: alice, Left: c.left}, r.standing(t, alice)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUserOfAnotherDirectoryIsNotActive(t *testing.T) {
	r, alice := everywhere(t, nil)
	alice.Directory = "d-2"
	if s := r.standing(t, alice); s.Active || s.Left {
		t.Errorf("a user of another directory: active %v, left %v", s.Active, s.Left)
	}
}

func TestStandingSaysWhatIsDown(t *testing.T) {
	for source, name := range map[factstest.Source]string{
		factstest.Slack: "Slack", factstest.SlackGroups: "S1 in Slack",
		factstest.Directory: "Identity Center", factstest.DirectoryGroups: "g-1 in Identity Center",
	} {
		r, alice := everywhere(t, nil)
		r.clock.Advance(facts.MaxAge)
		r.world.Fail(source, errors.New("status 503"))
		s, err := r.Standing(t.Context(), alice, allGroups)
		if !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("with %s down: %v, want unavailable, naming it", source, err)
		}
		// What is known without the one that is down, is.
		known := map[factstest.Source]map[string]bool{
			factstest.SlackGroups:     {"leads": true, "security": true},
			factstest.DirectoryGroups: {"engineering": true, "security": true},
		}[source]
		if diff := cmp.Diff(known, s.Groups); diff != "" || s.Active != (known != nil) {
			t.Errorf("with %s down: active %v\n%s", source, s.Active, diff)
		}
		r.world.Fail(source, nil)
		if !r.standing(t, alice).Active {
			t.Errorf("%s is back, and its failure is remembered", source)
		}
	}
}

func TestGroupsThatCannotBeAsked(t *testing.T) {
	r, alice := everywhere(t, nil)
	for name, g := range map[string]flowfile.Group{
		"gone from Slack":  {Name: "x", Source: flowfile.GroupSlack, ID: "S404"},
		"without an id":    {Name: "x", Source: flowfile.GroupSlack},
		"of other sources": {Name: "x", Source: "ldap", ID: "cn=x"},
		"of no source":     {Name: "x", ID: "S1"},
	} {
		if s, err := r.Standing(t.Context(), alice, []flowfile.Group{g}); err == nil || len(s.Groups) > 0 {
			t.Errorf("a group %s: %+v, want an error", name, s)
		}
	}
}

func TestAuthorityIsAMinuteOldAtMost(t *testing.T) {
	r, alice := everywhere(t, func(c *facts.Config) { c.MaxAge = time.Hour })
	if !r.standing(t, alice).Groups["leads"] {
		t.Fatal("alice is no lead to begin with")
	}
	r.world.SetDirectoryGroup("g-1", "bob")
	r.clock.Advance(facts.MaxAge - time.Nanosecond)
	if !r.standing(t, alice).Groups["leads"] {
		t.Error("asked again within the minute")
	}
	if n := r.world.Asked(factstest.DirectoryGroups); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	r.clock.Advance(time.Nanosecond)
	if r.standing(t, alice).Groups["leads"] {
		t.Error("a membership of a minute ago still counts")
	}
}

func TestAnswerIsAsOldAsItsQuestion(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.world.OnAsk(func(s factstest.Source) {
		if s == factstest.DirectoryGroups {
			r.clock.Advance(30 * time.Second) // a slow answer
		}
	})
	r.standing(t, alice)
	r.clock.Advance(30 * time.Second)
	r.standing(t, alice)
	if n := r.world.Asked(factstest.DirectoryGroups); n != 2 {
		t.Errorf("asked %d times, want again a minute after the question", n)
	}
}

func TestClockSetBackKeepsNothingAlive(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.standing(t, alice)
	r.world.SetDirectoryGroup("g-1", "bob")
	r.clock.Advance(-time.Hour)
	if r.standing(t, alice).Groups["leads"] {
		t.Error("an answer from the future counts")
	}
}

func TestInvalidate(t *testing.T) {
	r, alice := everywhere(t, nil)
	bob := r.identify(t, r.world.Join("bob"))
	r.standing(t, alice)
	r.standing(t, bob)
	r.world.SetSlackGroup("S1")
	r.world.ChangeProfile(bob.Account, func(p *facts.Profile) { p.Kind = facts.Deleted })
	r.Invalidate(bob.Account)
	if r.standing(t, bob).Active {
		t.Error("bob is active after he was said to have changed")
	}
	if !r.standing(t, alice).Groups["engineering"] {
		t.Error("alice was forgotten with bob")
	}
	r.Invalidate(alice.Account)
	if r.standing(t, alice).Groups["engineering"] {
		t.Error("alice's membership is remembered after she was said to have changed")
	}
}

// What is on its way when somebody hears of a change may be older than the
// change, and is not kept.
func TestInvalidateWhileAsking(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.clock.Advance(facts.MaxAge)
	var once sync.Once
	r.world.OnAsk(func(s factstest.Source) {
		if s == factstest.Slack {
			once.Do(func() { r.Invalidate(alice.Account) })
		}
	})
	before := r.world.Asked(factstest.Slack)
	r.standing(t, alice)
	r.standing(t, alice)
	if n := r.world.Asked(factstest.Slack) - before; n != 2 {
		t.Errorf("Slack was asked %d times, want again after the change", n)
	}
}

func TestNothingIsKeptIfTold(t *testing.T) {
	r, alice := everywhere(t, func(c *facts.Config) { c.MaxAge = -1 })
	r.standing(t, alice)
	r.world.SetSlackGroup("S1")
	if r.standing(t, alice).Groups["engineering"] {
		t.Error("a membership is remembered")
	}
}

func TestManyAskOnce(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.clock.Advance(facts.MaxAge)
	before := r.world.Asked(factstest.Slack)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if s, err := r.Standing(t.Context(), alice, allGroups); err != nil || !s.Active || !s.Groups["leads"] {
				t.Errorf("Standing = %+v, %v", s, err)
			}
		})
	}
	wg.Wait()
	if n := r.world.Asked(factstest.Slack) - before; n != 1 {
		t.Errorf("Slack was asked %d times at once, want once", n)
	}
}

// The caller who happens to ask gives up; who waits for the same answer gets
// it nevertheless.
func TestWaitingOutlivesWhoeverAsked(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.clock.Advance(facts.MaxAge)
	asked, waiting := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.world.OnAsk(func(s factstest.Source) {
		once.Do(func() {
			close(asked)
			<-waiting
		})
	})
	var wg sync.WaitGroup
	impatient, giveUp := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := r.Standing(impatient, alice, nil); !errors.Is(err, access.ErrUnavailable) {
			t.Errorf("the impatient caller got %v", err)
		}
	})
	<-asked
	giveUp()
	wg.Go(func() {
		if s, err := r.Standing(t.Context(), alice, nil); err != nil || !s.Active {
			t.Errorf("the patient caller got %+v, %v", s, err)
		}
	})
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := r.Standing(gone, alice, nil); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("a caller who left got %v", err)
	}
	close(waiting)
	wg.Wait()
}

// about is a request by who for the target "billing".
func about(who access.Person) policies.About {
	return policies.About{Request: access.Request{ID: "r-now", By: who, Target: access.Target{Name: "billing"}}}
}

func TestGather(t *testing.T) {
	r, alice := everywhere(t, nil)
	need := func(name string) policies.Fact {
		return policies.Fact{Kind: policies.FactGroup, Name: name, About: policies.Requester}
	}
	r.world.SetDirectoryGroup("g-1")
	got, err := r.Gather(t.Context(), about(alice), allGroups, []policies.Fact{need("engineering"), need("leads")})
	want := policies.Facts{need("engineering"): true, need("leads"): false}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("Gather = %v, %v, want %v", got, err, want)
	}
	if n := r.world.Asked(factstest.SlackGroups); n != 1 {
		t.Errorf("asked %d times, want only what is needed", n)
	}
	approver := need("leads")
	approver.About = policies.Approver
	other := need("leads")
	other.Kind = "weather"
	for _, f := range []policies.Fact{need("nobodys"), approver, other} {
		if got, err := r.Gather(t.Context(), about(alice), allGroups, []policies.Fact{f}); err == nil || got != nil || !strings.Contains(err.Error(), f.String()) {
			t.Errorf("Gather(%s) = %v, %v, want an error that names it", f, got, err)
		}
	}
	r.clock.Advance(facts.MaxAge)
	r.world.Fail(factstest.SlackGroups, errors.New("status 503"))
	if _, err := r.Gather(t.Context(), about(alice), allGroups, []policies.Fact{need("engineering")}); !errors.Is(err, access.ErrUnavailable) || !strings.Contains(err.Error(), "Slack") {
		t.Errorf("Gather with Slack down: %v", err)
	}
}

func TestAtHand(t *testing.T) {
	r, alice := everywhere(t, nil)
	needs := []policies.Fact{
		{Kind: policies.FactGroup, Name: "engineering", About: policies.Requester},
		{Kind: policies.FactGroup, Name: "leads", About: policies.Requester},
		{Kind: policies.FactGroup, Name: "security", About: policies.Requester},
		{Kind: policies.FactGroup, Name: "gone", About: policies.Requester},
		{Kind: "another", Name: "security", About: policies.Requester},
	}
	wants := func(when string, want policies.Facts) {
		t.Helper()
		asked := r.world.Asked(factstest.SlackGroups) + r.world.Asked(factstest.DirectoryGroups)
		if diff := cmp.Diff(want, r.AtHand(about(alice), allGroups, needs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		if n := r.world.Asked(factstest.SlackGroups) + r.world.Asked(factstest.DirectoryGroups); n != asked {
			t.Errorf("%s: somebody was asked", when)
		}
	}
	written := policies.Facts{needs[2]: true}
	wants("at first", written)
	r.standing(t, alice)
	all := policies.Facts{needs[0]: true, needs[1]: true, needs[2]: true}
	wants("once asked", all)
	r.world.SetDirectoryGroup("g-1")
	r.clock.Advance(facts.ShownAge - time.Second)
	wants("too old for authority", all)
	r.Invalidate(alice.Account)
	wants("once Slack said that something changed", policies.Facts{needs[1]: true, needs[2]: true})
	r.clock.Advance(time.Second)
	wants("too old", written)
}
