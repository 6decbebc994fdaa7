package bot

import (
	"context"
	"errors"
	"fmt"

	"sesame/bot/blocks"
	"sesame/bot/socket"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/line"
)

// command handles what somebody typed after /access.
func (b *Bot) command(ctx context.Context, e socket.Envelope, p payload) {
	l := line.Parse(typed(p.Text), vocabulary(b.Rules()))
	switch l.Verb {
	case line.Help:
		b.ack(e, commandAnswer(blocks.Help()))
	case line.List:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.list(ctx, p) })
	case line.End:
		b.receive(ctx, e, b.delivery(e, kindEnd, p, or(p.TriggerID, e.ID)), p)
	default:
		b.request(ctx, e, p, l)
	}
}

// request handles a line that asks: complete, it is stored and submitted;
// else the form opens with what was understood.
func (b *Bot) request(ctx context.Context, e socket.Envelope, p payload, l line.Line) {
	if l.Complete() && b.Desk.Check(draftOf(l)) == nil {
		b.receive(ctx, e, b.delivery(e, kindAsk, p, or(p.TriggerID, e.ID)), p)
		return
	}
	b.ack(e, nil)
	b.show(p, func(ctx context.Context) error { return b.incomplete(ctx, p, l) })
}

// incomplete shows what to do about a line that cannot be submitted: the
// nearest names for a target that does not exist, and else the form.
func (b *Bot) incomplete(ctx context.Context, p payload, l line.Line) error {
	for _, problem := range l.Problems {
		if problem.About == line.Target && b.Rules() != nil {
			if _, err := b.known(ctx, p.account()); err != nil {
				return err
			}
			m := blocks.Unknown(problem.Word, problem.Near)
			b.tell(ctx, p, answer{message: m})
			return nil
		}
	}
	return b.openForm(ctx, p, answersOf(l), b.complaint(l))
}

// complaint says what is wrong with a line, in sentences. That something is
// missing the form shows by itself.
func (b *Bot) complaint(l line.Line) string {
	text := ""
	for _, problem := range l.Problems {
		text += problem.Text + " "
	}
	if !l.Complete() {
		return text
	}
	if r, ok := errors.AsType[*access.Refusal](b.Desk.Check(draftOf(l))); ok {
		text += r.Text
	}
	return text
}

// vocabulary returns the targets that a line may name.
func vocabulary(rules *flowfile.Set) line.Vocabulary {
	var v line.Vocabulary
	for _, t := range targets(rules) {
		if f, ok := rules.Flow(t.Name); ok {
			v = append(v, line.SubjectOf(t.Name, f))
		}
	}
	return v
}

// targets returns the targets that can be asked for.
func targets(rules *flowfile.Set) []access.Target {
	if rules == nil {
		return nil
	}
	return rules.Targets()
}

func draftOf(l line.Line) flows.Draft {
	return flows.Draft{Target: l.Target, Duration: l.Duration, Reason: l.Reason, Fields: l.Fields, Source: access.FromCommand}
}

func answersOf(l line.Line) blocks.Answers {
	return blocks.Answers{Target: l.Target, Duration: l.Duration, Reason: l.Reason, Values: l.Fields}
}

// askLine submits a complete line. The answer shows what was sent.
func (b *Bot) askLine(ctx context.Context, t task) (answer, error) {
	l := line.Parse(typed(t.payload.Text), vocabulary(b.Rules()))
	draft := draftOf(l)
	draft.ID, draft.From = t.ID, t.payload.account()
	r, err := b.Desk.Ask(ctx, draft)
	if err != nil {
		return answer{}, err
	}
	return b.sent(ctx, r)
}

// sent shows a request to the person who sent it.
func (b *Bot) sent(ctx context.Context, r access.Request) (answer, error) {
	c, err := b.caseFor(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return answer{
		message: blocks.ForRequester(c, b.now()),
		letter:  fmt.Sprintf("Your request %s for %s was taken; /access list shows how it stands.", r.ID, r.Target.Name),
	}, nil
}
