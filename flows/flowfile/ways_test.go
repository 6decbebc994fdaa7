package flowfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

const memberFile = `
version: 1
strategies:
  directory: {type: aws_group, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef", groups: [90677f1112-0d4a4c5e-0000-4000-8000-000000000001]}
  iam: {type: aws_iam_group, region: us-east-1, groups: [Shell], users: {Alice@example.com: alice}}
  tags: {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame", users_named: email, tag_names: [App, Release], slots: 3}
targets:
  portal: {strategy: directory, group: 90677f1112-0d4a4c5e-0000-4000-8000-000000000001, session: 4h}
  shell: {strategy: iam, group: SHELL, account: "333333333333", session: 2h}
  app: {strategy: tags, principal_tags: {App: payments, Release: r-1}}
flows:
  all:
    targets: [portal, shell, app]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func members(t *testing.T) *flowfile.Set {
	t.Helper()
	set, err := flowfile.Load(fstest.MapFS{"a.yaml": {Data: []byte(memberFile)}}, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTargetsOfGroupsAndTags(t *testing.T) {
	set := members(t)
	for name, want := range map[string]map[string]string{
		"portal": {
			"region": "us-east-1", "instance_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
			"group": "90677f1112-0d4a4c5e-0000-4000-8000-000000000001",
		},
		"shell": {"region": "us-east-1", "account": "333333333333", "group": "SHELL"},
		"app": {
			"region": "us-east-1", "account": "222222222222", "role_arn": "arn:aws:iam::222222222222:role/Sesame",
			"tag_names": `["App","Release"]`, "slots": "3", "principal_tags": `{"App":"payments","Release":"r-1"}`,
		},
	} {
		target, _ := set.Target(name)
		if diff := cmp.Diff(want, target.Params); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, want := range map[string]time.Duration{"portal": 4 * time.Hour, "shell": 2 * time.Hour, "app": 0} {
		if target, _ := set.Target(name); target.Overhang != want || target.Sessions != (name == "shell") {
			t.Errorf("what outlives grants on %s: %v, sessions: %v", name, target.Overhang, target.Sessions)
		}
	}
	target, _ := set.Target("app")
	tags, err := flowfile.SlotsOf(target.Params)
	want := flowfile.SlotTags{Names: []string{"App", "Release"}, Values: map[string]string{"App": "payments", "Release": "r-1"}, Slots: 3}
	if diff := cmp.Diff(want, tags); diff != "" || err != nil {
		t.Errorf("slots: %v (-want +got):\n%s", err, diff)
	}
	for _, params := range []map[string]string{{}, {"tag_names": "[]"}, {"tag_names": "[]", "principal_tags": "{}"}} {
		if _, err := flowfile.SlotsOf(params); err == nil {
			t.Errorf("%v was read", params)
		}
	}
}

func TestIAMUserOfAPerson(t *testing.T) {
	set := members(t)
	for _, c := range []struct{ target, email, want string }{
		{"shell", "alice@example.com", "alice"},
		{"shell", "bob@example.com", ""},
		{"shell", "", ""},
		{"app", "Bob@example.com", "bob@example.com"},
		{"app", "", ""},
		{"app", "bob'); --@example.com", ""},
	} {
		target, _ := set.Target(c.target)
		got, err := set.IAMUser(target, access.Person{Email: c.email})
		refusal, refused := errors.AsType[*access.Refusal](err)
		if got.Name != c.want || got.Role || refused != (c.want == "") || refused && refusal.Code != access.RefusedStranger {
			t.Errorf("%s for %q: %+v, %v, want %q", c.target, c.email, got, err, c.want)
		}
	}
	if _, err := set.IAMUser(access.Target{Name: "x", Strategy: "none"}, access.Person{Email: "a@b.c"}); err == nil {
		t.Error("a strategy that does not exist has users")
	}
	target, _ := set.Target("shell")
	if got := set.IAMOwners(target); len(got) != 1 || got[0] != (flowfile.IAMOwner{Name: "alice"}) {
		t.Errorf("users = %v", got)
	}
}

const roleFile = `
version: 1
strategies:
  tags: {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame", roles: {alice@example.com: Alice}, tag_names: [App], slots: 3, timed: true}
targets:
  app: {strategy: tags, principal_tags: {App: payments}}
flows:
  all:
    targets: [app]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func TestRolesOfPeople(t *testing.T) {
	set, err := flowfile.Load(fstest.MapFS{"a.yaml": {Data: []byte(roleFile)}}, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	target, _ := set.Target("app")
	if target.Params[flowfile.ParamTimed] != "true" || strings.Contains(fmt.Sprint(target.Params), "alice@example.com") {
		t.Errorf("params %v, want them timed, and nobody else's role in them", target.Params)
	}
	if got, err := set.IAMUser(target, access.Person{Email: "Alice@example.com"}); err != nil || got != (flowfile.IAMOwner{Name: "Alice", Role: true}) {
		t.Errorf("alice has %+v, %v", got, err)
	}
	_, err = set.IAMUser(target, access.Person{Email: "bob@example.com"})
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || !strings.Contains(refusal.Text, "your IAM role: ask an admin to add your address to the roles of the strategy tags") {
		t.Errorf("bob: %v", err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"extended":      {"    who:", "    extend: {choices: [1h]}\n    who:", "grants be extended, and those of the target app cannot be"},
		"users as well": {"slots: 3", "users_named: email, slots: 3", "has both users and roles"},
		"shared":        {"{alice@example.com: Alice}", "{alice@example.com: Alice, bob@example.com: alice}", "the IAM role alice is that of alice@example.com already"},
	} {
		text := strings.Replace(roleFile, c.old, c.new, 1)
		if _, err := flowfile.Load(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, "a.yaml"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestStrategiesOfOneAccount: what cannot be both, whichever strategy says so.
func TestStrategiesOfOneAccount(t *testing.T) {
	const file = `version: 1
strategies:
  tags:   {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame", users: {alice@example.com: alice}, tag_names: [App], slots: 3}
  others: {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame", users: {bob@example.com: bob}, tag_names: [Unit], slots: 3}
  groups: {type: aws_iam_group, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame", groups: [Ops], users: {alice@example.com: alice}}
targets:
  a: {strategy: tags, principal_tags: {App: a}}
  b: {strategy: others, principal_tags: {Unit: b}}
  c: {strategy: groups, group: Ops}
flows:
  all: {targets: [a, b, c], duration: {choices: [1h]}, who: 'true', routes: [{name: auto, auto_approve: true}]}
`
	for name, c := range map[string]struct{ old, new, want string }{
		"as it is":              {"", "", ""},
		"a user of two people":  {"{bob@example.com: bob}", "{bob@example.com: Alice}", "f.yaml:4:3: the IAM user Alice in 222222222222 is that of bob@example.com here, and of alice@example.com in the strategy tags (one is one person's)"},
		"of another kind":       {"groups: [Ops], users: {alice@example.com: alice}", "groups: [Ops], users: {carol@example.com: bob}", "f.yaml:5:3: the IAM user bob in 222222222222 is that of carol@example.com here, and of bob@example.com in the strategy others (one is one person's)"},
		"in another account":    {"222222222222:role/Sesame\", users: {bob@example.com: bob}", "333333333333:role/Sesame\", users: {bob@example.com: alice}", ""},
		"the same tags":         {"[Unit]", "[App]", ""},
		"tags of another slot":  {"[Unit]", "[app2]", "f.yaml:4:3: the tag app2 is in slot 1 here, and in slot 2 of the strategy tags for the same account (what is granted by one would count for the other: choose tag_names that differ in more than a number)"},
		"a slot that is beyond": {"[Unit]", "[App4]", ""},
	} {
		text := strings.Replace(file, c.old, c.new, 1)
		for _, name := range []string{"App", "app2", "App4"} { // the target of others goes along
			if strings.Contains(c.new, "["+name+"]") {
				text = strings.Replace(text, "{Unit: b}", "{"+name+": b}", 1)
			}
		}
		_, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSlotKeys(t *testing.T) {
	if one, two := flowfile.SlotKey("App", 1), flowfile.SlotKey("App", 2); one != "App" || two != "App2" {
		t.Errorf("%s and %s", one, two)
	}
}
