package facts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/policies"
)

// An asked fact of history, of whom or what it is. Of is a person's id or the
// name of a target, by what the fact is about.
type askedFact struct {
	policies.Fact
	of string
}

// ofHistory returns what need is asked about.
func ofHistory(need policies.Fact, r access.Request) askedFact {
	if need.About == policies.Asked {
		return askedFact{need, r.Target.Name}
	}
	return askedFact{need, string(r.By.ID)}
}

// history adds the facts of history that are asked about r to known. It looks
// back as far as they need, and once for each of whom and what they are about.
func (p *People) history(ctx context.Context, r access.Request, asked []question, known policies.Facts) error {
	now := p.clock.Now()
	for about, index := range map[policies.Role]string{policies.Requester: access.IndexPerson, policies.Asked: access.IndexTarget} {
		mine, window, err := lookBack(asked, about)
		if err != nil {
			return err
		}
		if len(mine) == 0 {
			continue
		}
		of := ofHistory(mine[0], r).of
		past, err := p.past(ctx, access.Since(index, of, now.Add(-window)), r.ID)
		if err != nil {
			return fmt.Errorf("history of %s: %w", of, err)
		}
		for _, need := range mine {
			if known[need], err = need.In(past, r.By.ID, r.Target.Name, now); err != nil {
				return err
			}
			p.shown.put(ofHistory(need, r), known[need])
		}
	}
	return nil
}

// lookBack returns the facts of history about somebody or something, and how
// far back the longest of them looks.
func lookBack(asked []question, about policies.Role) (mine []policies.Fact, most time.Duration, err error) {
	for _, q := range asked {
		need := q.fact
		if need.About != about {
			continue
		}
		window, err := need.Window()
		if err != nil {
			return nil, 0, err
		}
		mine, most = append(mine, need), max(most, window)
	}
	return mine, most, nil
}

// past reads earlier requests. The one in question is not among them: it would
// count itself when it is decided.
func (p *People) past(ctx context.Context, q access.Query, but access.RequestID) ([]policies.Past, error) {
	var all []policies.Past
	err := access.Each(ctx, p.records, q, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err == nil && r.ID != but {
			all = append(all, p.asPast(r))
		}
		return err
	})
	return all, err
}

// asPast returns a request as history counts it.
func (p *People) asPast(r access.Request) policies.Past {
	return policies.Past{
		By: r.By.ID, Target: r.Target.Name, At: r.AskedAt, Outcome: r.State, Duration: r.Duration, BreakGlass: r.BreakGlass,
		Flow: p.config.FlowOf(r.Target.Name),
		Auto: r.State == access.Approved && slices.ContainsFunc(r.Decisions, func(d access.Decision) bool { return d.Source == access.FromRoute }),
	}
}
