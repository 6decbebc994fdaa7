package flows_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
	"sesame/flows/golden"
)

// asking are drafts that are refused, by what is wrong with them. Where nothing
// is, it is the world that is not as it should be.
func asking() map[string]func(r *rig) flows.Draft {
	ec2 := func(change func(*flows.Draft)) func(*rig) flows.Draft {
		return func(r *rig) flows.Draft {
			d := r.draft("alice", "ec2")
			change(&d)
			return d
		}
	}
	by := func(who, target string) func(*rig) flows.Draft {
		return func(r *rig) flows.Draft { return r.draft(who, target) }
	}
	in := func(world func(r *rig), who, target string) func(*rig) flows.Draft {
		return func(r *rig) flows.Draft {
			world(r)
			return r.draft(who, target)
		}
	}
	field := func(name, value string) func(*rig) flows.Draft {
		return ec2(func(d *flows.Draft) { d.Fields[name] = value })
	}
	return map[string]func(r *rig) flows.Draft{
		"target: none":                  by("alice", ""),
		"target: unknown":               by("alice", "ec3"),
		"target: long and reversed":     by("alice", "\u202e"+strings.Repeat("ec2", 1000)),
		"who: guest":                    by("eve", "ec2"),
		"who: no such account":          by("nobody", "ec2"),
		"who: not in the group":         by("mallory", "ec2"),
		"who: another workspace":        ec2(func(d *flows.Draft) { d.From.Workspace = "T2" }),
		"duration: none":                ec2(func(d *flows.Draft) { d.Duration = 0 }),
		"duration: negative":            ec2(func(d *flows.Draft) { d.Duration = -time.Hour }),
		"duration: not offered":         ec2(func(d *flows.Draft) { d.Duration = 90 * time.Minute }),
		"duration: a year":              ec2(func(d *flows.Draft) { d.Duration = 365 * 24 * time.Hour }),
		"duration: odd":                 ec2(func(d *flows.Draft) { d.Duration = 90 * time.Second }),
		"reason: none":                  ec2(func(d *flows.Draft) { d.Reason = "" }),
		"reason: blank":                 ec2(func(d *flows.Draft) { d.Reason = " \n\t\u00a0" }),
		"reason: invisible":             ec2(func(d *flows.Draft) { d.Reason = "\u200b\u2066\ufeff\x00" }),
		"reason: 10,000 letters":        ec2(func(d *flows.Draft) { d.Reason = strings.Repeat("ä", 10000) }),
		"field: missing":                field("ticket", ""),
		"field: wrong pattern":          field("ticket", "42"),
		"field: with a line break":      field("ticket", "INC-42\nINC-43"),
		"field: too small":              field("hosts", "0"),
		"field: no number":              field("hosts", "many"),
		"field: neither yes nor no":     field("write", "maybe"),
		"field: not an option":          field("zone", "eux"),
		"field: unknown":                field("colour", "red"),
		"everything at once":            ec2(func(d *flows.Draft) { d.Duration, d.Reason, d.Fields = 0, "", map[string]string{"hosts": "x", "q": ""} }),
		"rules: a guardrail":            in(func(r *rig) { r.clock.Advance(58 * time.Hour) }, "alice", "ec2"),
		"strategy: not set up":          in(func(r *rig) { r.Planners = nil }, "alice", "ec2"),
		"rules: none":                   in(func(r *rig) { r.load("") }, "alice", "ec2"),
		"out of reach: Slack":           in(func(r *rig) { r.people.Fail(factstest.Slack, errDown) }, "alice", "ec2"),
		"out of reach: groups":          in(func(r *rig) { r.people.Fail(factstest.SlackGroups, errDown) }, "bob", "named"),
		"out of reach: directory":       in(func(r *rig) { r.ask("alice", "ec2"); r.people.Fail(factstest.Directory, errDown) }, "alice", "ec2"),
		"disk: full":                    in(func(r *rig) { r.before = full }, "alice", "ec2"),
		"too much: requests waiting":    in(func(r *rig) { r.askTimes(flows.MaxPending, "ec2") }, "alice", "ec2"),
		"too much: access held":         in(func(r *rig) { r.askTimes(flows.MaxLive, "sandbox") }, "alice", "ec2"),
		"delivery: sent long ago":       ec2(func(d *flows.Draft) { d.SentAt = noon.Add(-access.OpenWithin) }),
		"delivery: somebody else's":     func(r *rig) flows.Draft { d := r.draft("bob", "ec2"); d.ID = r.ask("alice", "ec2").ID; return d },
		"who: deactivated since linked": in(func(r *rig) { r.ask("alice", "ec2"); r.people.Disable("user-alice") }, "alice", "ec2"),
	}
}

func (r *rig) askTimes(n int, target string) {
	for range n {
		r.ask("alice", target)
	}
}

func full(access.Commit) error { return access.ErrNoSpace }

// saying are words to alice's request that are refused.
func saying() map[string]func(r *rig, q access.Request) error {
	type doing func(r *rig, s flows.Say) error
	approve := func(r *rig, s flows.Say) error { _, err := r.Approve(r.t.Context(), s); return err }
	deny := func(r *rig, s flows.Say) error { _, err := r.Deny(r.t.Context(), s); return err }
	withdraw := func(r *rig, s flows.Say) error { _, err := r.Withdraw(r.t.Context(), s); return err }
	by := func(who string, do doing) func(*rig, access.Request) error {
		return func(r *rig, q access.Request) error { return do(r, r.say(who, q)) }
	}
	in := func(world func(r *rig, q access.Request), who string, do doing) func(*rig, access.Request) error {
		return func(r *rig, q access.Request) error {
			s := r.say(who, q)
			world(r, q)
			return do(r, s)
		}
	}
	about := func(id access.RequestID) func(*rig, access.Request) error {
		return func(r *rig, q access.Request) error {
			s := r.say("bob", q)
			s.Request = id
			return approve(r, s)
		}
	}
	must := func(do doing, who string) func(r *rig, q access.Request) {
		return func(r *rig, q access.Request) {
			if err := do(r, r.say(who, q)); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	return map[string]func(r *rig, q access.Request) error{
		"approve: the requester":    by("alice", approve),
		"approve: somebody else":    by("mallory", approve),
		"approve: an admin":         by("root", approve),
		"approve: a guest":          by("eve", approve),
		"approve: unknown request":  about("r-0000000000"),
		"approve: forged request":   about(access.RequestID(strings.Repeat("<!channel>\n", 500))),
		"approve: approved":         in(must(approve, "carol"), "bob", approve),
		"approve: denied":           in(must(deny, "carol"), "bob", approve),
		"approve: withdrawn":        in(must(withdraw, "alice"), "bob", approve),
		"approve: overdue":          in(func(r *rig, _ access.Request) { r.clock.Advance(24 * time.Hour) }, "bob", approve),
		"approve: terms changed":    in(func(r *rig, _ access.Request) { r.load("later.yaml") }, "bob", approve),
		"approve: not for as long":  in(func(r *rig, _ access.Request) { shorter(r) }, "bob", approve),
		"approve: another ticket":   in(func(r *rig, _ access.Request) { otherTicket(r) }, "bob", approve),
		"approve: automatic by now": in(func(r *rig, _ access.Request) { r.load("automatic.yaml") }, "bob", approve),
		"approve: target gone": func(r *rig, _ access.Request) error {
			q := r.ask("bob", "named")
			r.load("unnamed.yaml")
			return approve(r, r.say("carol", q))
		},
		"approve: the rules refuse by now": in(func(r *rig, _ access.Request) { r.clock.Advance(58 * time.Hour) }, "bob", lapsing(approve)),
		"approve: without rules":           in(func(r *rig, _ access.Request) { r.load("") }, "bob", approve),
		"approve: requester disabled":      in(func(r *rig, _ access.Request) { r.people.Disable("user-alice") }, "bob", approve),
		"approve: requester is a guest":    in(func(r *rig, _ access.Request) { r.people.ChangeProfile(r.people.Account("alice"), guest) }, "bob", approve),
		"approve: Slack down":              in(func(r *rig, _ access.Request) { r.people.Fail(factstest.Slack, errDown) }, "bob", approve),
		"approve: groups down":             in(func(r *rig, _ access.Request) { r.people.Fail(factstest.SlackGroups, errDown) }, "bob", approve),
		"approve: disk full":               in(func(r *rig, _ access.Request) { r.before = full }, "bob", approve),
		"approve: sent long ago":           by("bob", func(r *rig, s flows.Say) error { s.SentAt = noon.Add(-26 * time.Hour); return approve(r, s) }),
		"approve: twice": func(r *rig, _ access.Request) error {
			q := r.ask("alice", "billing")
			r.approve("bob", q)
			return by("bob", approve)(r, q)
		},
		"approve: for whoever asks": func(r *rig, _ access.Request) error { return by("bob", approve)(r, r.ask("alice", "glass")) },
		"deny: the requester":       by("alice", deny),
		"deny: somebody else":       by("mallory", deny),
		"deny: a long reason": func(r *rig, q access.Request) error {
			s := r.say("bob", q)
			s.Reason = strings.Repeat("no ", 5000)
			return deny(r, s)
		},
		"deny: a lead, without rules": in(func(r *rig, _ access.Request) { r.load("") }, "bob", deny),
		"deny: groups down":           in(func(r *rig, _ access.Request) { r.people.Fail(factstest.SlackGroups, errDown) }, "bob", deny),
		"withdraw: somebody else":     by("bob", withdraw),
		"withdraw: approved":          in(must(approve, "bob"), "alice", withdraw),
		"withdraw: directory down":    in(func(r *rig, _ access.Request) { r.people.Fail(factstest.Directory, errDown) }, "alice", withdraw),
	}
}

// lapsing gives a request more time than it has.
func lapsing(do func(*rig, flows.Say) error) func(*rig, flows.Say) error {
	return func(r *rig, s flows.Say) error {
		r.change(s.Request, func(q *access.Request) { q.LapsesAt = q.LapsesAt.AddDate(1, 0, 0) })
		return do(r, s)
	}
}

func guest(p *facts.Profile) { p.Kind = facts.Guest }

// ends are wishes to end alice's grant that are refused.
func ends() map[string]func(r *rig, g access.GrantID) error {
	end := func(r *rig, who string, g access.GrantID) error {
		_, err := r.End(r.t.Context(), flows.Ending{From: r.people.Account(who), Grant: g, Source: access.FromButton})
		return err
	}
	by := func(who string) func(*rig, access.GrantID) error {
		return func(r *rig, g access.GrantID) error { return end(r, who, g) }
	}
	in := func(world func(r *rig), who string) func(*rig, access.GrantID) error {
		return func(r *rig, g access.GrantID) error {
			world(r)
			return end(r, who, g)
		}
	}
	return map[string]func(*rig, access.GrantID) error{
		"end: somebody else": by("mallory"),
		"end: a guest":       by("eve"),
		"end: unknown grant": func(r *rig, _ access.GrantID) error { return end(r, "alice", "g-0000000000") },
		"end: forged grant": func(r *rig, _ access.GrantID) error {
			return end(r, "alice", access.GrantID(strings.Repeat("`", 1000)))
		},
		"end: ended":                 func(r *rig, g access.GrantID) error { return end(r, "alice", g) },
		"end: groups down":           in(func(r *rig) { r.people.Fail(factstest.SlackGroups, errDown) }, "mallory"),
		"end: unlinked, Slack down":  in(func(r *rig) { r.people.Fail(factstest.Slack, errDown) }, "dave"),
		"end: disk full":             in(func(r *rig) { r.before = full }, "alice"),
		"end: an approver, no rules": in(func(r *rig) { r.load("") }, "carol"),
	}
}

// shorter has EC2 be given for half an hour alone.
func shorter(r *rig) { r.edit("choices: [30m, 1h], default: 1h", "choices: [30m]") }

// otherTicket has the form take other tickets.
func otherTicket(r *rig) { r.edit(`'^[A-Z]+-\d+$'`, `'^OPS-\d+$'`) }

// opening is why a grant that was approved may fail to open.
func opening() map[string]func(r *rig) {
	return map[string]func(r *rig){
		"open: the rules refuse by now": func(r *rig) { r.clock.Advance(58 * time.Hour) },
		"open: target gone":             func(r *rig) { r.load("elsewhere.yaml") },
		"open: holder disabled":         func(r *rig) { r.people.Disable("user-alice") },
		"open: directory down":          func(r *rig) { r.people.Fail(factstest.Directory, errDown) },
		"open: without rules":           func(r *rig) { r.load("") },
		"open: means something else":    func(r *rig) { r.load("later.yaml") },
		"open: not for as long":         shorter,
		"open: another ticket":          otherTicket,
	}
}

// TestEveryRefusal holds the sentence of each refusal that the Desk has for
// people, and that each was recorded.
func TestEveryRefusal(t *testing.T) {
	said := map[string]string{}
	note := func(r *rig, name string, before int, err error) {
		text := refused(t, name, err).Text
		said[name] = text
		wellSaid(t, name, text)
		if now := r.count(access.EventDenial) + r.count(access.EventRefused); now != before+1 && r.before == nil {
			t.Errorf("%s: %d events of it, want one", name, now-before)
		}
	}
	before := func(r *rig) int { return r.count(access.EventDenial) + r.count(access.EventRefused) }
	for name, draft := range asking() {
		r := newRig(t)
		d := draft(r)
		n := before(r)
		_, err := r.Ask(t.Context(), d)
		note(r, name, n, err)
	}
	for name, say := range saying() {
		r := newRig(t)
		err := say(r, r.ask("alice", "ec2"))
		note(r, name, 0, err)
	}
	for name, end := range ends() {
		r := newRig(t)
		g := r.approve("bob", r.ask("alice", "ec2")).ID.Grant()
		if name == "end: ended" {
			if _, err := r.End(t.Context(), flows.Ending{From: r.people.Account("alice"), Grant: g}); err != nil {
				t.Fatal(err)
			}
		}
		note(r, name, 0, end(r, g))
	}
	for name, world := range opening() {
		r := newRig(t)
		q := r.approve("bob", r.ask("alice", "ec2"))
		world(r)
		g, _ := r.grant(q.ID)
		said[name] = refused(t, name, r.MayOpen(t.Context(), g)).Text
		wellSaid(t, name, said[name])
	}
	for name, who := range map[string]string{"look: somebody else's": "dave", "look: who is never told": "eve"} {
		r := newRig(t)
		q := r.ask("alice", "ec2")
		_, err := r.Look(t.Context(), r.people.Account(who), "r-0123456789")
		said[name] = refused(t, name, err).Text
		wellSaid(t, name, said[name])
		if _, err := r.Look(t.Context(), r.people.Account(who), q.ID); err == nil {
			t.Errorf("%s: it is shown", name)
		}
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		fmt.Fprintf(&b, "%s\n\t%s\n", name, said[name])
	}
	golden.Equal(t, "testdata/refusals.golden", b.String())
}

// several are refusals of as many sentences as there are problems.
var several = map[string]bool{"everything at once": true}

// wellSaid checks that a refusal has the form of a sentence that says what to
// do next.
func wellSaid(t *testing.T, name, text string) {
	t.Helper()
	if strings.HasPrefix(name, "field: ") {
		return // the flow files' own words, shown at the field
	}
	body, dot := strings.CutSuffix(text, ".")
	_, next, _ := strings.Cut(body, ": ")
	switch {
	case !dot, strings.ContainsAny(text, "\n\r\x00\u202e"), len(text) > 400:
		t.Errorf("%s: %q is no sentence", name, text)
	case !several[name] && strings.Contains(body, ". "):
		t.Errorf("%s: %q is more than one sentence", name, text)
	case next == "" && !strings.Contains(text, "; ask an admin"):
		t.Errorf("%s: %q does not say what next", name, text)
	}
}

// change changes a stored request, as time or a bug would.
func (r *rig) change(id access.RequestID, change func(*access.Request)) {
	r.t.Helper()
	q, v, err := access.Load[access.Request](r.t.Context(), r.store, access.Request{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	change(&q)
	c, err := access.Put(q, v)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.store.Commit(r.t.Context(), access.Commit{Changes: []access.Change{c}}); err != nil {
		r.t.Fatal(err)
	}
}
