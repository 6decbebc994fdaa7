package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sesame/flows/access"
)

func approved(d time.Duration) access.Request {
	r := asked(need(1, "leads"))
	r.State, r.Duration, r.Target.Overhang = access.Approved, d, time.Hour
	return r
}

func planned(keys ...access.ObjectKey) access.Plan {
	var p access.Plan
	for _, k := range keys {
		p.Objects = append(p.Objects, access.Spec{Key: k, Lane: "1"})
	}
	return p
}

func granted(t *testing.T, d time.Duration, keys ...access.ObjectKey) access.Grant {
	t.Helper()
	g, err := access.NewGrant(approved(d), planned(keys...), noon)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func opened(t *testing.T, g access.Grant, at time.Time) access.Grant {
	t.Helper()
	g, err := g.Opened(at)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ended(t *testing.T, g access.Grant, at time.Time) access.Grant {
	t.Helper()
	g, err := g.Ended(access.End{At: at, Cause: access.EndedDue})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewGrant(t *testing.T) {
	g := granted(t, time.Hour, "a", "b")
	if g.State != access.Opening || !g.OpenBy.Equal(after(15*time.Minute)) || !g.CloseBy.Equal(after(75*time.Minute)) {
		t.Errorf("%s, open by %v, close by %v", g.State, g.OpenBy, g.CloseBy)
	}
	if !slices.Equal(g.Objects, []access.ObjectKey{"a", "b"}) || g.Holder != "p-alice" {
		t.Errorf("%v for %s", g.Objects, g.Holder)
	}
	for _, state := range []access.RequestState{"", access.Pending, access.Denied, access.Withdrawn, access.Lapsed} {
		r := approved(time.Hour)
		r.State = state
		_, err := access.NewGrant(r, planned("a"), noon)
		wantErr(t, "a grant of a request that is "+string(state), err, access.ErrForbidden)
	}
	if _, err := access.NewGrant(approved(0), planned("a"), noon); err == nil {
		t.Error("a grant of no duration")
	}
	if _, err := access.NewGrant(approved(time.Hour), planned(), noon); err == nil {
		t.Error("a grant of nothing")
	}
}

func TestOpened(t *testing.T) {
	g := granted(t, time.Hour, "a")
	late := opened(t, g, g.OpenBy.Add(-1))
	if !late.EndsAt.Equal(g.CloseBy.Add(-1)) {
		t.Errorf("opened at the last moment it ends at %v, want just before %v", late.EndsAt, g.CloseBy)
	}
	_, err := g.Opened(g.OpenBy)
	wantErr(t, "opened when its time was over", err, access.ErrForbidden)
	_, err = late.Opened(noon)
	wantErr(t, "opened twice", err, access.ErrDecided)
	_, err = access.Grant{}.Opened(noon)
	wantErr(t, "the zero grant", err, access.ErrDecided)
	g.CloseBy = after(30 * time.Minute)
	if g := opened(t, g, noon); !g.EndsAt.Equal(g.CloseBy) || !g.Until().Equal(g.CloseBy) {
		t.Errorf("it ends at %v, beyond %v", g.EndsAt, g.CloseBy)
	}
}

func TestTheFirstEndStands(t *testing.T) {
	for _, g := range []access.Grant{granted(t, time.Hour, "a"), opened(t, granted(t, time.Hour, "a"), noon)} {
		first, err := g.Ended(access.End{At: noon, By: "p-alice", Cause: access.EndedEarly})
		if err != nil || first.State != access.Closing {
			t.Fatalf("%s, %v", first.State, err)
		}
		_, err = first.Ended(access.End{At: after(time.Minute), Cause: access.EndedDue})
		wantErr(t, "ended twice", err, access.ErrDecided)
		_, err = first.Opened(noon)
		wantErr(t, "opened after its end", err, access.ErrDecided)
	}
	_, err := access.Grant{}.Ended(access.End{})
	wantErr(t, "the zero grant", err, access.ErrDecided)
}

func TestDue(t *testing.T) {
	opening := granted(t, time.Hour, "a")
	open := opened(t, opening, noon)
	short := opened(t, granted(t, access.RemindBefore, "a"), noon)
	closing := ended(t, open, after(time.Hour))
	for name, c := range map[string]struct {
		g    access.Grant
		want time.Time
	}{
		"opening":                  {opening, after(15 * time.Minute)},
		"open":                     {open, after(50 * time.Minute)},
		"reminded":                 {open.Reminder(), after(time.Hour)},
		"too short for a reminder": {short, after(10 * time.Minute)},
		"closing":                  {closing, after(65 * time.Minute)},
		"said to be late":          {closing.Late(after(65 * time.Minute)), after(125 * time.Minute)},
		"closed":                   {access.Grant{State: access.Closed}, time.Time{}},
		"the zero grant":           {access.Grant{}, time.Time{}},
	} {
		if got := c.g.Due(); !got.Equal(c.want) {
			t.Errorf("%s: due at %v, want %v", name, got, c.want)
		}
	}
}

func TestGrantIndex(t *testing.T) {
	open := opened(t, granted(t, time.Hour, "a"), noon)
	want := []access.Index{
		{Name: access.IndexGrants, Value: access.TimeKey(noon)},
		{Name: access.IndexLive, Value: "p-alice"},
		{Name: access.IndexHeld, Value: "ec2"},
		{Name: access.IndexDue, Value: access.TimeKey(after(50 * time.Minute))},
	}
	if got := open.Index(1); !slices.Equal(got, want) {
		t.Errorf("open: %v, want %v", got, want)
	}
	open.State = access.Closed
	if got := open.Index(1); !slices.Equal(got, want[:1]) {
		t.Errorf("closed: %v, want %v: history costs nothing", got, want[:1])
	}
}

func gone(key access.ObjectKey, at time.Time) access.ObjectReceipt {
	return access.ObjectReceipt{Object: key, AbsentAt: at, Reads: 2, SeenAt: after(time.Minute)}
}

func TestSealed(t *testing.T) {
	closing := ended(t, opened(t, granted(t, time.Hour, "a", "b"), noon), after(time.Hour))
	removed := after(61 * time.Minute)
	for name, c := range map[string]struct {
		objects           []access.ObjectReceipt
		removedAt, deadBy time.Time
	}{
		"all of it gone": {
			[]access.ObjectReceipt{gone("a", removed), gone("b", after(60*time.Minute))}, removed, removed.Add(time.Hour),
		},
		"one is kept for another grant": {
			[]access.ObjectReceipt{gone("a", removed), {Object: "b", KeptFor: []access.GrantID{"g-1"}}}, time.Time{}, time.Time{},
		},
		"one was there before": {
			[]access.ObjectReceipt{{Object: "a", Foreign: true}, gone("b", removed)}, time.Time{}, time.Time{},
		},
		"one was never made": {
			[]access.ObjectReceipt{gone("a", removed), {Object: "b", NeverMade: true}}, removed, removed.Add(time.Hour),
		},
	} {
		g, err := closing.Sealed(c.objects)
		if err != nil || g.State != access.Closed {
			t.Errorf("%s: %s, %v", name, g.State, err)
		}
		if !g.Receipt.RemovedAt.Equal(c.removedAt) || !g.Receipt.DeadBy.Equal(c.deadBy) {
			t.Errorf("%s: removed %v, dead by %v, want %v, %v", name, g.Receipt.RemovedAt, g.Receipt.DeadBy, c.removedAt, c.deadBy)
		}
	}
}

func TestUntilAndOver(t *testing.T) {
	opening := granted(t, time.Hour, "a")
	open := opened(t, opening, after(time.Minute))
	if got := opening.Until(); !got.Equal(after(75 * time.Minute)) {
		t.Errorf("not open yet, its leases end at %v, want when it must be closed", got)
	}
	if got := open.Until(); !got.Equal(after(61 * time.Minute)) {
		t.Errorf("open, its leases end at %v, want an hour after it opened", got)
	}
	if got := open.Over(); !got.IsZero() {
		t.Errorf("open, it was to be over at %v", got)
	}
	if got := ended(t, open, after(3*time.Hour)).Over(); !got.Equal(after(61 * time.Minute)) {
		t.Errorf("ended when due, and late: it was to be over at %v, want at its deadline", got)
	}
	early, err := open.Ended(access.End{At: after(2 * time.Minute), Cause: access.EndedEarly})
	if err != nil || !early.Over().Equal(after(2*time.Minute)) {
		t.Errorf("ended early, it was to be over at %v, %v", early.Over(), err)
	}
}

func TestOverrun(t *testing.T) {
	open := opened(t, granted(t, time.Hour, "a"), noon)
	closed := func(cause access.EndCause, at, removed time.Time) access.Grant {
		g, err := open.Ended(access.End{At: at, Cause: cause})
		if err != nil {
			t.Fatal(err)
		}
		o := gone("a", removed)
		if removed.IsZero() {
			o = access.ObjectReceipt{Object: "a", KeptFor: []access.GrantID{"g-1"}}
		}
		if g, err = g.Sealed([]access.ObjectReceipt{o}); err != nil {
			t.Fatal(err)
		}
		return g
	}
	due := after(time.Hour)
	for name, c := range map[string]struct {
		g    access.Grant
		want time.Duration
	}{
		"open":                       {open, 0},
		"on time":                    {closed(access.EndedDue, due, due.Add(10*time.Second)), 0},
		"a minute":                   {closed(access.EndedDue, due, due.Add(time.Minute)), 0},
		"more than a minute":         {closed(access.EndedDue, due, due.Add(61*time.Second)), 61 * time.Second},
		"noticed late":               {closed(access.EndedDue, due.Add(15*time.Minute), due.Add(16*time.Minute)), 16 * time.Minute},
		"noticed late, kept by more": {closed(access.EndedDue, due.Add(15*time.Minute), time.Time{}), 15 * time.Minute},
		"ended before, removed late": {closed(access.EndedEarly, due.Add(-time.Minute), due.Add(time.Hour)), 0},
	} {
		if got := c.g.Overrun(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Access can have been there before anybody said that it is open.
func TestOverhangOfAGrantThatWasEndedWhileOpening(t *testing.T) {
	closing := ended(t, granted(t, time.Hour, "a"), after(2*time.Minute))
	removed := after(3 * time.Minute)
	seen, err := closing.Sealed([]access.ObjectReceipt{gone("a", removed)})
	if err != nil || !seen.Receipt.DeadBy.Equal(removed.Add(time.Hour)) {
		t.Errorf("seen present: dead by %v, %v, want an hour after removal", seen.Receipt.DeadBy, err)
	}
	o := gone("a", removed)
	o.SeenAt = noon.Add(-time.Hour) // for a grant before
	never, err := closing.Sealed([]access.ObjectReceipt{o})
	if err != nil || !never.Receipt.DeadBy.IsZero() {
		t.Errorf("never seen present: dead by %v, %v, want nothing to die", never.Receipt.DeadBy, err)
	}
}

// What was handed out of a grant is all that outlives it, however much later the
// grant ends than that runs out, or however much earlier.
func TestOverhangOfCredentialsThatWereHandedOut(t *testing.T) {
	g := granted(t, time.Hour, "a")
	g.Vended, g.Overhang = true, 12*time.Hour
	g = opened(t, g, noon)
	g, err := g.Vend(noon, after(30*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]time.Duration{10 * time.Minute: 20 * time.Minute, time.Hour: 0} {
		closing := ended(t, g, after(at))
		if closing.Overhang != want {
			t.Errorf("ended after %v: overhang %v, want %v", at, closing.Overhang, want)
		}
		closed, err := closing.Sealed([]access.ObjectReceipt{gone("a", after(at+time.Minute))})
		if err != nil || closed.Receipt.DeadBy.Equal(after(30*time.Minute)) != (want > 0) || closed.Receipt.DeadBy.IsZero() != (want == 0) {
			t.Errorf("ended after %v: dead by %v, %v", at, closed.Receipt.DeadBy, err)
		}
	}
}

func TestSealedNeedsEvidence(t *testing.T) {
	closing := ended(t, opened(t, granted(t, time.Hour, "a", "b"), noon), after(time.Hour))
	a, b := gone("a", after(time.Hour)), gone("b", after(time.Hour))
	for name, objects := range map[string][]access.ObjectReceipt{
		"none":              nil,
		"one of two":        {a},
		"one too many":      {a, b, b},
		"of other objects":  {b, a},
		"that says nothing": {a, {Object: "b"}},
		"with no read":      {a, {Object: "b", AbsentAt: after(time.Hour)}},
	} {
		if g, err := closing.Sealed(objects); err == nil {
			t.Errorf("evidence %s: %s", name, g.State)
		}
	}
	for _, g := range []access.Grant{{}, granted(t, time.Hour, "a", "b"), opened(t, granted(t, time.Hour, "a", "b"), noon)} {
		_, err := g.Sealed([]access.ObjectReceipt{a, b})
		wantErr(t, "closed while "+string(g.State), err, access.ErrDecided)
	}
}

func TestCredentialsAreHandedOutWhileOpen(t *testing.T) {
	open := access.Grant{ID: "g-1", State: access.Open, EndsAt: noon.Add(time.Hour), Vended: true}
	soon, late := noon.Add(10*time.Minute), noon.Add(time.Hour)
	g, err := open.Vend(noon, late)
	if err != nil || !g.VendedUntil.Equal(late) || !open.VendedUntil.IsZero() {
		t.Fatalf("%+v, %v", g, err)
	}
	if g, err = g.Vend(noon, soon); err != nil || !g.VendedUntil.Equal(late) {
		t.Errorf("the shorter ones are the last to end: %s, %v", g.VendedUntil, err)
	}
	served, closing := open, open
	served.Vended, closing.State = false, access.Closing
	for name, c := range map[string]struct {
		g          access.Grant
		now, until time.Time
		want       error
	}{
		"a grant that gives none": {served, noon, soon, access.ErrForbidden},
		"a closing one":           {closing, noon, soon, access.ErrDecided},
		"one that is over":        {open, late, late, access.ErrDecided},
		"beyond its end":          {open, noon, late.Add(time.Second), access.ErrForbidden},
		"the zero grant":          {access.Grant{}, noon, soon, access.ErrForbidden},
	} {
		if _, err := c.g.Vend(c.now, c.until); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
