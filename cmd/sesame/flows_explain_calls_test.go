package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const callsYAML = `version: 1
groups: {engineering: {members: [alice@example.com]}}
strategies:
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
targets:
  front:
    strategy: role
    calls:
      read_only: false
      no_delete: true
      no_secrets: true
      assume: ["arn:aws:iam::333333333333:role/Deploy"]
      rules:
        - {name: logs, deny: '(call.params["Bucket"] ?? "") == "logs"', message: "{call.operation} of logs is refused: ask the auditors."}
        - {name: night, deny: now.hour < 6, message: It is night.}
flows:
  all:
    targets: [front]
    duration: {choices: [1h]}
    who: 'in_group("engineering", requester)'
    routes: [{name: auto, auto_approve: true}]
`

// TestRulesOfCallsAreShown has people see the rules of calls before they ask.
func TestRulesOfCallsAreShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flows.yaml")
	if err := os.WriteFile(file, []byte(callsYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	explained := sesame(t, 0, "flows", "explain", file, "--as", "alice@example.com", "--target", "front")
	if want := "each call   no_delete refuses what may delete something\n            no_secrets refuses what may show a secret\n            logs refuses (call.params[\"Bucket\"] ?? \"\") == \"logs\"\n            night refuses now.hour < 6\n"; !strings.Contains(explained, want) {
		t.Errorf("got\n%s\nwant\n%s", explained, want)
	}
	if want := "exceptions  lets its holder go on as arn:aws:iam::333333333333:role/Deploy, with keys of Sesame's and under the same rules\n"; !strings.Contains(explained, want) {
		t.Errorf("got\n%s\nwant\n%s", explained, want)
	}
	shown := sesame(t, 0, "flows", "show", "front", "--files", file)
	if !strings.Contains(shown, "calls.rules.night.deny") || !strings.Contains(shown, file+":15:31") {
		t.Errorf("got\n%s", shown)
	}
	if schema := sesame(t, 0, "flows", "schema"); !strings.Contains(schema, `"call_rule"`) {
		t.Error("the schema does not know rules of calls")
	}
}
