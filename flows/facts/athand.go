package facts

import (
	"slices"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// AtHand returns what is remembered of the facts that rules need, with the
// groups that they name, and asks nobody. What is not among them is not known.
// It is for what people are shown: no authority rests on it.
func (p *People) AtHand(about policies.About, groups []flowfile.Group, needs []policies.Fact) policies.Facts {
	known := policies.Facts{}
	for _, need := range needs {
		if need.Kind == policies.FactHistory {
			if value, ok := p.shown.peek(ofHistory(need, about.Request)); ok {
				known[need] = value
			}
			continue
		}
		who, someone := about.Person(need.About)
		i := slices.IndexFunc(groups, func(g flowfile.Group) bool { return g.Name == need.Name })
		if need.Kind != policies.FactGroup || !someone || i < 0 {
			continue
		}
		if in, ok := p.remembered(who, groups[i]); ok {
			known[need] = in
		}
	}
	return known
}

// remembered reports whether who was in g when that was last asked, and
// whether that is not too long ago.
func (p *People) remembered(who access.Person, g flowfile.Group) (in, known bool) {
	switch g.Source {
	case flowfile.GroupMembers:
		return p.named(who, g), true
	case flowfile.GroupSlack:
		return p.fresh.slack.peek(inGroup[access.Account]{g.ID, who.Account})
	case flowfile.GroupIdentityCenter:
		return p.fresh.groups.peek(inGroup[access.Principal]{g.ID, who.Principal})
	case flowfile.GroupOnCall:
		return p.fresh.sources.OnCall.Seen(g.ID, who, ShownAge)
	default:
		return false, false
	}
}
