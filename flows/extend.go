package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/policies"
)

// extended returns a with the grant that its draft would have last longer, and
// the request that it was given for, if who may ask for that.
func (d *Desk) extended(ctx context.Context, a asking, who access.Person) (asking, error) {
	draft := a.draft
	g, v, err := access.Load[access.Grant](ctx, d.Store, access.Grant{ID: draft.Extends}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return a, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no grant %s: %s.", quoted(string(draft.Extends)), access.NextHeld)}
	} else if err != nil {
		return a, fmt.Errorf("extend %s: %w", draft.Extends, err)
	}
	a.grant, a.version = g, v
	a.first, _, err = access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	switch {
	case err != nil:
		return a, fmt.Errorf("extend %s: %w", draft.Extends, err)
	case g.Holder != who.ID:
		return a, &access.Refusal{Code: access.RefusedNotYours, Text: fmt.Sprintf("You cannot extend this access, because it is %s's: ask for access of your own.", a.first.By.Name)}
	case draft.Target != "" && draft.Target != g.Target:
		return a, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("Grant %s is of %s, not of %s: say which one you mean.", g.ID, g.Target, quoted(draft.Target))}
	case draft.BreakGlass:
		return a, &access.Refusal{Code: access.RefusedInput, Text: "Access is not extended by break-glass: ask for it anew, or have it extended in the ordinary way."}
	}
	a.draft.Target = g.Target
	return a, lasting(g, a.now)
}

// lasting refuses a grant that has no end to be moved.
func lasting(g access.Grant, now time.Time) error {
	switch {
	case g.State == access.Opening:
		return &access.Refusal{Code: access.RefusedDecided, Text: "There is nothing to extend yet, because this access is not open: ask again once it is."}
	case g.State != access.Open || !now.Before(g.EndsAt):
		return &access.Refusal{Code: access.RefusedDecided, Text: fmt.Sprintf("There is nothing to extend any more, because the access to %s is over: ask for it anew.", g.Target)}
	}
	return nil
}

// mayExtend refuses what the flow does not let be added to g.
func (s setting) mayExtend(g access.Grant, r access.Request) error {
	x, had := s.flow.Extend, time.Duration(0)
	for _, e := range g.Extensions {
		had += e.By
	}
	left := x.Total - had
	switch most := r.Target.MaxDuration; {
	case len(x.Choices) == 0:
		return capped("Access to %s cannot be extended, because its flow does not allow it: ask for it anew when it is over.", g.Target)
	case len(g.Extensions) >= x.Count:
		return capped("This access cannot be extended again, because it was extended %s, which is the most: ask for it anew when it is over.", times(len(g.Extensions)))
	case r.Duration > left && left > 0:
		return capped("This access cannot be extended by %s, because only %s are left of the %s that may be added to it: ask for less.", access.Spoken(r.Duration), access.Spoken(left), access.Spoken(x.Total))
	case r.Duration > left:
		return capped("This access cannot be extended again, because the %s that may be added to it are used up: ask for it anew when it is over.", access.Spoken(x.Total))
	case most > 0 && g.Duration+r.Duration > most:
		return capped("This access cannot be extended by %s, because %s is given for %s at most: ask for it anew when it is over.", access.Spoken(r.Duration), g.Target, access.Spoken(most))
	}
	return nil
}

// oneAtATime refuses to extend a grant while that is waited for already. A
// request that waits is committed over the grant that was read, so that neither
// another one nor the end of the grant comes in between.
func (d *Desk) oneAtATime(ctx context.Context, g access.Grant) error {
	return access.Each(ctx, d.Store, access.Exactly(access.IndexPending, string(g.Holder)), func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err == nil && r.Extends == g.ID {
			return &access.Refusal{Code: access.RefusedTooMany, Text: "You have asked to extend this access already, and nobody has decided yet: wait, or withdraw it and ask again."}
		}
		return err
	})
}

// extendedBy adds to b that the approved extension r takes effect, and tells
// those who follow the grant.
func (d *Desk) extendedBy(ctx context.Context, b *ledger.Batch, s setting, r access.Request) error {
	g, err := b.Extend(ctx, d.Store, r)
	if err != nil {
		return err
	}
	by := r.Decisions[len(r.Decisions)-1].Name
	b.Tell(access.NoticeChanged, g.Request, fmt.Sprintf("The access was extended by %s, until %s, as %s approved.", access.Spoken(r.Duration), s.when(g.EndsAt), by))
	b.Tell(access.NoticeOutcome, r.ID, "")
	return nil
}

// dismiss ends an extension of access that is over, which nobody can decide on
// any more.
func (d *Desk) dismiss(ctx context.Context, t turn, r access.Request) (access.Request, error) {
	b := ledger.NewBatch(t.now)
	gone, err := b.Dismiss(r, t.version, ledger.NothingToExtend)
	if err != nil {
		return r, err
	}
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return r, err
	}
	return gone, &access.Refusal{
		Code: access.RefusedDecided,
		Text: fmt.Sprintf("Nothing was extended, because the access is over by now: %s can ask for it anew.", r.By.Name),
	}
}

// begins returns r with when it begins: an extension where its grant ends,
// whatever was added to that before.
func (d *Desk) begins(ctx context.Context, r access.Request) (access.Request, error) {
	if r.Extends == "" {
		return r, nil
	}
	g, _, err := access.Load[access.Grant](ctx, d.Store, access.Grant{ID: r.Extends}.Key())
	if err != nil {
		return r, fmt.Errorf("extend %s: %w", r.Extends, err)
	}
	r.BeginsAt = g.EndsAt
	return r, nil
}

// seen returns r, which was judged, as rules see it.
func (s setting) seen(r access.Request, facts policies.Facts) policies.Input {
	return policies.Input{Request: r, Now: s.now, Begins: r.BeginsAt, Zone: s.flow.Zone, Facts: facts}
}

// choices returns for how long a draft may ask.
func (s setting) choices(draft Draft) []time.Duration {
	if draft.Extends != "" {
		return slices.Clone(s.flow.Extend.Choices)
	}
	return s.rules.Durations(draft.Target)
}
