package bot

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/slack-go/slack"

	"sesame/bot/blocks"
	"sesame/bot/socket"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/line"
)

// Longer returns by how much a grant can be extended, as far as its flow says:
// nothing where it cannot be, or not any more. It decides what is shown; the
// Desk decides what is done. A nil set extends nothing.
func Longer(rules *flowfile.Set, g access.Grant) []time.Duration {
	if rules == nil || g.State != access.Open {
		return nil
	}
	flow, ok := rules.Flow(g.Target)
	target, has := rules.Target(g.Target)
	if !ok || !has || len(g.Extensions) >= flow.Extend.Count {
		return nil
	}
	left := flow.Extend.Total
	for _, x := range g.Extensions {
		left -= x.By
	}
	if most := target.MaxDuration; most > 0 {
		left = min(left, most-g.Duration)
	}
	var all []time.Duration
	for _, d := range flow.Extend.Choices {
		if d <= left {
			all = append(all, d)
		}
	}
	return all
}

// extendCommand handles a line that asks for more time: complete, it is stored
// and submitted; else the form opens with what was understood.
func (b *Bot) extendCommand(ctx context.Context, e socket.Envelope, p payload, l line.Line) {
	// Which access it is takes the store to tell; what is wrong with the words
	// does not depend on that.
	draft := flows.Draft{Extends: "some", Target: l.Target, Duration: l.Duration, Reason: l.Reason}
	if l.Complete() && (l.Target == "" || b.Desk.Check(draft) == nil) {
		b.receive(ctx, e, b.delivery(e, kindExtend, p, or(p.TriggerID, e.ID)), p)
		return
	}
	b.ack(e, nil)
	b.show(p, func(ctx context.Context) error { return b.incompleteExtension(ctx, p, l) })
}

// incompleteExtension shows what to do about a line that cannot be submitted:
// the form for the only access that can be meant, or else all that is held.
func (b *Bot) incompleteExtension(ctx context.Context, p payload, l line.Line) error {
	if unknown(l) != nil {
		var err error
		if l, err = b.reread(ctx, p, l); err != nil {
			return err
		}
	}
	if problem := unknown(l); problem != nil {
		return problem.Refusal()
	}
	named, held, err := b.meant(ctx, p.account(), l)
	if err != nil {
		return err
	}
	if len(named) != 1 {
		b.tell(ctx, p, offer(or(l.Target, l.Subject), held, named))
		return nil
	}
	f := blocks.ExtendForm{Case: named[0], Duration: l.Duration, Reason: l.Reason}
	if len(l.Problems) > 0 {
		f.Alert = l.Problems[0].Text
	} else if r, ok := errors.AsType[*access.Refusal](b.Desk.Check(extension(named[0], l.Duration, l.Reason))); ok && l.Said != "" {
		f.Alert = r.Fields[flows.FieldDuration]
	}
	return b.openExtend(ctx, p, f)
}

// meant returns the access of somebody that a line can be about, and all that
// they hold.
func (b *Bot) meant(ctx context.Context, a access.Account, l line.Line) (named, held []blocks.Case, err error) {
	who, err := b.known(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	if held, err = b.held(ctx, who.ID); err != nil {
		return nil, nil, err
	}
	id, byID := grantID(l.Subject)
	for _, c := range held {
		if byID && c.Grant.ID == id || !byID && (l.Target == "" || l.Target == c.Request.Target.Name) {
			named = append(named, c)
		}
	}
	return named, held, nil
}

// extension is the draft that asks for more time.
func extension(c blocks.Case, by time.Duration, reason string) flows.Draft {
	return flows.Draft{Extends: c.Grant.ID, Target: c.Grant.Target, Duration: by, Reason: reason, Source: access.FromForm}
}

// pressExtend opens the form for the access that a button stands for.
func (b *Bot) pressExtend(ctx context.Context, p payload) error {
	id, _, ok := blocks.ParseValue(p.action().Value)
	if !ok {
		return errForged
	}
	c, err := b.grantOf(ctx, id)
	if err != nil {
		return err
	}
	return b.openExtend(ctx, p, blocks.ExtendForm{Case: c})
}

// openExtend opens a form for more time, if there is any to be had. Whose
// access it is, the Desk asks again.
func (b *Bot) openExtend(ctx context.Context, p payload, f blocks.ExtendForm) error {
	c := f.Case
	if len(c.Longer) == 0 {
		return &access.Refusal{
			Code: access.RefusedCap,
			Text: "Access to " + c.Request.Target.Name + " cannot be extended, because it is not open, or its flow allows no more: ask for it anew when it is over.",
		}
	}
	if rules := b.Rules(); f.Duration == 0 && rules != nil {
		if flow, ok := rules.Flow(c.Grant.Target); ok {
			f.Duration = flow.Extend.Default
		}
	}
	_, err := b.API.OpenView(ctx, p.TriggerID, f.View())
	return tooLate(err)
}

// grantOf returns the grant that a request became, or that it extends, with the
// request that it was given for.
func (b *Bot) grantOf(ctx context.Context, id access.RequestID) (blocks.Case, error) {
	c, err := b.caseOf(ctx, id)
	if err != nil || c.Request.Extends == "" {
		return c, err
	}
	return b.caseOf(ctx, c.Grant.Request)
}

// submitExtend answers with what is wrong, as far as the store can tell; else
// the form is stored and closes.
func (b *Bot) submitExtend(ctx context.Context, e socket.Envelope, p payload) {
	c, draft, err := b.extensionOf(ctx, p)
	if err == nil {
		err = b.Desk.Check(draft)
	}
	r, refused := errors.AsType[*access.Refusal](err)
	if !refused {
		b.receive(ctx, e, b.delivery(e, kindLonger, p, p.View.ID), p)
		return
	}
	problems := maps.Clone(r.Fields)
	if len(problems) == 0 {
		problems = map[string]string{"": r.Text}
	}
	f := blocks.ExtendForm{Case: c, Duration: draft.Duration, Reason: draft.Reason}
	b.correct(e, p, f.Errors(problems), func(alert string) slack.ModalViewRequest {
		f.Alert = alert
		return f.View()
	})
}

// extensionOf returns what a submitted form asks for, and of what.
func (b *Bot) extensionOf(ctx context.Context, p payload) (blocks.Case, flows.Draft, error) {
	id, _, ok := blocks.ParseValue(p.View.Metadata)
	if !ok {
		return blocks.Case{}, flows.Draft{}, errForged
	}
	c, err := b.grantOf(ctx, id)
	a := blocks.ReadForm(p.View.answers())
	return c, extension(c, a.Duration, a.Reason), err
}

// extendForm asks for what a form says. What was sent shows in a message of its
// own, as with any form.
func (b *Bot) extendForm(ctx context.Context, t task) (answer, error) {
	_, draft, err := b.extensionOf(ctx, t.payload)
	if err != nil {
		return answer{}, err
	}
	draft.ID, draft.From, draft.SentAt = t.ID, t.payload.account(), t.At
	_, err = b.Desk.Ask(ctx, draft)
	return answer{}, err
}

// extendLine asks for what a complete line says, if it can mean one thing only.
func (b *Bot) extendLine(ctx context.Context, t task) (answer, error) {
	l, err := b.reread(ctx, t.payload, line.Parse(typed(t.payload.Text), everything(b.Rules())))
	if err != nil {
		return answer{}, err
	}
	named, held, err := b.meant(ctx, t.payload.account(), l)
	switch {
	case err != nil:
		return answer{}, err
	case len(named) != 1:
		return offer(or(l.Target, l.Subject), held, named), nil
	}
	draft := extension(named[0], l.Duration, l.Reason)
	if flow, ok := b.flow(draft.Target); ok && l.Said == "" {
		draft.Duration = flow.Extend.Default
	}
	draft.ID, draft.From, draft.SentAt, draft.Source = t.ID, t.payload.account(), t.At, access.FromCommand
	r, err := b.Desk.Ask(ctx, draft)
	if err != nil {
		return answer{}, err
	}
	return b.sent(ctx, r)
}

// flow returns the flow of a target, if there are rules that know it.
func (b *Bot) flow(target string) (*flowfile.Flow, bool) {
	rules := b.Rules()
	if rules == nil {
		return nil, false
	}
	return rules.Flow(target)
}
