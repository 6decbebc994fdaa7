package flowtest

import (
	"context"
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
	// Extension says that a grant is to last longer. Ends is when it would end
	// otherwise; the zero time is At.
	Extension bool
	Ends      time.Time
	// BreakGlass says that glass is to be broken, for Incident; none is not
	// minded.
	BreakGlass bool
	Incident   string
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
	// who are known, and Stages who they are in each stage of the route.
	Deciders []string
	Stages   [][]string
	// Fits says of each of those whom the route names whether approve_when
	// holds for them; empty for a route without it.
	Fits []Fit
	// Told are the addresses of those who are told, among those who are known.
	Told []string
	// Steps are what happens when nobody decides.
	Steps []Step
	// Skipped are the addresses of those who would have decided, had the glass
	// not been broken, and Reviewers of those who may review that.
	Skipped, Reviewers []string
	// Usage is what is in use of the limits; nil where nothing is known of the
	// past, and they are not looked at.
	Usage *flows.Usage
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
		q.Duration = q.usual(set, flow)
	}
	a := Answer{Flow: flow, Input: q.check(set), Request: q.request(w.person(q.As), target, flow)}
	in := policies.Input{Request: a.Request, Now: q.At, Begins: q.Ends, Zone: flow.Zone}
	var err error
	if in.Facts, err = w.facts(set, a.Request, slices.Concat(flow.Rules.Needs(), flow.Rules.VisibleNeeds()), access.Person{}); err != nil {
		return Answer{}, err
	}
	a.Request.Verdict, a.Rules, err = flow.Rules.Explain(in)
	if err != nil {
		return Answer{}, err
	}
	a.Visible = flow.Rules.Visible(in)
	a.Request.LapsesAt = q.At.Add(a.Request.Verdict.Route.LapseAfter)
	a.Refusal = w.refusal(set, q, a)
	if err := w.limit(set, &a); err != nil {
		return Answer{}, err
	}
	a.Allow = a.Input == nil && a.Refusal == ""
	if a.Fits, err = w.fits(set, flow, in, a.Request.Verdict.Route); err != nil {
		return Answer{}, err
	}
	w.people(set, &a)
	return a, nil
}

// usual returns for how long something is asked when nothing is said.
func (q Question) usual(set *flowfile.Set, flow *flowfile.Flow) time.Duration {
	if q.Extension {
		return flow.Extend.Default
	}
	return set.DefaultDuration(q.Target)
}

// refusal returns why the person may not ask, as the server would tell it.
func (w World) refusal(set *flowfile.Set, q Question, a Answer) string {
	switch {
	case q.Extension && q.BreakGlass:
		return "Access is not extended by break-glass: ask for it anew, or have it extended in the ordinary way."
	case q.Extension && len(a.Flow.Extend.Choices) == 0:
		return fmt.Sprintf("Access to %s cannot be extended, because its flow does not allow it: ask for it anew when it is over.", q.Target)
	}
	if err := access.Authorize(access.Ask, w.standing(set, q.As), a.Request); err != nil {
		return err.Error()
	}
	return ""
}

// limit has the Desk compare what is asked for with the limits, if it is known
// what was given before. What was refused already is told as it was.
func (w World) limit(set *flowfile.Set, a *Answer) error {
	if w.Past == nil {
		return nil
	}
	store, r, err := w.store(set, a.Request)
	if err != nil {
		return err
	}
	desk := flows.New(flows.Config{Store: store, Rules: func() *flowfile.Set { return set }, Clock: clock.Frozen(w.at)})
	usage, err := desk.Fits(context.Background(), r)
	refusal, refused := errors.AsType[*access.Refusal](err)
	switch {
	case err != nil && !refused:
		return err
	case refused && a.Refusal == "" && a.Input == nil:
		a.Refusal = refusal.Text
	}
	a.Usage = &usage
	return nil
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
	if q.Extension {
		// The fields are those of the first request.
		draft.Extends, draft.Fields = explained, nil
	}
	if draft.BreakGlass, draft.Incident = q.BreakGlass, q.Incident; q.Incident == "" {
		draft.Incident = "-"
	}
	refusal, _ := errors.AsType[*access.Refusal](desk.Check(draft))
	return refusal
}

// explained is the grant that a question would extend.
const explained access.GrantID = "g-explained"

// request returns what is asked for, as the rules see it.
func (q Question) request(by access.Person, target access.Target, flow *flowfile.Flow) access.Request {
	r := access.Request{
		ID: "r-explained", State: access.Pending, By: by, Target: target, Duration: q.Duration,
		Reason: strings.TrimSpace(q.Reason), Fields: map[string]string{}, Source: access.FromCommand, AskedAt: q.At,
		BreakGlass: q.BreakGlass, Incident: q.Incident,
	}
	if q.Extension {
		r.Extends = explained
	}
	for _, f := range flow.Fields {
		if value, problem := f.Parse(q.Fields[f.Name]); problem == "" && value != "" {
			r.Fields[f.Name] = value
		}
	}
	return r
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
	var reasons []string
	if v := a.Request.Verdict; !v.Allow {
		for _, reason := range v.Reasons {
			reasons = append(reasons, reason.Text)
		}
	}
	if a.Refusal != "" && !slices.Contains(reasons, a.Refusal) {
		all = append(all, a.Refusal)
	}
	return append(all, reasons...)
}
