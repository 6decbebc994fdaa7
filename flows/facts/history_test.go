package facts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// asked stores a request of some time ago.
func (r rig) asked(t *testing.T, q access.Request) {
	t.Helper()
	change, err := access.Put(q, 0)
	if err == nil {
		_, err = r.store.Commit(t.Context(), access.Commit{Changes: []access.Change{change}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ago returns a request of an hour's access.
func ago(id access.RequestID, by access.Person, target string, d time.Duration, as access.RequestState) access.Request {
	return access.Request{ID: id, By: by, Target: access.Target{Name: target}, AskedAt: noon.Add(-d), State: as, Duration: time.Hour}
}

func TestHistoryIsReadFromTheRecord(t *testing.T) {
	r := newRig(func(c *facts.Config) { c.FlowOf = func(target string) string { return "flow-of-" + target } })
	alice, bob := r.identify(t, r.world.Join("alice")), r.identify(t, r.world.Join("bob"))
	byRoute := ago("r-6", alice, "ec2", 2*time.Hour, access.Approved)
	byRoute.Decisions = []access.Decision{{Approve: true, Source: access.FromRoute}}
	for _, q := range []access.Request{
		ago("r-1", alice, "billing", 2*time.Hour, access.Approved),
		ago("r-2", alice, "ec2", 3*time.Hour, access.Denied),
		ago("r-3", alice, "billing", 30*time.Hour, access.Approved),
		ago("r-4", bob, "billing", time.Hour, access.Approved),
		ago("r-5", bob, "billing-2", time.Hour, access.Approved),
		byRoute,
		ago("r-now", alice, "billing", 0, access.Pending),
	} {
		r.asked(t, q)
	}
	want := policies.Facts{}
	need := func(name string, of policies.Role, is any) {
		want[policies.Fact{Kind: policies.FactHistory, Name: name, About: of}] = is
	}
	need("requests 24h", policies.Requester, 3)
	need("grants 24h", policies.Requester, 2)
	need("automatic 24h flow-of-ec2", policies.Requester, 1)
	need("automatic 24h flow-of-billing", policies.Requester, 0)
	need("minutes 48h", policies.Requester, 180)
	need("grants 24h", policies.Asked, 2)
	need("requests 90m", policies.Asked, 1)
	need("last_outcome", policies.Requester, "approved")
	var needs []policies.Fact
	for f := range want {
		needs = append(needs, f)
	}
	if known := r.AtHand(about(alice), nil, needs); len(known) > 0 {
		t.Errorf("before anybody looked: %v", known)
	}
	got, err := r.Gather(t.Context(), about(alice), nil, needs)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff(want, r.AtHand(about(alice), nil, needs)); diff != "" {
		t.Errorf("at hand:\n%s", diff)
	}
	r.clock.Advance(facts.ShownAge)
	if known := r.AtHand(about(alice), nil, needs); len(known) > 0 {
		t.Errorf("long after: %v", known)
	}
	odd := policies.Fact{Kind: policies.FactHistory, Name: "grants soon", About: policies.Requester}
	if got, err := r.Gather(t.Context(), about(alice), nil, []policies.Fact{odd}); err == nil || got != nil {
		t.Errorf("%s: %v, %v", odd, got, err)
	}
}

var platform = flowfile.Group{Name: "platform", Source: flowfile.GroupOnCall, ID: "platform"}

func TestOnCallIsAGroup(t *testing.T) {
	r := newRig(nil)
	alice, bob := r.identify(t, r.world.Join("alice")), r.identify(t, r.world.Join("bob"))
	fact := policies.Fact{Kind: policies.FactGroup, Name: "platform", About: policies.Requester}
	other := fact
	other.About = policies.Approver
	r.world.SetOnCall("platform", "alice")
	got, err := r.Gather(t.Context(), policies.About{Request: access.Request{By: bob}, Approver: alice}, []flowfile.Group{platform}, []policies.Fact{fact, other})
	if diff := cmp.Diff(policies.Facts{fact: false, other: true}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if s, err := r.Standing(t.Context(), alice, []flowfile.Group{platform}); !s.Groups["platform"] || err != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if diff := cmp.Diff(policies.Facts{fact: true}, r.AtHand(about(alice), []flowfile.Group{platform}, []policies.Fact{fact})); diff != "" {
		t.Errorf("at hand:\n%s", diff)
	}
	r.world.Fail(factstest.Schedules, errors.Join(access.ErrUnavailable, errors.New("platform is silent")))
	if s, err := r.Standing(t.Context(), alice, []flowfile.Group{platform}); !errors.Is(err, access.ErrUnavailable) || len(s.Groups) > 0 || !strings.Contains(err.Error(), "platform") {
		t.Errorf("with a source that is down: %+v, %v", s, err)
	}
}

func TestStatusIsWhatTheyShow(t *testing.T) {
	r := newRig(nil)
	alice := r.identify(t, r.world.Join("alice"))
	r.world.ChangeProfile(alice.Account, func(p *facts.Profile) { p.Status = "On holiday" })
	r.Invalidate(alice.Account)
	fact := policies.Fact{Kind: policies.FactStatus, Name: "slack", About: policies.Requester}
	if known := r.AtHand(about(alice), nil, []policies.Fact{fact}); len(known) > 0 {
		t.Errorf("before anybody looked: %v", known)
	}
	got, err := r.Gather(t.Context(), about(alice), nil, []policies.Fact{fact})
	if diff := cmp.Diff(policies.Facts{fact: "On holiday"}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if diff := cmp.Diff(got, r.AtHand(about(alice), nil, []policies.Fact{fact})); diff != "" {
		t.Errorf("at hand:\n%s", diff)
	}
	r.clock.Advance(facts.MaxAge)
	r.world.Fail(factstest.Slack, errors.New("status 503"))
	if got, err := r.Gather(t.Context(), about(alice), nil, []policies.Fact{fact}); !errors.Is(err, access.ErrUnavailable) || got != nil {
		t.Errorf("with Slack down: %v, %v", got, err)
	}
}
