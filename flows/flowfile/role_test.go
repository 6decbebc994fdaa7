package flowfile_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies"
)

const roles = `version: 1
timezone: Europe/Berlin
defaults:
  targets: {account: "111111111111", session: 1h, calls: {read_only: true}}
strategies:
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
  sso:  {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  shell:
    strategy: role
    session_tags: {Department: FrontEnd}
    run_as: web
    calls: {allow: ["ssm:StartSession", "ec2:Describe*"], deny: ["ec2:DescribeKeyPairs"], documents: [SSM-SessionManagerRunShell], escalate: ["ssm:StartSession"]}
  night:
    strategy: role
    calls:
      rules:
        - {name: logs, deny: '(call.params["Bucket"] ?? "") == "logs"', message: "{call.operation} of logs is refused: ask the auditors."}
        - {name: night, deny: now.hour < 6, message: It is night.}
  look:    {strategy: role}
  billing: {strategy: sso, permission_set: Billing}
flows:
  all:
    targets: [shell, look, billing, night]
    calls:
      rules:
        - {name: regions, deny: 'not (call.region in ["eu-central-1", ""])', message: Work in Frankfurt.}
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func TestRoleSessionsAreTargets(t *testing.T) {
	fsys := fstest.MapFS{"f.yaml": {Data: []byte(roles)}}
	if _, err := flowfile.Load(fsys, "f.yaml"); err == nil || !strings.Contains(err.Error(), "nothing serves them here") {
		t.Errorf("without a proxy: %v", err)
	}
	s, err := flowfile.Abilities{Proxy: true}.Load(fsys, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shell, _ := s.Target("shell")
	calls, err := flowfile.ParseCalls(shell.Params)
	if err != nil {
		t.Fatal(err)
	}
	want := flowfile.Calls{
		Allow: []string{"ssm:StartSession", "ec2:Describe*"}, Deny: []string{"ec2:DescribeKeyPairs"},
		Documents: []string{"SSM-SessionManagerRunShell"}, Escalate: []string{"ssm:StartSession"}, Zone: "Europe/Berlin",
		Rules: []flowfile.CallRule{{Name: "regions", Deny: `not (call.region in ["eu-central-1", ""])`, Message: "Work in Frankfurt."}},
	}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
	tags, err := flowfile.SessionTags(shell.Params)
	if diff := cmp.Diff(map[string]string{"Department": "FrontEnd", flowfile.RunAsTag: "web"}, tags); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if !shell.Recorded || shell.Overhang != 0 || shell.Params["account"] != "222222222222" || shell.Way != flowfile.WayRole {
		t.Errorf("%+v", shell)
	}
	look, _ := s.Target("look")
	if calls, err := flowfile.ParseCalls(look.Params); err != nil || !calls.ReadOnly || len(calls.Allow) != 0 {
		t.Errorf("%+v, %v", calls, err)
	}
	billing, _ := s.Target("billing")
	if billing.Params["calls"] != "" || billing.Recorded || billing.Params["account"] != "111111111111" {
		t.Errorf("%+v", billing)
	}
}

func TestRulesOfCallsStayWithTheTarget(t *testing.T) {
	s, err := flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"f.yaml": {Data: []byte(roles)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	night, _ := s.Target("night")
	calls, err := flowfile.ParseCalls(night.Params)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := calls.CompileRules()
	if err != nil {
		t.Fatal(err)
	}
	call := policies.Call{
		Operation: "GetObject", Actions: []string{"s3:GetObject"}, Params: map[string][]string{"Bucket": {"logs"}},
		Request: &access.Request{}, Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
	}
	if why, refused := rules.Refuses(call); !refused || why.Rule != "logs" || why.Text != "GetObject of logs is refused: ask the auditors." {
		t.Errorf("%v, %+v", refused, why)
	}
	call.Params = nil
	if why, refused := rules.Refuses(call); refused {
		t.Errorf("%+v", why)
	}
	call.Now = time.Date(2026, 11, 20, 4, 30, 0, 0, time.UTC) // half past five in Berlin
	if why, refused := rules.Refuses(call); !refused || why.Rule != "night" {
		t.Errorf("%v, %+v", refused, why)
	}
	settings, _ := s.Settings("night")
	if !slices.ContainsFunc(settings, func(v flowfile.Setting) bool {
		return v.Path == "calls.rules.night.deny" && v.Value == "now.hour < 6" && v.Pos.Line > 0
	}) {
		t.Errorf("%+v", settings)
	}
	call.Now, call.Region = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), "us-east-1"
	if why, refused := rules.Refuses(call); !refused || why.Rule != "regions" {
		t.Errorf("%v, %+v", refused, why)
	}
	look, _ := s.Target("look")
	if calls, err := flowfile.ParseCalls(look.Params); err != nil || len(calls.Rules) != 1 || calls.Zone != "Europe/Berlin" || !calls.ReadOnly {
		t.Errorf("%+v, %v", calls, err)
	}
	calls.Rules[0].Deny, calls.Zone = "maybe", "Nowhere/Land"
	if _, err := calls.CompileRules(); err == nil {
		t.Error("a zone that is nowhere")
	}
	calls.Zone = ""
	if _, err := calls.CompileRules(); err == nil {
		t.Error("a rule that is none was compiled")
	}
}

func TestParamsThatWereNotWrittenHere(t *testing.T) {
	broken := map[string]string{flowfile.ParamCalls: "{", flowfile.ParamSessionTags: "["}
	if _, err := flowfile.ParseCalls(broken); err == nil {
		t.Error("calls that are no JSON were read")
	}
	if _, err := flowfile.SessionTags(broken); err == nil {
		t.Error("tags that are no JSON were read")
	}
	if got := flowfile.RoleAccount("role"); got != "" {
		t.Errorf("account %q of what is no ARN", got)
	}
}
