package policies_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
)

// approving is a flow with one route and its approve_when.
func approving(text string) policies.Spec {
	return policies.Spec{
		Flow: "ec2", Groups: []string{"team-a", "team-b"}, Schedules: []string{"platform"},
		Who: src("true"), Routes: []policies.Route{{ApproveWhen: src(text), Then: access.Route{Name: "leads"}}},
	}
}

func about(kind policies.FactKind, name string, who policies.Role) policies.Fact {
	return policies.Fact{Kind: kind, Name: name, About: who}
}

func TestApproveWhenReadsTheApprover(t *testing.T) {
	bob := access.Person{ID: "p-2", Email: "bob@example.com", Name: "Bob", Zone: "Europe/Berlin"}
	facts := policies.Facts{
		about(policies.FactGroup, "team-a", policies.Requester):  true,
		about(policies.FactGroup, "team-a", policies.Approver):   true,
		about(policies.FactGroup, "team-b", policies.Approver):   false,
		about(policies.FactGroup, "platform", policies.Approver): true,
		about(policies.FactStatus, "slack", policies.Approver):   "On holiday",
	}
	for text, want := range map[string]bool{
		`not (in_group("team-a", approver) and in_group("team-a", requester))`: false,
		`"team-a" in approver.groups and not ("team-b" in approver.groups)`:    true,
		`on_call("platform", approver)`:                                        true,
		`approver.email endsWith "@example.com" and approver.id != "p-1"`:      true,
		`approver.name == "Bob" and approver.timezone == requester.timezone`:   false,
		`lower(approver.slack_status) contains "holiday"`:                      true,
		`target.tags.env == "prod" and now.weekday != "Wed"`:                   false,
	} {
		f := compile(t, approving(text))
		in := request()
		in.Facts = facts
		got, trace, err := f.ExplainFit("leads", in, bob)
		if err != nil || got != want || trace.Value != want || trace.Kind != policies.ApproveRule || trace.Refuses() {
			t.Errorf("%s: %t, %+v, %v", text, got, trace, err)
		}
		if len(f.Needs()) > 0 {
			t.Errorf("%s: the verdict would wait for %v", text, f.Needs())
		}
	}
}

func TestApproverNeedsAreApart(t *testing.T) {
	f := compile(t, approving(`in_group("team-a", approver) or in_group("team-a", requester) or approver.slack_status == ""`))
	want := []policies.Fact{
		about(policies.FactGroup, "team-a", policies.Approver), about(policies.FactGroup, "team-a", policies.Requester), about(policies.FactStatus, "slack", policies.Approver),
	}
	if diff := cmp.Diff(want, f.ApproverNeeds("leads")); diff != "" || f.Needs() != nil || f.ApproverNeeds("other") != nil {
		t.Errorf("%s, %v", diff, f.Needs())
	}
}

func TestWhoCannotBeToldDoesNotFit(t *testing.T) {
	f := compile(t, approving(`in_group("team-a", approver)`))
	_, breaks := policies.Compile(approving(`approver.emial == "x"`))
	for what, check := range map[string]struct {
		flow        *policies.Flow
		route, want string
	}{
		"the zero flow":          {new(policies.Flow), "leads", `there is no route "leads"`},
		"a route that is no one": {f, "others", `there is no route "others"`},
		"a fact nobody knows":    {f, "leads", "not known whether the approver is in the group team-a"},
		"a rule that breaks":     {compile(t, approving(`1 % (len(approver.name) - 3) == 0`)), "leads", "division by zero"},
	} {
		fits, err := check.flow.Fits(check.route, request(), access.Person{ID: "p-2", Name: "Bob"})
		if fits || err == nil || !strings.Contains(err.Error(), check.want) {
			t.Errorf("%s: %t, %v", what, fits, err)
		}
	}
	if len(breaks) != 1 || breaks[0].Hint != "did you mean approver.email?" {
		t.Errorf("a typo: %+v", breaks)
	}
	if fits, err := compile(t, approving("")).Fits("leads", request(), access.Person{ID: "p-2"}); !fits || err != nil {
		t.Errorf("a route that asks nothing: %t, %v", fits, err)
	}
}

func TestOnlyApproveWhenKnowsTheApprover(t *testing.T) {
	for _, text := range []string{`approver.email == ""`, `in_group("team-a", approver)`, `"team-a" in approver.groups`, `on_call("platform", approver)`} {
		spec := approving("")
		spec.Who = src(text)
		if _, problems := policies.Compile(spec); len(problems) != 1 || !strings.Contains(problems[0].Message, "only approve_when knows the approver") {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

// glass is a flow with two ordinary routes and one to break the glass.
func glass() policies.Spec {
	return policies.Spec{
		Flow: "ec2", Groups: []string{"engineering", "sre", "contractors"}, Schedules: []string{"platform"}, Who: src("true"),
		Targets: []policies.Target{{Name: "ec2", Tags: map[string]string{"env": "prod"}}},
		Routes: []policies.Route{
			{When: src(`request.duration > duration("2h")`), Then: access.Route{Name: "long", Needs: []access.Need{{Count: 2, Groups: []string{"sre"}}}}},
			{When: src(`on_call("platform", requester) and not in_group("contractors", requester)`), Then: access.Route{Name: "glass", Self: true, Glass: new(access.Glass)}},
			{When: src(`not request.break_glass`), Then: access.Route{Name: "owners", Needs: []access.Need{{Count: 1}}}, GroupsFrom: []policies.GroupFrom{{Tag: "env"}}},
		},
	}
}

func TestBrokenGlassHasItsOwnRoutes(t *testing.T) {
	f := compile(t, glass())
	onCall, out := about(policies.FactGroup, "platform", policies.Requester), about(policies.FactGroup, "contractors", policies.Requester)
	in := request()
	in.Facts = policies.Facts{onCall: true, out: false}
	if v := f.Evaluate(in); v.Route.Name != "owners" || v.Route.Skipped != nil {
		t.Errorf("an ordinary request: %+v", v)
	}
	in.Request.BreakGlass = true
	v, _, err := f.Explain(in)
	want := []access.Need{{Count: 1, Groups: []string{"prod"}}}
	if err != nil || !v.Allow || v.Route.Name != "glass" || !cmp.Equal(want, v.Route.Skipped) {
		t.Errorf("who is on call: %+v, %v", v, err)
	}
	in.Facts[onCall] = false
	if v := f.Evaluate(in); v.Allow || v.Route.Name != "" ||
		v.Reasons[0].Text != "You cannot break the glass here, because the flow ec2 leaves that to who is on call for platform: ask the ordinary way, or page who is on call for platform." {
		t.Errorf("who is not: %+v", v)
	}
}

func TestGlassThatIsNotThere(t *testing.T) {
	in := request()
	in.Request.BreakGlass = true
	for _, when := range []string{"", `requester.name == "bob"`} {
		spec := policies.Spec{Flow: "ec2", Who: src("true"), Routes: []policies.Route{{Then: access.Route{Name: "auto", Auto: true}}}}
		want := "has no break-glass route"
		if when != "" {
			spec.Routes = append(spec.Routes, policies.Route{When: src(when), Then: access.Route{Name: "glass", Glass: new(access.Glass)}})
			want = "the conditions of the flow ec2 for it do not hold"
		}
		if v := compile(t, spec).Evaluate(in); v.Allow || v.Route.Auto || !strings.Contains(v.Reasons[0].Text, want) {
			t.Errorf("%q: %+v", when, v)
		}
	}
}

func TestWhoIsPassedOverMayBeUnknown(t *testing.T) {
	spec := glass()
	spec.Routes[0].When = src(`in_group("sre", requester)`)
	spec.Routes[1].When = src(`true`)
	in := request()
	in.Request.BreakGlass = true
	v := compile(t, spec).Evaluate(in)
	if !v.Allow || v.Route.Skipped != nil || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0].Text, "not known who was passed over") {
		t.Errorf("got %+v", v)
	}
}

func TestBreakGlassIsNeverAutomatic(t *testing.T) {
	spec := glass()
	spec.Routes[0].When = src(`request.break_glass and request.duration > duration("2h")`)
	spec.Routes[0].Then.Auto = true
	if _, problems := policies.Compile(spec); len(problems) != 1 || !strings.Contains(problems[0].Message, "never automatic") {
		t.Errorf("got %v", problems)
	}
}

func TestVariablesOfARequest(t *testing.T) {
	in := request()
	in.Request.BreakGlass, in.Request.Incident, in.Request.Extends = true, "INC-1", "g-1"
	in.Facts[about(policies.FactStatus, "slack", policies.Requester)] = "Away"
	for text, want := range map[string]bool{
		`request.break_glass and request.incident == "INC-1"`: true,
		`request.extension`:                       true,
		`requester.slack_status == "Away"`:        true,
		`"engineering" in requester.groups`:       true,
		`not ("engineering" in requester.groups)`: false,
		`request.incident == ""`:                  false,
	} {
		f, problems := policies.Compile(policies.Spec{Groups: []string{"engineering"}, Who: src(text), Routes: []policies.Route{{Then: access.Route{Glass: new(access.Glass)}}}})
		if f == nil {
			if want {
				t.Errorf("%s: %v", text, problems)
			}
			continue
		}
		if v := f.Evaluate(in); v.Allow != want {
			t.Errorf("%s: %+v", text, v)
		}
	}
}

// What is added to a grant begins when the grant would have ended.
func TestWindowOfAnExtension(t *testing.T) {
	f := compile(t, policies.Spec{Who: src(`window.overlaps("Wed 12:00", "Wed 13:00") and window.from.time == "11:30"`), Routes: []policies.Route{{}}})
	in := request()
	if f.Evaluate(in).Allow {
		t.Error("an hour from ten on reaches twelve")
	}
	in.Begins = in.Now.Add(90 * time.Minute)
	if v := f.Evaluate(in); !v.Allow {
		t.Errorf("from half past eleven: %+v", v)
	}
}

func TestAutomaticApprovalsAreCountedByFlow(t *testing.T) {
	f := compile(t, policies.Spec{Flow: "ec2", Who: src(`history.automatic("7d", requester) < 2`), Routes: []policies.Route{{}}})
	need := f.Needs()[0]
	in := request()
	ago := func(d time.Duration, p policies.Past) policies.Past {
		p.At, p.By, p.Target = in.Now.Add(-d), "p-1", "ec2"
		return p
	}
	past := []policies.Past{
		ago(time.Hour, policies.Past{Flow: "ec2", Auto: true}), ago(2*time.Hour, policies.Past{Flow: "other", Auto: true}),
		ago(3*time.Hour, policies.Past{Flow: "ec2"}), ago(200*time.Hour, policies.Past{Flow: "ec2", Auto: true}),
	}
	for count, wanted := range map[int]int{len(past): 1, 1: 1} {
		if got, err := need.In(past[:count], "p-1", "ec2", in.Now); got != wanted || err != nil || need.String() != "history automatic 168h ec2 of requester" {
			t.Errorf("%s: %v, %v", need, got, err)
		}
	}
	if window, err := need.Window(); window != 7*24*time.Hour || err != nil {
		t.Errorf("the window is %s, %v", window, err)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"45s": 45 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
	} {
		if got, err := policies.ParseDuration(text); got != want || err != nil {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "7", "1m1h", "1h1d", "-1d", "1.5d", "99999d", "1d1d", "7 d", "2562047h9999d"} {
		if got, err := policies.ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
