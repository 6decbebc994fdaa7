package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/bot"
	"sesame/bot/slacktest"
	"sesame/flows/access"
)

// moreFlows is flowFile with access that can be extended, and glass that bob
// may break.
func moreFlows() string {
	more := strings.Replace(flowFile, "channels: {access: C0ACCESS}", "channels: {access: C0ACCESS, random: C0RANDOM}", 1)
	return strings.Replace(more, "    routes:\n      - {name: leads,", `    extend: {choices: [15m, 30m], default: 30m, count: 2, total: 45m}
    routes:
      - {name: emergency, when: 'requester.email == "bob@example.com"', self_approve: true, announce: random, review_within: 24h}
      - {name: leads,`, 1)
}

// moreRig is a rig in which Alice has access for an hour.
func moreRig(t *testing.T) (*rig, access.RequestID) {
	t.Helper()
	r := newRig(t)
	r.EditChannel("C0RANDOM", func(c *slacktest.Channel) { c.Members = append(c.Members, r.BotUser()) })
	r.setRules(moreFlows())
	r.types("alice", "/access ec2-frontend 1h INC-42 disk full")
	r.settled()
	id := r.request(1).ID
	_, err := r.as("bob").Click(t.Context(), r.message("C0ACCESS", 1).Control("approve"))
	r.ok(err)
	r.settled()
	r.opens(id)
	r.log.Reset()
	return r, id
}

func (r *rig) grant(id access.RequestID) access.Grant {
	r.t.Helper()
	g, _, err := access.Load[access.Grant](r.t.Context(), r.store, access.Grant{ID: id.Grant()}.Key())
	r.ok(err)
	return g
}

func TestExtending(t *testing.T) {
	r, id := moreRig(t)
	r.shows("alice", 1)
	r.clk.Advance(10 * time.Minute)
	r.types("alice", "/access extend 15m still copying <!channel>")
	r.hears("alice", 2)
	r.settled()
	r.shows("C0ACCESS", 2)
	r.presses("bob", r.message("C0ACCESS", 2), "approve")
	r.settled()
	if ends := r.grant(id).EndsAt; !ends.Equal(noon.Add(75 * time.Minute)) {
		t.Errorf("it ends %v", ends)
	}
	for n := range 2 {
		r.shows("C0ACCESS", n+1)
		r.shows("alice", n+1)
	}

	_, err := r.as("alice").Click(t.Context(), r.message("alice", 1).Control("extend"))
	r.ok(err)
	r.printf("alice presses Extend")
	v := r.view("alice", "Extend access")
	reply := r.submits("alice", v, map[string][]string{"reason": {" \u202e "}, "duration": {"30m0s"}})
	if len(reply.Errors) != 1 {
		t.Errorf("errors %v", reply.Errors)
	}
	r.submits("alice", v, map[string][]string{"reason": {"and *verifying*"}, "duration": {"30m0s"}})
	r.settled()
	r.shows("alice", 3)
	r.presses("bob", r.message("C0ACCESS", 3), "deny")
	r.submits("bob", r.view("bob", "Deny request"), map[string][]string{"reason": {"enough"}})
	r.settled()
	r.shows("alice", 4)
	r.trail("C0ACCESS", 1)
	r.golden()
}

func TestExtendingWhatAndByHowMuch(t *testing.T) {
	r, id := moreRig(t)
	for _, text := range []string{
		"/access extend",
		"/access extend ec2-frontend 5h still copying",
		"/access extend ec2-frontned 15m still copying",
		"/access extend logs 15m still copying",
	} {
		n := len(r.Ephemerals(r.people["alice"]))
		r.types("alice", text)
		switch {
		case strings.Contains(text, "ec2-frontned") || strings.Contains(text, "logs"):
			r.hears("alice", n+1)
		case strings.Contains(text, "5h"):
			r.view("alice", "cannot be extended by 5 hours") // the form before it says less
		default:
			r.view("alice", "ends")
		}
	}
	r.types("alice", "/access extend "+string(id.Grant())+" 15m still copying")
	r.settled()
	r.shows("C0ACCESS", 2)
	_, err := r.as("alice").Click(t.Context(), r.Ephemerals(r.people["alice"])[len(r.Ephemerals(r.people["alice"]))-1].Control("withdraw"))
	r.ok(err)
	r.settled()
	r.shows("C0ACCESS", 2)
	r.types("alice", "/access end "+string(r.request(2).ID))
	r.settled()
	if g := r.grant(id); g.State != access.Closing {
		t.Errorf("the grant is %s", g.State)
	}
	n := len(r.Ephemerals(r.people["bob"]))
	r.types("bob", "/access extend 15m mine")
	r.hears("bob", n+1)
	r.golden()
}

func TestBreakingGlass(t *testing.T) {
	r, _ := moreRig(t)
	reply := r.types("bob", "/access help")
	if !strings.Contains(reply.Message.Text(), "[Break Glass…]") {
		t.Error("help lacks the button that breaks glass")
	}
	r.types("bob", "/access list")
	r.hears("bob", 2)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	v := r.view("bob", "Type ec2-frontend to confirm")
	if n := r.requests(); n != 1 {
		t.Fatalf("a line made request %d", n)
	}
	answers := map[string][]string{"confirm": {"ec2-fronted"}, "incident": {" \u202e"}, "field.ticket": {"INC-7"}}
	if wrong := r.submits("bob", v, answers); len(wrong.Errors) != 2 {
		t.Errorf("errors %v, want both at once", wrong.Errors)
	}
	answers["confirm"], answers["incident"], answers["reason"] = []string{"ec2-frontend"}, []string{"INC-7 <!channel>"}, []string{"all is *down* <https://evil.example|ok>"}
	r.submits("bob", v, answers)
	r.settled()
	r.shows("bob", 1)
	m := r.message("C0RANDOM", 1)
	r.shows("C0RANDOM", 1)
	if who := m.Notifies(); !slices.Equal(who, []string{r.people["bob"]}) {
		t.Errorf("the announcement notifies %v, want who broke the glass", who)
	}
	r.shows("carol", 1)
	q := r.request(2)
	if q.State != access.Approved || !q.BreakGlass || len(q.Announcements) != 1 || q.Incident != "INC-7 <!channel>" {
		t.Errorf("the request is %+v", q)
	}
	r.opens(q.ID)
	r.shows("bob", 2)
	r.golden()
}

func TestReviewing(t *testing.T) {
	r, _ := moreRig(t)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	v := r.view("bob", "Type ec2-frontend to confirm")
	r.submits("bob", v, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-7"}})
	r.settled()
	r.log.Reset()
	m := r.message("C0RANDOM", 1)
	r.presses("bob", m, "review")
	r.hears("bob", 1)
	r.presses("alice", m, "review")
	finding := map[string][]string{"reason": {"All was <!here> *down*."}}
	r.submits("alice", r.view("alice", "What you found"), finding)
	r.settled()
	r.shows("alice", 2)
	_, _, err := r.as("carol").OpenHome()
	r.ok(err)
	r.await("carol's home has it", func() bool {
		v, ok := r.Home(r.people["carol"])
		return ok && strings.Contains(v.Text(), "To be reviewed")
	})
	home, _ := r.Home(r.people["carol"])
	r.print("carol's home", home.Text())
	_, err = r.as("carol").Click(t.Context(), home.Control("review"))
	r.ok(err)
	r.submits("carol", r.view("carol", "What you found"), finding)
	r.settled()
	r.shows("C0RANDOM", 1)
	r.trail("C0RANDOM", 1)
	r.presses("carol", m, "review")
	r.hears("carol", 1)
	r.golden()
}

func TestBrokenGlassIsStoredBeforeItsAck(t *testing.T) {
	r, _ := moreRig(t)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	v := r.view("bob", "Type ec2-frontend to confirm")
	r.stop()
	r.idle = true // it dies right after the ack
	r.run()
	reply := r.submits("bob", v, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-7"}})
	if len(reply.Errors) != 0 || r.none(bot.IndexInbox) {
		t.Fatalf("reply %+v; nothing is stored", reply)
	}
	r.stop()
	r.idle = false
	r.run()
	r.settled()
	if q := r.request(2); !q.BreakGlass || q.State != access.Approved {
		t.Errorf("the request is %+v", q)
	}
}

func TestTheShortcutOpensTheFormThatBreaksGlass(t *testing.T) {
	r, _ := moreRig(t)
	_, err := r.as("bob").Shortcut(t.Context(), "break_glass")
	r.ok(err)
	v := r.view("bob", "Break glass")
	_, err = r.as("bob").Enter(t.Context(), v.Control("target"), "ec2-frontend")
	r.ok(err)
	v = r.view("bob", "Type ec2-frontend to confirm")
	_, err = r.as("bob").CloseView(t.Context(), v.ID)
	r.ok(err)
	r.types("bob", "/access break-glass logs INC-7 all is down")
	v = r.view("bob", "logs has no break-glass route")
	_, err = r.as("bob").CloseView(t.Context(), v.ID)
	r.ok(err)
	r.setRules(flowFile)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	r.view("bob", "There is no glass to break")
	if n := r.requests(); n != 1 {
		t.Errorf("%d requests, want Alice's", n)
	}
}

func TestOneFormBreaksTheGlassOnce(t *testing.T) {
	r, _ := moreRig(t)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	v := r.view("bob", "Type ec2-frontend to confirm")
	r.submits("bob", v, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-7"}})
	_, err := r.as("bob").Resubmit(t.Context(), v.ID)
	r.ok(err)
	r.settled()
	if n := r.requests(); n != 2 {
		t.Errorf("%d requests, want Alice's and one of Bob's", n)
	}
	if n := len(r.Messages("C0RANDOM")); n != 1 {
		t.Errorf("%d announcements", n)
	}
}

func TestWhomTheRulesDoNotNameBreaksNoGlass(t *testing.T) {
	r, _ := moreRig(t)
	r.types("carol", "/access break-glass ec2-frontend INC-7 all is down")
	v := r.view("carol", "Type ec2-frontend to confirm")
	r.submits("carol", v, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-7"}})
	r.settled()
	if text := r.message("carol", 1).Text(); !strings.Contains(text, "You cannot break the glass here") {
		t.Errorf("carol is told %q", text)
	}
	if n := len(r.Messages("C0RANDOM")); r.requests() != 1 || n != 0 {
		t.Errorf("%d requests and %d announcements", r.requests(), n)
	}
}

func TestFormsOlderThanTheFlowFilesSaySo(t *testing.T) {
	r, id := moreRig(t)
	r.types("bob", "/access break-glass ec2-frontend INC-7 all is down")
	glass := r.view("bob", "Type ec2-frontend to confirm")
	r.types("alice", "/access extend")
	extend := r.view("alice", "Extend access")
	r.setRules(strings.Replace(strings.Replace(moreFlows(), "choices: [15m, 30m], default: 30m", "choices: [10m]", 1), "name: ticket", "name: change", 1))
	reply := r.submits("bob", glass, map[string][]string{"confirm": {"ec2-frontend"}, "field.ticket": {"INC-7"}})
	if reply.View == nil || !strings.Contains(reply.View.Text(), "This form changed since you opened it") {
		t.Errorf("reply %+v", reply)
	}
	reply = r.submits("alice", extend, map[string][]string{"duration": {"30m0s"}, "reason": {"still copying"}})
	if !strings.Contains(reply.Errors["duration"], "choose 10 minutes") {
		t.Errorf("errors %v", reply.Errors)
	}
	if g := r.grant(id); len(g.Extensions) > 0 || r.requests() != 1 {
		t.Errorf("grant %+v of %d requests", g, r.requests())
	}
}

func TestTheMenuOffersGlassThatThereIs(t *testing.T) {
	r, _ := moreRig(t)
	var targets, names strings.Builder
	for i := range 101 {
		fmt.Fprintf(&targets, "  t%03d: {strategy: sso, account: \"222222222222\", permission_set: Logs, session: 1h, tags: {env: prod}}\n", i)
		fmt.Fprintf(&names, "t%03d, ", i)
	}
	many := strings.Replace(moreFlows(), "targets:\n", "targets:\n"+targets.String(), 1)
	r.setRules(strings.Replace(many, "targets: [ec2-frontend, ", "targets: ["+names.String()+"ec2-frontend, ", 1))
	r.types("bob", "/access break-glass")
	v := r.view("bob", "Break glass")
	for typed, want := range map[string]int{"t00": 10, "logs": 0, "ec2": 2} {
		options, err := r.as("bob").Suggest(t.Context(), v.Control("target"), typed)
		r.ok(err)
		if len(options) != want {
			t.Errorf("%q offers %d targets, want %d", typed, len(options), want)
		}
	}
}
