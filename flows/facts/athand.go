package facts

import (
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
		asked, err := questions(about, groups, []policies.Fact{need})
		if err != nil {
			continue // nobody could answer
		}
		if value, ok := p.recalled(about.Request, asked[need.Kind][0]); ok {
			known[need] = value
		}
	}
	return known
}

// recalled returns what a question was answered with when it was last asked,
// and whether that is known and not too long ago.
func (p *People) recalled(r access.Request, q question) (any, bool) {
	switch q.fact.Kind {
	case policies.FactHistory:
		return p.shown.peek(ofHistory(q.fact, r))
	case policies.FactStatus:
		profile, ok := p.fresh.profiles.peek(q.who.Account)
		return profile.Status, ok
	default:
		return p.remembered(q.who, q.group)
	}
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
