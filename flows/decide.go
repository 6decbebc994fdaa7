package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// A Say is what somebody says to a request. The digest is of the terms that
// they were shown; it is not asked for when they deny or withdraw.
type Say struct {
	From    access.Account
	Request access.RequestID
	Digest  access.Digest
	Reason  string
	Source  access.Source
}

// Approve takes an approval, and grants when it was the last one needed.
func (d *Desk) Approve(ctx context.Context, s Say) (access.Request, error) {
	return d.decide(ctx, access.Approve, s)
}

// Deny takes a denial.
func (d *Desk) Deny(ctx context.Context, s Say) (access.Request, error) {
	return d.decide(ctx, access.Deny, s)
}

// Withdraw takes a request back.
func (d *Desk) Withdraw(ctx context.Context, s Say) (access.Request, error) {
	return d.decide(ctx, access.Withdraw, s)
}

func (d *Desk) decide(ctx context.Context, action access.Action, s Say) (access.Request, error) {
	who, err := d.People.Identify(ctx, s.From)
	if err != nil {
		stranger := access.Person{Name: s.From.String()}
		return access.Request{}, d.refuse(ctx, s.Request, action, stranger, unable("find out who you are", err))
	}
	var r access.Request
	err = ledger.Retry(func() error {
		r, err = d.decideOnce(ctx, action, who, s)
		return err
	})
	if err != nil {
		return r, d.refuse(ctx, s.Request, action, who, unable("record your decision", err))
	}
	return r, nil
}

// decideOnce carries out one attempt. It returns the request as it stands
// also with a refusal, as far as it was read.
func (d *Desk) decideOnce(ctx context.Context, action access.Action, who access.Person, s Say) (access.Request, error) {
	r, v, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: s.Request}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return r, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no request %q: it may have been made elsewhere.", s.Request)}
	} else if err != nil {
		return r, err
	}
	if r.State != access.Pending {
		// Nothing is left to judge; Authorize says by whom it was decided.
		return r, access.Authorize(action, access.Standing{Person: who, Active: true}, r)
	}
	now, set, err := d.rejudge(ctx, action, r)
	if err != nil {
		return r, err
	}
	standing, err := d.People.Standing(ctx, who, set.groupsOfRoute(now.Verdict.Route))
	if err != nil {
		return r, unable("check who you are", err)
	}
	if err := access.Authorize(action, standing, now); err != nil {
		return r, err
	}
	if action == access.Approve && now.Terms().Digest() != s.Digest {
		return d.reshow(ctx, now, v)
	}
	return d.settle(ctx, action, standing, now, v, s)
}

// rejudge returns r under the rules and facts of now. Where nothing opens,
// what was said before will do.
func (d *Desk) rejudge(ctx context.Context, action access.Action, r access.Request) (access.Request, setting, error) {
	set, err := d.setting(r.Target.Name)
	if err == nil {
		now, err := d.judge(ctx, set, r)
		if err == nil || action == access.Approve {
			return now, set, err
		}
	}
	if action == access.Approve {
		return r, setting{}, err
	}
	set.rules = d.Rules()
	set.now = d.Clock.Now()
	return r, set, nil
}

// reshow keeps the changed terms, has every message drawn anew, and tells the
// approver to look again.
func (d *Desk) reshow(ctx context.Context, r access.Request, v access.Version) (access.Request, error) {
	b := ledger.NewBatch(d.Clock.Now())
	b.Put(r, v)
	b.Tell(access.NoticeChanged, r.ID, "The terms changed since they were shown; the message above shows them as they are now.")
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return r, err
	}
	return r, &access.Refusal{
		Code: access.RefusedChanged,
		Text: "What you were shown has changed since, so nothing was decided: read the updated message and decide again.",
	}
}

// settle commits the decision.
func (d *Desk) settle(ctx context.Context, action access.Action, who access.Standing, r access.Request, v access.Version, s Say) (access.Request, error) {
	at := d.Clock.Now()
	b := ledger.NewBatch(at)
	said := access.Decision{At: at, Reason: s.Reason, Source: s.Source}
	var err error
	switch action {
	case access.Approve:
		r, err = d.approve(ctx, b, who, r, said)
	case access.Deny:
		if r, err = r.Deny(who, said); err == nil {
			b.Event(r.ID, access.EventDenied, who.Person, r.Decisions[len(r.Decisions)-1])
			b.Tell(access.NoticeChanged, r.ID, who.Person.Name+" denied the request.")
			b.Tell(access.NoticeOutcome, r.ID, "")
		}
	case access.Withdraw:
		if r, err = r.Withdraw(at); err == nil {
			b.Event(r.ID, access.EventWithdrawn, who.Person, nil)
			b.Tell(access.NoticeChanged, r.ID, who.Person.Name+" withdrew the request.")
		}
	}
	if err != nil {
		return r, twice(err)
	}
	b.Put(r, v)
	_, err = b.Commit(ctx, d.Store)
	return r, err
}

// approve adds an approval to b, and the grant once it was the last.
func (d *Desk) approve(ctx context.Context, b *ledger.Batch, who access.Standing, r access.Request, said access.Decision) (access.Request, error) {
	if err := d.mayReceive(ctx, r); err != nil {
		return r, err
	}
	r, err := r.Approve(who, said)
	if err != nil {
		return r, err
	}
	b.Event(r.ID, access.EventApproved, who.Person, approved{r.Decisions[len(r.Decisions)-1], r.Terms().Digest(), r.Verdict})
	if r.State != access.Approved {
		b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s approved; %d more needed.", who.Person.Name, r.Missing()))
		return r, nil
	}
	b.Tell(access.NoticeChanged, r.ID, who.Person.Name+" approved the request.")
	plan, err := d.plan(r)
	if err != nil {
		return r, err
	}
	return r, b.Grant(ctx, d.Store, r, plan)
}

// approved is the data of EventApproved: what was said, to which terms, under
// which verdict.
type approved struct {
	access.Decision
	Digest  access.Digest  `json:"digest"`
	Verdict access.Verdict `json:"verdict"`
}

// mayReceive asks, of the requester, what was asked when they asked.
func (d *Desk) mayReceive(ctx context.Context, r access.Request) error {
	holder, err := d.People.Standing(ctx, r.By, nil)
	if err != nil {
		return unable("check that the requester is still a member", err)
	}
	if err := access.Authorize(access.Receive, holder, r); err != nil {
		if !holder.Active {
			return &access.Refusal{Code: access.RefusedStranger, Text: fmt.Sprintf("%s is no longer an active member of this workspace and of AWS, so the request cannot be approved: deny it.", r.By.Name)}
		}
		return err
	}
	return nil
}

func twice(err error) error {
	if errors.Is(err, access.ErrCountedAlready) {
		return &access.Refusal{Code: access.RefusedTwice, Text: "Your approval counts already: the request waits for somebody else."}
	}
	return err
}

// MayOpen is asked by the Keeper before AWS is called for grant g: whether its
// holder may still receive it. It returns a *access.Refusal when the grant
// should fail, and any other error when nobody can say at the moment.
func (d *Desk) MayOpen(ctx context.Context, g access.Grant) error {
	if d.Rules() == nil {
		return fmt.Errorf("open grant %s: no rules in force: %w", g.ID, access.ErrUnavailable)
	}
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	if err != nil {
		return fmt.Errorf("open grant %s: %w", g.ID, err)
	}
	if r.State != access.Approved {
		return &access.Refusal{Code: access.RefusedRules, Text: "The request was not approved."}
	}
	return d.mayReceive(ctx, r)
}
