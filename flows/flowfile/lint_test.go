package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"sesame/flows/flowfile"

	"github.com/google/go-cmp/cmp"
)

const lintBase = `version: 1
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
groups:
  boss: {members: [boss@example.com]}
  all:  {slack: S012ABCDEF}
targets:
  a: {strategy: sso, account: "111111111111", permission_set: Read, session: 1h, tags: {env: prod}}
  b: {strategy: sso, account: "111111111111", permission_set: Read, session: 4h}
flows:
  one:
    targets: [a, b]
    duration: {choices: [30m, 4h]}
    who: in_group("all", requester)
`

func TestWhatIsProbablyNotMeant(t *testing.T) {
	for what, c := range map[string]struct {
		routes string
		want   []string
	}{
		"nothing but a long session": {`
      - {name: prod, when: 'target.tags.env ?? "" == "prod"', approvers: {groups: [all]}}
      - {name: rest, approvers: {groups: [all, boss]}}`, nil},
		"nobody looks at the target": {`
      - {name: rest, approvers: {groups: [all]}}`, []string{
			"11:3: flow one has targets with env none and prod, and none of its rules looks at the target",
		}},
		"shadowed, open to all, and one person": {`
      - {name: boss, when: target.name == "a", approvers: {groups: [boss]}}
      - {name: again, when: 'target.name   ==   "a"', approvers: {groups: [all]}}
      - {name: self, self_approve: true}`, []string{
			"16:10: the route boss has one approver, whose own requests nobody can approve and whose absence stops all others",
			"17:29: the route again is never reached: the route boss before it matches the same",
			"18:10: the route self lets everybody whom the flow one admits approve their own requests",
		}},
		"all by itself": {`
      - {name: auto, when: target.name == "b", auto_approve: true}
      - {name: all, auto_approve: true}`, []string{
			"17:10: the route all approves everything that reaches it",
		}},
	} {
		text := lintBase + "    routes:" + strings.ReplaceAll(c.routes, `target.tags.env ?? "" ==`, `(target.tags.env ?? "") ==`) + "\n"
		s, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(text)}}, "f.yaml")
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var got []string
		for _, w := range s.Warnings() {
			text := strings.TrimPrefix(w.String(), "f.yaml:")
			if strings.HasPrefix(text, "9:3: sessions of target b last 4h and a grant may be as short as 30m") || strings.Contains(text, "is not used") {
				continue
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
		if !strings.Contains(s.Warnings().Error(), "sessions of target b") {
			t.Errorf("%s: nothing is said about sessions", what)
		}
	}
}
