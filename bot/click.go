package bot

import (
	"context"
	"errors"
	"fmt"

	"sesame/bot/blocks"
	"sesame/bot/outbox"
	"sesame/bot/socket"
	"sesame/bot/webapi"
	"sesame/flows"
	"sesame/flows/access"
)

// The kinds of action, as they are without numbers.
const (
	actionApprove  = blocks.ActionApprove
	actionDeny     = blocks.ActionDeny
	actionWithdraw = blocks.ActionWithdraw
	actionEnd      = blocks.ActionEnd
	actionExtend   = blocks.ActionExtend
	actionReview   = blocks.ActionReview
	actionGlass    = blocks.ActionGlass
	actionSignIn   = blocks.ActionSignIn
	actionNotMe    = blocks.ActionNotMe
	actionAsk      = blocks.ActionAsk
	actionTarget   = blocks.ActionTarget
)

// errForged is what somebody is told who sends what no button of ours sends.
var errForged = &access.Refusal{
	Code: access.RefusedInput,
	Text: "Sesame does not know this button, so nothing was done: use one of its messages, or /access list.",
}

// click handles a pressed button, or a choice that is acted on at once.
func (b *Bot) click(ctx context.Context, e socket.Envelope, p payload) {
	a := p.action()
	switch a.kind() {
	case actionApprove, actionWithdraw, actionEnd:
		b.receive(ctx, e, b.delivery(e, kindPush, p, a.ActionID+"\x00"+or(p.TriggerID, a.ActionTS)), p)
	case actionDeny:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.askWhy(ctx, p) })
	case actionAsk:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error {
			return b.openForm(ctx, p, blocks.Answers{Target: a.Value}, "")
		})
	case actionExtend:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.pressExtend(ctx, p) })
	case actionReview:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.pressReview(ctx, p) })
	case actionGlass:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.openGlass(ctx, p, blocks.Answers{}, "") })
	case actionSignIn, actionNotMe:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.signIn(ctx, p) })
	case actionTarget:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.retarget(ctx, p) })
	default:
		b.ack(e, nil)
	}
}

// push does what a button says.
func (b *Bot) push(ctx context.Context, t task) (answer, error) {
	a := t.payload.action()
	id, digest, ok := blocks.ParseValue(a.Value)
	if !ok {
		return answer{}, errForged
	}
	say := flows.Say{From: t.payload.account(), Request: id, Digest: digest, SentAt: t.At, Source: access.FromButton}
	var err error
	switch a.kind() {
	case actionApprove:
		_, err = b.Desk.Approve(ctx, say)
	case actionWithdraw:
		_, err = b.Desk.Withdraw(ctx, say)
	case actionEnd:
		_, err = b.Desk.End(ctx, flows.Ending{From: say.From, Grant: b.ends(ctx, id), Source: access.FromButton})
	default:
		return answer{}, errForged
	}
	b.adopt(ctx, t.payload, id)
	if err != nil {
		return answer{}, err
	}
	return b.pressed(ctx, t.payload, id)
}

// ends returns the grant that a request became, or that it extends. Where
// nobody can read that, the former is more often meant.
func (b *Bot) ends(ctx context.Context, id access.RequestID) access.GrantID {
	r, _, err := access.Load[access.Request](ctx, b.Store, access.Request{ID: id}.Key())
	if err != nil || r.Extends == "" {
		return id.Grant()
	}
	return r.Extends
}

// pressed shows what a click did, where nothing else does: messages are
// redrawn by the outbox, but what one person alone saw is not.
func (b *Bot) pressed(ctx context.Context, p payload, id access.RequestID) (answer, error) {
	switch {
	case p.View.Type == "home":
		b.shows.do(func(ctx context.Context) { b.rehome(ctx, p.account().User) })
	case p.Container.Ephemeral:
		c, err := b.caseOf(ctx, id)
		if err != nil {
			return answer{}, err
		}
		return answer{message: blocks.ForRequester(c, b.now()), replaces: true}, nil
	}
	return answer{}, nil
}

// adopt lets the outbox know of the message that was clicked: one whose
// posting nobody could confirm is redrawn from now on.
func (b *Bot) adopt(ctx context.Context, p payload, id access.RequestID) {
	if p.Container.Type != "message" || p.Container.Ephemeral {
		return
	}
	role := outbox.RoleOutcome
	switch p.action().kind() {
	case actionApprove, actionDeny:
		role = outbox.RoleDecide
	case actionWithdraw:
		role = outbox.RoleOwn
	case actionReview:
		role = outbox.RoleAnnounce
	}
	at := webapi.Place{Channel: p.Container.ChannelID, TS: p.Container.MessageTS}
	if err := b.Outbox.Adopt(ctx, id, role, at); err != nil {
		b.Log.Warn().Err(err).Str("request", string(id)).Msg("a message that was clicked stays as it is")
	}
}

// askWhy opens the form for the reason of a denial. Where denying will be
// refused anyway, the Desk says so at once.
func (b *Bot) askWhy(ctx context.Context, p payload) error {
	id, _, ok := blocks.ParseValue(p.action().Value)
	if !ok {
		return errForged
	}
	b.adopt(ctx, p, id)
	c, err := b.caseOf(ctx, id)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return fmt.Errorf("read request %s: %w", id, err)
	}
	own := c.Request.By.Account == p.account() && !c.Request.Verdict.Route.Self
	if c.Request.State != access.Pending || own {
		_, err := b.Desk.Deny(ctx, flows.Say{From: p.account(), Request: id, Source: access.FromButton})
		return err
	}
	_, err = b.API.OpenView(ctx, p.TriggerID, blocks.DenyForm(c))
	return tooLate(err)
}

// denyForm denies for the reason that was given.
func (b *Bot) denyForm(ctx context.Context, t task) (answer, error) {
	return b.sayForm(ctx, t, b.Desk.Deny)
}

// sayForm does what the submitted form of a button asks for, with its words.
func (b *Bot) sayForm(ctx context.Context, t task, verb func(context.Context, flows.Say) (access.Request, error)) (answer, error) {
	id, digest, ok := blocks.ParseValue(t.payload.View.Metadata)
	if !ok {
		return answer{}, errForged
	}
	_, err := verb(ctx, flows.Say{
		From: t.payload.account(), Request: id, Digest: digest, Source: access.FromButton,
		Reason: blocks.ReadForm(t.payload.View.answers()).Reason,
	})
	return answer{}, err
}
