package policies

import (
	"fmt"
	"strconv"
	"strings"
)

// unknownFact is what a verdict records of a fact that was not there.
const unknownFact = "unknown"

// Recorded returns the value of a fact that a verdict recorded as text, and
// whether it was known then.
func (f Fact) Recorded(text string) (any, bool) {
	var v any
	var err error
	switch {
	case text == unknownFact:
		return nil, false
	case f.Kind == FactGroup:
		v, err = strconv.ParseBool(text)
	case f.Kind == FactStatus, strings.HasPrefix(f.Name, lastOutcome):
		v = text
	default:
		v, err = strconv.Atoi(text)
	}
	return v, err == nil
}

// Refusing returns the names of the rules that refuse in whatever else may be
// known: who, if it does not let the requester ask or if every route can be
// evaluated and none matches, and the guardrails that can be evaluated.
// Evaluate refuses too where a rule cannot be evaluated; this is for telling the
// two apart when facts are missing.
func (f *Flow) Refusing(in Input) []string {
	r := f.runner()
	defer f.runners.Put(r)
	if err := r.load(f.slots, in.inZone()); err != nil || f.who.program == nil {
		return []string{string(WhoRule)}
	}
	var all []string
	if may, failed := r.truth(f.who); !may && failed == nil || f.unrouted(r, in.Request.BreakGlass) {
		all = append(all, f.who.name)
	}
	for i := range f.guardrails {
		g := &f.guardrails[i]
		hit, failed := r.truth(g.rule)
		if failed == nil && g.effect != Warn && hit != (g.effect == Require) {
			all = append(all, g.name)
		}
	}
	return all
}

// unrouted reports whether it is certain that no route matches.
func (f *Flow) unrouted(r *runner, glass bool) bool {
	_, ok, failed := f.match(r, glass)
	return !ok && failed == nil
}

// A Place is where a rule stands.
type Place struct {
	Kind RuleKind
	Rule string
	Pos  Position
}

// Places returns where the rules stand, in the order in which they are
// evaluated.
func (f *Flow) Places() []Place {
	all := []Place{{WhoRule, f.who.name, f.who.src.Pos}}
	for _, g := range f.guardrails {
		all = append(all, Place{RuleKind(g.effect), g.name, g.src.Pos})
	}
	for _, r := range f.routes {
		all = append(all, Place{RouteRule, r.name, r.src.Pos})
	}
	return all
}

// String returns "kind name at file:line:col", or "who at file:line:col".
func (p Place) String() string {
	if p.Rule == string(p.Kind) {
		return fmt.Sprintf("%s at %s", p.Kind, p.Pos)
	}
	return fmt.Sprintf("%s %s at %s", p.Kind, p.Rule, p.Pos)
}
