package flowtest

import (
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A May says whether somebody may ask for something.
type May string

// What it may say. Unknown is that a rule hangs on what nobody said: a group, a
// field of the form, or the reason.
const (
	Yes     May = "yes"
	No      May = "no"
	Unknown May = "unknown"
)

// An Access is what one person may have of one target.
type Access struct {
	Person string // e-mail address
	Target string
	Flow   string
	May    May
	// Auto says that nobody else is asked.
	Auto bool
	// Glass says whether they may break the glass instead.
	Glass    May
	Route    string
	Deciding string
	Deciders []string
	Why      string // why not
}

// WhoCan returns, for each person who is known, what they may have of a
// target. The question says the rest: for how long, with which fields, when.
func (w World) WhoCan(set *flowfile.Set, q Question) ([]Access, error) {
	w.at = q.At
	var all []Access
	for _, email := range w.everybody(set, access.Route{}) {
		q.As = email
		a, err := w.access(set, q)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// Can returns what the person of the question may have of each target.
func (w World) Can(set *flowfile.Set, q Question) ([]Access, error) {
	var all []Access
	for _, t := range set.Targets() {
		q.Target = t.Name
		a, err := w.access(set, q)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// access answers a question in a line. What is wrong with the form is left
// aside: it is not filled in.
func (w World) access(set *flowfile.Set, q Question) (Access, error) {
	a, err := w.Ask(set, q)
	if err != nil {
		return Access{}, err
	}
	route := a.Request.Verdict.Route
	result := Access{
		Person: a.Request.By.Email, Target: q.Target, Flow: a.Flow.Name, May: w.may(q, a), Glass: No,
		Auto: route.Auto, Route: route.Name, Deciding: strings.TrimSuffix(a.Deciding(), "."), Deciders: a.Deciders,
	}
	if a.Input = nil; result.May != Yes {
		result.Why = strings.Join(a.Sentences(), " ")
	}
	switch {
	case q.BreakGlass:
		result.Glass = result.May
	case a.Flow.Rules.HasGlass() && !q.Extension:
		q.BreakGlass = true
		glass, err := w.Ask(set, q)
		if err != nil {
			return Access{}, err
		}
		result.Glass = w.may(q, glass)
	}
	return result, nil
}

// may says whether the rules let somebody have what they ask for.
func (w World) may(q Question, a Answer) May {
	if a.Refusal == "" {
		return Yes
	}
	open := func(t policies.Trace) bool { return t.Failed != "" || t.Refuses() && q.leavesOut(a.Flow, t) }
	closed := func(t policies.Trace) bool { return t.Refuses() && !q.leavesOut(a.Flow, t) }
	if slices.ContainsFunc(a.Rules, open) && !slices.ContainsFunc(a.Rules, closed) && !w.People[a.Request.By.Email].Away {
		return Unknown
	}
	return No
}

// leavesOut reports whether a rule read what the question does not say, so that
// it might say something else of a form that is filled in.
func (q Question) leavesOut(flow *flowfile.Flow, t policies.Trace) bool {
	var unsaid []string
	if q.Reason == "" {
		unsaid = append(unsaid, "request.reason")
	}
	if q.BreakGlass && q.Incident == "" {
		unsaid = append(unsaid, "request.incident")
	}
	for _, f := range flow.Fields {
		if _, said := q.Fields[f.Name]; !said {
			unsaid = append(unsaid, "request.fields."+f.Name)
		}
	}
	return slices.ContainsFunc(t.Parts, func(p policies.Part) bool {
		return p.Times > 0 && slices.ContainsFunc(unsaid, func(name string) bool { return strings.HasPrefix(p.Text, name) })
	})
}

// Pinned returns the groups whose members stand in no file.
func Pinned(set *flowfile.Set) []string {
	var names []string
	for _, g := range set.Groups() {
		o, _ := set.Schedule(g.Name)
		if g.Source != flowfile.GroupMembers && o.Source != flowfile.OnCallStatic {
			names = append(names, g.Name)
		}
	}
	return names
}
