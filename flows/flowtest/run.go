package flowtest

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"
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
	return append(failures, sameNames("channels that are told", channels(route.Notify), e.Notify)...)
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
