package policies

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"
)

// A route is a compiled route.
type route struct {
	rule
	then    access.Route
	groups  []GroupFrom
	approve *approval // nil asks nothing of an approver
	admits  []Fact    // what is asked about the requester, as far as it is to hold
}

func (r route) glass() bool { return r.then.Glass != nil }

// HasGlass reports whether the flow has routes for break-glass.
func (f *Flow) HasGlass() bool { return slices.ContainsFunc(f.routes, route.glass) }

// forTarget returns the route with the groups that the tags of t name.
func (r route) forTarget(t access.Target) (access.Route, error) {
	then := r.then
	if len(r.groups) == 0 {
		return then, nil
	}
	then.Needs, then.Reviewers = slices.Clone(then.Needs), slices.Clone(then.Reviewers)
	then.Silence = slices.Clone(then.Silence)
	for i := range then.Silence {
		then.Silence[i].Needs = slices.Clone(then.Silence[i].Needs)
	}
	for _, from := range r.groups {
		group, ok := t.Tags[from.Tag]
		if !ok || group == "" {
			return access.Route{}, fmt.Errorf("target %s has no tag %s", t.Name, from.Tag)
		}
		need := &from.needs(then)[from.Need]
		if !slices.Contains(need.Groups, group) {
			need.Groups = append(slices.Clip(need.Groups), group)
		}
	}
	return then, nil
}

// needs returns those of r that the tag adds to.
func (g GroupFrom) needs(r access.Route) []access.Need {
	switch g.Step {
	case 0:
		return r.Needs
	case Reviewing:
		return r.Reviewers
	}
	return r.Silence[g.Step-1].Needs
}

// match returns the first route of its kind that matches, and whether there is
// one. Break-glass has routes of its own, and ordinary requests have the others.
// A route whose rule fails ends the search: a later one might ask for less than
// the one that could not be read.
func (f *Flow) match(r *runner, glass bool) (rt route, ok bool, failed *access.Reason) {
	for _, rt := range f.routes {
		if rt.glass() != glass {
			continue
		}
		if hit, failed := r.truth(rt.rule); hit || failed != nil {
			return rt, failed == nil, failed
		}
	}
	return route{}, false, nil
}

// choose returns the route that matches and why, or the zero route and why not.
func (f *Flow) choose(r *runner, glass bool) (route, []access.Reason) {
	rt, ok, failed := f.match(r, glass)
	switch {
	case ok:
		return rt, []access.Reason{{Rule: rt.name, Pos: rt.then.Pos, Text: rt.says()}}
	case failed != nil:
		return route{}, []access.Reason{*failed}
	}
	text := fmt.Sprintf("No route of the flow %s says who decides on this; ask an admin to add one.", f.name)
	if glass {
		text = f.noGlass()
	}
	return route{}, []access.Reason{f.who.reason(text)}
}

func (r route) says() string {
	if r.glass() {
		return fmt.Sprintf("The route %q lets this person break the glass.", r.name)
	}
	return fmt.Sprintf("The route %q says who decides.", r.name)
}

// skip notes in v who would have decided, had the glass not been broken.
func (f *Flow) skip(r *runner, t access.Target, v *access.Verdict) {
	if v.Route.Glass == nil {
		return
	}
	// The ordinary routes are asked about the ordinary request.
	if _, read := r.env[glassName]; read {
		r.env[glassName] = false
		defer func() { r.env[glassName] = true }()
	}
	rt, ok, failed := f.match(r, false)
	if failed != nil {
		// Worth a warning and not a refusal: who may break the glass is known,
		// and nobody else can open the door by then.
		v.Warnings = append(v.Warnings, access.Reason{Rule: rt.name, Pos: failed.Pos, Text: "It is not known who was passed over. " + failed.Text})
	}
	if ordinary, err := rt.forTarget(t); ok && err == nil {
		v.Route.Skipped = ordinary.Needs
	}
}

// noGlass says why glass cannot be broken, and what to do instead.
func (f *Flow) noGlass() string {
	found := false
	var who, schedules []string
	for _, rt := range f.routes {
		found = found || rt.glass()
		for _, fact := range rt.admits {
			text := "members of " + fact.Name
			if slices.Contains(f.schedules, fact.Name) {
				text = "who is on call for " + fact.Name
				schedules = append(schedules, text)
			}
			if rt.glass() && !slices.Contains(who, text) {
				who = append(who, text)
			}
		}
	}
	page := "page the on-call"
	if len(schedules) > 0 {
		page = "page " + schedules[0]
	}
	switch {
	case !found:
		return fmt.Sprintf("You cannot break the glass here, because the flow %s has no break-glass route: ask the ordinary way, or %s.", f.name, page)
	case len(who) == 0:
		return fmt.Sprintf("You cannot break the glass here, because the conditions of the flow %s for it do not hold: ask the ordinary way, or %s.", f.name, page)
	}
	return fmt.Sprintf("You cannot break the glass here, because the flow %s leaves that to %s: ask the ordinary way, or %s.", f.name, strings.Join(who, ", "), page)
}
