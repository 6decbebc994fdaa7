package flows_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/golden"
)

// newCounted returns a rig with rules that count things.
func newCounted(t *testing.T) *rig {
	r := newRig(t)
	r.load("counted.yaml")
	r.flowOf = func(target string) string {
		flow, _ := r.rules.Flow(target)
		return flow.Name
	}
	r.open()
	return r
}

// opens has somebody hold a target, open.
func (r *rig) opens(who, target string) access.Grant {
	r.t.Helper()
	q := r.ask(who, target)
	if q.State == access.Pending {
		q = r.approve("bob", q)
	}
	return r.opened(q.ID.Grant())
}

func (r *rig) longer(who string, g access.GrantID, by time.Duration) flows.Draft {
	d := r.draft(who, "")
	d.Extends, d.Duration, d.Fields = g, by, nil
	return d
}

// extends has alice ask for more time, and bob approve it.
func (r *rig) extends(g access.GrantID, by time.Duration) {
	r.t.Helper()
	q, err := r.Ask(r.t.Context(), r.longer("alice", g, by))
	if err != nil {
		r.t.Fatal(err)
	}
	r.approve("bob", q)
}

func (r *rig) breaks(who, target string) flows.Draft {
	d := r.draft(who, target)
	d.BreakGlass, d.Incident = true, "INC-7"
	return d
}

// broken has alice break the glass.
func (r *rig) broken() access.Request {
	r.t.Helper()
	q, err := r.Ask(r.t.Context(), r.breaks("alice", "glass"))
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// counting are drafts that are refused because of what was before, or of how
// they are asked.
func counting() map[string]func(r *rig) flows.Draft {
	extend := func(target, who string, by time.Duration, before ...time.Duration) func(r *rig) flows.Draft {
		return func(r *rig) flows.Draft {
			g := r.opens("alice", target)
			for _, d := range before {
				r.extends(g.ID, d)
			}
			return r.longer(who, g.ID, by)
		}
	}
	after := func(target string, times int, wait time.Duration) func(r *rig) flows.Draft {
		return func(r *rig) flows.Draft {
			for range times {
				r.opens("alice", target)
			}
			r.clock.Advance(wait)
			return r.draft("alice", target)
		}
	}
	glass := func(change func(r *rig, d *flows.Draft)) func(r *rig) flows.Draft {
		return func(r *rig) flows.Draft {
			d := r.breaks("alice", "glass")
			change(r, &d)
			return d
		}
	}
	return map[string]func(r *rig) flows.Draft{
		"extend: no such grant":       func(r *rig) flows.Draft { return r.longer("alice", "g-0000000000", time.Hour) },
		"extend: somebody else's":     extend("shell", "dave", time.Hour),
		"extend: by a time not given": extend("shell", "alice", 45*time.Minute),
		"extend: more than is left":   extend("shell", "alice", time.Hour, time.Hour),
		"extend: often enough":        extend("shell", "alice", 30*time.Minute, 30*time.Minute, 30*time.Minute),
		"extend: not in this flow":    extend("plain", "alice", 30*time.Minute),
		"extend: beyond the target's": extend("short", "alice", time.Hour),
		"extend: not open yet":        func(r *rig) flows.Draft { return r.longer("alice", r.ask("alice", "plain").ID.Grant(), time.Hour) },
		"extend: over": func(r *rig) flows.Draft {
			g := r.opens("alice", "shell")
			r.clock.Advance(time.Hour)
			return r.longer("alice", g.ID, time.Hour)
		},
		"extend: asked already": func(r *rig) flows.Draft {
			g := r.opens("alice", "shell")
			r.must(r.longer("alice", g.ID, time.Hour))
			return r.longer("alice", g.ID, time.Hour)
		},
		"extend: of another target": func(r *rig) flows.Draft { d := extend("shell", "alice", time.Hour)(r); d.Target = "plain"; return d },
		"extend: by break-glass":    func(r *rig) flows.Draft { d := extend("shell", "alice", time.Hour)(r); d.BreakGlass = true; return d },
		"extend: with a field": func(r *rig) flows.Draft {
			d := extend("shell", "alice", time.Hour)(r)
			d.Fields = map[string]string{"x": "y"}
			return d
		},
		"glass: no incident":            glass(func(_ *rig, d *flows.Draft) { d.Incident = " " }),
		"glass: a novel of an incident": glass(func(_ *rig, d *flows.Draft) { d.Incident = strings.Repeat("INC", 100) }),
		"glass: no reason":              glass(func(_ *rig, d *flows.Draft) { d.Reason = "" }),
		"glass: not on duty":            func(r *rig) flows.Draft { return r.breaks("bob", "glass") },
		"glass: none in this flow":      func(r *rig) flows.Draft { return r.breaks("alice", "plain") },
		"glass: twice in a row":         glass(func(r *rig, _ *flows.Draft) { r.broken() }),
		"glass: too often": glass(func(r *rig, _ *flows.Draft) {
			for range 2 {
				r.broken()
				r.clock.Advance(2 * time.Hour)
			}
		}),
		"glass: not reviewed": glass(func(r *rig, _ *flows.Draft) { r.broken(); r.clock.Advance(25 * time.Hour) }),
		"limit: a day, never": func(r *rig) flows.Draft {
			d := r.draft("alice", "paused")
			d.Duration = 2 * time.Hour
			return d
		},
		"limit: a day": after("daily", 1, time.Hour),
		"limit: a day, all of it": func(r *rig) flows.Draft {
			r.opens("alice", "daily")
			d := r.draft("alice", "daily")
			d.Duration = 30 * time.Minute
			r.must(d)
			return r.draft("alice", "daily")
		},
		"limit: a day, by extensions": func(r *rig) flows.Draft {
			g := r.opens("alice", "daily")
			r.must(r.longer("alice", g.ID, 30*time.Minute))
			return r.longer("alice", g.ID, 30*time.Minute)
		},
		"limit: a pause": func(r *rig) flows.Draft {
			g := r.opens("alice", "cool")
			r.ends(g.ID)
			r.clock.Advance(time.Hour)
			return r.draft("alice", "cool")
		},
		"limit: at once":            after("mine", 3, 0),
		"limit: at once, closing":   func(r *rig) flows.Draft { d := after("mine", 3, 0)(r); r.clock.Advance(time.Hour); return d },
		"limit: at once, of target": after("shared", 2, 0),
		"limit: longest":            func(r *rig) flows.Draft { d := r.draft("alice", "short"); d.Duration = 2 * time.Hour; return d },
	}
}

func (r *rig) must(d flows.Draft) access.Request {
	r.t.Helper()
	q, err := r.Ask(r.t.Context(), d)
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// ends has the holder end a grant.
func (r *rig) ends(id access.GrantID) {
	r.t.Helper()
	if _, err := r.End(r.t.Context(), flows.Ending{From: r.people.Account("alice"), Grant: id}); err != nil {
		r.t.Fatal(err)
	}
}

// deciding are words to a request that are refused because of what was before.
func deciding() map[string]func(r *rig) error {
	approve := func(r *rig, who string, q access.Request) error {
		_, err := r.Approve(r.t.Context(), r.say(who, q))
		return err
	}
	review := func(r *rig, who, found string, q access.Request) error {
		s := r.say(who, q)
		s.Reason = found
		_, err := r.Review(r.t.Context(), s)
		return err
	}
	return map[string]func(r *rig) error{
		"approve: no room any more": func(r *rig) error {
			first, second := r.ask("alice", "capped"), r.ask("alice", "capped")
			r.approve("bob", first)
			return approve(r, "bob", second)
		},
		"approve: the day is used up": func(r *rig) error {
			first, second := r.ask("alice", "paused"), r.ask("alice", "paused")
			r.approve("bob", first)
			return approve(r, "bob", second)
		},
		"approve: a pause": func(r *rig) error {
			first, second := r.ask("alice", "paused"), r.ask("alice", "paused")
			r.ends(r.opened(r.approve("bob", first).ID.Grant()).ID)
			return approve(r, "bob", second)
		},
		"approve: extension of what is over": func(r *rig) error {
			g := r.opens("alice", "shell")
			q := r.must(r.longer("alice", g.ID, 30*time.Minute))
			r.clock.Advance(time.Hour)
			return approve(r, "bob", q)
		},
		"approve: extension, ended before": func(r *rig) error {
			g := r.opens("alice", "shell")
			q := r.must(r.longer("alice", g.ID, 30*time.Minute))
			r.ends(g.ID)
			return approve(r, "bob", q)
		},
		"approve: extension, used up by another rule": func(r *rig) error {
			g := r.opens("alice", "shell")
			r.extends(g.ID, time.Hour)
			q := r.must(r.longer("alice", g.ID, 30*time.Minute))
			r.change(q.ID, func(q *access.Request) { q.Duration = time.Hour })
			return approve(r, "bob", r.stored(q.ID))
		},
		"approve: not fit":           func(r *rig) error { return approve(r, "bob", r.ask("alice", "stages")) },
		"approve: a rule that fails": func(r *rig) error { return approve(r, "bob", r.ask("alice", "unclear")) },
		"approve: before their turn": func(r *rig) error { return approve(r, "dave", r.ask("alice", "stages")) },
		"approve: enough of a group": func(r *rig) error {
			q := r.approve("carol", r.ask("alice", "stages"))
			r.people.SetSlackGroup(leads, "bob", "carol", "root")
			return approve(r, "root", q)
		},
		"approve: counted in a stage": func(r *rig) error { q := r.approve("carol", r.ask("alice", "stages")); return approve(r, "carol", q) },
		"review: what was decided":    func(r *rig) error { return review(r, "bob", "fine", r.ask("alice", "shell")) },
		"review: one's own":           func(r *rig) error { return review(r, "alice", "fine", r.broken()) },
		"review: not theirs":          func(r *rig) error { return review(r, "mallory", "fine", r.broken()) },
		"review: nothing found":       func(r *rig) error { return review(r, "bob", "", r.broken()) },
		"review: twice": func(r *rig) error {
			q := r.broken()
			if err := review(r, "bob", "fine", q); err != nil {
				r.t.Fatal(err)
			}
			return review(r, "carol", "fine", q)
		},
		"review: with no rules": func(r *rig) error { q := r.broken(); r.load(""); return review(r, "bob", "fine", q) },
	}
}

func TestEveryRefusalOfWhatIsCounted(t *testing.T) {
	said := map[string]string{}
	for name, draft := range counting() {
		r := newCounted(t)
		d := draft(r)
		_, err := r.Ask(t.Context(), d)
		said[name] = refused(t, name, err).Text
	}
	for name, do := range deciding() {
		said[name] = refused(t, name, do(newCounted(t))).Text
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		wellSaid(t, name, said[name])
		fmt.Fprintf(&b, "%s\n\t%s\n", name, said[name])
	}
	golden.Equal(t, "testdata/counted.golden", b.String())
}

// However many ask at once, a limit holds: of two who find room at the same
// moment one counts again.
func TestLimitsAtOnce(t *testing.T) {
	for target, c := range map[string]struct {
		asking []string
		want   int
	}{
		"daily":  {slices.Repeat([]string{"alice"}, 12), 1},
		"mine":   {slices.Repeat([]string{"alice"}, 12), 3},
		"shared": {[]string{"alice", "bob", "dave", "root", "alice", "bob", "dave", "root", "alice", "bob", "dave", "root"}, 2},
		"few":    {slices.Repeat([]string{"alice"}, 12), 3},
		"glass":  {slices.Repeat([]string{"alice"}, 12), 1},
	} {
		r := newCounted(t)
		var asks []func() error
		for _, who := range c.asking {
			d := r.draft(who, target)
			if target == "glass" {
				d.BreakGlass, d.Incident = true, "INC-7"
			}
			asks = append(asks, func() error { _, err := r.Ask(t.Context(), d); return err })
		}
		for _, err := range atOnce(asks...) {
			if err != nil && refused(t, target, err).Code != access.RefusedCap {
				t.Errorf("%s: %v", target, err)
			}
		}
		if got := r.count(access.EventGranted); got != c.want {
			t.Errorf("%s: %d grants, want %d", target, got, c.want)
		}
	}
}

// between has something else happen once, right before the next grant is
// committed: after what limits it was counted.
func (r *rig) between(other func()) {
	r.before = func(c access.Commit) error {
		for _, ch := range c.Changes {
			if ch.Key.Kind == access.KindGrant {
				r.before = nil
				other()
				return nil
			}
		}
		return nil
	}
}

// What is granted between counting and commit is counted.
func TestLimitsAreComparedWithTheGrant(t *testing.T) {
	r := newCounted(t)
	first, second := r.ask("alice", "capped"), r.ask("alice", "other")
	r.between(func() { r.approve("carol", second) })
	if _, err := r.Approve(t.Context(), r.say("bob", first)); refused(t, "the first", err).Code != access.RefusedCap {
		t.Errorf("both were approved: %v", err)
	}
	r = newCounted(t)
	r.between(func() { r.must(r.draft("alice", "daily")) })
	if _, err := r.Ask(t.Context(), r.draft("alice", "daily")); refused(t, "the first", err).Code != access.RefusedCap {
		t.Errorf("both were granted: %v", err)
	}
	r = newCounted(t)
	for range 2 {
		r.must(r.draft("alice", "few"))
	}
	r.between(func() { r.must(r.draft("alice", "few")) })
	if q := r.must(r.draft("alice", "few")); q.State != access.Pending {
		t.Errorf("beyond its quota the route said that it is %s", q.State)
	}
	r = newCounted(t)
	r.must(r.draft("bob", "shared"))
	r.between(func() { r.must(r.draft("dave", "shared")) })
	if _, err := r.Ask(t.Context(), r.draft("alice", "shared")); refused(t, "the first", err).Code != access.RefusedCap {
		t.Errorf("both were granted: %v", err)
	}
}

// One extension waits at a time, however many are asked for at once.
func TestExtensionsAtOnce(t *testing.T) {
	r := newCounted(t)
	g := r.opens("alice", "shell")
	var asks []func() error
	for range 8 {
		d := r.longer("alice", g.ID, 30*time.Minute)
		asks = append(asks, func() error { _, err := r.Ask(t.Context(), d); return err })
	}
	n := 0
	for _, err := range atOnce(asks...) {
		if err == nil {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d extensions wait, want 1", n)
	}
}

// An end between reading and commit is not missed: nothing waits to extend what
// is over.
func TestAnExtensionMeetsAnEnd(t *testing.T) {
	r := newCounted(t)
	g := r.opens("alice", "shell")
	r.between(func() { r.ends(g.ID) })
	_, err := r.Ask(t.Context(), r.longer("alice", g.ID, 30*time.Minute))
	if refused(t, "the extension", err).Code != access.RefusedDecided {
		t.Errorf("it was taken, or refused otherwise: %v", err)
	}
}

func TestGlassWaitsForAnAnnouncement(t *testing.T) {
	r := newCounted(t)
	q := r.broken()
	g, granted := r.grant(q.ID)
	if !granted || q.State != access.Approved || q.Review.DueAt.IsZero() || q.Decisions[0].By != q.By.ID {
		t.Fatalf("%s, granted %v, to be reviewed by %v", q.State, granted, q.Review.DueAt)
	}
	if err := r.MayOpen(t.Context(), g); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("before anybody was told: %v", err)
	}
	for range 2 {
		if err := r.Announced(t.Context(), q.ID, "slack"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.MayOpen(t.Context(), g); err != nil {
		t.Errorf("once somebody was told: %v", err)
	}
	if got := r.count(access.EventAnnounced); got != 1 {
		t.Errorf("%d announcements in the record", got)
	}
	if err := r.Announced(t.Context(), r.ask("dave", "plain").ID, "slack"); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("of what was not broken: %v", err)
	}
}

// What was never opened is no use of the glass.
func TestGlassThatNeverOpenedCostsNothing(t *testing.T) {
	r := newCounted(t)
	q := r.broken()
	r.end(q.ID.Grant(), access.EndedFailed)
	r.clock.Advance(time.Minute)
	r.broken()
}

// A request whose rules change is drawn anew for those who were asked, and
// asked of those who are.
func TestStagesAskTheNext(t *testing.T) {
	r := newCounted(t)
	q := r.ask("alice", "stages")
	r.approve("carol", q)
	want := []access.NoticeKind{access.NoticeAsked, access.NoticeAsked, access.NoticeChanged}
	if got := r.notices(); !slices.Equal(got, want) {
		t.Errorf("told %v, want people asked once for each stage", got)
	}
	if got := r.stored(q.ID); got.Asked() != "duty" || got.State != access.Pending {
		t.Errorf("%s, waits for %s", got.State, got.Asked())
	}
	if q := r.approve("dave", q); q.State != access.Approved {
		t.Errorf("after both stages it is %s", q.State)
	}
}
