package flowtest

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/policies"
)

// A Report is the outcome of test files.
type Report struct {
	Suites   []Suite
	Coverage Coverage
}

// Failed reports whether anything did not come out as expected.
func (r Report) Failed() bool {
	return slices.ContainsFunc(r.Suites, func(s Suite) bool { return s.Failures() > 0 })
}

// A Suite is the outcome of one test file.
type Suite struct {
	Name string
	// Err says why nothing could be tested.
	Err     error
	Results []Result
}

// Failures counts what did not come out as expected.
func (s Suite) Failures() int {
	n := 0
	if s.Err != nil {
		n++
	}
	for _, r := range s.Results {
		if len(r.Failures) > 0 {
			n++
		}
	}
	return n
}

// A Result is the outcome of one test.
type Result struct {
	Case
	// Failures say what came out otherwise than expected.
	Failures []string
}

// Run runs the tests in the files called names.
func Run(names []string) Report {
	var report Report
	cover := newCover()
	for _, name := range names {
		report.Suites = append(report.Suites, runFile(name, cover))
	}
	report.Coverage = cover.coverage()
	return report
}

func runFile(name string, cover *cover) Suite {
	suite := Suite{Name: name}
	f, err := Read(name)
	if err != nil {
		suite.Err = err
		return suite
	}
	set, err := Open(f.Flows...)
	if err != nil {
		suite.Err = err
		return suite
	}
	cover.add(set)
	for _, c := range f.Tests {
		result := Result{Case: c}
		if answer, err := c.ask(f, set); err != nil {
			result.Failures = []string{err.Error()}
		} else {
			result.Failures = c.Expect.differs(answer)
			cover.saw(answer)
		}
		suite.Results = append(suite.Results, result)
	}
	return suite
}

// differs returns how an answer is not what is expected.
func (e Expect) differs(a Answer) []string {
	var failures []string
	verdict := refuse
	if a.Allow {
		verdict = allow
	}
	told := strings.Join(a.Sentences(), " ")
	if verdict != e.Verdict {
		failures = append(failures, fmt.Sprintf("the verdict is %s, not %s: %s", verdict, e.Verdict, because(a, told)))
	}
	if e.Visible != nil && *e.Visible != a.Visible {
		failures = append(failures, fmt.Sprintf("that the target is visible is %t, not %t", a.Visible, *e.Visible))
	}
	route := a.Request.Verdict.Route
	if e.Route != "" && e.Route != route.Name {
		failures = append(failures, fmt.Sprintf("the route is %q, not %q", route.Name, e.Route))
	}
	if told += " " + texts(a.Request.Verdict.Warnings); e.Message != "" && !strings.Contains(told, e.Message) {
		failures = append(failures, fmt.Sprintf("%q is not part of what is said: %q", e.Message, strings.TrimSpace(told)))
	}
	failures = append(failures, sameNames("approvers", a.Deciders, lowered(e.Approvers))...)
	if !a.Request.Verdict.Allow {
		failures = append(failures, sameNames("rules that refuse", rules(a.Request.Verdict.Reasons), e.Rules)...)
	} else {
		failures = append(failures, sameNames("rules that refuse", nil, e.Rules)...)
	}
	failures = append(failures, sameNames("warnings", rules(a.Request.Verdict.Warnings), e.Warnings)...)
	failures = append(failures, sameNames("channels that are told", channels(route.Notify), e.Notify)...)
	failures = append(failures, sameNames("people who are told", a.Told, lowered(e.Told))...)
	failures = append(failures, e.stages(a)...)
	failures = append(failures, e.after(a)...)
	return append(failures, e.glass(a)...)
}

// stages returns how the stages are not those expected.
func (e Expect) stages(a Answer) []string {
	if e.Stages == nil {
		return nil
	}
	if len(e.Stages) != len(a.Stages) {
		return []string{fmt.Sprintf("there are %d stages, not %d", len(a.Stages), len(e.Stages))}
	}
	var failures []string
	for i, want := range e.Stages {
		failures = append(failures, sameNames(fmt.Sprintf("approvers in stage %d", i+1), a.Stages[i], lowered(want))...)
	}
	return failures
}

// after returns how what happens on silence is not what is expected.
func (e Expect) after(a Answer) []string {
	if e.After == nil {
		return nil
	}
	if len(e.After) != len(a.Steps) {
		return []string{fmt.Sprintf("on silence there are %d steps, not %d: %s", len(a.Steps), len(e.After), strings.Join(a.Silence(), " "))}
	}
	var failures []string
	for i, want := range e.After {
		failures = append(failures, want.differs(a.Steps[i])...)
	}
	return failures
}

// differs returns how a step is not what is expected.
func (e ExpectStep) differs(s Step) []string {
	at := "after " + access.Spoken(s.In) + ", "
	in, err := policies.ParseDuration(e.In)
	if err != nil || in != s.In {
		return []string{fmt.Sprintf("a step comes after %s, not %s", access.Spoken(s.In), e.In)}
	}
	var failures []string
	if e.Deny != s.Deny || e.Lapse != s.Lapse {
		failures = append(failures, at+s.does())
	}
	if e.Approvers == nil && s.Switched {
		failures = append(failures, at+"others decide: "+listed(s.Deciders))
	}
	failures = append(failures, sameNames(at+"approvers", s.Deciders, lowered(e.Approvers))...)
	failures = append(failures, sameNames(at+"channels that are told", channels(s.Channels), e.Notify)...)
	return append(failures, sameNames(at+"people who are told", s.Told, lowered(e.Told))...)
}

// glass returns how broken glass is not dealt with as expected.
func (e Expect) glass(a Answer) []string {
	var announced string
	if g := a.Request.Verdict.Route.Glass; g != nil {
		announced = g.Announce.Name
	}
	var failures []string
	if e.Announce != "" && e.Announce != announced {
		failures = append(failures, fmt.Sprintf("it is announced in %q, not in %q", announced, e.Announce))
	}
	failures = append(failures, sameNames("skipped", a.Skipped, lowered(e.Skipped))...)
	return append(failures, sameNames("reviewers", a.Reviewers, lowered(e.Reviewers))...)
}

// because says why the verdict is what it is.
func because(a Answer, told string) string {
	if a.Allow {
		return fmt.Sprintf("the route %q decides", a.Request.Verdict.Route.Name)
	}
	return told
}

// sameNames says how names differ from those wanted, in any order. Nil wants
// nothing in particular.
func sameNames(what string, got, want []string) []string {
	if want == nil {
		return nil
	}
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if slices.Equal(got, want) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s, not %s", what, listed(got), listed(want))}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func lowered(all []string) []string {
	if all == nil {
		return nil
	}
	low := make([]string, len(all))
	for i, s := range all {
		low[i] = strings.ToLower(s)
	}
	return low
}

func rules(reasons []access.Reason) []string {
	var names []string
	for _, r := range reasons {
		names = append(names, r.Rule)
	}
	return names
}

func texts(reasons []access.Reason) string {
	var all []string
	for _, r := range reasons {
		all = append(all, r.Text)
	}
	return strings.Join(all, " ")
}

func channels(all []access.Channel) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}
