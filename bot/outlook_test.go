package bot_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
)

// fenced adds targets that only some may ask for: by a list, and by a group in
// Slack.
const fenced = `
  ledger:
    targets: [ledger]
    duration: {choices: [1h]}
    who: 'in_group("finance", requester)'
    routes: [{name: leads, approvers: {groups: [leads]}}]
  oncall:
    targets: [oncall]
    duration: {choices: [1h]}
    who: 'in_group("leads", requester)'
    routes: [{name: self, self_approve: true}]
`

func (r *rig) fence() {
	r.t.Helper()
	target := `{strategy: sso, account: "222222222222", permission_set: P, session: 1h, tags: {env: prod}}`
	yaml := strings.Replace(flowFile, "targets:\n", "targets:\n  ledger: "+target+"\n  oncall: "+target+"\n", 1)
	yaml = strings.Replace(yaml, "groups:\n", "groups:\n  finance: {members: [bob@example.com]}\n", 1)
	r.setRules(yaml + fenced)
}

// listed returns what /access list answers somebody.
func (r *rig) listed(name string) string {
	r.t.Helper()
	n := len(r.Ephemerals(r.people[name]))
	r.types(name, "/access list")
	return r.hears(name, n+1)
}

func TestOnlyWhatOneMayAskForIsShown(t *testing.T) {
	r := newRig(t)
	r.fence()
	shows := func(name, when string, want map[string]bool) {
		t.Helper()
		text := r.listed(name)
		for target, shown := range want {
			if strings.Contains(text, target) != shown {
				t.Errorf("%s: %s is shown %s: %v\n%s", when, name, target, !shown, text)
			}
		}
	}
	// Nobody has asked Slack who the leads are, so that may be everybody.
	shows("alice", "at first", map[string]bool{"ec2-frontend": true, "ledger": false, "oncall": true})
	shows("bob", "at first", map[string]bool{"ec2-frontend": true, "ledger": true, "oncall": true})

	// What is hidden can be asked for all the same: the rules say what they say.
	for name, says := range map[string]string{"alice": "You are not among those who may ask", "carol": "You asked for"} {
		r.types(name, "/access oncall 1h a look at the queue")
		r.settled()
		r.wantHeard(name, len(r.Ephemerals(r.people[name])), says)
	}
	shows("alice", "once it is known", map[string]bool{"oncall": false, "logs": true})
	shows("carol", "once it is known", map[string]bool{"oncall": true})
	r.types("alice", "/access")
	if offers := fmt.Sprint(r.view("alice", "Target").Blocks); strings.Contains(offers, "ledger") || !strings.Contains(offers, "logs") {
		t.Errorf("the form offers %s", offers)
	}
	// A target that a line names is offered, as it would be refused by name.
	r.types("alice", "/access ledger 1h")
	r.view("alice", "[ledger")

	r.clk.Advance(facts.ShownAge + time.Second)
	shows("alice", "when it is too long ago", map[string]bool{"oncall": true, "ledger": false})
}

func TestTheFormSaysWhoDecides(t *testing.T) {
	r := newRig(t)
	r.fence()
	for target, want := range map[string]string{
		"logs":         "For 15 minutes: approved automatically. For 4 hours: to be approved by bob@example.com, carol@example.com.",
		"ec2-frontend": "To be approved by leads.",
		"oncall":       "Approved by yourself.",
	} {
		r.types("carol", "/access "+target)
		if text := r.view("carol", "["+target).Text(); !strings.Contains(text, want) {
			t.Errorf("%s: the form says\n%s\nwant %q", target, text, want)
		}
	}
}

// veiled adds targets that only some see: by a list, by a group in Slack, and
// while they are on call.
const veiled = `
  ledger:
    targets: [ledger]
    duration: {choices: [1h]}
    who: 'in_group("finance", requester)'
    visible_when: 'in_group("finance", requester)'
    routes: [{name: leads, approvers: {groups: [leads]}}]
  vault:
    targets: [vault]
    duration: {choices: [1h]}
    who: 'in_group("leads", requester)'
    visible_when: 'in_group("leads", requester)'
    routes: [{name: self, self_approve: true}]
  pager:
    targets: [pager]
    duration: {choices: [1h]}
    who: 'in_group("engineering", requester)'
    visible_when: 'on_call("platform", requester)'
    routes: [{name: self, self_approve: true}]
`

func (r *rig) veil() {
	r.t.Helper()
	target := `{strategy: sso, account: "222222222222", permission_set: P, session: 1h, tags: {env: prod}}`
	yaml := strings.Replace(flowFile, "targets:\n", "targets:\n  ledger: "+target+"\n  vault: "+target+"\n  pager: "+target+"\n", 1)
	yaml = strings.Replace(yaml, "groups:\n", "on_call: {platform: {static: {people: [bob@example.com]}}}\ngroups:\n  finance: {members: [bob@example.com]}\n", 1)
	r.setRules(yaml + veiled)
}

// seesOnly fails unless text names exactly these of the veiled targets.
func (r *rig) seesOnly(what, text string, names ...string) {
	r.t.Helper()
	for _, name := range []string{"ledger", "vault", "pager"} {
		if strings.Contains(text, name) != slices.Contains(names, name) {
			r.t.Errorf("%s: %s is shown: %t\n%s", what, name, strings.Contains(text, name), text)
		}
	}
}

func TestWhatIsHiddenIsNowhere(t *testing.T) {
	r := newRig(t)
	r.veil()
	// The first who comes is told of nothing before it is known what they see.
	r.types("alice", "/access")
	r.seesOnly("a form", r.view("alice", "Target").Text()+fmt.Sprint(r.view("alice", "Target").Blocks))
	r.seesOnly("alice's list", r.listed("alice"))
	r.seesOnly("bob's list", r.listed("bob"), "ledger", "vault")
	r.types("bob", "/access ledger 1h")
	r.seesOnly("bob's form", fmt.Sprint(r.view("bob", "[ledger").Blocks), "ledger", "vault")
	for _, line := range []string{"ledgr 1h", "ledger", "ledger 1h", "ledger 7h because of everything"} {
		n := len(r.Ephemerals(r.people["alice"]))
		r.types("alice", "/access "+line)
		text := r.hears("alice", n+1)
		if !strings.Contains(text, "There is no target") || strings.Contains(strings.ReplaceAll(text, strings.Fields(line)[0], ""), "ledger") {
			t.Errorf("%s: %s", line, text)
		}
	}
	n := len(r.Ephemerals(r.people["alice"]))
	r.types("alice", "/access extend ledgr 1h because")
	if text := r.hears("alice", n+1); strings.Contains(text, "ledger") {
		t.Errorf("extending: %s", text)
	}
	// A complete line is for the Desk to judge, and by it the same.
	r.types("alice", "/access ledger 1h because of the month's end")
	r.settled()
	r.wantHeard("alice", len(r.Ephemerals(r.people["alice"])), "There is no target")
}

func TestWhoIsOnCallSeesMore(t *testing.T) {
	r := newRig(t)
	r.veil()
	r.world.Fail(factstest.Schedules, errors.New("no answer"))
	r.seesOnly("nobody can say who is on call", r.listed("bob"), "ledger", "vault")
	r.world.Fail(factstest.Schedules, nil)
	r.world.SetOnCall("platform", strings.TrimPrefix(r.people["bob"], "U"))
	r.seesOnly("bob is on call", r.listed("bob"), "ledger", "vault", "pager")
	r.seesOnly("carol is not", r.listed("carol"), "vault")
}
