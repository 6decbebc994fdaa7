package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/policies"
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
	t, now, err := d.rejudge(ctx, t, r)
	if err != nil {
		return r, err
	}
	t.who, err = d.decider(ctx, t, who, now)
	if action == access.Approve && changed(r, now) && (err == nil || d.wasAsked(ctx, t, who, r)) {
		return d.reshow(ctx, t, r, now, err)
	}
	if err != nil {
		return r, err
	}
	if action == access.Approve && now.Terms().Digest() != s.Digest {
		return r, errChanged
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
	room    room            // for what it gives
}

// said returns what is decided, by whoever makes it a decision.
func (t turn) said() access.Decision {
	return access.Decision{At: t.now, Reason: t.say.Reason, Source: t.say.Source}
}

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
	return d.judge(ctx, set, r)
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
	standing, silent := d.standing(ctx, who, groups)
	if silent != nil && !standing.Active {
		return standing, unable("check who you are", silent)
	}
	var err error
	if t.action == access.Approve {
		if standing.Fit, err = d.fits(ctx, t.setting, who, r); err != nil {
			return standing, unable("check who you are", err)
		}
	}
	err = access.Authorize(t.action, standing, r)
	if refusal, ok := errors.AsType[*access.Refusal](err); ok && refusal.Code == access.RefusedNotYours && silent != nil {
		// It may be theirs by a group that gave no answer.
		return standing, unable("check who you are", silent)
	}
	switch t.action {
	case access.Deny:
		err = t.unsure(err, "ask an admin to deny the request, or let it lapse")
	case access.Review:
		err = t.unsure(err, "ask an admin to review it")
	}
	return standing, err
}

// fits reports whether what the route of r asks of approvers holds for who. A
// rule that cannot be evaluated fits nobody.
func (d *Desk) fits(ctx context.Context, s setting, who access.Person, r access.Request) (bool, error) {
	route := r.Verdict.Route
	if route.ApproveWhen == "" {
		return true, nil
	}
	needs := s.flow.Rules.ApproverNeeds(route.Name)
	facts, err := d.People.Gather(ctx, policies.About{Request: r, Approver: who}, s.groupsOf(needs), needs)
	if err != nil {
		return false, err
	}
	in, err := d.seen(ctx, s, r, facts)
	if err != nil {
		return false, err
	}
	fit, err := s.flow.Rules.Fits(route.Name, in, who)
	return fit && err == nil, nil
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

// errChanged tells an approver to look again.
var errChanged = &access.Refusal{
	Code: access.RefusedChanged,
	Text: "What you were shown has changed since, so nothing was decided: read the updated message and decide again.",
}

// changed reports whether the rules of now answer otherwise than was stored:
// with other terms, by another route, or not at all.
func changed(was, now access.Request) bool {
	return was.Agreed() != now.Agreed() || was.Verdict.Allow != now.Verdict.Allow
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
	b.Event(now.ID, access.EventChanged, access.Person{}, asked{now.Terms(), now.Verdict, now.Source})
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
	}
	text := "The rules changed since this was asked: it is for " + now.Asked() + " to decide now."
	if was.Counted() > now.Counted() {
		text += " What was approved before does not count any more."
	}
	return text
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
	if errors.Is(err, access.ErrDecided) && r.Extends != "" {
		return d.dismiss(ctx, t, r)
	} else if err != nil {
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
	was := r
	r, err := r.Approve(t.who, t.said())
	if err != nil {
		return r, err
	}
	who := t.who.Person
	b.Event(r.ID, access.EventApproved, who, approved{r.Decisions[len(r.Decisions)-1], r.Terms().Digest(), r.Verdict})
	if r.State != access.Approved {
		progress(b, was, r)
		return r, nil
	}
	b.Tell(access.NoticeChanged, r.ID, who.Name+" approved the request.")
	if err := d.spare(ctx, t, r); err != nil {
		return r, err
	}
	t.room.take(b, t.setting)
	return r, d.give(ctx, b, t.setting, r)
}

// progress tells how far an approval brought was, and asks those whose turn it
// is by it.
func progress(b *ledger.Batch, was, r access.Request) {
	who, now := r.Decisions[len(r.Decisions)-1].Name, r.Outstanding()
	if before := was.Outstanding(); len(now) > 0 && len(before) > 0 && before[0].Stage != now[0].Stage {
		b.Tell(access.NoticeAsked, r.ID, "")
		b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s approved; now it is for %s to decide.", who, r.Asked()))
		return
	}
	b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s approved; the request still needs %s.", who, r.Asked()))
}

// spare asks once more whether there is room for what r gives.
func (d *Desk) spare(ctx context.Context, t turn, r access.Request) error {
	if r.Extends != "" {
		g, _, err := access.Load[access.Grant](ctx, d.Store, access.Grant{ID: r.Extends}.Key())
		if err != nil {
			return err
		}
		if err := t.mayExtend(g, r); err != nil {
			return err
		}
	}
	return counting{d, t.setting, r, false}.within(ctx)
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
			Text: fmt.Sprintf("Your approval counts already, and the request still needs %s: leave it to them.", r.Asked()),
		}
	case errors.Is(err, access.ErrNotNeeded):
		return &access.Refusal{
			Code: access.RefusedTwice,
			Text: fmt.Sprintf("Your approval is not needed any more, because the others of your group were enough, and the request still needs %s: leave it to them.", r.Asked()),
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
	if err := d.mayHold(ctx, now); err != nil {
		return err
	}
	if r.BreakGlass && len(r.Announcements) == 0 {
		return fmt.Errorf("open grant %s: nobody has taken note yet that the glass was broken: %w", g.ID, access.ErrUnavailable)
	}
	return nil
}
