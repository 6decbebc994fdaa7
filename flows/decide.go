package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	// SentAt is as in a Draft, and matters to an approval alone.
	SentAt time.Time
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
		return r, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no request %s: %s.", quoted(string(s.Request)), access.NextButtons)}
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
	if action == access.Approve && !approvedBy(r, who.ID) {
		if err := t.fresh(s.SentAt); err != nil {
			return r, err
		}
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

// decider returns the standing of who, if it is enough.
func (d *Desk) decider(ctx context.Context, t turn, who access.Person, r access.Request) (access.Standing, error) {
	var groups []flowfile.Group
	if t.action != access.Withdraw {
		groups = t.groupsOfRoute(r.Verdict.Route)
	}
	standing, silent := d.standing(ctx, who, groups)
	standing.Via = t.say.Source
	if silent != nil && !standing.Active {
		return standing, unable("check who you are", silent)
	}
	var err error
	if t.action == access.Approve {
		if standing, err = d.fit(ctx, t, standing, r); err != nil {
			return standing, err
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
	if err := t.offered(r, "This request cannot be approved"); err != nil {
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
	if err := d.stillRoom(ctx, t, r); err != nil {
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

// stillRoom asks once more whether there is room for what r gives.
func (d *Desk) stillRoom(ctx context.Context, t turn, r access.Request) error {
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
