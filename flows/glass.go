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

// mayBreak returns the standing of who asks to break the glass, if the route
// lets them decide for themselves, and nothing that they did before is in the
// way.
func (d *Desk) mayBreak(ctx context.Context, s setting, r access.Request) (access.Standing, error) {
	own, err := d.decider(ctx, turn{setting: s, action: access.Approve}, r.By, r)
	if err != nil {
		return own, err
	}
	return own, d.spared(ctx, s, r)
}

// spared refuses who broke the glass too often, or was not reviewed in time.
func (d *Desk) spared(ctx context.Context, s setting, r access.Request) error {
	uses, err := d.used(ctx, s, r)
	if err != nil {
		return err
	}
	if err := d.reviewed(ctx, s, r.By.ID); err != nil {
		return err
	}
	return s.afford(*r.Verdict.Route.Glass, uses)
}

// used returns when the requester broke the glass of the flow before, the
// latest last. What was never opened, because nobody could be told, is no use.
func (d *Desk) used(ctx context.Context, s setting, r access.Request) (uses []time.Time, err error) {
	glass := r.Verdict.Route.Glass
	since := s.now.Add(-max(glass.BudgetPer, glass.CoolDown))
	c := counting{d, s, r, true}
	err = c.given(ctx, since, func(past access.Request, _ access.Grant) {
		if past.BreakGlass && past.Extends == "" {
			uses = append(uses, past.EndedAt)
		}
	})
	return uses, err
}

// reviewed refuses whoever used break-glass before and was not reviewed in
// time, in whatever flow.
func (d *Desk) reviewed(ctx context.Context, s setting, who access.PersonID) error {
	return access.Each(ctx, d.Store, access.Exactly(access.IndexReview, string(who)), func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err != nil || !r.Review.Late(s.now) {
			return err
		}
		return capped("You cannot use break-glass, because your use of it for %s (request %s) was to be reviewed by %s, and nobody did: have it reviewed, or ask in the ordinary way.",
			r.Target.Name, r.ID, s.when(r.Review.DueAt))
	})
}

// afford refuses who has used the glass too often, or just now.
func (s setting) afford(glass access.Glass, uses []time.Time) error {
	if n := len(uses); glass.CoolDown > 0 && n > 0 && s.now.Sub(uses[n-1]) < glass.CoolDown {
		return capped("You cannot use break-glass again yet, because there are to be %s between two uses and your last one was at %s: ask in the ordinary way, or again from %s on.",
			access.Spoken(glass.CoolDown), s.when(uses[n-1]), s.when(uses[n-1].Add(glass.CoolDown)))
	}
	within := slices.DeleteFunc(uses, func(at time.Time) bool { return glass.BudgetPer > 0 && s.now.Sub(at) >= glass.BudgetPer })
	if n := len(within); glass.Budget > 0 && n >= glass.Budget {
		return capped("You cannot use break-glass again yet, because you used it %s in %s, which is the most: ask in the ordinary way, or again from %s on.",
			times(n), access.Spoken(glass.BudgetPer), s.when(within[n-glass.Budget].Add(glass.BudgetPer)))
	}
	return nil
}

// breakGlass adds to b the requester's own decision, and what it gives.
func (d *Desk) breakGlass(ctx context.Context, b *ledger.Batch, a asking, r access.Request) (access.Request, error) {
	t := turn{setting: a.setting, who: a.who, say: Say{Source: a.draft.Source}}
	r, err := r.Approve(a.who, t.said())
	if err != nil {
		return r, err
	}
	if r.State != access.Approved {
		return r, &access.Refusal{Code: access.RefusedRules, Text: "You cannot use break-glass here, because its route wants more people than you to approve: ask an admin to correct it.", Verdict: r.Verdict}
	}
	b.Event(r.ID, access.EventApproved, r.By, approved{r.Decisions[0], r.Terms().Digest(), r.Verdict})
	b.Tell(access.NoticeAnnounce, r.ID, "")
	return r, d.give(ctx, b, a.setting, r)
}

// Review takes what somebody found who looked at how broken glass was used.
// The finding is the Reason; the digest is not asked for, since what is
// reviewed has happened.
func (d *Desk) Review(ctx context.Context, s Say) (access.Request, error) {
	return d.decide(ctx, access.Review, s)
}

// reviewOnce carries out one attempt to review r, read as version v.
func (d *Desk) reviewOnce(ctx context.Context, t turn, who access.Person, r access.Request) (access.Request, error) {
	finding, problem := cleanFinding(t.say.Reason)
	if problem != "" {
		return r, &access.Refusal{Code: access.RefusedInput, Text: problem, Fields: map[string]string{FieldReason: problem}}
	}
	var err error
	if t.who, err = d.decider(ctx, t, who, r); err != nil {
		return r, err
	}
	reviewed, err := r.Reviewed(t.who, finding, t.now)
	if err != nil {
		return r, err
	}
	b := ledger.NewBatch(t.now)
	b.Put(reviewed, t.version)
	b.Event(r.ID, access.EventReviewed, who, reviewed.Review)
	b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s reviewed the use of break-glass: %s", who.Name, finding))
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return r, err
	}
	return reviewed, nil
}

// Announced records that a place took note of broken glass: somebody who can
// be named there could have seen it. It may be said as often as one likes.
func (d *Desk) Announced(ctx context.Context, id access.RequestID, where string) error {
	return ledger.Retry(func() error {
		r, v, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: id}.Key())
		if err != nil {
			return fmt.Errorf("announce %s: %w", id, err)
		}
		now := d.Clock.Now()
		announced, err := r.Announced(where, now)
		if errors.Is(err, access.ErrCountedAlready) {
			return nil
		} else if err != nil {
			return err
		}
		b := ledger.NewBatch(now)
		b.Put(announced, v)
		b.Event(id, access.EventAnnounced, access.Person{}, announced.Announcements[len(announced.Announcements)-1])
		_, err = b.Commit(ctx, d.Store)
		return err
	})
}
