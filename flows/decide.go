package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
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
	by := teller{from: s.From}
	who, err := d.People.Identify(ctx, s.From)
	if err != nil {
		return access.Request{}, d.refuse(ctx, s.Request, action, by, unable("find out who you are", err))
	}
	by.who, s.Reason = who, clean(s.Reason)
	var r access.Request
	err = ledger.Retry(func() error {
		r, err = d.decideOnce(ctx, action, who, s)
		return err
	})
	if err != nil {
		return r, d.refuse(ctx, s.Request, action, by, unable("record your decision", err))
	}
	return r, nil
}

// decideOnce carries out one attempt. It returns the request as it stands
// also with a refusal, as far as it was read.
func (d *Desk) decideOnce(ctx context.Context, action access.Action, who access.Person, s Say) (access.Request, error) {
	r, v, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: s.Request}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return r, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no request %s: use the buttons of its message.", quoted(string(s.Request)))}
	} else if err != nil {
		return r, err
	}
	t := turn{setting: d.setting(), action: action, say: s, version: v}
	if action == access.Review {
		return d.reviewOnce(ctx, t, who, r)
	}
	if r.State != access.Pending {
		// Nothing is left to judge; Authorize says by whom it was decided,
		// as the message does that the button is on.
		return r, access.Authorize(action, access.Standing{Person: who, Active: true}, r)
	}
	if problem := tooLong(s.Reason); problem != "" {
		return r, &access.Refusal{Code: access.RefusedInput, Text: problem, Fields: map[string]string{FieldReason: problem}}
	}
	now, err := d.rejudge(ctx, t, r)
	if err != nil {
		return r, err
	}
	if t.who, err = d.decider(ctx, t, who, now); err != nil {
		return r, err
	}
	if action == access.Approve && now.Terms().Digest() != s.Digest {
		return d.reshow(ctx, t, r, now)
	}
	return d.settle(ctx, t, now)
}

// A turn is one attempt to decide.
type turn struct {
	setting
	action  access.Action
	say     Say
	who     access.Standing // once it is enough
	version access.Version  // of the request that was read
}

// said returns what is decided, by whoever makes it a decision.
func (t turn) said() access.Decision {
	return access.Decision{At: t.now, Reason: t.say.Reason, Source: t.say.Source}
}

// rejudge returns r under the rules and facts of now. An approval needs them.
// Who may deny may have changed with them, but where nobody can tell, what was
// said before will do; and who may withdraw never changes.
func (d *Desk) rejudge(ctx context.Context, t turn, r access.Request) (access.Request, error) {
	if t.action == access.Withdraw {
		return r, nil
	}
	set, err := t.about(r.Target.Name)
	if err == nil {
		var now access.Request
		if now, err = d.judge(ctx, set, r); err == nil {
			return now, nil
		}
	}
	if t.action == access.Approve {
		return r, gone(err, "This request cannot be approved, because there is no target %s any more: deny it.", r)
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

// decider returns the standing of who, if it is enough.
func (d *Desk) decider(ctx context.Context, t turn, who access.Person, r access.Request) (access.Standing, error) {
	var groups []flowfile.Group
	if t.action != access.Withdraw {
		groups = t.groupsOfRoute(r.Verdict.Route)
	}
	standing, err := d.standing(ctx, who, groups)
	if err != nil {
		return standing, unable("check who you are", err)
	}
	err = access.Authorize(t.action, standing, r)
	if t.action == access.Deny {
		err = t.unsure(err, "ask an admin to deny the request, or let it lapse")
	}
	return standing, err
}

// unsure says of somebody who is not known to be named by a route that nobody
// can tell, when there are no rules that say who is in its groups.
func (s setting) unsure(err error, next string) error {
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != access.RefusedNotYours || s.rules != nil {
		return err
	}
	return &access.Refusal{
		Code: access.RefusedClosing,
		Text: "Sesame cannot tell at the moment whether this is yours to do, because its flow files have an error: " + next + ".",
	}
}

// reshow tells an approver to look again. Terms that are not what was stored
// are kept, recorded and drawn anew; nothing is when only the button was old.
func (d *Desk) reshow(ctx context.Context, t turn, was, now access.Request) (access.Request, error) {
	refusal := &access.Refusal{
		Code: access.RefusedChanged,
		Text: "What you were shown has changed since, so nothing was decided: read the updated message and decide again.",
	}
	if was.Agreed() == now.Agreed() {
		return was, refusal
	}
	b := ledger.NewBatch(t.now)
	b.Put(now, t.version)
	b.Event(now.ID, access.EventChanged, access.Person{}, asked{now.Terms(), now.Verdict, now.Source})
	b.Tell(access.NoticeChanged, now.ID, "The terms changed since they were shown; the message above shows them as they are now.")
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return was, err
	}
	return now, refusal
}

// settle commits the decision.
func (d *Desk) settle(ctx context.Context, t turn, r access.Request) (access.Request, error) {
	b := ledger.NewBatch(t.now)
	var decided access.Request
	var err error
	switch t.action {
	case access.Approve:
		decided, err = d.approve(ctx, b, t, r)
	case access.Deny:
		decided, err = deny(b, t, r)
	default:
		decided, err = withdraw(b, t, r)
	}
	if err != nil {
		return r, uncounted(err, r)
	}
	b.Put(decided, t.version)
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return r, err
	}
	return decided, nil
}

func deny(b *ledger.Batch, t turn, r access.Request) (access.Request, error) {
	r, err := r.Deny(t.who, t.said())
	if err != nil {
		return r, err
	}
	b.Event(r.ID, access.EventDenied, t.who.Person, r.Decisions[len(r.Decisions)-1])
	b.Tell(access.NoticeChanged, r.ID, t.who.Person.Name+" denied the request.")
	b.Tell(access.NoticeOutcome, r.ID, "")
	return r, nil
}

func withdraw(b *ledger.Batch, t turn, r access.Request) (access.Request, error) {
	r, err := r.Withdraw(t.now)
	if err != nil {
		return r, err
	}
	b.Event(r.ID, access.EventWithdrawn, t.who.Person, nil)
	b.Tell(access.NoticeChanged, r.ID, t.who.Person.Name+" withdrew the request.")
	return r, nil
}

// approve adds an approval to b, and the grant once it was the last.
func (d *Desk) approve(ctx context.Context, b *ledger.Batch, t turn, r access.Request) (access.Request, error) {
	if r.Overdue(t.now) {
		return r, &access.Refusal{
			Code: access.RefusedDecided, Text: "Nothing is left to decide, because nobody decided in time and this request lapses: have it asked again.",
		}
	}
	if err := d.mayHold(ctx, r); err != nil {
		return r, err
	}
	r, err := r.Approve(t.who, t.said())
	if err != nil {
		return r, err
	}
	who := t.who.Person
	b.Event(r.ID, access.EventApproved, who, approved{r.Decisions[len(r.Decisions)-1], r.Terms().Digest(), r.Verdict})
	if r.State != access.Approved {
		b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s approved; %d more needed.", who.Name, r.Missing()))
		return r, nil
	}
	b.Tell(access.NoticeChanged, r.ID, who.Name+" approved the request.")
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
	Terms   access.Digest  `json:"terms"`
	Verdict access.Verdict `json:"verdict"`
}

// mayHold asks, of the requester, what was asked when they asked.
func (d *Desk) mayHold(ctx context.Context, r access.Request) error {
	holder, err := d.standing(ctx, r.By, nil)
	if err != nil {
		return unable("check that the requester is still a member", err)
	}
	if !holder.Active {
		return &access.Refusal{
			Code: access.RefusedStranger,
			Text: fmt.Sprintf("%s cannot be given access, because they are no longer an active member of this workspace and of AWS: an admin can change that.", r.By.Name),
		}
	}
	return access.Authorize(access.Receive, holder, r)
}

// uncounted says why an approval was not counted towards r.
func uncounted(err error, r access.Request) error {
	switch {
	case errors.Is(err, access.ErrCountedAlready):
		return &access.Refusal{
			Code: access.RefusedTwice,
			Text: fmt.Sprintf("Your approval counts already, and %d more is needed: leave it to somebody else.", r.Missing()),
		}
	case errors.Is(err, access.ErrNotNeeded):
		return &access.Refusal{
			Code: access.RefusedTwice,
			Text: "Your approval is not needed any more, because the others of your group were enough: leave it to those who are missing.",
		}
	default:
		return err
	}
}

// MayOpen is asked by the Keeper before AWS is called for grant g: whether its
// holder may still receive it, by the rules and facts of now. It returns a
// *access.Refusal when the grant should fail, and any other error when nobody
// can say at the moment.
func (d *Desk) MayOpen(ctx context.Context, g access.Grant) error {
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	if err != nil {
		return fmt.Errorf("open grant %s: %w", g.ID, err)
	}
	if r.State != access.Approved {
		return &access.Refusal{Code: access.RefusedRules, Text: "Nothing was opened, because the request was not approved: ask again."}
	}
	set, err := d.setting().about(r.Target.Name)
	if err != nil {
		return gone(err, "Nothing was opened, because there is no target %s any more: /access list shows what there is.", r)
	}
	now, err := d.judge(ctx, set, r)
	if err != nil {
		return err
	}
	return d.mayHold(ctx, now)
}
