package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sesame/bot/blocks"
	"sesame/bot/socket"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/line"
)

// command handles what somebody typed after /access.
func (b *Bot) command(ctx context.Context, e socket.Envelope, p payload) {
	l := line.Parse(typed(p.Text), everything(b.Rules()))
	switch l.Verb {
	case line.Help:
		b.ack(e, commandAnswer(blocks.Help(breakable(b.Rules()))))
	case line.List:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.list(ctx, p) })
	case line.End:
		b.receive(ctx, e, b.delivery(e, kindEnd, p, or(p.TriggerID, e.ID)), p)
	case line.Extend:
		b.extendCommand(ctx, e, p, l)
	case line.Glass:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error {
			l, err := b.reread(ctx, p, l)
			if err != nil {
				return err
			}
			a, wrong := glassOf(l)
			return b.openGlass(ctx, p, a, wrong)
		})
	case line.Login:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.lookAtCode(ctx, p, l.Subject) })
	case line.Logout:
		b.ack(e, nil)
		b.show(p, func(ctx context.Context) error { return b.signOut(ctx, p) })
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

// reread returns a line as it is to be spoken about: a target that is not shown
// to whoever typed it does not exist, and is near to nothing.
func (b *Bot) reread(ctx context.Context, p payload, l line.Line) (line.Line, error) {
	rules := b.Rules()
	if rules == nil || unknown(l) == nil && !restricted(rules, l.Target) {
		return l, nil
	}
	who, err := b.known(ctx, p.account())
	if err != nil {
		return l, err
	}
	seen := b.outlook(who)
	b.learn(ctx, seen)
	return line.Parse(typed(p.Text), vocabulary(rules, seen.seen())), nil
}

// incomplete shows what to do about a line that cannot be submitted: the
// nearest names for a target that does not exist, and else the form.
func (b *Bot) incomplete(ctx context.Context, p payload, l line.Line) error {
	l, err := b.reread(ctx, p, l)
	if err != nil {
		return err
	}
	if problem := unknown(l); problem != nil && b.Rules() != nil {
		b.tell(ctx, p, answer{message: blocks.Unknown(problem.Word, problem.Near)})
		return nil
	}
	return b.openForm(ctx, p, answersOf(l), b.complaint(l))
}

// unknown returns what is wrong with the name of the target, if anything is.
func unknown(l line.Line) *line.Problem {
	i := slices.IndexFunc(l.Problems, func(p line.Problem) bool { return p.About == line.Target })
	if i < 0 {
		return nil
	}
	return &l.Problems[i]
}

// restricted reports whether a target is kept from some people.
func restricted(rules *flowfile.Set, target string) bool {
	flow, ok := rules.Flow(target)
	return ok && flow.Rules.Restricted()
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

// vocabulary returns the targets among which a line may name one.
func vocabulary(rules *flowfile.Set, among []access.Target) line.Vocabulary {
	var v line.Vocabulary
	for _, t := range among {
		if f, ok := rules.Flow(t.Name); ok {
			v = append(v, line.SubjectOf(t.Name, f))
		}
	}
	return v
}

// everything is the vocabulary of a complete line: what its target is to whoever
// typed it is for the Desk to say.
func everything(rules *flowfile.Set) line.Vocabulary { return vocabulary(rules, targets(rules)) }

// breakable reports whether there is any glass to break.
func breakable(rules *flowfile.Set) bool {
	return slices.ContainsFunc(targets(rules), func(t access.Target) bool {
		flow, ok := rules.Flow(t.Name)
		return ok && flow.Rules.Breakable()
	})
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
	l := line.Parse(typed(t.payload.Text), everything(b.Rules()))
	draft := draftOf(l)
	draft.ID, draft.From, draft.SentAt = t.ID, t.payload.account(), t.At
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
