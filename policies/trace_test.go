package policies_test

import (
	"fmt"
	"strings"
	"testing"

	"sesame/flows/access"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
)

// traced draws traces, a line for each rule and each part.
func traced(traces []policies.Trace) string {
	var b strings.Builder
	for _, t := range traces {
		fmt.Fprintf(&b, "%s %s: %t, reached %t %s\n", t.Kind, t.Rule, t.Value, t.Reached, t.Failed)
		for _, p := range t.Parts {
			value := p.Said()
			if p.Times != 1 {
				value += fmt.Sprintf(" (%d times, true %t, false %t)", p.Times, p.True, p.False)
			}
			fmt.Fprintf(&b, "%s%d: %s = %s\n", strings.Repeat("  ", p.Depth+1), p.Pos.Col, p.Text, value)
		}
	}
	return b.String()
}

func TestExplainShowsEveryPart(t *testing.T) {
	spec := manyRules(0)
	spec.Guardrails = []policies.Guardrail{
		{Name: "weekend", Effect: policies.Deny, Rule: src(`target.tags.env == "prod" and window.overlaps("Fri 18:00", "Mon 07:00")`)},
		{Name: "short", Effect: policies.Warn, Rule: src(`request.duration > duration("30m")   or now.hour < 6`)},
		{Name: "words", Effect: policies.Warn, Rule: src(`any(["disk", "cpu"], request.reason contains #) ? len(request.reason + "!") > 3 : false`)},
		{Name: "breaks", Effect: policies.Warn, Rule: src(`1 % (len(request.reason) - 9) == 0`)},
	}
	spec.Routes = []policies.Route{
		{When: src(`(target.tags.owner ?? "nobody") == "nobody"`), Then: access.Route{Name: "first"}},
		{When: src(`true`), Then: access.Route{Name: "second"}},
	}
	verdict, traces, err := compile(t, spec).Explain(request())
	if err != nil {
		t.Fatal(err)
	}
	want := `who who: true, reached true 
  1: in_group("engineering", requester) = true
deny weekend: false, reached true 
  1: target.tags.env == "prod" and window.overlaps("Fri 18:00", "Mon 07:00") = false
    1: target.tags.env == "prod" = true
      1: target.tags.env = "prod"
    31: window.overlaps("Fri 18:00", "Mon 07:00") = false
warn short: true, reached true 
  1: request.duration > duration("30m") or now.hour < 6 = true
    1: request.duration > duration("30m") = true
      1: request.duration = 1h0m0s
    41: now.hour < 6 =  (0 times, true false, false false)
      41: now.hour =  (0 times, true false, false false)
warn words: true, reached true 
  1: any(["disk", "cpu"], request.reason contains #) ? len(request.reason + "!") > 3 : false = true
    1: any(["disk", "cpu"], request.reason contains #) = true
      22: request.reason contains # = true
        22: request.reason = "disk full"
    51: len(request.reason + "!") > 3 = true
      51: len(request.reason + "!") = 10
        55: request.reason + "!" = "disk full!"
          55: request.reason = "disk full"
warn breaks: false, reached true Refused, since the rule "breaks" at f:1:3 cannot be evaluated: division by zero; tell an admin.
  1: 1 % (len(request.reason) - 9) == 0 =  (0 times, true false, false false)
    1: 1 % (len(request.reason) - 9) =  (0 times, true false, false false)
      6: len(request.reason) - 9 = 0
        6: len(request.reason) = 9
          10: request.reason = "disk full"
route first: true, reached true 
  2: (target.tags.owner ?? "nobody") == "nobody" = true
    2: target.tags.owner ?? "nobody" = "nobody"
route second: false, reached false 
`
	if diff := cmp.Diff(want, traced(traces)); diff != "" {
		t.Error(diff)
	}
	if verdict.Allow {
		t.Error("a rule that breaks let it pass")
	}
}

func TestZeroFlowExplainsNothing(t *testing.T) {
	var f policies.Flow
	if v, traces, err := f.Explain(request()); v.Allow || traces != nil || err != nil || f.Outline() != nil {
		t.Errorf("the zero flow explains: %+v, %v, %v", v, traces, err)
	}
}

func TestOutlineIsNotEvaluated(t *testing.T) {
	f := compile(t, manyRules(2))
	if _, _, err := f.Explain(request()); err != nil {
		t.Fatal(err)
	}
	for _, trace := range f.Outline() {
		for _, p := range trace.Parts {
			if p.Times != 0 || trace.Reached {
				t.Errorf("%s: %s was evaluated", trace.Rule, p.Text)
			}
		}
	}
}

func TestVisibilityDoesNotBearOnTheVerdict(t *testing.T) {
	spec := manyRules(1)
	if f := compile(t, spec); !f.Visible(request()) {
		t.Error("without a rule, not everybody sees the targets")
	}
	for text, want := range map[string]bool{
		`requester.name == "alice"`: true, `requester.name == "bob"`: false, `1 % (len(request.reason) - 9) == 0`: false,
	} {
		spec.Visible = src(text)
		f := compile(t, spec)
		v, traces, err := f.Explain(request())
		last := traces[len(traces)-1]
		if f.Visible(request()) != want || !v.Allow || err != nil || last.Kind != policies.VisibleRule || last.Value != want || last.Refuses() {
			t.Errorf("%s: visible %t, allowed %t, %+v, %v", text, f.Visible(request()), v.Allow, last, err)
		}
	}
	var zero policies.Flow
	if zero.Visible(request()) {
		t.Error("the zero flow shows its targets")
	}
}

func TestAdmits(t *testing.T) {
	in := request()
	f := compile(t, manyRules(0))
	if may, known := f.Admits(in); !may || !known {
		t.Errorf("a member: may %t, known %t", may, known)
	}
	for fact := range in.Facts {
		in.Facts = policies.Facts{fact: false}
	}
	if may, known := f.Admits(in); may || !known {
		t.Errorf("somebody else: may %t, known %t", may, known)
	}
	in.Facts = nil
	if may, known := f.Admits(in); may || known {
		t.Errorf("nobody can tell: may %t, known %t", may, known)
	}
	var zero policies.Flow
	if may, known := zero.Admits(in); may || !known {
		t.Errorf("no rules: may %t, known %t", may, known)
	}
}
