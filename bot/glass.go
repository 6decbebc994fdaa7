package bot

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"sesame/bot/blocks"
	"sesame/bot/socket"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/line"
)

// breakable returns the targets that who may see and that have a break-glass
// route. Whether it is for them is asked when they use it.
func (o outlook) breakable() []access.Target {
	return slices.DeleteFunc(o.seen(), func(t access.Target) bool {
		flow, ok := o.rules.Flow(t.Name)
		return !ok || !flow.Rules.Breakable()
	})
}

// glass returns the form that breaks the glass to a target, with what the rules
// say about it, as far as that can be told from what is remembered.
func (o outlook) glass(a blocks.Answers) blocks.GlassForm {
	f := blocks.GlassForm{Form: o.form(a), Incident: a.Incident}
	f.Targets, f.Decides = o.breakable(), ""
	if f.Target.Name == "" || !slices.ContainsFunc(f.Targets, func(t access.Target) bool { return t.Name == f.Target.Name }) {
		f.Target, f.Durations, f.Fields = access.Target{}, nil, nil
		return f
	}
	flow, _ := o.rules.Flow(f.Target.Name)
	route := flow.Rules.Evaluate(o.input(flow, access.Request{
		Target: f.Target, Duration: f.Duration, Reason: a.Reason, Fields: a.Values, BreakGlass: true, Incident: a.Incident,
	})).Route
	if route.Glass != nil {
		f.Announced, f.ReviewWithin = route.Glass.Announce.Name, route.Glass.ReviewWithin
		f.Skipped = access.Spell(route.Skipped)
	}
	return f
}

// errNoGlass is what somebody is told who wants to break glass where none is.
var errNoGlass = &access.Refusal{
	Code: access.RefusedUnknown,
	Text: "There is no glass to break, because no target that you can see has a break-glass route: ask in the ordinary way with /access.",
}

// openGlass opens the form that breaks the glass. A line never does by itself.
func (b *Bot) openGlass(ctx context.Context, p payload, a blocks.Answers, alert string) error {
	return b.open(ctx, p, func(o outlook) slack.ModalViewRequest {
		f := o.glass(a)
		if len(f.Targets) == 0 {
			return blocks.Waiting(errNoGlass.Text)
		}
		f.Alert = strings.TrimSpace(alert)
		if f.Alert == "" && a.Target != "" && f.Target.Name == "" {
			f.Alert = a.Target + " has no break-glass route: choose another target, or ask in the ordinary way."
		}
		return f.View()
	})
}

// glassOf returns what a line says for the form, and what is wrong with it.
func glassOf(l line.Line) (blocks.Answers, string) {
	a, wrong := answersOf(l), ""
	a.Incident = l.Incident
	for _, problem := range l.Problems {
		wrong += problem.Text + " "
	}
	return a, wrong
}

func glassDraft(a blocks.Answers) flows.Draft {
	d := draftFrom(a)
	d.BreakGlass, d.Incident = true, a.Incident
	return d
}

// submitGlass answers with what is wrong, all of it at once, as far as memory
// can tell; else the form is stored and closes.
func (b *Bot) submitGlass(ctx context.Context, e socket.Envelope, p payload) {
	a := blocks.ReadForm(p.View.answers())
	problems := b.glassProblems(a)
	if len(problems) == 0 {
		b.receive(ctx, e, b.delivery(e, kindGlass, p, p.View.ID), p)
		return
	}
	who, _ := b.remembered(ctx, p.account())
	f := b.outlook(who).glass(a)
	b.correct(e, p, f.Errors(problems), func(alert string) slack.ModalViewRequest {
		f.Alert = alert
		return f.View()
	})
}

// fieldConfirm is where the form has the target's name typed.
const fieldConfirm = "confirm"

// glassProblems returns what keeps a form from being sent, by field.
func (b *Bot) glassProblems(a blocks.Answers) map[string]string {
	problems := map[string]string{}
	if r, ok := errors.AsType[*access.Refusal](b.Desk.Check(glassDraft(a))); ok {
		maps.Copy(problems, r.Fields)
		if len(problems) == 0 {
			problems[""] = r.Text
		}
	}
	if a.Target != "" && strings.TrimSpace(a.Confirm) != a.Target {
		problems[fieldConfirm] = "Type " + a.Target + " here, so that nobody breaks glass by a slip of the finger."
	}
	return problems
}

// breakGlass gives somebody the access that they say they need.
func (b *Bot) breakGlass(ctx context.Context, t task) (answer, error) {
	a := blocks.ReadForm(t.payload.View.answers())
	if strings.TrimSpace(a.Confirm) != a.Target {
		return answer{}, errForged
	}
	draft := glassDraft(a)
	draft.ID, draft.From, draft.SentAt = t.ID, t.payload.account(), t.At
	r, err := b.Desk.Ask(ctx, draft)
	if err != nil {
		return answer{}, err
	}
	if !same(draft, r) {
		return sentence("You sent this form before, as request " + string(r.ID) + ", so what you changed since does not count: open a new one."), nil
	}
	return sentence("You broke the glass to " + r.Target.Name + ": it opens once somebody was told of it, and you hear then how to connect. Your request is " + string(r.ID) + "."), nil
}

// pressReview opens the form for a review, or says at once why there is nothing
// to review for whoever pressed.
func (b *Bot) pressReview(ctx context.Context, p payload) error {
	id, _, ok := blocks.ParseValue(p.action().Value)
	if !ok {
		return errForged
	}
	b.adopt(ctx, p, id)
	c, err := b.caseOf(ctx, id)
	if err != nil {
		return err
	}
	who, err := b.known(ctx, p.account())
	if err != nil {
		return err
	}
	err = access.Authorize(access.Review, access.Standing{Person: who, Active: true}, c.Request)
	if r, refused := errors.AsType[*access.Refusal](err); refused && r.Code != access.RefusedNotYours {
		return r // whose it is to review, the Desk finds out
	}
	_, err = b.API.OpenView(ctx, p.TriggerID, blocks.ReviewForm(c))
	return tooLate(err)
}

// reviewForm files what a reviewer found.
func (b *Bot) reviewForm(ctx context.Context, t task) (answer, error) {
	return b.sayForm(ctx, t, b.Desk.Review)
}
