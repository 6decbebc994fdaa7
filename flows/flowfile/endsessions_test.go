package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"sesame/flows/flowfile"
)

const endingYAML = `version: 1
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/EC2", external_id: "${file:x}"}
  iam: {type: aws_iam_group, region: us-east-1, groups: [Shell], users_named: email}
targets:
  a: {TARGET}
flows:
  f: {targets: [a], duration: {choices: [1h]}, who: "true", routes: [{name: auto, auto_approve: true}]}
`

func TestEndSessions(t *testing.T) {
	const (
		sso   = `strategy: sso, account: "222222222222", permission_set: Shell, `
		role  = `strategy: role, `
		ends  = `role_arn: "arn:aws:iam::222222222222:role/Ends"`
		other = `role_arn: "arn:aws:iam::333333333333:role/Ends"`
	)
	for name, c := range map[string]struct{ target, problem string }{
		"a permission set":       {sso + `end_sessions: {` + ends + `, external_id: "${file:ends}", regions: [eu-central-1]}`, ""},
		"a role":                 {role + `vend: real, end_sessions: {` + ends + `}`, ""},
		"a role in the proxy":    {role + `end_sessions: {` + ends + `}`, "target a has end_sessions, and is served through the proxy, where sessions end with the grant"},
		"a group":                {`strategy: iam, account: "222222222222", group: Shell, end_sessions: {` + ends + `}`, "target a has end_sessions, which means nothing to a strategy of type aws_iam_group"},
		"another account":        {sso + `end_sessions: {` + other + `}`, "target a is in 222222222222, and the role that is to end its sessions in 333333333333"},
		"no role":                {sso + `end_sessions: {regions: [us-east-1]}`, "no role_arn"},
		"no region":              {sso + `end_sessions: {` + ends + `, regions: [here]}`, "a region"},
		"an external id in here": {sso + `end_sessions: {` + ends + `, external_id: abc}`, "external_id is a secret and does not stand in a flow file"},
		"an unknown key":         {sso + `end_sessions: {` + ends + `, region: us-east-1}`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"f.yaml": {Data: []byte(strings.Replace(endingYAML, "TARGET", c.target, 1))}}, "f.yaml")
			if c.problem != "" {
				if err == nil || !strings.Contains(err.Error(), c.problem) {
					t.Errorf("%v, want %q", err, c.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a, _ := set.Target("a")
			if e, ok, err := flowfile.ParseEndSessions(a.Params); !ok || err != nil || e.RoleARN != "arn:aws:iam::222222222222:role/Ends" {
				t.Errorf("%+v, %v, %v", e, ok, err)
			}
		})
	}
}
