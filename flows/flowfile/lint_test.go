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
channels: {alarm: C0123ABCD}
on_call:
  empty: {static: {people: [o@example.com], overrides: [{from: 2026-12-24 09:00, to: 2026-12-27 09:00, people: []}]}}
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
			"14:3: flow one has targets with env none and prod, and none of its rules looks at the target",
		}},
		"shadowed, open to all, and one person": {`
      - {name: boss, when: target.name == "a", approvers: {groups: [boss]}}
      - {name: again, when: 'target.name   ==   "a"', approvers: {groups: [all]}}
      - {name: self, self_approve: true}`, []string{
			"19:10: the route boss needs boss@example.com, whose own requests nobody can approve and whose absence stops all others",
			"20:29: the route again is never reached: the route boss before it matches the same",
			"21:10: the route self lets everybody whom the flow one admits approve their own requests",
			"21:10: the route self lets people approve their own requests and tells nobody",
		}},
		"shadowed by what asks for less": {`
      - {name: one, when: 'in_group("all", requester) and (now.hour < 3 or now.hour > 5)', approvers: {groups: [all]}}
      - {name: two, when: '(now.hour < 3 or now.hour > 5) and target.name == "a" && in_group("all", requester)', approvers: {groups: [all]}}
      - {name: three, when: '(now.hour < 3 or now.hour > 5) and target.name == "a" or in_group("all", requester)', approvers: {groups: [all]}}
      - {name: four, when: 'request.reason == "in_group(\"all\", requester) and (now.hour < 3 or now.hour > 5)"', approvers: {groups: [all]}}
      - {name: rest, approvers: {groups: [all]}}`, []string{
			"20:27: the route two is never reached: the route one before it matches the same",
		}},
		"what a tag never is": {`
      - {name: one, when: 'target.tags.env ?? "" == "prd" and target.label != ""', approvers: {groups: [all]}}
      - {name: two, when: '"env" in target.tags and target.tags.env != "test"', approvers: {groups: [all]}}
      - {name: rest, approvers: {groups: [all]}}`, []string{
			`19:55: env is "prd" on no target: did you mean prod?`,
			`20:72: env is "test" on no target: there is prod`,
		}},
		"all by itself": {`
      - {name: auto, when: target.name == "b", auto_approve: true}
      - {name: all, auto_approve: true}`, []string{
			"20:10: the route all approves everything that reaches it",
		}},
		"own requests": {`
      - {name: both, when: target.name == "a", approvers: {groups: [all]}, self_approve: true, notify: [boss@example.com]}
      - {name: any, when: target.name == "b", any_of: [{groups: [all], count: 2}, {groups: [boss]}], self_approve: true, notify: [{group: all}]}
      - {name: two, approvers: {groups: [all], count: 2}, self_approve: true, notify: [{group: all}]}`, []string{
			"19:10: the route both names approvers and needs one approval, which may be that of the person who asks",
			"20:10: the route any names approvers and needs one approval, which may be that of the person who asks",
			"21:10: the route two lets everybody whom the flow one admits approve their own requests",
		}},
		"too few to be away": {`
      - {name: pair, when: target.name == "a", all_of: [{users: [x@example.com, y@example.com]}, {users: [y@example.com, z@example.com], count: 2}]}
      - {name: rest, any_of: [{users: [x@example.com]}, {groups: [boss]}]}`, []string{
			"19:10: the route pair needs every approval of x@example.com, y@example.com, z@example.com, so nobody can approve their own requests, and one absence stops all others",
		}},
		"nobody on call": {`
      - {name: duty, when: target.name == "a", approvers: {on_call: empty}}
      - {name: rest, approvers: {on_call: empty, users: [x@example.com]}}`, []string{
			"19:69: nobody is on call for empty from 2026-12-24 09:00 to 2026-12-27 09:00, so nobody can decide on the route duty then",
		}},
		"broken glass": {`
      - {name: robot, when: now.hour < 6 and target.label != "", auto_approve: true}
      - {name: blind, when: now.hour > 6, auto_approve: true, quota: {count: 1, per: 1d}}
      - {name: glass, announce: alarm, self_approve: true, review_within: 1h}`, []string{
			"20:29: the route blind asks nobody else, and does not look whether env is none or prod",
			"21:10: only admins can review what the route glass lets people do, since nobody would have decided otherwise",
			"21:10: the route glass lets everybody whom the flow one admits break the glass",
		}},
		"nothing but glass": {`
      - {name: glass, when: target.name == "a", announce: alarm, self_approve: true, review_within: 1h, reviewers: {groups: [boss]}}
      - {name: again, when: target.name == "a", announce: alarm, self_approve: true, review_within: 1h, reviewers: {groups: [boss]}}`, []string{
			"14:3: flow one has break-glass routes only, so every ordinary request is refused",
			"19:10: the route glass lets everybody whom the flow one admits break the glass",
			"20:10: the route again lets everybody whom the flow one admits break the glass",
			"20:29: the route again is never reached: the route glass before it matches the same",
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
			if strings.HasPrefix(text, "12:3: sessions of target b last 4h and a grant may be as short as 30m") || strings.Contains(text, "is not used") {
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
