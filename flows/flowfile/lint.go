package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sesame/policies"
)

// shortestSession is the least that AWS lets sessions of a permission set last.
const shortestSession = time.Hour

// lint warns about what is not wrong but probably not meant.
func (d *draft) lint(f *flowDraft) {
	d.lintRoutes(f)
	d.lintGlass(f)
	d.lintSessions(f)
	d.lintTarget(f)
	d.lintReach(f)
}

// lintRoutes warns about routes that never come up, that everybody may decide
// on for themselves, and that one person cannot get past.
func (d *draft) lintRoutes(f *flowDraft) {
	var before []passed
	for _, rt := range f.routes {
		if rt.always() || rt.glass.announce != nil && !strings.Contains(rt.when.text, string(policies.Requester)) {
			d.lintAlways(f, rt)
		}
		before = d.lintShadowed(rt, before)
		d.lintSelf(rt)
		d.lintAbsent(rt)
		if !d.lintOne(rt) {
			d.lintCrew(rt)
		}
	}
}

// A passed is a route that others come after.
type passed struct {
	name  string
	glass bool
	when  conjunction
}

// lintShadowed warns about a route that matches nothing but what one of its
// kind before it does.
func (d *draft) lintShadowed(rt routeDraft, before []passed) []passed {
	if rt.when == nil {
		return before
	}
	p := passed{rt.name, rt.glass.announce != nil, conjoined(rt.when.text)}
	for _, b := range before {
		if b.glass == p.glass && p.when.implies(b.when) {
			d.warn(rt.when.pos, fmt.Sprintf("the route %s is never reached: the route %s before it matches the same", rt.name, b.name))
			return before
		}
	}
	if rt.quota != nil {
		// What is beyond the quota comes by.
		return before
	}
	return append(before, p)
}

// lintOne warns about a route with one approver, and reports whether it did.
func (d *draft) lintOne(rt routeDraft) bool {
	for _, need := range rt.ask.needs {
		if people, closed := d.members(need); closed && len(people) == 1 && need.choice == 0 && !rt.self {
			d.warn(rt.pos, fmt.Sprintf("the route %s needs %s, whose own requests nobody can approve and whose absence stops all others", rt.name, slices.Sorted(maps.Keys(people))[0]))
			return true
		}
	}
	return false
}

// lintAlways looks at a route that takes whatever comes to it.
func (d *draft) lintAlways(f *flowDraft, rt routeDraft) {
	switch {
	case rt.auto:
		d.warn(rt.pos, fmt.Sprintf("the route %s approves everything that reaches it", rt.name))
	case rt.glass.announce != nil:
		d.warn(rt.pos, fmt.Sprintf("the route %s lets everybody whom the flow %s admits break the glass", rt.name, f.Name))
	case rt.self:
		d.warn(rt.pos, fmt.Sprintf("the route %s lets everybody whom the flow %s admits approve their own requests", rt.name, f.Name))
	}
}

// lintSelf warns about people who approve their own requests unseen, or beside
// others whose approval is not needed then.
func (d *draft) lintSelf(rt routeDraft) {
	if !rt.self || rt.glass.announce != nil {
		return
	}
	if rt.told.nobody() {
		d.warn(rt.pos, fmt.Sprintf("the route %s lets people approve their own requests and tells nobody", rt.name))
	}
	if wanted := d.fewest(rt); wanted == 1 {
		d.warn(rt.pos, fmt.Sprintf("the route %s names approvers and needs one approval, which may be that of the person who asks", rt.name))
	}
}

// fewest returns how many approvals a route needs at least.
func (d *draft) fewest(rt routeDraft) int {
	sum, least := 0, map[int]int{} // by stage, since each has one choice
	counts := d.counts(rt.ask)
	for i, need := range rt.ask.needs {
		if need.choice == 0 {
			sum += counts[i].Count
		} else if n, ok := least[need.stage]; !ok || counts[i].Count < n {
			least[need.stage] = counts[i].Count
		}
	}
	for _, n := range least {
		sum += n
	}
	return sum
}

// lintAbsent warns about approvers who are at times nobody: a rotation that
// somebody emptied for a while.
func (d *draft) lintAbsent(rt routeDraft) {
	for _, need := range rt.ask.needs {
		if len(need.schedules) != 1 || len(need.users)+len(need.groups)+len(need.from) > 0 || need.choice != 0 {
			continue
		}
		for _, o := range d.schedules[need.schedules[0].text].Overrides {
			if len(o.People) == 0 {
				d.warn(need.schedules[0].pos, fmt.Sprintf("nobody is on call for %s from %s to %s, so nobody can decide on the route %s then",
					need.schedules[0].text, o.From.Format("2006-01-02 15:04"), o.To.Format("2006-01-02 15:04"), rt.name))
			}
		}
	}
}

// lintGlass warns about a flow that only break-glass opens, and about glass
// that nobody but an admin could review.
func (d *draft) lintGlass(f *flowDraft) {
	ordinary, asked := false, false
	for _, rt := range f.routes {
		if rt.glass.announce == nil {
			ordinary, asked = true, asked || len(rt.ask.needs) > 0
		}
	}
	if len(f.routes) > 0 && !ordinary {
		d.warn(f.pos, fmt.Sprintf("flow %s has break-glass routes only, so every ordinary request is refused", f.Name))
	}
	for _, rt := range f.routes {
		if rt.glass.announce != nil && len(rt.glass.reviewers.needs) == 0 && !asked {
			d.warn(rt.pos, fmt.Sprintf("only admins can review what the route %s lets people do, since nobody would have decided otherwise", rt.name))
		}
	}
}

// open reports whether the files do not tell who is among the approvers.
func (n needDraft) open() bool { return len(n.from)+len(n.schedules) > 0 }

// lintSessions warns when credentials or sessions may outlive a grant by far.
func (d *draft) lintSessions(f *flowDraft) {
	if len(f.Durations) == 0 {
		return
	}
	shortest := slices.Min(f.Durations)
	for _, name := range f.Targets {
		t := d.targets.known[name]
		if t.Overhang <= max(shortest, shortestSession) {
			continue
		}
		what := "credentials"
		if t.Sessions {
			what = "they"
		}
		d.warn(d.targets.at[name], fmt.Sprintf("sessions of target %s last %s and a grant may be as short as %s, so %s may outlive it by far", name, short(t.Overhang), short(shortest), what))
	}
}

// lintTarget warns when a flow mixes targets that people tell apart, and none
// of its rules does, or one that asks nobody else does not.
func (d *draft) lintTarget(f *flowDraft) {
	envs := d.envs(f)
	if f.Rules == nil || len(envs) < 2 {
		return
	}
	looks := slices.ContainsFunc(f.Rules.Reads(), func(name string) bool { return strings.Contains(name, "target") })
	from := slices.ContainsFunc(f.routes, func(rt routeDraft) bool {
		return slices.ContainsFunc(rt.ask.needs, func(n needDraft) bool { return len(n.from) > 0 })
	})
	if !looks && !from {
		d.warn(f.pos, fmt.Sprintf("flow %s has targets with env %s, and none of its rules looks at the target", f.Name, strings.Join(envs, " and ")))
		return
	}
	for _, rt := range f.routes {
		if blind := rt.when != nil && !strings.Contains(rt.when.text, "target."); blind && (rt.auto || rt.self && rt.glass.announce == nil) {
			d.warn(rt.when.pos, fmt.Sprintf("the route %s asks nobody else, and does not look whether env is %s", rt.name, strings.Join(envs, " or ")))
		}
	}
}

// envs returns the environments of a flow's targets, sorted.
func (d *draft) envs(f *flowDraft) []string {
	var envs []string
	for _, name := range f.Targets {
		env := d.targets.known[name].Tags["env"]
		if env == "" {
			env = "none"
		}
		envs = append(envs, env)
	}
	slices.Sort(envs)
	return slices.Compact(envs)
}
