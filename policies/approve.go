package policies

import (
	"errors"
	"fmt"

	"sesame/flows/access"
)

// ApproveRule says for whom approve_when holds, and does not bear on the
// verdict.
const ApproveRule RuleKind = "approve_when"

// An approval is approve_when of a route. It is compiled apart from the other
// rules, since what it reads of an approver is not there when a request is
// judged.
type approval struct {
	rule
	slots []slot
	needs []Fact
}

// approval compiles approve_when of a route; nil without one.
func (c *rules) approval(r Route) *approval {
	if r.ApproveWhen.Text == "" {
		return nil
	}
	own := newRules(c.spec)
	own.probing = c.probing
	own.people = append(own.people, Approver)
	approver(own.vars)
	a := &approval{rule: own.rule(r.Then.Name, r.ApproveWhen)}
	a.approves, a.slots, a.needs = true, own.slots, own.needs
	c.problems = append(c.problems, own.problems...)
	return a
}

// route returns the route called name.
func (f *Flow) route(name string) (route, bool) {
	for _, rt := range f.routes {
		if rt.name == name {
			return rt, true
		}
	}
	return route{}, false
}

// ApproverNeeds returns the facts that Fits reads for a route, each once, in
// order. Those about the approver say so; the others are as in Needs.
func (f *Flow) ApproverNeeds(route string) []Fact {
	rt, _ := f.route(route)
	if rt.approve == nil {
		return nil
	}
	return rt.approve.needs
}

// Fits reports whether approve_when of the route holds for somebody who would
// approve; a route without it fits everybody. An error says why it cannot be
// told, and then it does not fit. The zero Flow and a route that there is not
// fit nobody.
func (f *Flow) Fits(route string, in Input, approver access.Person) (bool, error) {
	r := f.runner()
	defer f.runners.Put(r)
	return f.fits(r, route, in, approver)
}

func (f *Flow) fits(r *runner, name string, in Input, approver access.Person) (bool, error) {
	rt, ok := f.route(name)
	switch {
	case !ok:
		return false, fmt.Errorf("there is no route %q in the flow %s", name, f.name)
	case rt.approve == nil:
		return true, nil
	}
	in.approver = approver
	if err := r.load(rt.approve.slots, in.inZone()); err != nil {
		return false, fmt.Errorf("approve_when of the route %s: %w", name, err)
	}
	fit, failed := r.truth(rt.approve.rule)
	if failed != nil {
		return false, errors.New(failed.Text)
	}
	return fit, nil
}

// ExplainFit returns what Fits returns, and how approve_when came to its value.
// The Trace is the zero one for a route without it.
func (f *Flow) ExplainFit(route string, in Input, approver access.Person) (bool, Trace, error) {
	fit, err := f.Fits(route, in, approver)
	rt, ok := f.route(route)
	if !ok || rt.approve == nil {
		return fit, Trace{}, err
	}
	probed := f.probed()
	rt, _ = probed.route(route)
	r := probed.runner()
	defer probed.runners.Put(r)
	r.traces = []Trace{rt.approve.outline()}
	defer func() { r.traces, r.recorder.parts = nil, nil }()
	again, _ := probed.fits(r, route, in, approver)
	if again != fit {
		return false, Trace{}, fmt.Errorf("explain approve_when of the route %s: it says %t by itself and %t with probes", route, fit, again)
	}
	return fit, r.traces[0], err
}
