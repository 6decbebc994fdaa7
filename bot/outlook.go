package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/bot/blocks"
	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// An outlook is what the rules would say to somebody, as far as that can be
// told from what is remembered. It decides what is shown, and nothing else.
type outlook struct {
	rules  *flowfile.Set
	memory Memory
	who    access.Person // zero while nobody knows who it is
	now    time.Time
}

func (b *Bot) outlook(who access.Person) outlook {
	return outlook{rules: b.Rules(), memory: b.Memory, who: who, now: b.now()}
}

// targets returns what who may see and ask for. Where nobody can tell without
// asking whether they may ask, that is assumed; and so it is when nothing would
// be left, since a group may have taken them in just now. What visible_when
// hides stays hidden.
func (o outlook) targets() []access.Target {
	seen := o.seen()
	may := slices.DeleteFunc(slices.Clone(seen), o.refuses)
	if len(may) == 0 {
		return seen
	}
	return may
}

// seen returns the targets that who may hear of.
func (o outlook) seen() []access.Target { return slices.DeleteFunc(targets(o.rules), o.hides) }

// hides reports whether t is not shown to who. What cannot be told from what is
// remembered is not shown.
func (o outlook) hides(t access.Target) bool {
	flow, ok := o.rules.Flow(t.Name)
	return ok && flow.Rules.Restricted() && !flow.Rules.Visible(o.input(flow, o.idea(t, flow)))
}

// idea is a request as it might be, of which only the target is known.
func (o outlook) idea(t access.Target, flow *flowfile.Flow) access.Request {
	return access.Request{By: o.who, Target: t, Duration: flow.Default}
}

// A gap is a fact that decides what is shown, and is not at hand.
type gap struct {
	fact   policies.Fact
	target string // if the fact is about that
}

// gaps returns what would have to be asked, to tell what who may see.
func (o outlook) gaps() map[gap]policies.About {
	all := map[gap]policies.About{}
	for _, t := range targets(o.rules) {
		flow, ok := o.rules.Flow(t.Name)
		if !ok || !flow.Rules.Restricted() {
			continue
		}
		in := o.input(flow, o.idea(t, flow))
		for _, need := range flow.Rules.VisibleNeeds() {
			g := gap{fact: need}
			if need.About == policies.Asked {
				g.target = t.Name
			}
			if _, known := in.Facts[need]; !known {
				all[g] = policies.About{Request: in.Request}
			}
		}
	}
	return all
}

// atOnce is how many facts are asked for at a time, to show somebody something.
const atOnce = 8

// learn asks for what decides what is shown to who, one by one, so that a
// source which does not answer hides no more than what hangs on it.
func (b *Bot) learn(ctx context.Context, o outlook) {
	var asking errgroup.Group
	asking.SetLimit(atOnce)
	for g, about := range o.gaps() {
		asking.Go(func() error {
			if _, err := b.Memory.Gather(ctx, about, named(o.rules, []string{g.fact.Name}), []policies.Fact{g.fact}); err != nil {
				b.Log.Warn().Err(err).Str("fact", g.fact.String()).Msg("what hangs on this is not shown")
			}
			return nil
		})
	}
	_ = asking.Wait() // whoever was not answered was logged
}

// refuses reports whether who is known not to be among those who may ask.
func (o outlook) refuses(t access.Target) bool {
	flow, ok := o.rules.Flow(t.Name)
	if !ok || o.who.ID == "" {
		return false
	}
	may, known := flow.Rules.Admits(o.input(flow, o.idea(t, flow)))
	return known && !may
}

// input returns what the rules of a flow read.
func (o outlook) input(flow *flowfile.Flow, r access.Request) policies.Input {
	r.By, r.AskedAt = o.who, o.now
	needs := slices.Concat(flow.Rules.Needs(), flow.Rules.VisibleNeeds())
	var groups []string
	for _, need := range needs {
		groups = append(groups, need.Name)
	}
	facts := o.memory.AtHand(policies.About{Request: r}, named(o.rules, groups), needs)
	return policies.Input{Request: r, Now: o.now, Zone: flow.Zone, Facts: facts}
}

// decides says who would decide, for each duration that can be chosen. What
// depends on something that is not known yet is left out.
func (o outlook) decides(a blocks.Answers) string {
	target, ok := o.rules.Target(a.Target)
	flow, has := o.rules.Flow(a.Target)
	if !ok || !has {
		return ""
	}
	r := access.Request{Target: target, Reason: a.Reason, Fields: map[string]string{}}
	for _, f := range flow.Fields {
		if value, problem := f.Parse(a.Values[f.Name]); problem == "" && value != "" {
			r.Fields[f.Name] = value
		}
	}
	var ways []way
	for _, d := range flow.Durations {
		r.Duration = d
		how := decision(flow.Rules.Evaluate(o.input(flow, r)).Route)
		if last := len(ways) - 1; last >= 0 && ways[last].how == how {
			ways[last].durations = append(ways[last].durations, d)
		} else {
			ways = append(ways, way{how, []time.Duration{d}})
		}
	}
	return spokenWays(ways)
}

// A way is how a request for one of some durations is decided.
type way struct {
	how       string // empty if that is not known
	durations []time.Duration
}

// decision says how a route decides; nothing of one that is not known.
func decision(r access.Route) string {
	switch {
	case r.Name == "":
		return ""
	case r.Auto:
		return "Approved automatically"
	case r.Self && len(r.Needs) == 0:
		return "Approved by yourself"
	case r.Self:
		return "Approved by you or by " + r.Deciders()
	default:
		return "To be approved by " + r.Deciders()
	}
}

// spokenWays says how each duration is decided, and only that where it is the
// same for all.
func spokenWays(ways []way) string {
	var parts []string
	for _, w := range ways {
		switch {
		case w.how == "":
		case len(ways) == 1:
			parts = append(parts, w.how)
		default:
			var ds []string
			for _, d := range w.durations {
				ds = append(ds, access.Spoken(d))
			}
			parts = append(parts, fmt.Sprintf("For %s: %s", strings.Join(ds, ", "), strings.ToLower(w.how[:1])+w.how[1:]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}
