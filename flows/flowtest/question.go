package flowtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A Question is what somebody might ask for.
type Question struct {
	As       string // e-mail address
	Target   string
	Duration time.Duration // zero is the flow's default
	Reason   string        // empty is not minded, as it would be by the server
	Fields   map[string]string
	At       time.Time
}

// An Answer is what would become of it.
type Answer struct {
	// Allow says that the request would be taken.
	Allow bool
	// Input is what is wrong with what was typed; nil if nothing is. The rules
	// are evaluated all the same.
	Input *access.Refusal
	// Refusal is why the person may not ask, besides Input and the rules.
	Refusal string
	Request access.Request // with the verdict
	Flow    *flowfile.Flow
	Rules   []policies.Trace
	// Visible says that the target is shown to the person.
	Visible bool
	// Deciders are the addresses of those who may approve, among the people
	// who are known.
	Deciders []string
	// Unknown are the groups of approvers whose members nobody named.
	Unknown []string
}

// Ask answers a question. It is an error if the question makes no sense; a
// refusal is an answer.
func (w World) Ask(set *flowfile.Set, q Question) (Answer, error) {
	q.As = strings.ToLower(q.As)
	w.at = q.At
	target, ok := set.Target(q.Target)
	flow, has := set.Flow(q.Target)
	if !ok || !has {
		return Answer{}, fmt.Errorf("there is no target %q%s", q.Target, near(q.Target, targetNames(set)))
	}
	if q.Duration == 0 {
		q.Duration = flow.Default
	}
	a := Answer{Flow: flow, Input: q.check(set), Request: q.request(w.person(q.As), target, flow)}
	facts, err := w.facts(set, a.Request, flow.Rules.Needs())
	if err != nil {
		return Answer{}, err
	}
	in := policies.Input{Request: a.Request, Now: q.At, Zone: flow.Zone, Facts: facts}
	a.Request.Verdict, a.Rules, err = flow.Rules.Explain(in)
	if err != nil {
		return Answer{}, err
	}
	a.Visible = flow.Rules.Visible(in)
	a.Request.LapsesAt = q.At.Add(a.Request.Verdict.Route.LapseAfter)
	if err := access.Authorize(access.Ask, w.standing(set, q.As), a.Request); err != nil {
		a.Refusal = err.Error()
	}
	a.Allow = a.Input == nil && a.Refusal == ""
	a.Deciders, a.Unknown = w.deciders(set, a.Request)
	return a, nil
}

func targetNames(set *flowfile.Set) []string {
	var names []string
	for _, t := range set.Targets() {
		names = append(names, t.Name)
	}
	return names
}

// check has the Desk look at what was typed.
func (q Question) check(set *flowfile.Set) *access.Refusal {
	desk := flows.New(flows.Config{Rules: func() *flowfile.Set { return set }, Clock: clock.Frozen(q.At)})
	draft := flows.Draft{Target: q.Target, Duration: q.Duration, Reason: q.Reason, Fields: q.Fields}
	if draft.Reason == "" {
		draft.Reason = "-"
	}
	refusal, _ := errors.AsType[*access.Refusal](desk.Check(draft))
	return refusal
}

// request returns what is asked for, as the rules see it.
func (q Question) request(by access.Person, target access.Target, flow *flowfile.Flow) access.Request {
	r := access.Request{
		ID: "r-explained", State: access.Pending, By: by, Target: target, Duration: q.Duration,
		Reason: strings.TrimSpace(q.Reason), Fields: map[string]string{}, Source: access.FromCommand, AskedAt: q.At,
	}
	for _, f := range flow.Fields {
		if value, problem := f.Parse(q.Fields[f.Name]); problem == "" && value != "" {
			r.Fields[f.Name] = value
		}
	}
	return r
}

// deciders returns who may approve, and the groups whose members are unknown.
func (w World) deciders(set *flowfile.Set, r access.Request) (may, unknown []string) {
	// Who may approve does not hang on whether the rules let it pass.
	r.Verdict.Allow = true
	route := r.Verdict.Route
	for _, email := range w.everybody(set, route) {
		if access.Authorize(access.Approve, w.standing(set, email), r) == nil {
			may = append(may, email)
		}
	}
	for _, need := range route.Needs {
		for _, name := range need.Groups {
			if !w.hasMembers(set, name) && !slices.Contains(unknown, name) {
				unknown = append(unknown, name)
			}
		}
	}
	return may, unknown
}

// hasMembers reports whether anybody is known to be in the group.
func (w World) hasMembers(set *flowfile.Set, name string) bool {
	g, _ := set.Group(name)
	if g.Source == flowfile.GroupOnCall {
		_, known := w.onCall(set, name)
		return known
	}
	if len(g.Members) > 0 {
		return true
	}
	for _, p := range w.People {
		if slices.Contains(p.Groups, name) {
			return true
		}
	}
	return false
}

// Sentences are why the answer is no, each told to the person.
func (a Answer) Sentences() []string {
	var all []string
	if a.Input != nil {
		all = append(all, a.Input.Text)
	}
	if a.Request.Verdict.Allow {
		if a.Refusal != "" {
			all = append(all, a.Refusal)
		}
		return all
	}
	for _, reason := range a.Request.Verdict.Reasons {
		all = append(all, reason.Text)
	}
	return all
}

// Deciding says who decides, in a sentence.
func (a Answer) Deciding() string {
	route := a.Request.Verdict.Route
	var needs []string
	for _, n := range route.Needs {
		needs = append(needs, n.String())
	}
	switch {
	case route.Name == "":
		return "Nobody: no route matches."
	case route.Auto:
		return "Nobody: the route approves by itself, at once."
	case len(needs) == 0:
		return a.Request.By.Name + " alone."
	case route.Self:
		return strings.Join(needs, " and ") + ", or " + a.Request.By.Name + "."
	}
	return strings.Join(needs, " and ") + "."
}

// Silence says what happens when nobody answers.
func (a Answer) Silence() string {
	route := a.Request.Verdict.Route
	switch {
	case route.Name == "":
		return ""
	case route.Auto:
		return "Nobody is waited for."
	}
	return fmt.Sprintf("After %s without a decision the request lapses, which means no.", access.Spoken(route.LapseAfter))
}
