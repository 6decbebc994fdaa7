package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// A room is what was read before something is counted against a limit. Whoever
// grants takes it, over the versions that were read: of two who found room at
// once, one counts again.
type room struct {
	person, target counted
}

// A counted tally is one as it was read.
type counted struct {
	access.Tally
	version access.Version
}

// room reads the tallies that a grant of target to who counts in. It comes
// before facts of history, which may limit as well.
func (d *Desk) room(ctx context.Context, who access.PersonID, target string) (room, error) {
	person, err := d.tally(ctx, "person/"+string(who))
	if err != nil {
		return room{}, err
	}
	of, err := d.tally(ctx, "target/"+target)
	return room{person, of}, err
}

func (d *Desk) tally(ctx context.Context, of string) (counted, error) {
	t, v, err := access.LoadOrNew[access.Tally](ctx, d.Store, access.Tally{Of: of}.Key())
	t.Of = of
	return counted{t, v}, err
}

// take adds to b that something is given under the rules of s.
func (m room) take(b *ledger.Batch, s setting) {
	b.Count(m.person.Tally, m.person.version)
	if s.flow.Limits.PerTarget > 0 {
		b.Count(m.target.Tally, m.target.version)
	}
}

// A counting compares a request with the limits of its flow.
type counting struct {
	*Desk
	setting
	r access.Request
	// told is whether the requester is who reads a refusal.
	told bool
}

// within refuses a request that the limits of its flow leave no room for. An
// extension adds time and no grant. Broken glass has limits of its own, since
// it is for when the ordinary ones are in the way.
func (c counting) within(ctx context.Context) error {
	if most := c.r.Target.MaxDuration; most > 0 && c.r.Duration > most {
		return capped("%s cannot be had for %s, because it is given for %s at most: %s for less.", c.r.Target.Name, access.Spoken(c.r.Duration), access.Spoken(most), c.ask())
	}
	if c.r.BreakGlass {
		return nil
	}
	checks := []func(context.Context) error{c.perDay}
	if c.r.Extends == "" {
		checks = []func(context.Context) error{c.perPerson, c.perTarget, c.coolDown, c.perDay}
	}
	for _, check := range checks {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

func capped(format string, args ...any) error {
	return &access.Refusal{Code: access.RefusedCap, Text: fmt.Sprintf(format, args...)}
}

// perPerson compares how many grants of the flow the requester has.
func (c counting) perPerson(ctx context.Context) error {
	most := c.flow.Limits.PerPerson
	if most == 0 {
		return nil
	}
	live, err := c.held(ctx)
	if err != nil || len(live) < most {
		return err
	}
	return capped("%s what %s gives %s at once, which is the most that one person may have: %s.",
		c.who("You have", "has"), c.flow.Label, times(len(live)), c.free(live))
}

// perTarget compares how many grants of the target there are.
func (c counting) perTarget(ctx context.Context) error {
	most := c.flow.Limits.PerTarget
	if most == 0 {
		return nil
	}
	live, err := c.taken(ctx)
	if err != nil || len(live) < most {
		return err
	}
	return capped("%s is not free, because it is given %s at once at most: %s.", c.r.Target.Name, times(most), c.free(live))
}

// held returns the grants of the flow that the requester has.
func (c counting) held(ctx context.Context) ([]access.Grant, error) {
	return c.live(ctx, access.IndexLive, string(c.r.By.ID))
}

// taken returns the grants of the target, whoever has them.
func (c counting) taken(ctx context.Context) ([]access.Grant, error) {
	return c.live(ctx, access.IndexHeld, c.r.Target.Name)
}

// live returns the grants of the flow that are listed under an index of what is
// not closed.
func (c counting) live(ctx context.Context, index, value string) (all []access.Grant, err error) {
	err = access.Each(ctx, c.Store, access.Exactly(index, value), func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if slices.Contains(c.flow.Targets, g.Target) {
			all = append(all, g)
		}
		return err
	})
	return all, err
}

// free says when there is room again, by what there is now.
func (c counting) free(live []access.Grant) string {
	first := slices.MinFunc(live, func(a, b access.Grant) int { return a.Until().Compare(b.Until()) })
	if first.State == access.Closing || !c.now.Before(first.Until()) {
		return "one of them is being closed, so try again in a minute"
	}
	return "the first of them ends at " + c.when(first.Until())
}

// coolDown compares when the requester's access to the target ended last.
func (c counting) coolDown(ctx context.Context) error {
	pause := c.flow.Limits.CoolDown
	if pause == 0 {
		return nil
	}
	last, err := c.ended(ctx)
	again := last.Add(pause)
	if err != nil || last.IsZero() || !c.now.Before(again) {
		return err
	}
	return capped("%s have %s again yet, because it takes a pause of %s after it ended, which was at %s: %s again from %s on.",
		c.who("You cannot", "cannot"), c.r.Target.Name, access.Spoken(pause), c.when(last), c.ask(), c.when(again))
}

// ended returns when the requester's access to the target ended last, as far as
// that can matter to the cool-down; the zero time if it did not.
func (c counting) ended(ctx context.Context) (last time.Time, err error) {
	lasting := longestGrant + c.flow.Extend.Total
	err = c.given(ctx, c.now.Add(-c.flow.Limits.CoolDown-lasting), func(r access.Request, g access.Grant) {
		if over := g.Over(); r.Target.Name == c.r.Target.Name && r.Extends == "" && over.After(last) {
			last = over
		}
	})
	return last, err
}

// perDay compares the time that the requester was given today.
func (c counting) perDay(ctx context.Context) error {
	most := c.flow.Limits.PerDay
	if most == 0 {
		return nil
	}
	had, err := c.today(ctx)
	left := max(0, most-had)
	if err != nil || c.r.Duration <= left {
		return err
	}
	more, used := "", ""
	if had > 0 {
		more, used = "another ", ", with "+access.Spoken(had)+" used up"
	}
	return capped("%s have %s for %s%s today, because what %s gives is for %s a day and person at most%s: %s %s.",
		c.who("You cannot", "cannot"), c.r.Target.Name, more, access.Spoken(c.r.Duration), c.flow.Label, access.Spoken(most), used, c.ask(), c.lessOrLater(left))
}

// today returns the time that the requester was given since midnight.
func (c counting) today(ctx context.Context) (had time.Duration, err error) {
	err = c.given(ctx, c.midnight(0), func(r access.Request, _ access.Grant) { had += r.Duration })
	return had, err
}

// lessOrLater says what can be asked for, or when, with so much left of a day.
func (c counting) lessOrLater(left time.Duration) string {
	less, later := "for "+access.Spoken(left)+" at most", "again from "+c.when(c.midnight(1))+" on"
	switch {
	case left == 0:
		return later
	case c.r.Duration > c.flow.Limits.PerDay:
		return less
	}
	return less + ", or " + later
}

// midnight returns the beginning of the day that is so many after today.
func (c counting) midnight(days int) time.Time {
	y, m, d := c.now.In(c.zone()).Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, c.zone())
}

// How long a grant can be under way: what flow files allow at most for the time
// to decide, and for the access itself.
const (
	longestWait  = 30 * 24 * time.Hour
	longestGrant = 7*24*time.Hour + access.OpenWithin
)

// given calls f for what the requester was granted by the flow, with the grant,
// as far as it was decided since a moment. Access that was never there does not
// count.
func (c counting) given(ctx context.Context, since time.Time, f func(access.Request, access.Grant)) error {
	q := access.Since(access.IndexPerson, string(c.r.By.ID), since.Add(-longestWait))
	return access.Each(ctx, c.Store, q, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err != nil || r.State != access.Approved || r.EndedAt.Before(since) || !slices.Contains(c.flow.Targets, r.Target.Name) {
			return err
		}
		id := r.ID.Grant()
		if r.Extends != "" {
			id = r.Extends
		}
		g, _, err := access.Load[access.Grant](ctx, c.Store, access.Grant{ID: id}.Key())
		if errors.Is(err, access.ErrNotFound) || err == nil && g.End.Cause == access.EndedFailed {
			return nil
		}
		f(r, g)
		return err
	})
}

// who begins a sentence about the requester, for them or for somebody else.
func (c counting) who(you, they string) string {
	if c.told {
		return you
	}
	return c.r.By.Name + " " + they
}

// ask tells whoever reads what the requester can do next.
func (c counting) ask() string { return c.who("ask", "can ask") }

func (s setting) zone() *time.Location {
	if s.flow.Zone == nil {
		return time.UTC
	}
	return s.flow.Zone
}

// when names a moment by the clocks of the flow.
func (s setting) when(t time.Time) string { return t.In(s.zone()).Format("2006-01-02 15:04 MST") }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
