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

// What it may say. Unknown is that a rule read what nobody said: a group, or a
// field of the form.
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
	Auto     bool
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
		Person: a.Request.By.Email, Target: q.Target, Flow: a.Flow.Name, May: Yes,
		Auto: route.Auto, Route: route.Name, Deciding: strings.TrimSuffix(a.Deciding(), "."), Deciders: a.Deciders,
	}
	if a.Refusal == "" {
		return result, nil
	}
	a.Input = nil
	result.May, result.Why = No, strings.Join(a.Sentences(), " ")
	failed := func(t policies.Trace) bool { return t.Failed != "" }
	if slices.ContainsFunc(a.Rules, failed) && !slices.ContainsFunc(a.Rules, policies.Trace.Refuses) && !w.People[result.Person].Away {
		result.May = Unknown
	}
	return result, nil
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
