package bot

import (
	"fmt"
	"slices"
	"strings"
	"time"

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

// targets returns what who may ask for. Where nobody can tell without asking,
// that is assumed; and so it is when nothing would be left, since a group may
// have taken them in just now.
func (o outlook) targets() []access.Target {
	all := targets(o.rules)
	may := slices.DeleteFunc(slices.Clone(all), o.refuses)
	if len(may) == 0 {
		return all
	}
	return may
}

// refuses reports whether who is known not to be among those who may ask.
func (o outlook) refuses(t access.Target) bool {
	flow, ok := o.rules.Flow(t.Name)
	if !ok || o.who.ID == "" {
		return false
	}
	may, known := flow.Rules.Admits(o.input(flow, access.Request{Target: t, Duration: flow.Default}))
	return known && !may
}

// input returns what the rules of a flow read.
func (o outlook) input(flow *flowfile.Flow, r access.Request) policies.Input {
	r.By, r.AskedAt = o.who, o.now
	needs := flow.Rules.Needs()
	var groups []string
	for _, need := range needs {
		groups = append(groups, need.Name)
	}
	return policies.Input{Request: r, Now: o.now, Zone: flow.Zone, Facts: o.memory.AtHand(o.who, named(o.rules, groups), needs)}
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
