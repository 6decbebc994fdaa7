package flowtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A Fit says whether approve_when holds for somebody.
type Fit struct {
	Email string
	Fits  bool
	Why   string // why it cannot be told
	Rule  policies.Trace
}

// A Step is what happens when nobody decides for a while.
type Step struct {
	In       time.Duration
	Channels []access.Channel // that are told besides
	Told     []string         // addresses of people who are told besides, of those who are known
	// Switched says that others decide from then on: Deciders, of those who
	// are known.
	Switched bool
	Deciding string
	Deciders []string
	Deny     bool
	Lapse    bool
	telling  []string // groups and people who are told besides, by their names
}

// fits asks approve_when about everybody whom a route names.
func (w World) fits(set *flowfile.Set, flow *flowfile.Flow, in policies.Input, route access.Route) ([]Fit, error) {
	if route.ApproveWhen == "" {
		return nil, nil
	}
	needs := flow.Rules.ApproverNeeds(route.Name)
	var all []Fit
	for _, email := range w.everybody(set, route) {
		s := w.standing(set, email)
		if !mayEver(route, s) && !(route.Self && email == in.Request.By.Email) {
			continue
		}
		var err error
		if in.Facts, err = w.facts(set, in.Request, needs, s.Person); err != nil {
			return nil, err
		}
		fit := Fit{Email: email}
		fit.Fits, fit.Rule, err = flow.Rules.ExplainFit(route.Name, in, s.Person)
		if err != nil {
			fit.Why = err.Error()
		}
		all = append(all, fit)
	}
	return all, nil
}

// mayEver reports whether a route names somebody, now or after a step.
func mayEver(route access.Route, s access.Standing) bool {
	if route.MayDecide(s) {
		return true
	}
	return slices.ContainsFunc(route.Silence, func(step access.Escalation) bool {
		return access.Route{Needs: step.Needs}.MayDecide(s)
	})
}

// people fills in who could decide, who is told, and what happens step by step.
func (w World) people(set *flowfile.Set, a *Answer) {
	route := a.Request.Verdict.Route
	a.Deciders = w.deciders(set, *a, route)
	for _, stage := range stages(route.Needs) {
		only := route
		only.Needs = slices.DeleteFunc(slices.Clone(route.Needs), func(n access.Need) bool { return n.Stage != stage })
		a.Stages = append(a.Stages, w.deciders(set, *a, only))
	}
	a.Unknown = w.unknown(set, route)
	a.Told = w.told(set, route.Tell)
	before := route
	for _, s := range route.Silence {
		step := Step{In: s.In, Channels: s.Notify, Told: w.told(set, s.Tell), Deny: s.Deny, telling: slices.Concat(s.Tell.Groups, s.Tell.People)}
		if len(s.Needs) > 0 {
			before.Needs = s.Needs
			step.Switched, step.Deciding, step.Deciders = true, access.Spell(s.Needs), w.deciders(set, *a, before)
		}
		a.Steps = append(a.Steps, step)
	}
	if !route.Auto && route.Name != "" && !ends(a.Steps) && route.Glass == nil {
		a.Steps = append(a.Steps, Step{In: route.LapseAfter, Lapse: true})
	}
	a.Skipped = w.named(set, *a, route.Skipped)
	if route.Glass != nil {
		a.Reviewers = a.Skipped
		if len(route.Reviewers) > 0 {
			a.Reviewers = w.named(set, *a, route.Reviewers)
		}
	}
}

// ends reports whether a step ends the request already.
func ends(steps []Step) bool { return len(steps) > 0 && steps[len(steps)-1].Deny }

// stages returns the stages of needs, in order.
func stages(needs []access.Need) []int {
	var all []int
	for _, n := range needs {
		all = append(all, n.Stage)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// deciders returns who may approve by a route, when it is their turn.
func (w World) deciders(set *flowfile.Set, a Answer, route access.Route) []string {
	r := a.Request
	// Who may approve does not hang on whether the rules let it pass, and whose
	// turn it is not on who approved before.
	r.Verdict.Allow, r.Verdict.Route = true, route
	r.Verdict.Route.Needs = slices.Clone(route.Needs)
	for i := range r.Verdict.Route.Needs {
		r.Verdict.Route.Needs[i].Stage = 0
	}
	r.BreakGlass = route.Glass != nil
	var may []string
	for _, email := range w.everybody(set, route) {
		s := w.standing(set, email)
		s.Fit = slices.ContainsFunc(a.Fits, func(f Fit) bool { return f.Email == email && f.Fits })
		if access.Authorize(access.Approve, s, r) == nil {
			may = append(may, email)
		}
	}
	return may
}

// named returns who could meet needs, other than the requester.
func (w World) named(set *flowfile.Set, a Answer, needs []access.Need) []string {
	var all []string
	route := access.Route{Needs: needs}
	for _, email := range w.everybody(set, route) {
		if s := w.standing(set, email); s.Active && email != a.Request.By.Email && route.MayDecide(s) {
			all = append(all, email)
		}
	}
	return all
}

// told returns the addresses of an audience, of those who are known.
func (w World) told(set *flowfile.Set, tell access.Audience) []string {
	if len(tell.Groups)+len(tell.People) == 0 {
		return nil
	}
	var all []string
	audience := access.Route{Needs: []access.Need{{Count: 1, Groups: tell.Groups, People: tell.People}}}
	for _, email := range w.everybody(set, audience) {
		if audience.MayDecide(w.standing(set, email)) {
			all = append(all, email)
		}
	}
	return all
}

// unknown returns the groups of approvers whose members nobody named.
func (w World) unknown(set *flowfile.Set, route access.Route) []string {
	var all []string
	for _, name := range route.Groups() {
		if !w.hasMembers(set, name) {
			all = append(all, name)
		}
	}
	return all
}

// Deciding says who decides, in a sentence.
func (a Answer) Deciding() string {
	route := a.Request.Verdict.Route
	switch {
	case route.Name == "":
		return "Nobody: no route matches."
	case route.Auto:
		return "Nobody: the route approves by itself, at once."
	case route.Glass != nil:
		return a.Request.By.Name + " alone, who answers for it."
	case len(route.Needs) == 0:
		return a.Request.By.Name + " alone."
	case route.Self:
		return access.Spell(route.Needs) + ", or " + a.Request.By.Name + "."
	}
	return access.Spell(route.Needs) + "."
}

// Silence says what happens when nobody answers, a sentence for each step.
func (a Answer) Silence() []string {
	route := a.Request.Verdict.Route
	switch {
	case route.Name == "":
		return nil
	case route.Auto, route.Glass != nil:
		return []string{"Nobody is waited for."}
	}
	var all []string
	for _, s := range a.Steps {
		all = append(all, fmt.Sprintf("After %s without a decision %s.", access.Spoken(s.In), s.does()))
	}
	return all
}

// does says what a step does.
func (s Step) does() string {
	var all []string
	told := s.telling
	for _, c := range s.Channels {
		told = append(told, "#"+c.Name)
	}
	switch len(told) {
	case 0:
	case 1:
		all = append(all, told[0]+" is told")
	default:
		all = append(all, strings.Join(told, ", ")+" are told")
	}
	switch {
	case s.Switched:
		all = append(all, s.Deciding+" can decide instead")
	case s.Deny:
		all = append(all, "the request is denied")
	case s.Lapse:
		all = append(all, "the request lapses, which means no")
	}
	return strings.Join(all, ", and ")
}
