package bot

import (
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
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
