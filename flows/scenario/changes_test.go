package scenario_test

import (
	"slices"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/scenario"
)

// changedRules are what the rules of allOfIt become and cease to be: shorter
// access, one person less, and others who decide. What is counted stays.
var changedRules = [][2]string{
	{"duration: {choices: [30m, 1h]}", "duration: {choices: [30m]}"},
	{`'in_group("engineering", requester)'`, `'in_group("engineering", requester) and requester.email != "dave@example.com"'`},
	{"any_of: [{groups: [frontend-leads], count: 2}, {groups: [security]}]", "approvers: {groups: [security], count: 2}"},
}

// TestRandomChanges has the rules, the people and the server change while
// requests wait, and checks what is granted then.
func TestRandomChanges(t *testing.T) {
	did := histories(t, 11, func(random *history) {
		h := &changing{history: random, away: map[string]bool{}}
		for range 100 {
			h.change()
			h.step()
			h.decide()
			h.holds()
			h.granted()
			h.gone()
			h.heard()
		}
		h.mute = false
		h.settle()
	})
	for _, of := range []string{"granted", "not counted"} {
		if did[of] == 0 {
			t.Errorf("nothing was %s: these histories show little", of)
		}
	}
}

// A changing history is one in which what requests are judged by changes.
type changing struct {
	*history
	away map[string]bool // who is deactivated
	seen []access.RequestID
}

// change has something change, or not.
func (h *changing) change() {
	switch h.rng.IntN(8) {
	case 0:
		yaml := string(h.story.Flows)
		for _, c := range changedRules {
			if h.rng.IntN(2) == 0 {
				yaml = strings.Replace(yaml, c[0], c[1], 1)
			}
		}
		h.rules.Store(h.load([]byte(yaml)))
	case 1:
		h.leaveOrReturn()
	case 2:
		h.stop()
		h.start()
	case 3:
		h.people.SetSlackGroup(leads, h.one("bob", "carol"), h.one("carol", "dave"))
	case 4:
		h.mute = !h.mute
	}
}

// leaveOrReturn has somebody come back who has left, or somebody leave: if
// possible one whose approval waits for another's.
func (h *changing) leaveOrReturn() {
	for who, away := range h.away {
		if away {
			h.away[who] = false
			h.people.ChangeProfile(h.people.Account(who), func(p *facts.Profile) { p.Kind = facts.Member })
			return
		}
	}
	who := h.one("alice", "bob", "carol", "dave")
	for _, r := range h.requests() {
		if n := len(r.Decisions); n > 0 && r.State == access.Pending {
			who = r.Decisions[n-1].Name
		}
	}
	h.away[who] = true
	h.ok(h.leaves(who, facts.Deleted))
}

// decide has somebody approve what waits.
func (h *changing) decide() {
	n := h.recent(func(r access.Request) bool { return r.State == access.Pending })
	if n == 0 {
		return
	}
	_, err := h.Say(h.t.Context(), scenario.Act{Who: h.one("bob", "carol", "dave"), Verb: "approve", Request: n})
	h.ok(err)
}

func (h *changing) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// granted checks what was approved since it was called last: by people who are
// all still there, for what the rules of now give, and by the route of now.
func (h *changing) granted() {
	h.t.Helper()
	for _, r := range h.requests() {
		if slices.ContainsFunc(r.Decisions, func(d access.Decision) bool { return d.Left }) {
			h.did["not counted"]++
		}
		if r.State != access.Approved || slices.Contains(h.seen, r.ID) {
			continue
		}
		h.seen = append(h.seen, r.ID)
		h.did["granted"]++
		rules := h.rules.Load()
		flow, _ := rules.Flow(r.Target.Name)
		choices := flow.Durations
		if r.Extends != "" {
			choices = flow.Extend.Choices
		}
		if !slices.Contains(choices, r.Duration) || r.Verdict.Revision != rules.Revision() {
			h.t.Fatalf("%s was granted for %s by the rules %s, and those of now are %s", r.ID, r.Duration, r.Verdict.Revision, rules.Revision())
		}
		for _, d := range r.Decisions {
			if r.Counts(d) && h.away[d.Name] {
				h.t.Fatalf("%s was granted since %s approved it, who has left", r.ID, d.Name)
			}
		}
	}
}

// heard checks that no glass was broken in silence, whoever had the same access
// already.
func (h *changing) heard() {
	h.t.Helper()
	for _, g := range h.grants() {
		r := h.request(g.Request)
		if !r.BreakGlass || g.OpenedAt.IsZero() {
			continue
		}
		if len(r.Announcements) == 0 || g.OpenedAt.Before(r.Announcements[0].At) {
			h.t.Fatalf("%s of %s was opened at %v and announced %v", g.ID, r.By.Name, g.OpenedAt, r.Announcements)
		}
	}
}

// gone checks that who has left holds nothing, and asks for nothing.
func (h *changing) gone() {
	h.t.Helper()
	for who := range h.away {
		if !h.away[who] {
			continue
		}
		for _, g := range h.grants() {
			if h.request(g.Request).By.Name == who && (g.State == access.Open || g.State == access.Opening) {
				h.t.Fatalf("%s has left and holds %s, which is %s", who, g.Target, g.State)
			}
		}
		for _, r := range h.requests() {
			if r.By.Name == who && r.State == access.Pending {
				h.t.Fatalf("%s has left and asks for %s", who, r.Target.Name)
			}
		}
	}
}
