package scenario_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/scenario"
)

// allOfIt are rules with all that can come together: stages, silence,
// extensions, broken glass and limits.
const allOfIt = `All of it.
-- rules.yaml --
flows:
  staged:
    targets: [ec2-frontend]
    duration: {choices: [30m, 1h]}
    who: 'in_group("engineering", requester)'
    extend: {choices: [15m, 30m], count: 2, total: 45m}
    limits: {at_once_per_target: 2, per_day: 4h}
    routes:
      - name: glass
        when: 'in_group("security", requester)'
        self_approve: true
        announce: security
        review_within: 3h
        budget: {uses: 2, per: 24h}
        cool_down: 1h
      - name: staged
        stages:
          - any_of: [{groups: [frontend-leads], count: 2}, {groups: [security]}]
          - approvers: {groups: [frontend-leads, engineering]}
        notify: [access]
        after: [{in: 2h, approvers: {groups: [security]}}, {in: 5h, deny: true}]
  automatic:
    targets: [sandbox, billing-readonly]
    duration: {choices: [30m, 1h]}
    who: 'in_group("engineering", requester)'
    extend: {choices: [30m], count: 3, total: 1h}
    limits: {at_once: 1, cool_down: 30m}
    routes:
      - {name: few, auto_approve: true, quota: {count: 4, per: 24h}, notify: [access]}
      - {name: leads, approvers: {groups: [frontend-leads]}, notify: [access], lapse_after: 3h}
-- story --
the record holds
`

// TestRandomHistories has people do what they like, in whatever order, and
// checks after each step what has to be true whatever they did.
func TestRandomHistories(t *testing.T) {
	did := histories(t, 7, func(h *history) {
		for range 80 {
			h.step()
			h.holds()
		}
		h.settle()
	})
	for _, verb := range []string{"ask", "approve", "extend", "break", "review", "deny", "end"} {
		if did[verb+" done"] == 0 || did[verb+" refused"] == 0 {
			t.Errorf("%s was done %d times and refused %d times: these histories show little", verb, did[verb+" done"], did[verb+" refused"])
		}
	}
}

// histories plays some, by random numbers of a stream, and returns how often what
// was done in them.
func histories(t *testing.T, stream uint64, play func(*history)) (did map[string]int) {
	t.Helper()
	s, err := scenario.Parse([]byte(allOfIt))
	if err != nil {
		t.Fatal(err)
	}
	did = map[string]int{}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &history{world: newWorld(t, s), rng: rand.New(rand.NewPCG(seed, stream)), did: did}
				defer func() { h.stop() }()
				play(h)
			})
		})
	}
	return did
}

// A history is a random one.
type history struct {
	*world
	rng *rand.Rand
	did map[string]int // how often, by verb and answer
}

func (h *history) one(of ...string) string { return of[h.rng.IntN(len(of))] }

// step has something happen.
func (h *history) step() {
	a := scenario.Act{Who: h.one("alice", "bob", "dave", "carol", "alice", "dave")}
	switch n := h.rng.IntN(24); {
	case n < 5:
		a.Verb, a.Text = "ask", h.one("ec2-frontend", "sandbox", "billing-readonly", "ec2-frontend")+" "+h.one("30m", "1h")+" disk full"
	case n < 11:
		a.Verb, a.Request = "approve", h.recent(func(r access.Request) bool { return r.State == access.Pending })
	case n < 15:
		a = h.held(a)
		a.Verb, a.Text = "extend", h.one("15m", "30m", "30m", "1h")+" and longer"
	case n < 17:
		a.Verb, a.Text = "break", h.one("ec2-frontend", "sandbox")+" 1h INC-7 all is down"
	case n < 19:
		a.Verb, a.Text, a.Request = "review", "it was fine", h.recent(func(r access.Request) bool { return r.Review.Open() })
	case n < 20:
		a.Verb, a.Request = h.one("deny", "withdraw"), h.recent(func(r access.Request) bool { return r.State == access.Pending })
	case n < 21:
		a = h.held(a)
		a.Verb = "end"
	default:
		h.pass(time.Duration(h.rng.IntN(50)) * time.Minute)
		return
	}
	if a.Request == 0 && a.Verb != "ask" && a.Verb != "break" {
		return
	}
	shown, err := h.Say(h.t.Context(), a)
	if err != nil {
		h.t.Fatal(err)
	}
	if shown != "done" {
		shown = "refused"
	}
	h.did[a.Verb+" "+shown]++
	h.pass(time.Duration(h.rng.IntN(20)) * time.Second)
}

// recent returns one of the latest requests, of those that are wanted more
// often than not; 0 while there is none.
func (h *history) recent(wanted func(access.Request) bool) int {
	var some []int
	for i, id := range h.asked {
		if h.rng.IntN(8) == 0 || wanted(h.request(id)) {
			some = append(some, i+1)
		}
	}
	if len(some) == 0 {
		return 0
	}
	return some[len(some)-1-h.rng.IntN(min(4, len(some)))]
}

// held returns a for access that is there, mostly by who holds it.
func (h *history) held(a scenario.Act) scenario.Act {
	open := map[access.RequestID]bool{}
	for _, g := range h.grants() {
		open[g.Request] = g.State == access.Open
	}
	a.Request = h.recent(func(r access.Request) bool { return open[r.ID] })
	if a.Request > 0 && h.rng.IntN(6) > 0 {
		a.Who = h.request(h.asked[a.Request-1]).By.Name
	}
	return a
}

func (h *history) pass(d time.Duration) {
	if err := h.Pass(h.t.Context(), d); err != nil {
		h.t.Fatal(err)
	}
}

// settle lets everything come to its end, and wants nothing to be left.
func (h *history) settle() {
	for range 8 {
		h.pass(4 * time.Hour)
		h.holds()
	}
	for _, r := range h.requests() {
		if r.State == access.Pending {
			h.t.Errorf("%s waits for ever", r.ID)
		}
	}
	for _, g := range h.grants() {
		if g.State != access.Closed {
			h.t.Errorf("%s is %s at the end", g.ID, g.State)
		}
	}
	for _, who := range []string{"alice", "bob", "carol", "dave"} {
		if has := h.has(who); has != "nothing" {
			h.t.Errorf("%s has %s at the end", who, has)
		}
	}
	if record := h.record(h.t.Context()); record != "holds" {
		h.t.Errorf("the record: %s", record)
	}
}

func (h *history) requests() []access.Request { return all[access.Request](h, access.IndexRequests) }
func (h *history) grants() []access.Grant     { return all[access.Grant](h, access.IndexGrants) }

func all[T any](h *history, index string) (list []T) {
	err := access.Each(h.t.Context(), h.store, access.Query{Index: index}, func(rec access.Record) error {
		v, err := access.Decode[T](rec)
		list = append(list, v)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// holds checks what is always true.
func (h *history) holds() {
	h.t.Helper()
	requests, grants := map[access.RequestID]access.Request{}, h.grants()
	for _, r := range h.requests() {
		requests[r.ID] = r
	}
	for _, g := range grants {
		h.lasts(g, requests)
	}
	h.extensions(grants, requests)
	h.limited(grants)
	h.decided(requests)
	h.glass(requests)
}

// lasts checks that g ends when what was granted is over, and not later.
func (h *history) lasts(g access.Grant, requests map[access.RequestID]access.Request) {
	granted := requests[g.Request].Duration
	for _, x := range g.Extensions {
		granted += requests[x.Request].Duration
	}
	now := time.Now()
	switch {
	case g.OpenedAt.IsZero():
		return
	case !g.EndsAt.Equal(g.OpenedAt.Add(granted)), g.EndsAt.After(g.CloseBy), g.Duration != granted:
		h.t.Fatalf("%s was granted for %v and lasts from %v to %v, closed by %v", g.ID, granted, g.OpenedAt, g.EndsAt, g.CloseBy)
	case g.State == access.Open && now.After(g.EndsAt):
		h.t.Fatalf("%s is open at %v and was to end at %v", g.ID, now, g.EndsAt)
	case g.State != access.Closed && now.After(g.EndsAt.Add(time.Minute)):
		h.t.Fatalf("%s outlives its end by %v", g.ID, now.Sub(g.EndsAt))
	}
}

// extensions checks that each that was approved counts once, for what is there,
// and that none waits for what is over.
func (h *history) extensions(grants []access.Grant, requests map[access.RequestID]access.Request) {
	counted, open, waiting := map[access.RequestID]int{}, map[access.GrantID]bool{}, map[access.GrantID]int{}
	for _, g := range grants {
		open[g.ID] = g.State == access.Open
		for _, x := range g.Extensions {
			counted[x.Request]++
			if r := requests[x.Request]; r.Extends != g.ID || r.By.ID != g.Holder || x.By != r.Duration {
				h.t.Fatalf("%s was extended by %s, which is for %s", g.ID, r.ID, r.Extends)
			}
		}
		if flow, _ := h.rules.Load().Flow(g.Target); len(g.Extensions) > flow.Extend.Count || g.Duration-requests[g.Request].Duration > flow.Extend.Total {
			h.t.Fatalf("%s was extended %d times, to %v", g.ID, len(g.Extensions), g.Duration)
		}
	}
	for _, r := range requests {
		if r.Extends == "" {
			continue
		}
		if approved := r.State == access.Approved; approved != (counted[r.ID] == 1) {
			h.t.Fatalf("extension %s is %s and counts %d times", r.ID, r.State, counted[r.ID])
		}
		if r.State == access.Pending {
			waiting[r.Extends]++
		}
		if r.State == access.Pending && (!open[r.Extends] || waiting[r.Extends] > 1) {
			h.t.Fatalf("extension %s waits for %s: open %v, and %d wait", r.ID, r.Extends, open[r.Extends], waiting[r.Extends])
		}
	}
}

// limited checks that nobody has more than the flows allow. Broken glass counts
// and is not held to it.
func (h *history) limited(grants []access.Grant) {
	person, target := map[access.PersonID]int{}, 0
	for _, g := range grants {
		if g.State == access.Closed || h.request(g.Request).BreakGlass {
			continue
		}
		if g.Target == "ec2-frontend" {
			target++
		} else {
			person[g.Holder]++
		}
	}
	for who, n := range person {
		if n > 1 {
			h.t.Fatalf("%s has %d at once", who, n)
		}
	}
	if target > 2 {
		h.t.Fatalf("ec2-frontend is held %d times at once", target)
	}
}

func (h *history) request(id access.RequestID) access.Request {
	r, _, err := access.Load[access.Request](h.t.Context(), h.store, access.Request{ID: id}.Key())
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// decided checks that what is approved was approved by others, and by enough
// different people.
func (h *history) decided(requests map[access.RequestID]access.Request) {
	for _, r := range requests {
		route := r.Verdict.Route
		if r.State != access.Approved || route.Auto || r.BreakGlass {
			continue
		}
		people := map[access.PersonID]bool{}
		for _, d := range r.Decisions {
			if r.Counts(d) {
				people[d.By] = true
			}
		}
		stages := map[int]bool{}
		for _, n := range route.Needs {
			stages[n.Stage] = true
		}
		if people[r.By.ID] || len(people) < len(stages) {
			h.t.Fatalf("%s of %s was approved by %v", r.ID, r.By.Name, people)
		}
	}
}

// glass checks that what was broken was announced before it opened, and not too
// often, nor while a review was late.
func (h *history) glass(requests map[access.RequestID]access.Request) {
	failed := map[access.RequestID]bool{} // which is no use
	for _, g := range h.grants() {
		failed[g.Request] = g.End.Cause == access.EndedFailed
	}
	var uses []access.Request
	for _, r := range requests {
		if !r.BreakGlass || failed[r.ID] {
			continue
		}
		uses = append(uses, r)
		if r.Review.By == r.By.ID || r.Review.DueAt.IsZero() {
			h.t.Fatalf("%s of %s is to be reviewed by %v, by %s", r.ID, r.By.Name, r.Review.DueAt, r.Review.Name)
		}
	}
	slices.SortFunc(uses, func(a, b access.Request) int { return a.AskedAt.Compare(b.AskedAt) })
	for i, r := range uses {
		within := 0
		for _, before := range uses[:i] {
			if before.By.ID != r.By.ID {
				continue
			}
			if r.AskedAt.Sub(before.AskedAt) < 24*time.Hour {
				within++
			}
			late := !r.AskedAt.Before(before.Review.DueAt) && (before.Review.At.IsZero() || before.Review.At.After(r.AskedAt))
			if r.AskedAt.Sub(before.AskedAt) < time.Hour || late || within > 1 {
				h.t.Fatalf("%s broke glass at %v, after %v: review late %v, %d before", r.By.Name, r.AskedAt, before.AskedAt, late, within)
			}
		}
	}
}
