package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/policies"
)

// rejudge returns r under the rules and facts of now, and t with what they
// are. An approval needs them. Who may deny may have changed with them, but
// where nobody can tell, what was said before will do; and who may withdraw
// never changes.
func (d *Desk) rejudge(ctx context.Context, t turn, r access.Request) (turn, access.Request, error) {
	if t.action == access.Withdraw {
		return t, r, nil
	}
	now, err := d.rejudged(ctx, &t, r)
	if err != nil && t.action == access.Approve {
		return t, r, gone(err, "This request cannot be approved, because there is no target %s any more: deny it.", r)
	} else if err != nil {
		return t, r, nil
	}
	return t, now, nil
}

func (d *Desk) rejudged(ctx context.Context, t *turn, r access.Request) (access.Request, error) {
	set, err := t.about(r.Target.Name)
	if err != nil {
		return r, err
	}
	t.setting = set
	// Before the facts, since history is one of them.
	if t.room, err = d.room(ctx, r.By.ID, r.Target.Name); err != nil {
		return r, err
	}
	if r, err = d.judge(ctx, set, r); err != nil || t.action != access.Approve {
		return r, err
	}
	return d.withoutLeft(ctx, r)
}

// withoutLeft returns r in which nothing counts that somebody approved who is
// no longer an active member: an account that was closed because it is in the
// wrong hands must not be one of two.
func (d *Desk) withoutLeft(ctx context.Context, r access.Request) (access.Request, error) {
	for _, made := range r.Decisions {
		if !r.Counts(made) {
			continue
		}
		who, _, err := access.Load[access.Person](ctx, d.Store, access.Person{ID: made.By}.Key())
		if err != nil {
			return r, fmt.Errorf("count the approval of %s: %w", made.By, err)
		}
		s, err := d.standing(ctx, who, nil)
		if err != nil {
			return r, unable("check that "+made.Name+", who approved, is still a member", err)
		}
		if !s.Active {
			r = r.Without(made.By)
		}
	}
	return r, nil
}

// gone says of a request for a target that is not in the flow files any more
// what that means for whoever is told.
func gone(err error, format string, r access.Request) error {
	if refusal, ok := errors.AsType[*access.Refusal](err); ok && refusal.Code == access.RefusedUnknown {
		return &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf(format, quoted(r.Target.Name))}
	}
	return err
}

// fit returns the standing with whether what the route of r asks of approvers
// holds for them. A rule that cannot be evaluated fits nobody.
func (d *Desk) fit(ctx context.Context, t turn, who access.Standing, r access.Request) (access.Standing, error) {
	route := r.Verdict.Route
	if route.ApproveWhen == "" {
		return who, nil
	}
	needs := t.flow.Rules.ApproverNeeds(route.Name)
	facts, err := d.People.Gather(ctx, policies.About{Request: r, Approver: who.Person}, t.groupsOf(needs), needs)
	if err != nil {
		return who, unable("check who you are", err)
	}
	if who.Fit, err = t.flow.Rules.Fits(route.Name, t.seen(r, facts), who.Person); err != nil {
		who.Fit, who.Unfit = false, err.Error()
	}
	return who, nil
}

// errChanged tells an approver to look again.
var errChanged = &access.Refusal{
	Code: access.RefusedChanged,
	Text: "What you were shown has changed since, so nothing was decided: " + access.NextAgain + ".",
}

// changed reports whether the rules of now answer otherwise than was stored:
// with other terms, by another route, or not at all; or what was approved counts
// for less.
func changed(was, now access.Request) bool {
	return was.Agreed() != now.Agreed() || was.Verdict.Allow != now.Verdict.Allow || was.Counted() != now.Counted()
}

// wasAsked reports whether who was among those who could decide, as far as that
// can be told. Nobody else has anything drawn anew.
func (d *Desk) wasAsked(ctx context.Context, t turn, who access.Person, was access.Request) bool {
	s, err := d.standing(ctx, who, t.groupsOfRoute(was.Verdict.Route))
	return err == nil && s.Active && was.Verdict.Route.MayDecide(s)
}

// reshow keeps, records and draws anew what is not as it was stored. It tells
// an approver to look again, unless they were refused anyhow.
func (d *Desk) reshow(ctx context.Context, t turn, was, now access.Request, refused error) (access.Request, error) {
	if _, ok := errors.AsType[*access.Refusal](refused); refused != nil && !ok {
		return was, refused
	}
	b := ledger.NewBatch(t.now)
	b.Put(now, t.version)
	b.Event(now.ID, access.EventChanged, access.Person{}, askedOf(now))
	b.Tell(access.NoticeChanged, now.ID, difference(was, now))
	if now.Verdict.Allow {
		b.Tell(access.NoticeAsked, now.ID, "")
	}
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return was, err
	}
	if refused != nil {
		return now, refused
	}
	return now, errChanged
}

// difference says for the trail how the rules answer by now.
func difference(was, now access.Request) string {
	switch {
	case !now.Verdict.Allow && len(now.Verdict.Reasons) > 0:
		return "The rules refuse this request by now: " + now.Verdict.Reasons[0].Text
	case !now.Verdict.Allow:
		return "The rules refuse this request by now."
	case was.Terms().Digest() != now.Terms().Digest():
		return "The terms changed since they were shown; the message above shows them as they are now."
	case now.Verdict.Route.Auto:
		return "The rules changed since this was asked: nobody needs to decide by now, so it can be withdrawn and asked again."
	case was.Agreed() == now.Agreed():
		return "What was approved by somebody who is no longer an active member does not count any more: it is for " + now.Asked() + " to decide now."
	}
	text := "The rules changed since this was asked: it is for " + now.Asked() + " to decide now."
	if was.Counted() > now.Counted() {
		text += " What was approved before does not count any more."
	}
	return text
}
