package flows

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
)

// A Usage is what is in use of the limits that a request is held to. What has no
// limit is not counted, and zero.
type Usage struct {
	// Day is the time that the requester was given today, in the zone of the flow.
	Day time.Duration
	// Ended is when their access to the target ended last, as far as a cool-down
	// goes on from there.
	Ended time.Time
	// Person is how many grants of the flow they have, and Target how many
	// there are of the target.
	Person, Target int
	// Glass is how often they broke the glass in the time of its budget.
	Glass int
}

// Fits returns what is in use of the limits that hold for r, which was judged,
// and a *access.Refusal if they leave no room for it: the one of Ask. It looks
// at nothing else, and records nothing.
func (d *Desk) Fits(ctx context.Context, r access.Request) (Usage, error) {
	s, err := d.setting().about(r.Target.Name)
	if err != nil {
		return Usage{}, err
	}
	c := counting{d, s, r, true}
	u, err := c.usage(ctx)
	if err != nil {
		return u, fmt.Errorf("count what is in use: %w", err)
	}
	switch {
	case r.BreakGlass && r.Verdict.Route.Glass != nil:
		err = d.spared(ctx, s, r)
	case r.Extends != "":
		var g access.Grant
		if g, _, err = access.Load[access.Grant](ctx, d.Store, access.Grant{ID: r.Extends}.Key()); err == nil {
			err = s.mayExtend(g, r)
		}
	}
	if err != nil {
		return u, err
	}
	return u, c.within(ctx)
}

func (c counting) usage(ctx context.Context) (u Usage, err error) {
	limits := c.flow.Limits
	count := func(limited bool, measure func() error) {
		if limited && err == nil {
			err = measure()
		}
	}
	count(limits.PerDay > 0, func() (err error) { u.Day, err = c.today(ctx); return err })
	count(limits.CoolDown > 0, func() error {
		last, err := c.ended(ctx)
		if c.now.Before(last.Add(limits.CoolDown)) {
			u.Ended = last
		}
		return err
	})
	count(limits.PerPerson > 0, func() error { live, err := c.held(ctx); u.Person = len(live); return err })
	count(limits.PerTarget > 0, func() error { live, err := c.taken(ctx); u.Target = len(live); return err })
	glass := c.r.Verdict.Route.Glass
	count(glass != nil && glass.Budget > 0, func() error {
		uses, err := c.used(ctx, c.setting, c.r)
		u.Glass = len(slices.DeleteFunc(uses, func(at time.Time) bool { return c.now.Sub(at) >= glass.BudgetPer }))
		return err
	})
	return u, err
}
