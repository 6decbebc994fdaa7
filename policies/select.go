package policies

import (
	"errors"
	"slices"
	"strings"

	"sesame/flows/access"
)

// A Selector is a rule that describes targets.
type Selector struct{ flow *Flow }

// CompileSelector compiles a rule that reads nothing but the target. A tag
// that one of the targets lacks is a problem, as it is in a flow's rules.
func CompileSelector(src Source, targets []Target) (*Selector, []Problem) {
	spec := Spec{Targets: targets}
	for _, t := range targets {
		spec.TargetNames = append(spec.TargetNames, t.Name)
	}
	c := newRules(spec)
	c.people = nil
	for name := range c.vars {
		if !strings.HasPrefix(name, "target.") {
			delete(c.vars, name)
		}
	}
	for name := range c.forms {
		if needsRequest(name) {
			delete(c.forms, name)
		}
	}
	f := &Flow{who: c.rule("targets_where", src)}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	f.slots = c.slots
	return &Selector{f}, nil
}

// needsRequest reports whether a call asks about more than the target.
func needsRequest(name string) bool {
	return slices.Contains([]string{"in_group", "on_call", "window.overlaps", "in_window", "days_since"}, name) || strings.HasPrefix(name, "history.")
}

// Matches reports whether the rule describes t.
func (s *Selector) Matches(t access.Target) (bool, error) {
	in := Input{Request: access.Request{Target: t}}
	r := s.flow.runner()
	defer s.flow.runners.Put(r)
	if err := r.load(s.flow.slots, in.inZone()); err != nil {
		return false, err
	}
	is, failed := r.truth(s.flow.who)
	if failed != nil {
		return false, errors.New(failed.Text)
	}
	return is, nil
}
