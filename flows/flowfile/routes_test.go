package flowfile_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
)

const routesBase = `version: 1
defaults:
  routes: {approve_when: approver.timezone == requester.timezone, reviewers: {group_from: target.tags.owner}}
groups:
  staff:  {slack: S012ABCDEF}
  owners: {slack: S012ABCDE1}
  heads:  {members: [h1@example.com, h2@example.com, h3@example.com]}
on_call:
  platform: {static: {people: [p@example.com]}}
channels: {access: C0123ABCD, alarm: C0456EFGH}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  site: {strategy: sso, account: "111111111111", permission_set: A, session: 1h, tags: {owner: owners}}
  safe: {strategy: sso, account: "111111111111", permission_set: B, session: 1h, tags: {owner: heads}, max_duration: 45m}
flows:
  web:
    targets: [site, safe]
    duration: {choices: [30m, 1h, 2h], default: 1h}
    extend: {choices: [30m, 1h], count: 2}
    limits: {per_day: 4h, cool_down: 30m, at_once: 2, at_once_per_target: 5}
    who: in_group("staff", requester)
    routes:
      - {name: quick, when: 'request.duration <= duration("30m")', auto_approve: true, quota: {count: 3, per: 7d}}
      - name: careful
        when: not request.extension
        stages:
          - approvers: {group_from: target.tags.owner}
          - any_of: [{groups: [heads], count: 2}, {users: [Boss@example.com]}]
        notify: [access, cfo@example.com, {on_call: platform}, {group: staff}]
        after:
          - {in: 10m, notify: [{group: heads}]}
          - {in: 20m, approvers: {on_call: platform, group_from: target.tags.owner}}
          - {in: 1h, lapse: true}
      - {name: rest, approvers: {groups: [owners]}, after: [{in: 30m, notify: [alarm], deny: true}]}
      - name: glass
        when: on_call("platform", requester)
        self_approve: true
        announce: alarm
        review_within: 1d
        budget: {uses: 2, per: 30d}
        cool_down: 4h
`

func routesSet(t *testing.T) *flowfile.Set {
	t.Helper()
	s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(routesBase)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// judged returns the verdict on a request, made by somebody of whom all facts
// are true.
func judged(t *testing.T, s *flowfile.Set, r access.Request, automatic int) access.Verdict {
	t.Helper()
	flow, ok := s.Flow("site")
	if !ok {
		t.Fatal("there is no flow")
	}
	in := policies.Input{Now: time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC), Facts: policies.Facts{}, Request: r}
	for _, f := range flow.Rules.Needs() {
		if in.Facts[f] = true; f.Kind == policies.FactHistory {
			in.Facts[f] = automatic
		}
	}
	in.Request.Target, _ = s.Target("site")
	return flow.Rules.Evaluate(in)
}

func TestStagesTellAndSilence(t *testing.T) {
	v := judged(t, routesSet(t), access.Request{Duration: time.Hour}, 0)
	want := access.Route{
		Name: "careful", Pos: "f.yaml:25:9", ApproveWhen: "approver.timezone == requester.timezone",
		Needs: []access.Need{
			{Count: 1, Groups: []string{"owners"}},
			{Count: 2, Groups: []string{"heads"}, Stage: 1, Choice: 1}, {Count: 1, People: []string{"boss@example.com"}, Stage: 1, Choice: 1},
		},
		Notify: []access.Channel{{Name: "access", ID: "C0123ABCD"}},
		Tell:   access.Audience{Groups: []string{"staff", "platform"}, People: []string{"cfo@example.com"}},
		Silence: []access.Escalation{
			{In: 10 * time.Minute, Tell: access.Audience{Groups: []string{"heads"}}},
			{In: 20 * time.Minute, Needs: []access.Need{{Count: 1, Groups: []string{"platform", "owners"}}}},
		},
		LapseAfter: time.Hour,
	}
	if diff := cmp.Diff(want, v.Route); diff != "" || !v.Allow {
		t.Errorf("%+v\n%s", v, diff)
	}
}

func TestStepsThatEndTheRequest(t *testing.T) {
	v := judged(t, routesSet(t), access.Request{Duration: time.Hour, Extends: "g-1"}, 0)
	want := []access.Escalation{{In: 30 * time.Minute, Notify: []access.Channel{{Name: "alarm", ID: "C0456EFGH"}}, Deny: true}}
	if diff := cmp.Diff(want, v.Route.Silence); diff != "" || v.Route.Name != "rest" || v.Route.LapseAfter != 24*time.Hour {
		t.Errorf("%+v\n%s", v, diff)
	}
}

func TestQuotaOfAutomaticApprovals(t *testing.T) {
	s := routesSet(t)
	v := judged(t, s, access.Request{Duration: 30 * time.Minute}, 2)
	if !v.Route.Auto || v.Facts["history automatic 168h web of requester"] != "2" || v.Route.ApproveWhen != "" {
		t.Errorf("the third time: %+v", v)
	}
	if v := judged(t, s, access.Request{Duration: 30 * time.Minute}, 3); v.Route.Name != "careful" || !v.Allow {
		t.Errorf("the fourth time: %+v", v)
	}
}

func TestBreakGlassRoute(t *testing.T) {
	v := judged(t, routesSet(t), access.Request{Duration: time.Hour, BreakGlass: true}, 0)
	want := access.Route{
		Name: "glass", Pos: "f.yaml:36:9", Self: true, LapseAfter: 24 * time.Hour,
		Glass:     &access.Glass{Announce: access.Channel{Name: "alarm", ID: "C0456EFGH"}, ReviewWithin: 24 * time.Hour, Budget: 2, BudgetPer: 720 * time.Hour, CoolDown: 4 * time.Hour},
		Reviewers: []access.Need{{Count: 1, Groups: []string{"owners"}}},
		Skipped: []access.Need{
			{Count: 1, Groups: []string{"owners"}},
			{Count: 2, Groups: []string{"heads"}, Stage: 1, Choice: 1}, {Count: 1, People: []string{"boss@example.com"}, Stage: 1, Choice: 1},
		},
	}
	if diff := cmp.Diff(want, v.Route); diff != "" || !v.Allow {
		t.Errorf("%+v\n%s", v, diff)
	}
}

func TestLimitsAndExtensions(t *testing.T) {
	s := routesSet(t)
	f, _ := s.Flow("safe")
	extend := flowfile.Extend{Choices: []time.Duration{30 * time.Minute, time.Hour}, Default: 30 * time.Minute, Count: 2, Total: 2 * time.Hour}
	limits := flowfile.Limits{PerDay: 4 * time.Hour, CoolDown: 30 * time.Minute, PerPerson: 2, PerTarget: 5}
	if diff := cmp.Diff(extend, f.Extend) + cmp.Diff(limits, f.Limits); diff != "" {
		t.Error(diff)
	}
	for target, want := range map[string][]time.Duration{"site": {30 * time.Minute, time.Hour, 2 * time.Hour}, "safe": {30 * time.Minute}, "none": nil} {
		if diff := cmp.Diff(want, s.Durations(target)); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
	for target, want := range map[string]time.Duration{"site": time.Hour, "safe": 30 * time.Minute, "none": 0} {
		if got := s.DefaultDuration(target); got != want {
			t.Errorf("%s is asked for %s", target, got)
		}
	}
	if len(s.Warnings()) > 0 {
		t.Error(s.Warnings())
	}
}

func TestLimitsAreInherited(t *testing.T) {
	text := strings.NewReplacer(
		"defaults:\n", "defaults:\n  flows: {limits: {at_once: 7}, extend: {choices: [15m]}}\n  targets: {max_duration: 1h}\n",
		"    limits: {per_day: 4h, cool_down: 30m, at_once: 2, at_once_per_target: 5}\n", "",
		"    targets: [site, safe]\n", "    targets_where: target.strategy == \"sso\"\n",
	).Replace(routesBase)
	s, err := flowfile.Load(fstest.MapFS{"base.yaml": {Data: []byte(text)}, "f.yaml": {Data: []byte("version: 1\ninclude: [base.yaml]\n")}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Flow("site")
	if f.Limits != (flowfile.Limits{PerPerson: 7}) || f.Extend.Count != 2 {
		t.Errorf("%+v, %+v", f.Limits, f.Extend)
	}
	for target, want := range map[string][]time.Duration{"site": {30 * time.Minute, time.Hour}, "safe": {30 * time.Minute}} {
		if diff := cmp.Diff(want, s.Durations(target)); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
}

func TestBuiltInLimitsOfExtensions(t *testing.T) {
	text := strings.Replace(routesBase, "extend: {choices: [30m, 1h], count: 2}", "extend: {choices: [30m, 1h], default: 1h}", 1)
	text = strings.Replace(text, "    limits: {per_day: 4h, cool_down: 30m, at_once: 2, at_once_per_target: 5}\n", "", 1)
	s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Flow("site")
	if f.Extend.Count != 1 || f.Extend.Total != time.Hour || f.Extend.Default != time.Hour || f.Limits != (flowfile.Limits{}) {
		t.Errorf("%+v, %+v", f.Extend, f.Limits)
	}
}

// What there is to try grows fast with alternatives, and is given up.
func TestCrewsThatTakeForEver(t *testing.T) {
	var routes, people strings.Builder
	for i := range 300 {
		fmt.Fprintf(&people, "p%d@example.com, ", i)
	}
	choice := "{any_of: [" + strings.Repeat("{groups: [many], count: 40}, ", 8) + "]}"
	for i := range 40 {
		fmt.Fprintf(&routes, "      - {name: r%d, when: now.hour == %d, stages: [%s, %s, {approvers: {groups: [many], count: 100}}, {approvers: {groups: [few], count: 2}}, {approvers: {groups: [few]}}]}\n", i, i, choice, choice)
	}
	text := lintBase + "    routes:\n" + routes.String()
	text = strings.Replace(text, "  boss:", "  many: {members: ["+people.String()+"]}\n  few: {members: [a@example.com, b@example.com]}\n  boss:", 1)
	if _, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml"); err != nil {
		t.Errorf("what was not looked at to the end is said to be wrong: %v", err)
	}
}

// A route that says itself when it lapses does not inherit that.
func TestOwnLapseOverrulesAnInheritedStep(t *testing.T) {
	text := strings.Replace(routesBase, "  routes: {approve_when", "  routes: {after: [{in: 10m, notify: [alarm]}, {in: 30m, lapse: true}], approve_when", 1)
	text = strings.Replace(text, "after: [{in: 30m, notify: [alarm], deny: true}]", "lapse_after: 2h", 1)
	s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	v := judged(t, s, access.Request{Duration: time.Hour, Extends: "g-1"}, 0)
	if v.Route.Name != "rest" || v.Route.LapseAfter != 2*time.Hour || len(v.Route.Silence) != 1 {
		t.Errorf("%+v", v.Route)
	}
}

// What a route inherits and has no use for is not in force, and not shown.
func TestOnlyWhatIsInForceIsShown(t *testing.T) {
	settings, ok := routesSet(t).Settings("web")
	shown := map[string]string{}
	for _, set := range settings {
		shown[set.Path] = set.Value
	}
	for path, want := range map[string]string{
		"routes.quick.approve_when": "", "routes.quick.lapse_after": "", "routes.quick.quota.per": "7d",
		"routes.careful.approve_when": "approver.timezone == requester.timezone", "routes.careful.lapse_after": "",
		"routes.careful.after.3.lapse": "true", "routes.careful.reviewers.group_from": "", "routes.rest.lapse_after": "24h",
		"routes.careful.notify":     "[access, cfo@example.com, {on_call: platform}, {group: staff}]",
		"routes.glass.approve_when": "", "routes.glass.lapse_after": "", "routes.glass.reviewers.group_from": "target.tags.owner",
		"extend.count": "2", "limits.at_once": "2",
	} {
		if got := shown[path]; got != want || !ok {
			t.Errorf("%s is shown as %q, want %q", path, got, want)
		}
	}
}
