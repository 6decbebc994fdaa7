package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/flowfile"
)

const roles = `version: 1
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
  look:    {strategy: role}
  billing: {strategy: sso, permission_set: Billing}
flows:
  all:
    targets: [shell, look, billing]
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
		Documents: []string{"SSM-SessionManagerRunShell"}, Escalate: []string{"ssm:StartSession"},
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
