package flowfile_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/flowfile"
)

const vending = `version: 1
strategies:
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
targets:
  deploy: {strategy: role, calls: {allow: ["ec2:*"], escalate: ["ec2:RunInstances"], assume: ["arn:aws:iam::333333333333:role/ci/Deploy"]}}
  direct: {strategy: role, vend: real}
  served: {strategy: role, vend: proxy}
flows:
  all:
    targets: [deploy, direct, served]
    duration: {choices: [1h]}
    who: 'true'
    guardrails: [{name: reason, require: len(request.reason) > 3, message: Say more.}]
    routes: [{name: leads, approvers: {users: [bob@example.com, carl@example.com], count: 1}}]
`

func TestWhatTargetsHandOut(t *testing.T) {
	s, err := flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"f.yaml": {Data: []byte(vending)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deploy, _ := s.Target("deploy")
	calls, err := flowfile.ParseCalls(deploy.Params)
	if diff := cmp.Diff([]string{"arn:aws:iam::333333333333:role/ci/Deploy"}, calls.Assume); diff != "" || err != nil {
		t.Error(diff, err)
	}
	direct, _ := s.Target("direct")
	if !flowfile.Vends(direct.Params) || direct.Recorded || direct.Overhang != time.Hour {
		t.Errorf("%+v", direct)
	}
	served, _ := s.Target("served")
	if flowfile.Vends(served.Params) || !served.Recorded || served.Overhang != 0 {
		t.Errorf("%+v", served)
	}
	var warned []string
	for _, w := range s.Warnings() {
		warned = append(warned, w.Message)
	}
	for _, want := range []string{
		"target deploy lets ec2:RunInstances through, although it may reach beyond the grant",
		"target deploy lets its holder go on as arn:aws:iam::333333333333:role/ci/Deploy, with keys of Sesame's and under the same rules",
		"target direct hands out credentials of AWS: calls with them are not recorded by Sesame, what is refused through it is not refused there, and they may work up to 1h after access that is ended early",
	} {
		if !slices.Contains(warned, want) {
			t.Errorf("no warning %q in\n%s", want, strings.Join(warned, "\n"))
		}
	}
	settings, _ := s.Settings("deploy")
	if !slices.ContainsFunc(settings, func(v flowfile.Setting) bool {
		return v.Path == "calls.assume" && strings.Contains(v.Value, "role/ci/Deploy") && v.Pos.Line > 0
	}) {
		t.Errorf("%+v", settings)
	}
}
