package outbox_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/bot/outbox"
	"sesame/bot/slacktest"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

func TestARequestIsPostedRedrawnAndFollowedByItsTrail(t *testing.T) {
	r := newRig(t)
	r.asked(r.request("r-1", r.ask))
	r.told()
	r.wantCount("channel", r.posts(r.ask), 1)
	r.wantText("channel", r.posts(r.ask), "Alice Ames requests ec2-frontend for 1 hour", "[Approve Request]", "[Deny]")

	r.deny("r-1")
	r.told()
	r.wantCount("channel", r.posts(r.ask), 1)
	r.wantText("channel", r.posts(r.ask), "Denied by Bob Burr")
	if strings.Contains(r.posts(r.ask)[0], "[Approve") {
		t.Error("a decided request still has its buttons")
	}
	m := r.Messages(r.ask)[0]
	if trail := r.Thread(r.ask, m.TS); len(trail) != 1 || !strings.HasPrefix(trail[0].Text(), "Bob Burr denied the request · Mar 2, 2026 at") {
		t.Errorf("trail %+v", trail)
	}
	r.wantCount("alice", r.posts(r.alice), 1)
	r.wantText("alice", r.posts(r.alice), "was denied", "use staging")
}

func TestWithoutAChannelTheDecidersAreTold(t *testing.T) {
	r := newRig(t)
	for i := range 12 {
		r.deciders = append(r.deciders, r.AddUser(slacktest.User{Name: fmt.Sprintf("d%d", i)}))
	}
	q := r.request("r-1")
	q.Source = access.FromForm
	r.asked(q)
	r.told()
	told := 0
	for _, d := range r.deciders {
		told += len(r.posts(d))
	}
	if told != 10 {
		t.Errorf("%d deciders were told, want 10", told)
	}
	r.wantText("own copy", r.posts(r.alice), "You asked for ec2-frontend", "[Withdraw]")

	r.deny("r-1")
	r.told()
	r.wantText("decider", r.posts(r.deciders[0]), "Denied by Bob Burr")
	r.wantText("own copy", r.posts(r.alice)[:1], "was denied")
	r.wantCount("alice", r.posts(r.alice), 2)
}

func TestABlockedPlaceIsReportedOnceAndHoldsUpNoOther(t *testing.T) {
	r := newRig(t)
	r.archived(r.ask, true)
	r.asked(r.request("r-1", r.ask, r.other))
	r.asked(r.request("r-2", r.ask, r.other))
	r.told()
	r.wantCount("other channel", r.posts(r.other), 2)
	r.wantCount("admins", r.posts(r.admin), 1)
	r.wantText("admins", r.posts(r.admin), "is_archived", `"access"`, "unarchive it", "not request r-")

	r.archived(r.ask, false)
	r.asked(r.request("r-3", r.ask))
	r.told()
	r.wantCount("channel", r.posts(r.ask), 1)
	r.archived(r.ask, true)
	r.asked(r.request("r-4", r.ask, r.other))
	r.told()
	r.wantCount("admins", r.posts(r.admin), 2)
}

func TestWhenEveryChannelIsBlockedTheDecidersAreTold(t *testing.T) {
	r := newRig(t)
	r.deciders = []string{r.bob}
	r.Remove(r.ask, r.BotUser())
	r.asked(r.request("r-1", r.ask))
	r.told()
	r.wantText("bob", r.posts(r.bob), "requests ec2-frontend")
	r.wantText("admins", r.posts(r.admin), "not_in_channel", "invite Sesame")
}

func TestNothingIsPostedWhereAnotherCompanyReads(t *testing.T) {
	r := newRig(t)
	shared := r.AddChannel(slacktest.Channel{Name: "shared", Members: []string{r.BotUser()}, ExtShared: true})
	r.asked(r.request("r-1", shared, r.other))
	r.told()
	r.wantCount("shared channel", r.posts(shared), 0)
	r.wantCount("other channel", r.posts(r.other), 1)
	r.wantText("admins", r.posts(r.admin), "shared with another company")
}

func TestARequestThatNobodyCanBeToldOfIsReported(t *testing.T) {
	r := newRig(t)
	r.asked(r.request("r-1"))
	r.told()
	r.wantText("admins", r.posts(r.admin), "Nobody could be told of request r-1")
}

func TestALeaverHoldsUpNothing(t *testing.T) {
	r := newRig(t)
	r.asked(r.request("r-1", r.ask))
	r.told()
	r.DeactivateUser(r.alice)
	r.deny("r-1")
	r.told()
	r.wantText("channel", r.posts(r.ask), "Denied by Bob Burr")
}

func TestAdminsDoNotHearThatALeaverHearsNothing(t *testing.T) {
	r := newRig(t)
	r.DeactivateUser(r.alice)
	q := r.request("r-1", r.ask)
	q.Source = access.FromForm
	r.asked(q)
	r.deny("r-1")
	r.commit(func(b *ledger.Batch) { outbox.Letter(b, "one", r.alice, "No.") })
	r.told()
	r.wantText("channel", r.posts(r.ask), "Denied by Bob Burr")
	r.wantCount("alice", r.posts(r.alice), 0)
	r.wantCount("admins", r.posts(r.admin), 0)
}

func TestAdminsHearThatAnApproverLeft(t *testing.T) {
	r := newRig(t)
	r.deciders = []string{r.bob}
	r.DeactivateUser(r.bob)
	r.asked(r.request("r-1"))
	r.told()
	r.wantText("admins", r.posts(r.admin), "user_disabled", "name somebody else")
}

func TestNothingIsLostWhileSlackIsDown(t *testing.T) {
	r := newRig(t)
	r.SetDown(true)
	for i := range 5 {
		r.asked(r.request(access.RequestID(fmt.Sprintf("r-%d", i)), r.ask))
	}
	r.until("slack was missed", func() bool { return r.missed() > 0 })
	r.SetDown(false)
	r.told()
	r.wantCount("channel", r.posts(r.ask), 5)
}

func TestFaultsThatSurelyDidNothingCauseNoSecondMessage(t *testing.T) {
	for name, f := range map[string]slacktest.Fault{
		"429":                {Kind: slacktest.RateLimited, Times: 3, For: 7 * time.Second},
		"429 without a time": {Kind: slacktest.RateLimitedBare, Times: 3},
		"503":                {Kind: slacktest.ServerError, Times: 3},
		"cut":                {Kind: slacktest.Cut, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f.Method = "chat.postMessage"
			r.Break(f)
			r.asked(r.request("r-1", r.ask))
			r.told()
			r.wantCount("channel", r.posts(r.ask), 1)
			f.Method = "chat.update"
			r.Break(f)
			r.deny("r-1")
			r.told()
			r.wantText("channel", r.posts(r.ask), "Denied by Bob Burr")
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	r := newRig(t)
	r.Break(slacktest.Fault{Kind: slacktest.RateLimited, Method: "chat.postMessage", Times: 1, For: 90 * time.Second})
	r.asked(r.request("r-1", r.ask))
	r.told()
	var at []time.Time
	for _, c := range r.Calls() {
		if c.Method == "chat.postMessage" {
			at = append(at, c.At)
		}
	}
	if len(at) != 2 || at[1].Sub(at[0]) < 90*time.Second {
		t.Errorf("calls at %v, want two that are 90 s apart", at)
	}
}

// The answer to a post is lost: the message may be there, and is. Both copies
// are of the same request, and once the unknown one is clicked it is redrawn
// like the other.
func TestALostAnswerMayMeanTwoMessagesOfOneRequest(t *testing.T) {
	r := newRig(t)
	r.Break(slacktest.Fault{Kind: slacktest.LostAnswer, Method: "chat.postMessage", Times: 1})
	r.asked(r.request("r-1", r.ask))
	r.told()
	copies := r.Messages(r.ask)
	if len(copies) != 2 {
		t.Fatalf("%d copies, want 2", len(copies))
	}
	for _, m := range copies {
		if err := r.box.Adopt(t.Context(), "r-1", outbox.RoleDecide, webapi.Place{Channel: r.ask, TS: m.TS}); err != nil {
			t.Fatal(err)
		}
	}
	r.deny("r-1")
	r.told()
	for i, text := range r.posts(r.ask) {
		if !strings.Contains(text, "Denied by Bob Burr") {
			t.Errorf("copy %d was not redrawn:\n%s", i, text)
		}
	}
	if n := len(r.Thread(r.ask, copies[0].TS)) + len(r.Thread(r.ask, copies[1].TS)); n != 1 {
		t.Errorf("%d lines of trail, want 1", n)
	}
}

func TestARestartInTheMiddleRepeatsNothingThatWasRecorded(t *testing.T) {
	r := newRig(t)
	third := r.AddChannel(slacktest.Channel{Name: "third", Members: []string{r.BotUser()}})
	r.asked(r.request("r-1", r.ask))
	r.told()
	q := r.request("r-2", r.ask, r.other, third)
	r.archived(third, true)
	r.Break(slacktest.Fault{Kind: slacktest.RateLimited, Method: "chat.postMessage", Times: 1, For: time.Minute})
	r.asked(q)
	r.until("two of three places are dealt with", func() bool { return len(r.posts(r.other)) == 1 && len(r.posts(r.admin)) == 1 })
	r.stop()
	r.archived(third, false)
	before := len(r.Calls())
	r.run()
	r.told()
	r.wantCount("first channel", r.posts(r.ask), 2)
	r.wantCount("other channel", r.posts(r.other), 1)
	r.wantCount("third channel", r.posts(third), 0)
	for _, c := range r.Calls()[before:] {
		if c.Method == "chat.postMessage" && c.Args["channel"] == r.other {
			t.Error("a recorded post was repeated")
		}
	}
}

func TestOpenRequestsAreRedrawnOnceAfterAStart(t *testing.T) {
	r := newRig(t)
	r.asked(r.request("r-1", r.ask))
	r.told()
	r.stop()
	// It is denied while nobody tells.
	r.change("r-1", func(q access.Request) access.Request { q.Reason = "disk full, really"; return q }, func(*ledger.Batch) {})
	r.run()
	r.until("redrawn", func() bool { return strings.Contains(r.posts(r.ask)[0], "really") })
	r.until("the update is over", func() bool { return r.calls("chat.update") == 1 })
}

func TestAnOutcomeThatANewerOneReplacesIsNotTold(t *testing.T) {
	r := newRig(t)
	r.asked(r.request("r-1", r.ask))
	r.told()
	r.stop()
	r.deny("r-1")
	r.commit(func(b *ledger.Batch) { b.Tell(access.NoticeOutcome, "r-1", "") })
	r.run()
	r.told()
	r.wantCount("alice", r.posts(r.alice), 1)
}

func TestAlarmsAndLetters(t *testing.T) {
	r := newRig(t)
	r.commit(func(b *ledger.Batch) {
		b.Tell(access.NoticeAlarm, "", "The disk is full: make room.")
		outbox.Letter(b, "one", r.alice, "There is no target \"x\" <!channel>.")
	})
	r.told()
	r.wantText("admins", r.posts(r.admin), "The disk is full: make room.")
	r.wantText("alice", r.posts(r.alice), "There is no target \"x\" <!channel>.")
	for _, m := range append(r.Messages(r.admin), r.Messages(r.alice)...) {
		if n := m.Notifies(); len(n) > 0 {
			t.Errorf("it mentions %v", n)
		}
	}
	if p, err := r.store.List(t.Context(), access.Query{Index: outbox.IndexPosts}); err != nil || len(p.Records) != 0 {
		t.Errorf("%d posts are kept that nobody redraws, %v", len(p.Records), err)
	}
}

func TestALetterIsWrittenOnce(t *testing.T) {
	r := newRig(t)
	r.stop()
	write := func() error {
		b := ledger.NewBatch(noon)
		outbox.Letter(b, "one", r.alice, "No.")
		_, err := b.Commit(t.Context(), r.store)
		return err
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if err := write(); err == nil {
		t.Error("the same letter was taken twice")
	}
	r.run()
	r.told()
	r.wantCount("alice", r.posts(r.alice), 1)
}

func TestAGrantFromOpeningToItsEnd(t *testing.T) {
	r := newRig(t)
	q := r.request("r-1", r.ask)
	r.asked(q)
	r.told()
	bob := access.Standing{Person: access.Person{ID: "p-bob", Name: "Bob Burr", Email: "bob@example.com"}, Active: true}
	q, err := q.Approve(bob, access.Decision{At: r.clk.Now()})
	if err != nil {
		t.Fatal(err)
	}
	plan := access.Plan{
		Objects: []access.Spec{{Key: "assignment/1"}},
		Connect: []access.Step{{Label: "Profile", Code: "[profile x]"}, {Label: "Console", URL: "https://example.awsapps.com/start"}},
	}
	g, err := access.NewGrant(q, plan, r.clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	set := func(next func() (access.Grant, error), tell func(b *ledger.Batch)) {
		t.Helper()
		_, v, err := access.LoadOrNew[access.Grant](t.Context(), r.store, g.Key())
		if err != nil {
			t.Fatal(err)
		}
		if g, err = next(); err != nil {
			t.Fatal(err)
		}
		r.commit(func(b *ledger.Batch) { b.Put(g, v); tell(b) })
		r.told()
	}
	r.change("r-1", func(access.Request) access.Request { return q }, func(b *ledger.Batch) {
		b.Put(g, 0)
		b.Tell(access.NoticeChanged, "r-1", "Bob Burr approved the request.")
	})
	set(func() (access.Grant, error) { return g.Opened(r.clk.Now()) }, func(b *ledger.Batch) {
		b.Tell(access.NoticeChanged, "r-1", "Access is open.")
		b.Tell(access.NoticeOutcome, "r-1", "")
	})
	r.wantText("alice", r.posts(r.alice), "You have ec2-frontend until", "[profile x]", "[End Access]")

	r.clk.Advance(50 * time.Minute)
	set(func() (access.Grant, error) { return g.Reminder(), nil }, func(b *ledger.Batch) { b.Tell(access.NoticeReminder, "r-1", "") })
	r.wantCount("alice", r.posts(r.alice), 2)
	r.wantText("alice", r.posts(r.alice), "ends in 10 minutes")

	r.clk.Advance(10 * time.Minute)
	end := access.End{At: r.clk.Now(), Cause: access.EndedDue}
	set(func() (access.Grant, error) { return g.Ended(end) }, func(b *ledger.Batch) { b.Tell(access.NoticeChanged, "r-1", "The time is over.") })
	gone := []access.ObjectReceipt{{Object: "assignment/1", AbsentAt: r.clk.Now(), Reads: 2}}
	set(func() (access.Grant, error) { return g.Sealed(gone) }, func(b *ledger.Batch) {
		b.Tell(access.NoticeChanged, "r-1", "Access is removed.")
		b.Tell(access.NoticeOutcome, "r-1", "")
	})
	r.wantCount("alice", r.posts(r.alice), 3)
	r.wantText("alice", r.posts(r.alice)[1:2], "is over")
	r.wantText("alice", r.posts(r.alice)[2:], "has ended")
	for _, text := range r.posts(r.alice) {
		if strings.Contains(text, "[End Access]") {
			t.Errorf("access that is gone can still be ended:\n%s", text)
		}
	}
	r.wantText("channel", r.posts(r.ask), "Access removed")
	if n := len(r.Thread(r.ask, r.Messages(r.ask)[0].TS)); n != 4 {
		t.Errorf("%d lines of trail, want 4", n)
	}
}

// Both sides keep to Slack's limits: nothing is refused for being too fast,
// and a busy channel does not keep another one waiting.
func TestPacing(t *testing.T) {
	r := newRig(t, paced)
	const busy = 12
	for i := range busy {
		r.asked(r.request(access.RequestID(fmt.Sprintf("r-%d", i)), r.ask))
	}
	r.asked(r.request("r-last", r.other))
	await := func(what string, channel string, n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := r.Await(ctx, func() bool { return len(r.posts(channel)) >= n }); err != nil {
			t.Fatalf("%s: %d messages: %v", what, len(r.posts(channel)), err)
		}
	}
	await("another channel does not wait", r.other, 1)
	await("the first is posted at once", r.ask, 1)
	for n := 1; n < busy; n++ {
		r.clk.Advance(1100 * time.Millisecond)
		await("one more each second", r.ask, n+1)
	}
	r.told()
	for _, c := range r.Calls() {
		if c.Error == "ratelimited" {
			t.Errorf("%s was called too often", c.Method)
		}
	}
}

func TestStoppingFinishesWhatWasBegun(t *testing.T) {
	r := newRig(t)
	r.Break(slacktest.Fault{Kind: slacktest.Slow, Method: "chat.postMessage", Times: 1, For: time.Second})
	r.asked(r.request("r-1", r.ask))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	// The post is on its way once its intent is recorded.
	for {
		p, err := r.store.List(ctx, access.Query{Index: outbox.IndexPosts, From: "r-1"})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Records) > 0 {
			break
		}
	}
	stopped := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.stop(); close(stopped) })
	r.until("stopped", func() bool {
		select {
		case <-stopped:
			return true
		default:
			return false
		}
	})
	r.run()
	r.told()
	r.wantCount("channel", r.posts(r.ask), 1)
}
