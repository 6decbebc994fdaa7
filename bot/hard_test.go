package bot_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot"
	"sesame/bot/slacktest"
	"sesame/flows/access"
)

// ask has Alice ask in one line, and returns the message about it.
func (r *rig) ask() slacktest.Message {
	r.t.Helper()
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	r.settled()
	return r.message("C0ACCESS", 1)
}

// events counts the events of the only request.
func (r *rig) events(kind access.EventType) int {
	r.t.Helper()
	log, err := r.store.Log(r.t.Context(), 1, 1000)
	r.ok(err)
	n := 0
	for _, e := range log {
		if e.Type == kind {
			n++
		}
	}
	return n
}

func (r *rig) wantRequests(n int) {
	r.t.Helper()
	if got := r.requests(); got != n {
		r.t.Errorf("%d requests, want %d", got, n)
	}
}

func (r *rig) wantState(want access.RequestState) {
	r.t.Helper()
	if q := r.request(1); q.State != want {
		r.t.Errorf("the request is %s, want %s", q.State, want)
	}
}

// wantHeard checks the last thing that only somebody sees.
func (r *rig) wantHeard(name string, n int, part string) {
	r.t.Helper()
	if text := r.hears(name, n); !strings.Contains(text, part) {
		r.t.Errorf("%s hears %q, want %q in it", name, text, part)
	}
}

func TestADuplicateEnvelopeCountsOnce(t *testing.T) {
	r := newRig(t)
	r.NextEnvelope(slacktest.Duplicate)
	m := r.ask()
	r.wantRequests(1)
	r.NextEnvelope(slacktest.Duplicate)
	r.presses("bob", m, "approve")
	r.settled()
	r.wantState(access.Approved)
	if n := r.events(access.EventApproved); n != 1 {
		t.Errorf("%d approvals, want 1", n)
	}
	if n := r.events(access.EventDenial); n != 0 {
		t.Errorf("a duplicate was refused %d times, want silence", n)
	}
	if n := len(r.Ephemerals(r.people["alice"])); n != 1 {
		t.Errorf("alice was answered %d times", n)
	}
	if n := len(r.Ephemerals(r.people["bob"])); n != 0 {
		t.Errorf("bob was told %d things", n)
	}
}

func TestADoubleClickCountsOnce(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.presses("bob", m, "approve")
	r.presses("bob", m, "approve")
	r.settled()
	if n := r.events(access.EventApproved); n != 1 {
		t.Errorf("%d approvals, want 1", n)
	}
	r.wantHeard("bob", 1, "Bob Burr")
}

func TestTwoApproversAtOnceCountOnce(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.presses("bob", m, "approve")
	r.presses("carol", m, "approve")
	r.settled()
	if n := r.events(access.EventGranted); n != 1 {
		t.Errorf("%d grants, want 1", n)
	}
}

func TestAStaleButtonSaysWhoDecided(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.presses("bob", m, "approve")
	r.settled()
	r.presses("carol", m, "deny")
	r.wantHeard("carol", 1, "Bob Burr")
	r.presses("alice", m, "approve")
	r.wantHeard("alice", 2, "already")
}

func TestAClickOnTermsThatChangedDecidesNothing(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.setRules(strings.Replace(flowFile, "FrontendShell", "FrontendAdmin", 1))
	r.presses("bob", m, "approve")
	r.wantHeard("bob", 1, "changed")
	r.settled()
	r.wantState(access.Pending)
	if text := r.message("C0ACCESS", 1).Text(); !strings.Contains(text, "FrontendAdmin") {
		t.Errorf("the message was not drawn anew:\n%s", text)
	}
	r.presses("bob", r.message("C0ACCESS", 1), "approve")
	r.settled()
	r.wantState(access.Approved)
}

func TestForgedValuesAreRefused(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	digest := r.request(1).Terms().Digest()
	n := 0
	for _, value := range []string{"", "approve", "r-1|", "|x", "r-1|a|b", strings.Repeat("r-", 900), "g-0123456789|" + string(digest), "{\"admin\":true}"} {
		_, err := r.as("bob").ClickForged(t.Context(), m.Control("approve"), value)
		r.ok(err)
		n++
		r.wantHeard("bob", n, "does not know this button")
	}
	for value, says := range map[string]string{
		"r-0123456789|" + string(digest):                   "There is no request",
		string(r.request(1).ID) + "|0000000000000000":      "changed",
		string(r.request(1).ID) + "|" + "\u202e<!channel>": "changed",
	} {
		_, err := r.as("bob").ClickForged(t.Context(), m.Control("approve"), value)
		r.ok(err)
		n++
		r.wantHeard("bob", n, says)
	}
	r.settled()
	r.wantState(access.Pending)
}

func TestOwnRequestsAreForOthersToDecide(t *testing.T) {
	r := newRig(t)
	r.EditGroup("S0LEADS", func(g *slacktest.Group) { g.Users = append(g.Users, r.people["alice"]) })
	m := r.ask()
	r.presses("alice", m, "approve")
	r.wantHeard("alice", 2, "your own request")
	r.presses("alice", m, "deny")
	r.wantHeard("alice", 3, "your own request")
	r.wantState(access.Pending)
}

func TestWhoLeftTheGroupDecidesNoMore(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.EditGroup("S0LEADS", func(g *slacktest.Group) { g.Users = []string{r.people["carol"]} })
	r.presses("bob", m, "approve")
	r.wantHeard("bob", 1, "You cannot decide on this request")
	r.presses("carol", m, "approve")
	r.settled()
	r.wantState(access.Approved)
}

func TestGuestsAndOutsidersAreRefused(t *testing.T) {
	r := newRig(t)
	r.types("gus", "/access ec2-frontend 1h INC-42 disk full")
	r.wantHeard("gus", 1, "guest")
	r.types("gus", "/access list")
	r.wantHeard("gus", 2, "guest")
	r.types("gus", "/access ec2-fronted")
	if text := r.hears("gus", 3); !strings.Contains(text, "guest") || strings.Contains(text, "ec2-frontend") {
		t.Errorf("gus hears %q, want no names of targets", text)
	}
	r.types("gus", "/access")
	if v := r.view("gus", "guest"); strings.Contains(v.Text(), "Target") {
		t.Errorf("gus sees the form:\n%s", v.Text())
	}
	m := r.ask()
	for i, name := range []string{"gus", "eve"} {
		before := len(r.Calls())
		r.presses(name, m, "approve")
		r.hears(name, 4*(1-i)+i)
		for _, c := range r.Calls()[before:] {
			if c.Method == "users.info" && c.Args["user"] == r.people["eve"] {
				t.Error("slack was asked about somebody of another workspace")
			}
		}
	}
	r.wantHeard("eve", 1, "another workspace")
	r.settled()
	r.wantState(access.Pending)
	r.wantRequests(1)
	r.golden()
}

func TestAFormSentTwiceMakesOneRequest(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend")
	v := r.view("alice", "Ticket")
	r.submits("alice", v, slacktest.Values{"field.ticket": {"INC-42"}, "reason": {"disk full"}})
	_, err := r.as("alice").Resubmit(t.Context(), v.ID)
	r.ok(err)
	r.settled()
	_, err = r.as("alice").Resubmit(t.Context(), v.ID)
	r.ok(err)
	r.settled()
	r.wantRequests(1)
	if n := len(r.Messages(r.people["alice"])); n != 1 {
		t.Errorf("alice has %d messages, want her copy only", n)
	}
}

func TestAFormSubmittedByAnotherIsTheirOwnRequest(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend")
	v := r.view("alice", "Ticket")
	r.submits("carol", v, slacktest.Values{"field.ticket": {"INC-42"}, "reason": {"disk full"}})
	r.settled()
	r.wantRequests(1)
	if q := r.request(1); q.By.Name != "Carol Cole" {
		t.Errorf("the request is by %s", q.By.Name)
	}
}

func TestAFormOfTwoHoursAgoWorks(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend")
	v := r.view("alice", "Ticket")
	r.until("two hours passed", func() bool { return r.clk.Now().Sub(noon) > 30*time.Minute })
	r.clk.Advance(90 * time.Minute)
	r.until("connected again", func() bool { return len(r.Connections()) == 2 })
	reply := r.submits("alice", v, slacktest.Values{"field.ticket": {"INC-42"}, "reason": {"disk full"}})
	if reply.Error != "" || len(reply.Errors) > 0 {
		t.Errorf("reply %+v", reply)
	}
	r.settled()
	r.wantRequests(1)
}

// The flow files changed while a form was open: what it lacks is shown, with
// what was typed, and nothing was sent.
func TestAFormOlderThanTheFlowFilesIsRenewed(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-frontend")
	v := r.view("alice", "Ticket")
	more := `      - {name: host, label: Host, type: string, required: true}
    who:`
	r.setRules(strings.Replace(flowFile, "    who:", more, 1))
	r.submits("alice", v, slacktest.Values{"field.ticket": {"INC-42"}, "reason": {"disk full"}})
	v = r.view("alice", "Host")
	if !strings.Contains(v.Text(), "changed since you opened it") || !strings.Contains(v.Text(), "disk full") {
		t.Errorf("the form lost what was typed:\n%s", v.Text())
	}
	r.wantRequests(0)
	r.submits("alice", v, slacktest.Values{"field.host": {"web-1"}})
	r.settled()
	r.wantRequests(1)

	r.types("alice", "/access logs")
	v = r.view("alice", "Purpose")
	gone := strings.ReplaceAll(strings.ReplaceAll(flowFile, "  logs:         {", "  journal:      {"), "targets: [logs]", "targets: [journal]")
	r.setRules(strings.ReplaceAll(gone, "  logs:\n", "  journal:\n"))
	reply := r.submits("alice", v, slacktest.Values{"field.purpose": {"audit"}, "reason": {"last night"}})
	if !strings.Contains(reply.Errors["target"], `There is no target "logs"`) {
		t.Errorf("errors %v", reply.Errors)
	}
	r.golden()
}

func TestWithoutRulesNothingOpensAndEverythingEnds(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.presses("bob", m, "approve")
	r.settled()
	r.mu.Lock()
	r.rules = nil
	r.mu.Unlock()
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	r.wantHeard("alice", 2, "only ends access")
	r.types("alice", "/access")
	r.wantHeard("alice", 3, "only ends access")
	r.types("alice", "/access end")
	r.wantHeard("alice", 4, "is ending")
}

func TestRefusedByTheRulesAfterTheForm(t *testing.T) {
	r := newRig(t)
	r.types("alice", "/access ec2-backend 2h disk full")
	v := r.view("alice", "Ticket")
	r.submits("alice", v, slacktest.Values{"field.ticket": {"INC-42"}})
	r.settled()
	if text := r.shows("alice", 1); !strings.Contains(text, "The back end can be had for an hour at most") {
		t.Errorf("alice reads %q", text)
	}
	r.types("alice", "/access ec2-backend 2h INC-42 disk full")
	r.wantHeard("alice", 1, "The back end can be had for an hour at most")
	r.wantRequests(0)
}

func TestWhatWasReceivedBeforeACrashIsDealtWithAfter(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.stop()
	r.idle = true
	r.run()
	r.presses("bob", m, "approve")
	r.types("alice", "/access ec2-backend 1h INC-43 disk full there")
	r.wantState(access.Pending)
	if r.none(bot.IndexInbox) {
		t.Fatal("an acknowledged click is not stored")
	}
	r.stop()
	r.idle = false
	r.run()
	r.settled()
	r.wantState(access.Approved)
	r.wantRequests(2)
	r.wantHeard("alice", 2, "You asked for ec2-backend")
}

// What was sent and could not be taken up for a while gives nobody access; it
// still ends what is there.
func TestWhatWasReceivedLongAgoGivesNothing(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.types("alice", "/access ec2-backend 1h INC-43 disk full there")
	r.settled()
	second := r.request(2).ID
	r.presses("bob", r.message("C0ACCESS", 2), "approve")
	r.settled()
	r.opens(second)
	r.stop()
	r.idle = true
	r.run()
	r.presses("bob", m, "approve")
	r.types("alice", "/access ec2-frontend 1h INC-44 disk full again")
	r.presses("alice", r.message("alice", 1), "end")
	r.stop()
	r.clk.Advance(access.OpenWithin)
	r.idle = false
	r.run()
	r.settled()
	r.wantState(access.Pending)
	r.wantRequests(2)
	if g := r.grant(second); g.State != access.Closing {
		t.Errorf("the access is %s", g.State)
	}
	r.wantHeard("bob", 1, "Nothing was done with what you sent 15 minutes ago")
	if n := r.events(access.EventRefused) + r.events(access.EventDenial); n != 2 {
		t.Errorf("%d refusals are in the record, want 2", n)
	}
}

func TestACrashBeforeForgettingRepeatsNothing(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.breaks(func(c access.Commit) error {
		for _, change := range c.Changes {
			if change.Key.Kind == access.KindInbox && change.Data == nil {
				return access.ErrNoSpace
			}
		}
		return nil
	})
	r.presses("bob", m, "approve")
	r.await("approved", func() bool { return strings.Contains(r.message("C0ACCESS", 1).Text(), "Approved by") })
	r.stop()
	r.breaks(nil)
	r.run()
	r.settled()
	if n := r.events(access.EventApproved); n != 1 {
		t.Errorf("%d approvals, want 1", n)
	}
	if n := len(r.Ephemerals(r.people["bob"])) + len(r.Messages(r.people["bob"])); n != 0 {
		t.Errorf("bob was told %d things about his own click", n)
	}
}

func TestAFullDiskRefusesDecisionsAndLetsEndsThrough(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.presses("bob", m, "approve")
	r.settled()
	id := r.request(1).ID
	r.opens(id)
	r.types("alice", "/access ec2-frontend")
	v := r.view("alice", "Ticket")
	full := func(c access.Commit) error {
		for _, change := range c.Changes {
			if change.Key.Kind == access.KindInbox && change.Data != nil {
				return access.ErrNoSpace
			}
		}
		return nil
	}
	r.breaks(full)
	reply := r.submits("alice", v, slacktest.Values{"field.ticket": {"INC-42"}, "reason": {"disk full"}})
	if !strings.Contains(reply.Errors["reason"], "could not record") {
		t.Errorf("reply %+v", reply)
	}
	command := r.types("alice", "/access ec2-backend INC-42 disk full")
	if command.Message == nil || !strings.Contains(command.Message.Text(), "could not record") {
		t.Errorf("reply %+v", command)
	}
	r.wantRequests(1)
	_, err := r.as("alice").Click(t.Context(), r.message("alice", 1).Control("end"))
	r.ok(err)
	r.await("ending", func() bool { return strings.Contains(r.message("C0ACCESS", 1).Text(), "Ended early by Alice Ames") })
}

func TestAnErrorIsANumberForThePersonAndAWordForTheLog(t *testing.T) {
	r := newRig(t)
	r.breaks(func(c access.Commit) error {
		for _, change := range c.Changes {
			if change.Key.Kind == access.KindRequest {
				return errors.New("page 17 is torn")
			}
		}
		return nil
	})
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	text := r.hears("alice", 1)
	if !strings.Contains(text, "Something went wrong") || !strings.Contains(text, "e-") || strings.Contains(text, "torn") {
		t.Errorf("alice hears %q", text)
	}
}

func TestSlackDownAndUpAgain(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "usergroups.users.list", Times: 1})
	r.presses("bob", m, "approve")
	r.wantHeard("bob", 1, "who you are")
	r.wantState(access.Pending)
	r.Break(slacktest.Fault{Kind: slacktest.ServerError, Method: "chat.update"})
	r.presses("bob", m, "approve")
	r.until("approved", func() bool { return r.request(1).State == access.Approved })
	r.SetDown(true)
	r.clk.Advance(5 * time.Minute)
	r.SetDown(false)
	r.ClearFaults()
	r.until("told", func() bool { return r.none(access.IndexNotices) && len(r.Connections()) == 2 })
	if text := r.message("C0ACCESS", 1).Text(); !strings.Contains(text, "Approved by Bob Burr") {
		t.Errorf("the message was left as it was:\n%s", text)
	}
}

func TestACopyThatNobodyKnewOfIsRedrawnOnceItIsClicked(t *testing.T) {
	r := newRig(t)
	r.Break(slacktest.Fault{Kind: slacktest.LostAnswer, Method: "chat.postMessage", Times: 1})
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	r.until("posted twice", func() bool { return r.none(access.IndexNotices) && len(r.Messages("C0ACCESS")) == 2 })
	r.presses("bob", r.message("C0ACCESS", 1), "approve")
	r.until("told", func() bool { return r.none(access.IndexNotices) && r.none(bot.IndexInbox) })
	for n := 1; n <= 2; n++ {
		if text := r.message("C0ACCESS", n).Text(); !strings.Contains(text, "Approved by Bob Burr") {
			t.Errorf("copy %d was not redrawn:\n%s", n, text)
		}
	}
}

func TestAnAnswerThatComesTooLateIsAMessage(t *testing.T) {
	r := newRig(t)
	r.stop()
	r.idle = true
	r.run()
	r.types("alice", "/access ec2-backend 2h INC-42 disk full")
	r.stop()
	r.clk.Advance(31 * time.Minute)
	r.idle = false
	r.run()
	r.settled()
	if text := r.shows("alice", 1); !strings.Contains(text, "The back end can be had for an hour at most") {
		t.Errorf("alice reads %q", text)
	}
}

func TestEvents(t *testing.T) {
	r := newRig(t)
	m := r.ask()
	// Bob's profile is known by now; his leaving is believed at once.
	r.presses("bob", m, "approve")
	r.settled()
	asked := func() int {
		n := 0
		for _, c := range r.Calls() {
			if c.Method == "users.info" && c.Args["user"] == r.people["alice"] {
				n++
			}
		}
		return n
	}
	before := asked()
	r.EditUser(r.people["alice"], func(u *slacktest.User) { u.RealName = "Alice Adams" })
	r.await("the event is acknowledged", func() bool {
		return slices.ContainsFunc(r.Envelopes(), func(e slacktest.Envelope) bool {
			return e.Outcome == slacktest.Acked && strings.Contains(string(e.Payload), "user_change")
		})
	})
	r.types("alice", "/access ec2-backend INC-42 disk full")
	r.settled()
	if asked() == before {
		t.Error("what was known about alice was believed after it changed")
	}
	r.Uninstall()
	r.until("alarmed", func() bool { return !r.none(access.IndexNotices) })
}

func TestWhoLeavesSlackLosesWhatTheyHave(t *testing.T) {
	for name, leave := range map[string]func(*slacktest.User){
		"deactivated":   func(u *slacktest.User) { u.Deleted = true },
		"made a guest":  func(u *slacktest.User) { u.Restricted = true },
		"made a lesser": func(u *slacktest.User) { u.UltraRestricted = true },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.presses("bob", r.ask(), "approve")
			r.settled()
			held := r.request(1).ID
			r.opens(held)
			r.types("alice", "/access ec2-backend INC-42 disk full")
			r.settled()
			r.EditUser(r.people["bob"], func(u *slacktest.User) { u.RealName = "Robert Burr" })
			r.EditUser(r.people["alice"], leave)
			grant := func() access.Grant {
				g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: held.Grant()}.Key())
				r.ok(err)
				return g
			}
			r.await("her access is ended", func() bool { return grant().State == access.Closing })
			r.await("her request is denied", func() bool { return r.none(access.IndexPending) })
			r.settled()
			if text := r.message("C0ACCESS", 1).Text(); !strings.Contains(text, "Ended early by Sesame") || !strings.Contains(text, "Alice Ames is no longer an active member.") {
				t.Errorf("the channel reads %q", text)
			}
			if text := r.message("C0ACCESS", 2).Text(); !strings.Contains(text, "Denied by Sesame") || strings.Contains(text, "[Approve Request]") {
				t.Errorf("the channel reads %q", text)
			}
		})
	}
}

func TestTypeAheadFitsIntoAnAcknowledgement(t *testing.T) {
	r := newRig(t)
	var targets, names strings.Builder
	for i := range 300 {
		label := strings.Repeat("ä", 60)
		fmt.Fprintf(&targets, "  t%03d: {label: %q, strategy: sso, account: \"222222222222\", permission_set: P, session: 1h, tags: {env: prod}}\n", i, label)
		fmt.Fprintf(&names, "t%03d, ", i)
	}
	many := strings.Replace(flowFile, "targets:\n", "targets:\n"+targets.String(), 1)
	r.setRules(strings.Replace(many, "targets: [logs]", "targets: ["+names.String()+"logs]", 1))
	r.types("alice", "/access")
	v := r.view("alice", "Target")
	for typed, want := range map[string]int{"": 50, "t29": 10, "log": 1, "nothing": 0} {
		options, err := r.as("alice").Suggest(t.Context(), v.Control("target"), typed)
		r.ok(err)
		if len(options) < want || want < 50 && len(options) != want {
			t.Errorf("%q offers %d targets, want %d", typed, len(options), want)
		}
	}
}

func TestShortcut(t *testing.T) {
	r := newRig(t)
	reply, err := r.as("alice").Shortcut(t.Context(), "request_access")
	r.ok(err)
	if reply.Error != "" {
		t.Error(reply.Error)
	}
	r.view("alice", "Target")
}
