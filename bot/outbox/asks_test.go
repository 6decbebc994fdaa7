package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// people adds users who are told things.
func (r *rig) addPeople(names ...string) []string {
	var ids []string
	for _, n := range names {
		ids = append(ids, r.AddUser(slacktest.User{Name: n, RealName: n, Email: n + "@example.com"}))
	}
	return ids
}

// escalates takes the next step of a request's route, as the Keeper does.
func (r *rig) escalates(id access.RequestID, after time.Duration) {
	r.t.Helper()
	r.clk.Advance(after)
	r.change(id, func(q access.Request) access.Request {
		q, _, err := q.Escalate(r.clk.Now())
		if err != nil {
			r.t.Fatal(err)
		}
		return q
	}, func(b *ledger.Batch) {
		b.Tell(access.NoticeAsked, id, "")
		b.Tell(access.NoticeChanged, id, "Nobody decided in 30 minutes.")
	})
	r.told()
}

func TestSilenceTellsOthersAndNobodyTwice(t *testing.T) {
	r := newRig(t)
	people := r.addPeople("dora", "oncall", "maria")
	r.deciders, r.hearers = people[:1], people[2:]
	q := r.request("r-1", r.ask)
	q.Verdict.Route.Silence = []access.Escalation{
		{In: 30 * time.Minute, Notify: []access.Channel{{Name: "other", ID: r.other}}, Tell: access.Audience{Groups: []string{"managers"}}},
		{In: time.Hour, Needs: []access.Need{{Count: 1, Groups: []string{"on-call"}}}},
	}
	r.asked(q)
	r.told()
	r.wantCount("dora, whom a channel tells", r.posts(people[0]), 0)
	r.wantText("channel", r.posts(r.ask), "if nobody decides by", "#other, managers will hear of it")

	r.escalates("r-1", 30*time.Minute)
	r.wantCount("channel", r.posts(r.ask), 1)
	r.wantCount("other channel", r.posts(r.other), 1)
	r.wantText("channel", r.posts(r.ask), "on-call may decide instead")
	r.wantText("maria", r.posts(people[2]), "Alice Ames requests ec2-frontend")
	if strings.Contains(r.posts(people[2])[0], "[Approve") {
		t.Error("who is only told can press a button")
	}

	r.deciders = people[1:2]
	r.escalates("r-1", 30*time.Minute)
	r.wantText("on-call", r.posts(people[1]), "[Approve Request]", "waits for: on-call")
	for _, place := range []string{r.ask, r.other, people[1], people[2]} {
		r.wantCount(place, r.posts(place), 1)
	}
	r.deny("r-1")
	r.told()
	for _, place := range []string{r.ask, r.other, people[1], people[2]} {
		r.wantText(place, r.posts(place), "Denied by Bob Burr")
	}
}

func TestTheNextStageIsToldWhenItIsItsTurn(t *testing.T) {
	r := newRig(t)
	owner := r.addPeople("owner")
	q := r.request("r-1", r.ask)
	q.Verdict.Route.Needs = append(q.Verdict.Route.Needs, access.Need{Count: 1, People: []string{"owner@example.com"}, Stage: 1})
	r.asked(q)
	r.told()
	r.wantText("channel", r.posts(r.ask), "waits for: bob@example.com, then owner@example.com", "0 of 2 approvals")
	r.deciders = owner
	r.change("r-1", func(q access.Request) access.Request {
		bob := access.Standing{Person: access.Person{ID: "p-bob", Name: "Bob Burr", Email: "bob@example.com"}}
		q, err := q.Approve(bob, access.Decision{At: r.clk.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}, func(b *ledger.Batch) { b.Tell(access.NoticeChanged, "r-1", "Bob Burr approved; 1 more needed.") })
	r.told()
	r.wantText("owner", r.posts(owner[0]), "[Approve Request]", "1 of 2 approvals", "waits for: owner@example.com")
	r.wantCount("channel", r.posts(r.ask), 1)

	// Whom Slack cannot name reads the channel.
	r.deciders = nil
	r.change("r-1", func(q access.Request) access.Request { return q }, func(b *ledger.Batch) { b.Tell(access.NoticeChanged, "r-1", "") })
	r.told()
	r.wantCount("admins", r.posts(r.admin), 0)
}

// broken is Alice's request by which she gave herself access.
func (r *rig) broken(id access.RequestID, channel string) access.Request {
	q := r.request(id)
	q.BreakGlass, q.Incident, q.State = true, "INC-1", access.Approved
	q.Verdict.Route = access.Route{
		Name: "emergency", Self: true, Glass: &access.Glass{Announce: access.Channel{Name: "security", ID: channel}},
		Skipped: []access.Need{{Count: 1, Groups: []string{"leads"}}},
	}
	q.Review.DueAt = r.clk.Now().Add(24 * time.Hour)
	return q
}

func (r *rig) announces(q access.Request) {
	r.t.Helper()
	r.commit(func(b *ledger.Batch) {
		b.Put(q, 0)
		b.Tell(access.NoticeAnnounce, q.ID, "")
	})
}

func (r *rig) stored(id access.RequestID) access.Request {
	r.t.Helper()
	q, _, err := access.Load[access.Request](r.t.Context(), r.store, access.Request{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

func TestBrokenGlassIsAnnouncedNotedAndReviewed(t *testing.T) {
	r := newRig(t)
	r.skipped = append(r.addPeople("lee"), r.alice)
	r.announces(r.broken("r-1", r.other))
	r.told()
	r.wantCount("channel", r.posts(r.other), 1)
	r.wantText("channel", r.posts(r.other), "Alice Ames breaks the glass to ec2-frontend", "Incident: INC-1", "Was not asked: leads",
		"Those are: the real name of "+r.skipped[0], "[Review…]", "noted by Slack channel security")
	if who := r.Messages(r.other)[0].Notifies(); slices.Contains(who, r.skipped[0]) {
		t.Errorf("the announcement mentions %v", who)
	}
	r.wantText("lee", r.posts(r.skipped[0]), "breaks the glass")
	r.wantCount("alice, who knows", r.posts(r.alice), 0)
	if noted := r.stored("r-1").Announcements; len(noted) != 1 || noted[0].Where != "Slack channel security" {
		t.Errorf("noted by %v", noted)
	}

	r.change("r-1", func(q access.Request) access.Request {
		q, err := q.Reviewed(access.Standing{Person: access.Person{ID: "p-bob", Name: "Bob Burr"}}, "It was needed.", r.clk.Now())
		if err != nil {
			t.Fatal(err)
		}
		return q
	}, func(b *ledger.Batch) { b.Tell(access.NoticeChanged, "r-1", "Bob Burr reviewed it.") })
	r.told()
	for _, place := range []string{r.other, r.skipped[0]} {
		r.wantText(place, r.posts(place), "Reviewed by Bob Burr", "It was needed.")
	}
	m := r.Messages(r.other)[0]
	if trail := r.Thread(r.other, m.TS); len(trail) != 1 {
		t.Errorf("trail %+v", trail)
	}
}

func TestAnAnnouncementIsNotedOnlyOnceItIsThere(t *testing.T) {
	r := newRig(t)
	refused := false
	r.announced = func() error {
		if !refused {
			refused = true
			return errors.New("the disk is full")
		}
		return nil
	}
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "chat.postMessage", Times: 2})
	r.announces(r.broken("r-1", r.other))
	r.until("a try failed", func() bool { return r.missed() > 0 })
	if noted := r.stored("r-1").Announcements; len(noted) != 0 {
		t.Errorf("noted by %v before Slack confirmed it", noted)
	}
	r.told()
	if noted := r.stored("r-1").Announcements; len(noted) != 1 || !refused {
		t.Errorf("noted by %v", noted)
	}
	r.wantText("channel", r.posts(r.other), "breaks the glass")
}

func TestAChannelThatTakesNothingNotesNothing(t *testing.T) {
	r := newRig(t)
	r.skipped = r.addPeople("lee")
	r.archived(r.other, true)
	r.announces(r.broken("r-1", r.other))
	r.told()
	if noted := r.stored("r-1").Announcements; len(noted) != 0 {
		t.Errorf("noted by %v", noted)
	}
	r.wantText("lee", r.posts(r.skipped[0]), "breaks the glass")
	r.wantText("admins", r.posts(r.admin), fmt.Sprintf("(%s)", r.other), "is_archived")
}
