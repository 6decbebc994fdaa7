package policies_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
)

func src(text string) policies.Source {
	return policies.Source{Text: text, Pos: policies.Position{File: "f", Line: 1, Col: 1}}
}

func compile(t testing.TB, spec policies.Spec) *policies.Flow {
	t.Helper()
	f, problems := policies.Compile(spec)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

// request is one that the rules of these tests can read.
func request() policies.Input {
	return policies.Input{
		Now:   time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC),
		Facts: policies.Facts{{Kind: policies.FactGroup, Name: "engineering", About: policies.Requester}: true},
		Request: access.Request{
			By: access.Person{ID: "p-1", Email: "alice@example.com", Name: "alice"}, Duration: time.Hour, Reason: "disk full",
			Fields: map[string]string{"ticket": "INC-42"},
			Target: access.Target{Name: "ec2", Tags: map[string]string{"env": "prod"}},
		},
	}
}

func TestZeroFlowRefuses(t *testing.T) {
	var f policies.Flow
	if v := f.Evaluate(request()); v.Allow || len(v.Reasons) != 1 {
		t.Errorf("the zero flow says %+v", v)
	}
	if v := f.Evaluate(policies.Input{}); v.Allow {
		t.Errorf("the zero flow allows the zero input")
	}
}

func TestNoRouteRefuses(t *testing.T) {
	f := compile(t, policies.Spec{Flow: "ec2", Who: src("true")})
	v := f.Evaluate(request())
	if v.Allow || !strings.Contains(v.Reasons[0].Text, "No route") {
		t.Errorf("a flow with no route says %+v", v)
	}
}

func TestRouteThatCannotBeReadEndsTheSearch(t *testing.T) {
	f := compile(t, policies.Spec{Who: src("true"), Routes: []policies.Route{
		{When: src(`1 % (len(request.reason) - 9) == 0`), Then: access.Route{Name: "strict"}},
		{Then: access.Route{Name: "lax", Auto: true}},
	}})
	v := f.Evaluate(request())
	if v.Allow || v.Route.Auto {
		t.Errorf("fell through to the next route: %+v", v)
	}
}

func TestNeedsAreKnownOnceEach(t *testing.T) {
	f := compile(t, policies.Spec{
		Groups: []string{"engineering", "oncall"},
		Who:    src(`in_group("oncall", requester) or in_group("engineering", requester)`),
		Routes: []policies.Route{{When: src(`not in_group("oncall", requester)`)}},
	})
	want := []policies.Fact{
		{Kind: policies.FactGroup, Name: "oncall", About: policies.Requester},
		{Kind: policies.FactGroup, Name: "engineering", About: policies.Requester},
	}
	if diff := cmp.Diff(want, f.Needs()); diff != "" {
		t.Error(diff)
	}
}

func TestTextBeyondWhatRulesReadRefuses(t *testing.T) {
	f := compile(t, policies.Spec{Who: src(`len(request.reason) > 3`), Routes: []policies.Route{{}}})
	in := request()
	in.Request.Reason = strings.Repeat("x", 5000)
	if v := f.Evaluate(in); v.Allow || !strings.Contains(v.Reasons[0].Text, "request.reason is longer") {
		t.Errorf("got %+v", v)
	}
}

func TestOneFlowServesMany(t *testing.T) {
	f := compile(t, manyRules(20))
	want := f.Evaluate(request())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if diff := cmp.Diff(want, f.Evaluate(request())); diff != "" {
					t.Error(diff)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNearest(t *testing.T) {
	known := slices.Values([]string{"ec2-frontend", "ec2-backend", "billing"})
	for name, want := range map[string]string{
		"ec2-fronted": "ec2-frontend", "EC2-BACKEND": "ec2-backend", "biling": "billing", "bliling": "billing", "xyz": "", "": "",
	} {
		if got := policies.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

// manyRules returns a flow of n guardrails with three clauses each, none of
// which can be decided before its last clause.
func manyRules(n int) policies.Spec {
	spec := policies.Spec{
		Flow: "ec2", Groups: []string{"engineering"}, Who: src(`in_group("engineering", requester)`),
		Fields:  map[string]policies.Field{"ticket": {Type: policies.String, Required: true}},
		Targets: []policies.Target{{Name: "ec2", Tags: map[string]string{"env": "prod"}}},
		Routes:  []policies.Route{{Then: access.Route{Name: "leads"}}},
	}
	clauses := []string{
		`target.tags.env == "prod" and request.duration <= duration("1h") and window.overlaps("Fri 18:00", "Mon 07:00")`,
		`in_group("engineering", requester) and request.fields.ticket startsWith "INC-" and now.hour < 6`,
		`target.tags.env in ["prod", "staging"] and request.reason contains "disk" and not (request.fields.ticket matches "^INC-[0-9]+$")`,
		`now.weekday == "Wed" and requester.email endsWith "@example.com" and request.duration > duration("2h")`,
	}
	for i := range n {
		spec.Guardrails = append(spec.Guardrails, policies.Guardrail{Name: "g", Rule: src(clauses[i%len(clauses)]), Message: src("no")})
	}
	return spec
}

func benchmarkRules(b *testing.B, n int) {
	f := compile(b, manyRules(n))
	in := request()
	if v := f.Evaluate(in); !v.Allow {
		b.Fatal(v)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Evaluate(in)
	}
}

// 100 rules of three clauses each, evaluated to the end.
func BenchmarkEvaluate100(b *testing.B) { benchmarkRules(b, 100) }

// A verdict of 20 rules.
func BenchmarkEvaluate20(b *testing.B) { benchmarkRules(b, 20) }

func BenchmarkCompile20(b *testing.B) {
	spec := manyRules(20)
	b.ReportAllocs()
	for b.Loop() {
		compile(b, spec)
	}
}

// hostile are rules that are stopped when they run.
func hostile() map[string]string {
	return map[string]string{
		"loops":    `all(1..1000, any(1..1000, # < 0) or true)`,
		"literals": `all(1..1000, all([1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16], # > 0))`,
		"search":   `any(1..1000, lower(request.reason) contains "zzzzzzzzzzy")`,
		"pattern":  `any(1..1000, request.reason matches "(x?){100}y")`,
		"text":     `any(1..1000, (request.reason + upper(requester.name)) == "")`,
		"length":   strings.Repeat(`request.reason matches "(x?){100}y" or `, 55) + "true",
		"in":       `any(1..1000, # in 1..1000)`,
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile() {
		f, problems := policies.Compile(policies.Spec{Who: src(text), Routes: []policies.Route{{}}})
		if len(problems) > 0 {
			b.Logf("%s: %v", name, problems)
			continue
		}
		in := request()
		in.Request.Reason = strings.Repeat("x", 4000)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Evaluate(in)
			}
		})
	}
}

// FuzzRule compiles any text as a rule, and evaluates what compiles: nothing
// panics, a problem comes without a flow, and the verdict is always the same.
func FuzzRule(f *testing.F) {
	for _, g := range manyRules(4).Guardrails {
		f.Add(g.Rule.Text)
	}
	for _, text := range hostile() {
		f.Add(text)
	}
	for _, text := range []string{
		`true`, ``, `1 < 2 < 3`, `any([1, 2], # == 1) ? true : false`, `if true { false } else { true }`, `"env" in target.tags`,
		`request.fields.ticket ?? "x" == "y"`, `(target.tags.owner ?? "x") == "y"`, `-1 in 1..3`, `one(["a"], # matches "a+")`, `not not true`,
		`in_window("0 9 * * MON-FRI", "9h")`, `days_since("2026-01-31") > 3`, `history.minutes("24h", requester) > 3`, `history.last_outcome(target) == ""`,
		"\xff", `"\xff" == requester.name`, `1e309 > 1`, `0x7fffffffffffffff + 1 > 0`, `target["tags"]["env"] == "prod"`, `#`, `let`, `b'x' == b'x'`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec := manyRules(0)
		spec.Guardrails = []policies.Guardrail{{Name: "fuzz", Effect: policies.Warn, Rule: src(text), Message: src(text)}}
		flow, problems := policies.Compile(spec)
		if (flow == nil) != (len(problems) > 0) {
			t.Fatalf("a flow and problems, or neither: %v", problems)
		}
		if flow == nil {
			return
		}
		if diff := cmp.Diff(flow.Evaluate(request()), flow.Evaluate(request())); diff != "" {
			t.Errorf("two verdicts for one input: %s", diff)
		}
		if _, _, err := flow.Explain(request()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzApprove compiles any text as approve_when: nothing panics, an error does
// not fit, and the probes say the same.
func FuzzApprove(f *testing.F) {
	for _, text := range []string{
		`not (in_group("engineering", approver) and in_group("engineering", requester))`, `"engineering" in approver.groups`, `approver.slack_status == ""`,
		`approver.email != requester.email and request.duration < duration("1d")`, `1 % (len(approver.name) - 3) == 0`, `any(1..1000, approver.name matches "(x?){100}y")`,
		`history.automatic("7d", requester) > 1`, `request.break_glass or request.extension or request.incident == "x"`, `approver`, `in_group("engineering", approver.email)`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec := manyRules(0)
		spec.Routes[0].ApproveWhen = src(text)
		flow, problems := policies.Compile(spec)
		if (flow == nil) != (len(problems) > 0) {
			t.Fatalf("a flow and problems, or neither: %v", problems)
		}
		if flow == nil {
			return
		}
		bob := access.Person{ID: "p-2", Email: "bob@example.com", Name: "Bob"}
		fits, err := flow.Fits("leads", request(), bob)
		again, _, err2 := flow.ExplainFit("leads", request(), bob)
		if fits && err != nil || fits != again || (err == nil) != (err2 == nil) {
			t.Errorf("%t, %v, and with probes %t, %v", fits, err, again, err2)
		}
	})
}
