package flowtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/flows/flowtest"
)

// TestWhatIsOtherwiseIsSaid runs tests whose every expectation is wrong.
func TestWhatIsOtherwiseIsSaid(t *testing.T) {
	bank, err := filepath.Abs(corpus + "/bank")
	if err != nil {
		t.Fatal(err)
	}
	head := `flows: [` + `FLOWS` + `]
at: 2026-11-18T10:00:00Z
people:
  paula@bank.example: {groups: [staff, payments]}
  piet@bank.example: {groups: [payments]}
  ines@bank.example: {}
  chair@bank.example: {}
tests:
  - name: wrong
    as: paula@bank.example
    target: payments-write
    fields: {ticket: CHG-1}
    expect:
      verdict: allow
`
	for expect, want := range map[string]string{
		"stages: [[piet@bank.example]]":                           "there are 3 stages, not 1",
		"stages: [[], [ines@bank.example], [chair@bank.example]]": "approvers in stage 1: piet@bank.example, not none",
		"after: [{in: 1h}]":                                       "on silence there are 3 steps, not 1: After 1 hour without a decision change-board is told.",
		"after: [{in: 2h}, {in: 2h}, {in: 3h}]":                   "a step comes after 1 hour, not 2h",
		"after: [{in: 1h}, {in: 2h}, {in: 3h, lapse: true}]":      "after 2 hours, others decide: chair@bank.example",
		"after: [{in: 1h}, {in: 2h, approvers: []}, {in: 3h}]":    "after 3 hours, #security is told, and the request is denied",
		"after: [{in: 1h, told: []}, {in: 2h}, {in: 3h}]":         "after 1 hour, people who are told: chair@bank.example, deputy@bank.example, not none",
		"after: [{in: 1h}, {in: 2h}, {in: 3h, notify: []}]":       "after 3 hours, channels that are told: security, not none",
		"told: [piet@bank.example]":                               "people who are told: none, not piet@bank.example",
		"{announce: security}":                                    `it is announced in "", not in "security"`,
		"skipped: [piet@bank.example]":                            "skipped: none, not piet@bank.example",
		"reviewers: [piet@bank.example]":                          "reviewers: none, not piet@bank.example",
	} {
		dir := t.TempDir()
		rel, err := filepath.Rel(dir, bank)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "f_test.yaml")
		text := strings.Replace(head, "FLOWS", rel, 1) + "      " + strings.Trim(expect, "{}") + "\n"
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		suite := flowtest.Run([]string{name}).Suites[0]
		if suite.Err != nil {
			t.Fatal(suite.Err)
		}
		if got := strings.Join(suite.Results[0].Failures, "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", expect, got, want)
		}
	}
}

// What is added to a grant begins when the grant would have ended.
func TestExtensionIsJudgedFromTheEndOfTheGrant(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f_test.yaml")
	flows := `version: 1
groups: {heads: {members: [h1@example.com, h2@example.com]}}
strategies: {sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}}
targets: {site: {strategy: sso, account: "222222222222", permission_set: ReadOnly}}
flows:
  web:
    targets: [site]
    duration: {choices: [1h]}
    extend: {choices: [1h]}
    who: 'true'
    guardrails: [{name: noon, deny: 'window.overlaps("Wed 12:00", "Wed 13:00")', message: Not at noon.}]
    routes: [{name: heads, approvers: {groups: [heads]}}]
`
	tests := `flows: [f.yaml]
at: 2026-11-18T10:30:00Z
tests:
  - {name: from now, as: a@example.com, target: site, extension: true, expect: {verdict: allow}}
  - {name: from the end, as: a@example.com, target: site, extension: true, ends: 2026-11-18T11:15:00Z, expect: {verdict: refuse, rules: [noon]}}
  - {name: no time, as: a@example.com, target: site, extension: true, ends: soon, expect: {verdict: refuse}}
  - {name: both, as: a@example.com, target: site, extension: true, break_glass: true, incident: INC-1, expect: {verdict: refuse, message: not extended by break-glass}}
`
	for file, text := range map[string]string{name: tests, filepath.Join(filepath.Dir(name), "f.yaml"): flows} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	suite := flowtest.Run([]string{name}).Suites[0]
	for _, r := range suite.Results {
		if failed := len(r.Failures) > 0; failed != (r.Name == "no time") {
			t.Errorf("%s: %q", r.Name, r.Failures)
		}
	}
	if suite.Err != nil {
		t.Error(suite.Err)
	}
}
