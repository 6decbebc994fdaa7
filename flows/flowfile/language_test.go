package flowfile_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/golden"
	"sesame/policies"

	"github.com/google/go-cmp/cmp"
)

// shared is what the files of an organisation have in common.
const shared = `version: 1
timezone: Europe/Berlin
defaults:
  flows:
    who: in_group("staff", requester)
    duration: {choices: [30m, 1h], default: 1h}
    guardrails:
      - {name: reason, require: len(request.reason) > 3, message: "Say more than {request.reason}."}
  targets: {strategy: sso, account: "111111111111", tags: {env: prod, tier: all}}
  routes: {lapse_after: 8h, notify: [access]}
groups:
  staff: {slack: S012ABCDEF}
  web:   {slack: S012ABCDE1}
  data:  {members: [d1@example.com, d2@example.com]}
  security: {slack: S012ABCDE2}
channels: {access: C0123456789}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
`

// team is a file of one team, which takes the rest from the shared one.
const team = `version: 1
include: [../shared/all.yaml]
targets:
  site:  {permission_set: Web, tags: {owner: web}}
  lake:  {permission_set: Data, account: "222222222222", tags: {owner: data, env: dev}}
  other: {permission_set: Data, tags: {owner: data, tier: one}}
flows:
  owned:
    targets_where: target.tags.tier == "all"
    guardrails:
      - {name: night, deny: now.hour < 6, message: It is night.}
    routes:
      - name: owners
        all_of:
          - {group_from: target.tags.owner}
          - {groups: [security], count: 2}
  rest:
    targets: [other]
    duration: {choices: [15m]}
    who: 'true'
    routes:
      - {name: any, any_of: [{groups: [web]}, {users: [boss@example.com], group_from: target.tags.owner}], lapse_after: 1h}
`

func organisation() fstest.MapFS {
	return fstest.MapFS{"shared/all.yaml": {Data: []byte(shared)}, "teams/web.yaml": {Data: []byte(team)}}
}

func inherited(t *testing.T) *flowfile.Set {
	t.Helper()
	s, err := flowfile.Load(organisation(), "teams/web.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsNotSaidIsInherited(t *testing.T) {
	s := inherited(t)
	lake, _ := s.Target("lake")
	if diff := cmp.Diff(map[string]string{"env": "dev", "tier": "all", "owner": "data"}, lake.Tags); diff != "" || lake.Params["account"] != "222222222222" || lake.Strategy != "sso" {
		t.Errorf("%+v\n%s", lake, diff)
	}
	owned, _ := s.Flow("lake")
	if diff := cmp.Diff([]string{"lake", "site"}, owned.Targets); diff != "" || owned.Default != time.Hour {
		t.Errorf("%v\n%s", owned.Default, diff)
	}
	rest, _ := s.Flow("other")
	if rest.Name != "rest" || rest.Default != 15*time.Minute || len(s.Warnings()) != 0 {
		t.Errorf("%+v, %v", rest, s.Warnings())
	}
}

func TestRoutesFollowTheTarget(t *testing.T) {
	s := inherited(t)
	for target, want := range map[string][]access.Need{
		"lake":  {{Count: 1, Groups: []string{"data"}}, {Count: 2, Groups: []string{"security"}}},
		"site":  {{Count: 1, Groups: []string{"web"}}, {Count: 2, Groups: []string{"security"}}},
		"other": {{Count: 1, Groups: []string{"web"}, Choice: 1}, {Count: 1, Groups: []string{"data"}, People: []string{"boss@example.com"}, Choice: 1}},
	} {
		v := ask(t, s, target, "2026-11-18T10:00:00Z", nil)
		if diff := cmp.Diff(want, v.Route.Needs); diff != "" || !v.Allow {
			t.Errorf("%s: %+v\n%s", target, v, diff)
		}
	}
	v := ask(t, s, "other", "2026-11-18T10:00:00Z", nil)
	if v.Route.LapseAfter != time.Hour || len(v.Route.Notify) != 1 {
		t.Errorf("route %+v", v.Route)
	}
	if v := ask(t, s, "lake", "2026-11-18T01:00:00Z", nil); v.Allow || v.Reasons[0].Pos != "teams/web.yaml:11:29" {
		t.Errorf("at night: %+v", v)
	}
}

func TestInheritedGuardrailsCannotBeLeftOut(t *testing.T) {
	s := inherited(t)
	for _, target := range []string{"site", "other"} {
		flow, _ := s.Flow(target)
		in := policies.Input{Now: time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC), Facts: policies.Facts{}}
		for _, f := range flow.Rules.Needs() {
			in.Facts[f] = true
		}
		in.Request.Target, _ = s.Target(target)
		in.Request.Reason = "ok"
		v := flow.Rules.Evaluate(in)
		if v.Allow || v.Reasons[0].Text != "Say more than ok." || v.Reasons[0].Pos != "shared/all.yaml:8:33" {
			t.Errorf("%s: %+v", target, v)
		}
	}
}

func TestIncludedOnce(t *testing.T) {
	fsys := organisation()
	round := strings.Replace(shared, "version: 1\n", "version: 1\ninclude: [../teams, ../shared/all.yaml]\n", 1)
	fsys["shared/all.yaml"].Data = []byte(round)
	fsys["teams/x_test.yaml"] = &fstest.MapFile{Data: []byte("not: a flow file")}
	for _, paths := range [][]string{{"shared/all.yaml"}, {"teams", "shared"}, {"./teams/web.yaml", "teams/web.yaml"}} {
		if s, err := flowfile.Load(fsys, paths...); err != nil || len(s.Targets()) != 3 {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

func TestDefaultsStandInOnePlace(t *testing.T) {
	fsys := organisation()
	fsys["shared/more.yaml"] = &fstest.MapFile{Data: []byte("version: 1\ndefaults: {routes: {lapse_after: 1h}}\n")}
	_, err := flowfile.Load(fsys, "teams", "shared")
	problems, _ := errors.AsType[flowfile.Problems](err)
	if len(problems) != 1 || problems[0].String() != "shared/more.yaml:2:21: route defaults stand in two places (first at shared/all.yaml:10:12)" {
		t.Errorf("got %v", err)
	}
}

func TestWhereValuesComeFrom(t *testing.T) {
	s := inherited(t)
	for name, want := range map[string][]string{
		"owned": {
			"label = owned (built in)",
			`targets_where = target.tags.tier == "all" (teams/web.yaml:9:20)`,
			"duration.choices = [30m, 1h] (default, shared/all.yaml:6:25)",
			"duration.default = 1h (default, shared/all.yaml:6:45)",
			`who = in_group("staff", requester) (default, shared/all.yaml:5:10)`,
			"guardrails.reason.name = reason (default, shared/all.yaml:8:16)",
			"guardrails.reason.require = len(request.reason) > 3 (default, shared/all.yaml:8:33)",
			"guardrails.reason.message = Say more than {request.reason}. (default, shared/all.yaml:8:67)",
			"guardrails.night.name = night (teams/web.yaml:11:16)",
			"guardrails.night.deny = now.hour < 6 (teams/web.yaml:11:29)",
			"guardrails.night.message = It is night. (teams/web.yaml:11:52)",
			"routes.owners.name = owners (teams/web.yaml:13:15)",
			"routes.owners.all_of.1.group_from = target.tags.owner (teams/web.yaml:15:26)",
			"routes.owners.all_of.1.count = 1 (built in)",
			"routes.owners.all_of.2.groups = [security] (teams/web.yaml:16:22)",
			"routes.owners.all_of.2.count = 2 (teams/web.yaml:16:41)",
			"routes.owners.notify = [access] (default, shared/all.yaml:10:37)",
			"routes.owners.lapse_after = 8h (default, shared/all.yaml:10:25)",
			"targets = lake (teams/web.yaml:9:20)",
			"targets = site (teams/web.yaml:9:20)",
		},
		"lake": {
			"label = lake (built in)",
			"strategy = sso (default, shared/all.yaml:9:23)",
			"account = 222222222222 (teams/web.yaml:5:42)",
			"permission_set = Data (teams/web.yaml:5:27)",
			"tags.owner = data (teams/web.yaml:5:72)",
			"tags.env = dev (teams/web.yaml:5:83)",
			"tags.tier = all (default, shared/all.yaml:9:77)",
		},
	} {
		settings, ok := s.Settings(name)
		var got []string
		for _, set := range settings {
			from := set.Pos.String()
			switch {
			case set.Pos == policies.Position{}:
				from = "built in"
			case set.Default:
				from = "default, " + from
			}
			got = append(got, fmt.Sprintf("%s = %s (%s)", set.Path, set.Value, from))
		}
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, ok := s.Settings("nobody"); ok || !slices.Equal(s.Flows(), []string{"owned", "rest"}) {
		t.Errorf("flows %v", s.Flows())
	}
}

// TestEveryKeyIsRead loads a file that has every key of every shape.
func TestEveryKeyIsRead(t *testing.T) {
	shapes := map[string]flowfile.Shape{}
	for _, s := range flowfile.Language() {
		if shapes[s.Name] = s; s.Doc == "" || len(s.Keys) == 0 {
			t.Errorf("shape %s has no description, or no keys", s.Name)
		}
		for _, k := range s.Keys {
			if k.Doc == "" {
				t.Errorf("%s in %s is not described", k.Name, s.Name)
			}
		}
	}
	var write func(v flowfile.Value) string
	write = func(v flowfile.Value) string {
		if v.Or != nil {
			return write(*v.Or)
		}
		switch v.Kind {
		case flowfile.Object:
			var all []string
			for _, k := range shapes[v.Shape].Keys {
				all = append(all, k.Name+": "+write(k.Value))
			}
			return "{" + strings.Join(all, ", ") + "}"
		case flowfile.List:
			return "[" + write(*v.Of) + "]"
		case flowfile.Named:
			return "{a: " + write(*v.Of) + "}"
		}
		return "a"
	}
	text := strings.TrimSuffix(strings.TrimPrefix(write(flowfile.Value{Kind: flowfile.Object, Shape: "file"}), "{"), "}")
	_, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte("{" + text + "}")}}, "f.yaml")
	problems, ok := errors.AsType[flowfile.Problems](err)
	if !ok || strings.Contains(problems.Error(), "unknown key") {
		t.Errorf("got %v", err)
	}
}

// TestPageIsCurrent compares the reference that people read with the code.
func TestPageIsCurrent(t *testing.T) { golden.Equal(t, "language.md", flowfile.Page()) }

func TestSchemaNamesWhatThereIs(t *testing.T) {
	schema := flowfile.Schema()
	defs := schema["$defs"].(map[string]any)
	for _, s := range flowfile.Language() {
		def, ok := defs[strings.ReplaceAll(s.Name, " ", "_")].(map[string]any)
		if !ok || len(def["properties"].(map[string]any)) != len(s.Keys) {
			t.Errorf("the schema does not have %s as it is", s.Name)
		}
	}
	flow := defs["flow"].(map[string]any)
	if flow["required"] != nil {
		t.Errorf("a flow without who is not wrong where defaults have it: %v", flow["required"])
	}
	route := defs["route"].(map[string]any)
	if diff := cmp.Diff([]string{"name"}, route["required"]); diff != "" {
		t.Error(diff)
	}
}

func TestSchedulesAreGroupsOfPeople(t *testing.T) {
	s, err := flowfile.Load(os.DirFS(corpus+"/oncall"), "flows.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range s.Schedules() {
		names = append(names, o.Name+" "+o.Source)
	}
	if diff := cmp.Diff([]string{"network slack", "payments pagerduty", "platform static", "vendor http"}, names); diff != "" {
		t.Error(diff)
	}
	platform, _ := s.Schedule("platform")
	if platform.Zone.String() != "Europe/Berlin" || platform.Since.UTC().Format(time.RFC3339) != "2026-01-05T08:00:00Z" || len(platform.Overrides) != 1 {
		t.Errorf("%+v", platform)
	}
	g, _ := s.Group("payments")
	flow, _ := s.Flow("ledger")
	want := []policies.Fact{{Kind: policies.FactGroup, Name: "engineering", About: policies.Requester}, {Kind: policies.FactGroup, Name: "payments", About: policies.Requester}}
	if diff := cmp.Diff(want, flow.Rules.Needs()); diff != "" || g.Source != flowfile.GroupOnCall || len(s.Warnings()) != 0 {
		t.Errorf("%+v, %v\n%s", g, s.Warnings(), diff)
	}
}
