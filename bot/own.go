package bot

import (
	"context"
	"fmt"
	"strings"

	"sesame/bot/blocks"
	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/line"
)

// list shows what can be asked for, and what the person has and waits for.
func (b *Bot) list(ctx context.Context, p payload) error {
	who, err := b.known(ctx, p.account())
	if err != nil {
		return err
	}
	pending, err := b.pending(ctx, who.ID)
	if err != nil {
		return err
	}
	held, err := b.held(ctx, who.ID)
	if err != nil {
		return err
	}
	seen := b.outlook(who)
	b.learn(ctx, seen)
	var entries []blocks.Entry
	for _, t := range seen.targets() {
		if f, ok := seen.rules.Flow(t.Name); ok {
			entries = append(entries, blocks.Entry{
				Target: t, Durations: seen.rules.Durations(t.Name), Longer: len(f.Extend.Choices) > 0, Glass: f.Rules.Breakable(),
			})
		}
	}
	b.tell(ctx, p, answer{message: blocks.Overview(entries, held, pending)})
	return nil
}

// pending returns the requests of somebody that wait for a decision.
func (b *Bot) pending(ctx context.Context, id access.PersonID) ([]blocks.Case, error) {
	var all []blocks.Case
	err := access.Each(ctx, b.Store, access.Exactly(access.IndexPending, string(id)), func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		all = append(all, blocks.Case{Request: r, Labels: b.Labels(r.Target.Name)})
		return err
	})
	return all, err
}

// held returns the access that somebody holds or is about to.
func (b *Bot) held(ctx context.Context, id access.PersonID) ([]blocks.Case, error) {
	var grants []access.Grant
	err := access.Each(ctx, b.Store, access.Exactly(access.IndexLive, string(id)), func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if err == nil && g.State != access.Closing {
			grants = append(grants, g)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []blocks.Case
	for _, g := range grants {
		c, err := b.caseOf(ctx, g.Request)
		if err != nil {
			return nil, fmt.Errorf("read what became grant %s: %w", g.ID, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// endLine ends the access that a line names: the only one that the person
// holds, the one on a target, or one by its id, whoever holds it. Otherwise it
// offers what there is to end.
func (b *Bot) endLine(ctx context.Context, t task) (answer, error) {
	from := t.payload.account()
	subject := line.Parse(typed(t.payload.Text), nil).Subject
	if id, ok := grantID(subject); ok {
		return b.end(ctx, from, b.ends(ctx, id.Request()))
	}
	who, err := b.known(ctx, from)
	if err != nil {
		return answer{}, err
	}
	held, err := b.held(ctx, who.ID)
	if err != nil {
		return answer{}, err
	}
	var named []blocks.Case
	for _, c := range held {
		if subject == "" || strings.EqualFold(subject, c.Request.Target.Name) {
			named = append(named, c)
		}
	}
	if len(named) == 1 {
		return b.end(ctx, from, named[0].Grant.ID)
	}
	if t.replayed && len(named) == 0 {
		return answer{}, nil // it ended before the restart
	}
	return offer(subject, held, named), nil
}

// offer shows what there is to end, since the line did not say which.
func offer(subject string, held, named []blocks.Case) answer {
	if len(named) > 0 {
		return answer{message: blocks.Grants(named)}
	}
	m := blocks.Grants(held)
	if subject != "" && len(held) > 0 {
		note := blocks.Refused(fmt.Sprintf("You hold no access to %q. This is what you hold:", subject))
		m.Text, m.Blocks = note.Text, append(note.Blocks, m.Blocks...)
	}
	return answer{message: m}
}

// grantID reads a grant's id, or that of the request which became it.
func grantID(word string) (access.GrantID, bool) {
	word = strings.ToLower(word)
	rest, isGrant := strings.CutPrefix(word, "g-")
	if !isGrant {
		if rest, isGrant = strings.CutPrefix(word, "r-"); !isGrant {
			return "", false
		}
	}
	return access.GrantID("g-" + rest), len(rest) == 10
}

func (b *Bot) end(ctx context.Context, from access.Account, id access.GrantID) (answer, error) {
	g, err := b.Desk.End(ctx, flows.Ending{From: from, Grant: id, Source: access.FromCommand})
	if err != nil {
		return answer{}, err
	}
	c, err := b.caseOf(ctx, g.Request)
	if err != nil {
		return answer{}, err
	}
	done := sentence(fmt.Sprintf("Access to %s is ending.", c.Request.Target.Name))
	if c.Request.By.Account == from {
		done.message = blocks.ForRequester(c, b.now())
	}
	return done, nil
}
