package flowfile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// shortestSession is the least that AWS lets sessions of a permission set last.
const shortestSession = time.Hour

// lint warns about what is not wrong but probably not meant.
func (d *draft) lint(f *flowDraft) {
	d.lintRoutes(f)
	d.lintSessions(f)
	d.lintTarget(f)
}

// lintRoutes warns about routes that never come up, that everybody may decide
// on for themselves, and that one person cannot get past.
func (d *draft) lintRoutes(f *flowDraft) {
	seen := map[string]string{}
	for _, rt := range f.routes {
		if rt.when == nil {
			d.lintAlways(f, rt)
		} else if text := strings.Join(strings.Fields(rt.when.text), " "); seen[text] != "" {
			d.warn(rt.when.pos, fmt.Sprintf("the route %s is never reached: the route %s before it matches the same", rt.name, seen[text]))
		} else {
			seen[text] = rt.name
		}
		for _, need := range rt.needs {
			if !need.open() && d.atMost(need) == 1 && !rt.self {
				d.warn(rt.pos, fmt.Sprintf("the route %s has one approver, whose own requests nobody can approve and whose absence stops all others", rt.name))
			}
		}
	}
}

// lintAlways looks at a route that takes whatever comes to it.
func (d *draft) lintAlways(f *flowDraft, rt routeDraft) {
	switch {
	case rt.auto:
		d.warn(rt.pos, fmt.Sprintf("the route %s approves everything that reaches it", rt.name))
	case rt.self:
		d.warn(rt.pos, fmt.Sprintf("the route %s lets everybody whom the flow %s admits approve their own requests", rt.name, f.Name))
	}
}

// open reports whether the files do not tell who is among the approvers.
func (n needDraft) open() bool { return len(n.from)+len(n.schedules) > 0 }

// lintSessions warns when credentials may outlive a grant by far.
func (d *draft) lintSessions(f *flowDraft) {
	if len(f.Durations) == 0 {
		return
	}
	shortest := slices.Min(f.Durations)
	for _, name := range f.Targets {
		if session := d.targets.known[name].Overhang; session > max(shortest, shortestSession) {
			d.warn(d.targets.at[name], fmt.Sprintf("sessions of target %s last %s and a grant may be as short as %s, so credentials may outlive it by far", name, short(session), short(shortest)))
		}
	}
}

// lintTarget warns when a flow mixes targets that people tell apart, and none
// of its rules does.
func (d *draft) lintTarget(f *flowDraft) {
	if f.Rules == nil {
		return
	}
	var envs []string
	for _, name := range f.Targets {
		env := d.targets.known[name].Tags["env"]
		if env == "" {
			env = "none"
		}
		if !slices.Contains(envs, env) {
			envs = append(envs, env)
		}
	}
	slices.Sort(envs)
	looks := slices.ContainsFunc(f.Rules.Reads(), func(name string) bool { return strings.Contains(name, "target") })
	from := slices.ContainsFunc(f.routes, func(rt routeDraft) bool {
		return slices.ContainsFunc(rt.needs, func(n needDraft) bool { return len(n.from) > 0 })
	})
	if len(envs) > 1 && !looks && !from {
		d.warn(f.pos, fmt.Sprintf("flow %s has targets with env %s, and none of its rules looks at the target", f.Name, strings.Join(envs, " and ")))
	}
}
