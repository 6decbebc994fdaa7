package keeper_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

var (
	leadsDecide    = []access.Need{{Count: 1, Groups: []string{"leads"}}}
	platformDecide = []access.Need{{Count: 1, Groups: []string{"platform"}}}
)

// ask stores a request on which nobody has decided.
func (b *bench) ask(r access.Request) access.RequestID {
	b.t.Helper()
	now := time.Now()
	r.ID, r.AskedAt = access.RequestIDFrom(b.t.Name()), now
	r.By, r.Target = access.Person{ID: "p-alice", Name: "alice"}, access.Target{Name: "ec2"}
	if r.State == "" {
		r.State = access.Pending
	}
	if r.LapsesAt.IsZero() {
		r.LapsesAt = now.Add(24 * time.Hour)
	}
	batch := ledger.NewBatch(now)
	batch.Put(r, 0)
	if _, err := batch.Commit(b.t.Context(), b.store); err != nil {
		b.t.Fatal(err)
	}
	return r.ID
}

func (b *bench) request(id access.RequestID) access.Request {
	b.t.Helper()
	r, _, err := access.Load[access.Request](b.t.Context(), b.store, access.Request{ID: id}.Key())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// happened returns the types of the events of a request.
func (b *bench) happened(id access.RequestID) (types []access.EventType) {
	b.t.Helper()
	events, err := b.store.Stream(b.t.Context(), id, 1, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		types = append(types, e.Type)
	}
	return types
}

// trail returns what was said in the thread of a request, and how often people
// were asked.
func (b *bench) trail() (said string, asked int) {
	b.t.Helper()
	err := access.Each(b.t.Context(), b.store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
		n, err := access.Decode[access.Notice](rec)
		if n.Kind == access.NoticeChanged {
			said += n.Text + "\n"
		}
		if n.Kind == access.NoticeAsked {
			asked++
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return said, asked
}

// pass lets time pass, and what is due in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestSilence(t *testing.T) {
	silence := []access.Escalation{
		{In: 30 * time.Minute, Notify: []access.Channel{{Name: "oncall", ID: "C1"}}, Tell: access.Audience{People: []string{"root@example.com"}}},
		{In: time.Hour, Needs: platformDecide},
		{In: 2 * time.Hour, Deny: true},
	}
	route := access.Route{Name: "leads", Needs: leadsDecide, Silence: silence}
	story("each step in its time", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.ask(access.Request{Verdict: access.Verdict{Allow: true, Route: route}})
		pass(29 * time.Minute)
		if r := b.request(id); r.SilentFor != 0 {
			t.Errorf("a step was taken after %v", r.SilentFor)
		}
		pass(2 * time.Minute)
		r := b.request(id)
		if said, asked := b.trail(); asked != 1 || !strings.Contains(said, "Nobody decided in 30 minutes, so oncall, root@example.com was told too.") {
			t.Errorf("asked %d times; %s", asked, said)
		}
		if r.Verdict.Route.Needs[0].Groups[0] != "leads" || len(r.Verdict.Route.Notify) != 1 {
			t.Errorf("after half an hour the route is %+v", r.Verdict.Route)
		}
		pass(30 * time.Minute)
		if said, asked := b.trail(); asked != 2 || !strings.Contains(said, "it is for platform to decide now") {
			t.Errorf("asked %d times; %s", asked, said)
		}
		pass(time.Hour)
		if r := b.request(id); r.State != access.Denied {
			t.Errorf("after two hours the request is %s", r.State)
		}
		want := []access.EventType{access.EventEscalated, access.EventEscalated, access.EventEscalated, access.EventDenied}
		if got := b.happened(id); !slices.Equal(got, want) {
			t.Errorf("events %v", got)
		}
	})
	story("one after the other when the server was away", t, func(t *testing.T, b *bench) {
		id := b.ask(access.Request{Verdict: access.Verdict{Allow: true, Route: access.Route{Needs: leadsDecide, Silence: silence[:2]}}})
		pass(3 * time.Hour)
		b.start()
		defer b.stop()
		r := b.request(id)
		if r.State != access.Pending || r.SilentFor != time.Hour || len(b.happened(id)) != 2 {
			t.Errorf("%s after %v, events %v", r.State, r.SilentFor, b.happened(id))
		}
		pass(22 * time.Hour)
		if r := b.request(id); r.State != access.Lapsed {
			t.Errorf("at the end it is %s", r.State)
		}
	})
	story("an approval by those who decided before does not count any more", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		r := access.Request{Verdict: access.Verdict{Allow: true, Route: access.Route{
			Needs: []access.Need{{Count: 2, Groups: []string{"leads"}}}, Silence: silence[1:2],
		}}}
		r.ID, r.AskedAt = access.RequestIDFrom(t.Name()), time.Now()
		r.By, r.Target = access.Person{ID: "p-alice", Name: "alice"}, access.Target{Name: "ec2"}
		r.Decisions = []access.Decision{{By: "p-bob", Approve: true, Digest: r.Agreed(), Needs: []int{0}}}
		b.ask(r)
		pass(2 * time.Hour)
		if said, _ := b.trail(); !strings.Contains(said, "what was approved before does not count any more") {
			t.Error(said)
		}
	})
}

// Whichever of the two the Keeper comes to first, an extension that nobody
// decided ends with the access that it was for.
func TestAnExtensionEndsWithItsAccess(t *testing.T) {
	story("as denied, since there is nothing to extend", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		g := b.grant("a", time.Hour)
		pass(time.Minute)
		ends := b.state(g).EndsAt
		id := b.ask(access.Request{Extends: g, Duration: time.Hour, LapsesAt: ends, Verdict: access.Verdict{Allow: true, Route: access.Route{Needs: leadsDecide}}})
		pass(time.Until(ends) + time.Minute)
		r := b.request(id)
		if r.State != access.Denied || r.Decisions[0].Reason != ledger.NothingToExtend {
			t.Errorf("the extension is %s: %+v", r.State, r.Decisions)
		}
		b.want(g, access.Closed, false)
	})
}

func TestReviewOverdue(t *testing.T) {
	story("said once, and out loud", t, func(t *testing.T, b *bench) {
		b.start()
		defer b.stop()
		id := b.ask(access.Request{
			State: access.Approved, BreakGlass: true, Review: access.Reviewing{DueAt: time.Now().Add(time.Hour)},
		})
		pass(59 * time.Minute)
		if r := b.request(id); r.Review.Overdue || len(b.alarms()) != 0 {
			t.Errorf("overdue before its time: %v", b.alarms())
		}
		pass(25 * time.Hour)
		alarms := b.alarms()
		if r := b.request(id); !r.Review.Overdue || len(alarms) != 1 || !strings.Contains(alarms[0], "alice used break-glass for ec2") {
			t.Errorf("overdue %v: %v", r.Review.Overdue, alarms)
		}
		if got := b.happened(id); !slices.Equal(got, []access.EventType{access.EventOverdue}) {
			t.Errorf("events %v", got)
		}
	})
}

// What is not announced is not opened, and the holder is told why.
func TestNobodyCouldBeTold(t *testing.T) {
	story("glass is not broken in silence", t, func(t *testing.T, b *bench) {
		b.gate = func(context.Context, access.Grant) error { return access.ErrUnavailable }
		b.start()
		defer b.stop()
		g := b.grant("a", time.Hour)
		r, v, err := access.Load[access.Request](t.Context(), b.store, access.Request{ID: g.Request()}.Key())
		if err != nil {
			t.Fatal(err)
		}
		r.BreakGlass = true
		batch := ledger.NewBatch(time.Now())
		batch.Put(r, v)
		if _, err := batch.Commit(t.Context(), b.store); err != nil {
			t.Fatal(err)
		}
		pass(20 * time.Minute)
		b.want(g, access.Closed, false)
		if end := b.state(g).End; end.Cause != access.EndedFailed || !strings.Contains(end.Detail, "Nobody could be told") {
			t.Errorf("ended %s: %s", end.Cause, end.Detail)
		}
	})
}
