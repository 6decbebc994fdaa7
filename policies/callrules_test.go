package policies_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/policies"
)

func callRule(deny string) policies.CallRule {
	return policies.CallRule{
		Name: "rule", Deny: policies.Source{Text: deny, Pos: policies.Position{File: "f.yaml", Line: 3, Col: 9}},
		Message: policies.Source{Text: "{call.operation} of {call.params.Bucket} by {requester.email} is refused: ask {target.tags.owner}."},
	}
}

// deletion is alice's call of two actions, at noon on a Friday.
func deletion() policies.Call {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	return policies.Call{
		Service: "s3", Operation: "DeleteObjects", Level: "write", Region: "us-east-1", SourceIP: "192.0.2.7",
		Actions: []string{"s3:DeleteObject", "s3:BypassGovernanceRetention"},
		Params:  map[string][]string{"Bucket": {"logs"}, "Ids": {"a", "b"}},
		Grant:   "g-1", Ends: now.Add(10 * time.Minute), Now: now,
		Request: &access.Request{
			By:     access.Person{ID: "p-1", Email: "alice@example.com", Zone: "Europe/Berlin"},
			Target: access.Target{Name: "front", Tags: map[string]string{"env": "prod", "owner": "web"}, Params: map[string]string{"account": "1"}},
		},
	}
}

func compileCalls(t testing.TB, denies ...string) *policies.CallRules {
	t.Helper()
	var s policies.CallSpec
	for _, deny := range denies {
		s.Rules = append(s.Rules, callRule(deny))
	}
	rules, problems := policies.CompileCalls(s)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return rules
}

func TestRulesOfCalls(t *testing.T) {
	const said = "DeleteObjects of logs by alice@example.com is refused: ask web."
	fails := func(why string) string {
		return `Refused, since the rule "rule" of calls cannot be evaluated: ` + why + "; tell an admin."
	}
	for _, c := range []struct{ deny, want string }{
		{`call.service == "s3" and call.level == "write"`, said},
		{`call.service == "ec2"`, ""},
		{`call.operation startsWith "Delete" and call.region != "eu-central-1"`, said},
		{`call.action == "s3:DeleteObject"`, said},
		{`call.action == "s3:BypassGovernanceRetention"`, said},
		{`call.action == "s3:GetObject"`, ""},
		{`not (call.action == "s3:DeleteObject")`, said},
		{`not (call.source_ip startsWith "192.0.2.")`, ""},
		{`(call.params["Bucket"] ?? "") == "logs"`, said},
		{`(call.params.Key ?? "none") == "none"`, said},
		{`"Key" in call.params and call.params["Key"] startsWith "prod/"`, ""},
		{`"Bucket" in call.params and call.params["Bucket"] matches "^lo"`, said},
		{`"b" in call.values["Ids"]`, said},
		{`any(call.values["Ids"], # == "c")`, ""},
		{`len(call.values["None"]) > 0`, ""},
		{`(call.params["Ids"] ?? "") == "a"`, fails("the parameter Ids has 2 values")},
		{`grant.left < duration("15m") and grant.target == "front" and grant.id == "g-1"`, said},
		{`grant.ends.time > "12:05" and now.weekday == "Fri" and now.hour == 12`, said},
		{`requester.email endsWith "@example.com" and requester.timezone == "Europe/Berlin" and target.account == "1"`, said},
		{`target.tags.env == "prod"`, said},
		{`target.tags.nothing == "prod"`, fails("target front has no tag nothing")},
		{`in_window("0 9 * * MON-FRI", "1h")`, ""},
		{`all(1..1000, all(1..1000, call.region != ""))`, ""},
	} {
		rules, problems := policies.CompileCalls(policies.CallSpec{Rules: []policies.CallRule{callRule(c.deny)}})
		if len(problems) > 0 {
			if strings.Contains(c.deny, "1..1000") {
				continue // beyond the bounds of every rule
			}
			t.Errorf("%s: %v", c.deny, problems)
			continue
		}
		why, refused := rules.Refuses(deletion())
		if refused != (c.want != "") || why.Text != c.want {
			t.Errorf("%s: %v, %q, want %q", c.deny, refused, why.Text, c.want)
		}
	}
}

// TestParametersThatAreNotKnown holds rules to refuse where a parameter could
// be there that nobody read.
func TestParametersThatAreNotKnown(t *testing.T) {
	unread := deletion()
	unread.Unread = "its body is larger than is read"
	partial := deletion()
	partial.Partial = []string{"Ids"}
	for _, c := range []struct {
		call policies.Call
		deny string
		want string
	}{
		{unread, `(call.params["Key"] ?? "") == "x"`, "whether the call has the parameter Key is not known: its body is larger than is read"},
		{unread, `"Key" in call.params`, "whether the call has the parameter Key is not known"},
		{unread, `"x" in call.values["Key"]`, "whether the call has the parameter Key is not known"},
		{unread, `(call.params["Bucket"] ?? "") == "x"`, ""},
		{unread, `call.service == "ec2" and (call.params["Key"] ?? "") == "x"`, ""},
		{partial, `"x" in call.values["Ids"]`, "the parameter Ids is longer than is read"},
		{partial, `"Ids" in call.params`, "is refused"},
	} {
		why, refused := compileCalls(t, c.deny).Refuses(c.call)
		if refused != (c.want != "") || !strings.Contains(why.Text, c.want) {
			t.Errorf("%s: %v, %q, want %q", c.deny, refused, why.Text, c.want)
		}
	}
	if _, refused := new(policies.CallRules).Refuses(deletion()); !refused {
		t.Error("no rules at all let a call through")
	}
	if why, refused := compileCalls(t).Refuses(deletion()); refused {
		t.Errorf("rules that are none refuse: %v", why)
	}
	nobody := deletion()
	nobody.Request = nil
	if _, refused := compileCalls(t, "false").Refuses(nobody); !refused {
		t.Error("a call of nobody knows whom is let through")
	}
}

func TestRulesOfCallsAreChecked(t *testing.T) {
	for deny, want := range map[string]string{
		`call.service = "s3"`:                    "f.yaml:3:22: unexpected \"=\" (to compare, write ==)",
		`call.service`:                           "f.yaml:3:9: a rule is true or false, but this is text",
		`call.nothing == "x"`:                    "f.yaml:3:14: unknown name call.nothing",
		`call.level == "wirte"`:                  `f.yaml:3:23: call.level is never "wirte" (did you mean write?)`,
		`call.action == "DeleteObject"`:          `call.action is never "DeleteObject" (it is written like "s3:GetObject")`,
		`call.params["Bucket"] == "x"`:           `a call may have no parameter Bucket (say what to take instead: call.params.Bucket ?? "")`,
		`call.values["Ids"] == "x"`:              "does not work with",
		`call.params == "x"`:                     "call.params cannot be used as a whole",
		`call == "x"`:                            "call cannot be used as a whole (call has action, level, operation, params, region, service, source_ip, values)",
		`request.reason == "x"`:                  "unknown name request.reason",
		`"x" in request.fields`:                  "nothing can be looked for in request.fields",
		`in_group("a", requester)`:               "in_group is not asked about each call",
		`history.minutes("24h", requester) > 10`: "history.minutes is not asked about each call",
		`on_cal("a", requester)`:                 "unknown function on_cal",
		`(call.region ?? "") == "x"`:             "?? works only after a tag or a parameter",
		`(call.values["Ids"] ?? "") == "x"`:      "?? works only after a tag or a parameter",
		`"x" in requester.groups`:                "nothing can be looked for in requester.groups (in works with target.tags, call.params and lists)",
		`requester.slack_status == "x"`:          "unknown name requester.slack_status",
		`target.tags.env == "prod"`:              "there is no tag env on back (g.yaml:1:1)",
		`all(1..1000, all(1..1000, true))`:       "the loops go round",
	} {
		_, problems := policies.CompileCalls(policies.CallSpec{
			Rules:   []policies.CallRule{{Name: "rule", Deny: callRule(deny).Deny}},
			Targets: []policies.Target{{Name: "back", Pos: policies.Position{File: "g.yaml", Line: 1, Col: 1}}},
		})
		var all []string
		for _, p := range problems {
			text := p.Pos.String() + ": " + p.Message
			if p.Hint != "" {
				text += " (" + p.Hint + ")"
			}
			all = append(all, text)
		}
		if len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("%s: %q, want %q", deny, all, want)
		}
	}
	rule := callRule("true")
	rule.Message.Text = "{request.reason}"
	if _, problems := policies.CompileCalls(policies.CallSpec{Rules: []policies.CallRule{rule}}); len(problems) != 1 {
		t.Errorf("a message about the request: %v", problems)
	}
}

func TestWhatRulesOfCallsAreMadeOf(t *testing.T) {
	var names []string
	for _, n := range policies.CallVariables() {
		if n.Doc == "" || n.Type == "" {
			t.Errorf("%+v says nothing", n)
		}
		names = append(names, n.Name)
	}
	want := strings.Fields(`call.action call.level call.operation call.params["NAME"] call.region call.service call.source_ip call.values["NAME"]
		grant.ends.date grant.ends.hour grant.ends.time grant.ends.weekday grant.id grant.left grant.target now.date now.hour now.time now.weekday
		requester.email requester.id requester.name requester.timezone target.account target.label target.name target.strategy target.tags.NAME`)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for _, n := range policies.CallFunctions() {
		if n.Name == "in_group" {
			t.Error("in_group needs facts")
		}
	}
}

// FuzzCallRule looks for a rule of calls that ends otherwise than with a
// problem, a refusal or none, or differently the second time.
func FuzzCallRule(f *testing.F) {
	for _, seed := range []string{
		`call.service == "s3"`, `(call.params["Bucket"] ?? "") == "logs"`, `any(call.values["Ids"], # == "a")`, `"Key" in call.params`,
		`call.action in ["s3:DeleteObject"] and grant.left < duration("1h")`, `target.tags.env == "prod" ? now.hour < 6 : true`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, deny string) {
		rules, problems := policies.CompileCalls(policies.CallSpec{Rules: []policies.CallRule{callRule(deny)}})
		if len(problems) > 0 {
			return
		}
		why, refused := rules.Refuses(deletion())
		again, refusedAgain := rules.Refuses(deletion())
		if why != again || refused != refusedAgain || strings.Contains(why.Text, "internal error") {
			t.Errorf("%v, %q and then %v, %q", refused, why.Text, refusedAgain, again.Text)
		}
	})
}

// usual are rules as targets have them.
func usual(t testing.TB) *policies.CallRules {
	return compileCalls(t,
		`call.service == "s3" and call.action in ["s3:PutObject", "s3:PutObjectAcl"]`,
		`call.level == "permissions" and call.region != "us-east-1"`,
		`call.service == "dynamodb" and (call.params["TableName"] ?? "") startsWith "prod-"`,
		`target.tags.env == "prod" and call.operation startsWith "Terminate"`,
		`grant.left < duration("1m") and not (requester.email endsWith "@example.com")`,
	)
}

// TestRulesOfCallsMakeLittle holds what each call leaves to the collector.
func TestRulesOfCallsMakeLittle(t *testing.T) {
	rules, call := usual(t), deletion()
	var refused bool
	if n := testing.AllocsPerRun(1000, func() { _, refused = rules.Refuses(call) }); n > 20 || refused {
		t.Errorf("%v allocations, at most 20; refused: %v", n, refused)
	}
}

func BenchmarkRulesOfCalls(b *testing.B) {
	rules, call := usual(b), deletion()
	b.ReportAllocs()
	for b.Loop() {
		if why, refused := rules.Refuses(call); refused {
			b.Fatal(why)
		}
	}
}
