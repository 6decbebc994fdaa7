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
	"sesame/bot/webapi"
	"sesame/flows"
	"sesame/flows/access"
)

// form returns the request form with a target's durations and fields, and
// what was entered so far.
func (o outlook) form(a blocks.Answers) blocks.Form {
	f := blocks.Form{Reason: a.Reason, Values: a.Values}
	if o.rules == nil {
		return f
	}
	f.Targets = o.targets()
	target, ok := o.rules.Target(a.Target)
	flow, has := o.rules.Flow(a.Target)
	if !ok || !has || o.hides(target) {
		return f
	}
	if !slices.ContainsFunc(f.Targets, func(t access.Target) bool { return t.Name == target.Name }) {
		f.Targets = append(f.Targets, target) // what is chosen is offered
	}
	f.Decides = o.decides(a)
	f.Target, f.Durations, f.Duration = target, o.rules.Durations(target.Name), flow.Default
	if slices.Contains(f.Durations, a.Duration) {
		f.Duration = a.Duration
	}
	for _, field := range flow.Fields {
		f.Fields = append(f.Fields, blocks.Field{
			Name: field.Name, Label: field.Label, Type: string(field.Type), Hint: field.Hint, Options: field.Options,
			Min: field.Min, Max: field.Max, MaxLength: field.MaxLength, Required: field.Required,
		})
	}
	return f
}

// openForm opens the form, within the three seconds that Slack allows. Whoever
// is not known yet waits before a view that says so.
func (b *Bot) openForm(ctx context.Context, p payload, a blocks.Answers, alert string) error {
	return b.open(ctx, p, func(o outlook) slack.ModalViewRequest {
		f := b.withMachines(ctx, o, o.form(a))
		f.Alert = strings.TrimSpace(alert)
		return f.View()
	})
}

// open opens a view of what the person behind p may see.
func (b *Bot) open(ctx context.Context, p payload, draw func(outlook) slack.ModalViewRequest) error {
	if b.Rules() == nil {
		return b.Desk.Check(flows.Draft{}) // says why nothing opens
	}
	who, ok := b.remembered(ctx, p.account())
	if ok && len(b.outlook(who).gaps()) == 0 {
		_, err := b.API.OpenView(ctx, p.TriggerID, draw(b.outlook(who)))
		return tooLate(err)
	}
	id, err := b.API.OpenView(ctx, p.TriggerID, blocks.Waiting("Looking up who you are."))
	if err != nil {
		return tooLate(err)
	}
	if who, err = b.known(ctx, p.account()); err != nil {
		return b.API.UpdateView(ctx, id, "", blocks.Waiting(b.refusal(err).letter))
	}
	b.learn(ctx, b.outlook(who))
	return b.API.UpdateView(ctx, id, "", draw(b.outlook(who)))
}

// tooLate turns Slack's refusal to open a view into a sentence.
func tooLate(err error) error {
	switch webapi.CodeOf(err) {
	case "expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "trigger_expired", "trigger_exchanged":
		return &access.Refusal{Code: access.RefusedUnable, Text: "The form could not be opened in time, so nothing was done: try again."}
	}
	if err != nil && errors.Is(err, access.ErrUnavailable) {
		return errors.Join(err, &access.Refusal{Code: access.RefusedUnable, Text: "Slack did not open the form, so nothing was done: try again in a minute."})
	}
	return err
}

// retarget shows the form for another target. What was entered survives.
func (b *Bot) retarget(ctx context.Context, p payload) error {
	if b.Rules() == nil {
		return b.Desk.Check(flows.Draft{})
	}
	who, _ := b.remembered(ctx, p.account())
	o, a := b.outlook(who), blocks.ReadForm(p.View.answers())
	view := b.withMachines(ctx, o, o.form(a)).View()
	if p.View.CallbackID == blocks.CallbackGlass {
		view = o.glass(a).View()
	}
	err := b.API.UpdateView(ctx, p.View.ID, p.View.Hash, view)
	switch webapi.CodeOf(err) {
	case "hash_conflict", "not_found":
		return nil // they chose again, or closed it
	}
	return err
}

// submit handles a submitted view.
func (b *Bot) submit(ctx context.Context, e socket.Envelope, p payload) {
	switch p.View.CallbackID {
	case blocks.CallbackForm:
		b.submitForm(ctx, e, p)
	case blocks.CallbackExtend:
		b.submitExtend(ctx, e, p)
	case blocks.CallbackGlass:
		b.submitGlass(ctx, e, p)
	case blocks.CallbackReview:
		b.receive(ctx, e, b.delivery(e, kindReview, p, p.View.ID), p)
	case blocks.CallbackDeny:
		b.receive(ctx, e, b.delivery(e, kindDeny, p, p.View.ID), p)
	default:
		b.ack(e, nil)
	}
}

// submitForm answers with what is wrong, all of it at once, as far as memory
// can tell; else the form is stored and closes.
func (b *Bot) submitForm(ctx context.Context, e socket.Envelope, p payload) {
	a := blocks.ReadForm(p.View.answers())
	err := b.Desk.Check(draftFrom(a))
	r, refused := errors.AsType[*access.Refusal](err)
	if !refused {
		// One view makes one request, however often it is sent.
		b.receive(ctx, e, b.delivery(e, kindForm, p, p.View.ID), p)
		return
	}
	problems := maps.Clone(r.Fields)
	if len(problems) == 0 {
		problems = map[string]string{"": r.Text}
	}
	who, _ := b.remembered(ctx, p.account())
	f := b.outlook(who).form(a)
	b.correct(e, p, f.Errors(problems), func(alert string) slack.ModalViewRequest {
		f.Alert = alert
		return f.View()
	})
}

// correct answers a form with what is wrong with it, by input. A form that
// lacks one of those is older than the flow files: what it should ask for by
// now is drawn, with what was entered.
func (b *Bot) correct(e socket.Envelope, p payload, errs map[string]string, draw func(alert string) slack.ModalViewRequest) {
	old := false
	for block := range errs {
		old = old || !p.View.has(block)
	}
	if !old {
		b.ack(e, formErrors(errs))
		return
	}
	view := draw("This form changed since you opened it, so nothing was sent: look at it again, and send it.")
	if err := e.Ack(formInstead(view)); errors.Is(err, socket.ErrAckTooBig) {
		all := slices.Sorted(maps.Values(errs))
		b.ack(e, formErrors(map[string]string{"target": "This form changed since you opened it: open a new one with /access. " + strings.Join(all, " ")}))
	} else if err != nil {
		b.Log.Warn().Err(err).Str("envelope", e.ID).Msg("acknowledge")
	}
}

func draftFrom(a blocks.Answers) flows.Draft {
	return flows.Draft{Target: a.Target, Duration: a.Duration, Reason: a.Reason, Fields: a.Values, Source: access.FromForm}
}

// askForm submits a form. What was sent shows in a message of its own, which
// the outbox posts; a refusal is told directly.
func (b *Bot) askForm(ctx context.Context, t task) (answer, error) {
	a := blocks.ReadForm(t.payload.View.answers())
	draft := draftFrom(a)
	draft.ID, draft.From, draft.SentAt = t.ID, t.payload.account(), t.At
	r, err := b.Desk.Ask(ctx, draft)
	if err != nil {
		return answer{}, err
	}
	if !same(draft, r) {
		return sentence("You sent this form before, as request " + string(r.ID) + ", so what you changed since does not count: withdraw that request and send a new one."), nil
	}
	return answer{}, nil
}

// same reports whether r is what the draft asks for, as far as a person would
// notice.
func same(d flows.Draft, r access.Request) bool {
	return d.Target == r.Target.Name && d.Duration == r.Duration
}

// suggest answers a type-ahead from memory. Only who has the form can type
// into it.
func (b *Bot) suggest(ctx context.Context, e socket.Envelope, p payload) {
	who, _ := b.remembered(ctx, p.account())
	o := b.outlook(who)
	offered := o.targets
	if p.View.CallbackID == blocks.CallbackGlass {
		offered = o.breakable
	}
	var found []access.Target
	for _, t := range offered() {
		if strings.Contains(strings.ToLower(t.Name+" "+t.Label), strings.ToLower(strings.TrimSpace(p.Value))) {
			found = append(found, t)
		}
	}
	b.ack(e, blocks.Suggestions(found))
}
