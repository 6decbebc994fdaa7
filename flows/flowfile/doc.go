// Package flowfile turns the YAML that admins edit into a compiled set of
// flows.
//
//	version: 1
//	timezone: Europe/Berlin
//	groups:     {engineering: {slack: S012ABCDEF}}
//	channels:   {access: C0123ABCD}
//	strategies: {sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:..."}}
//	targets:    {billing: {label: Billing, strategy: sso, account: "222222222222", permission_set: ReadOnly}}
//	flows:
//	  finance:
//	    targets: [billing]
//	    duration: {choices: [30m, 1h], default: 1h}
//	    who: in_group("engineering", requester)
//	    routes: [{name: leads, approvers: {users: [lead@example.com]}, notify: [access]}]
//
// A route can ask people in stages, say for whom an approval counts, and what
// happens step by step while nobody answers; with announce it is for break-glass:
//
//	routes:
//	  - name: careful
//	    stages: [{approvers: {groups: [owners]}}, {any_of: [{groups: [heads], count: 2}, {users: [cto@example.com]}]}]
//	    approve_when: not in_group("contractors", approver)
//	    notify: [access, {on_call: platform}]
//	    after: [{in: 30m, approvers: {on_call: platform}}, {in: 2h, lapse: true}]
//	  - {name: glass, when: 'on_call("platform", requester)', self_approve: true, announce: security, review_within: 24h}
//
// Language describes every key. What reads the files takes those keys and no
// others, and Schema and Page, which stands in language.md, are made from it.
// What flows, targets and routes leave out may stand under defaults; Settings
// says where each value comes from.
//
// It promises that a Set is whole or is not there: with anything wrong, Load
// returns every problem with its place in the file and what was probably meant,
// and no Set. What a Set hands out does not change.
//
// It refuses what nobody would act upon: see Abilities.
// It refuses what it does not know: unknown keys, duplicate names, names that
// point nowhere, and a target that belongs to two flows or to none. It looks
// nothing up; what needs AWS or Slack is put in with WithResolved.
package flowfile
