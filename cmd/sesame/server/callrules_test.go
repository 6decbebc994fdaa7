package server_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/proxy/calls"
)

// TestRulesOfCallsHoldThroughEverything has an engineer ask for a target whose
// rules refuse calls late in the grant.
func TestRulesOfCallsHoldThroughEverything(t *testing.T) {
	s := newServed(t)
	const rule = `{name: late, deny: 'grant.left < duration("30m") and requester.email endsWith "@example.com"', message: "{requester.email}: after {grant.target} for half an hour nothing new is begun."}`
	with := strings.Replace(rolesYAML, `allow: ["ec2:Describe*"]}`, `allow: ["ec2:Describe*"], rules: [`+rule+`]}`, 1)
	s.writeFlows(with)
	s.connected(s.start())
	s.ask("ec2-frontend")
	client := s.client(s.grantIn(access.Open))
	if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatalf("early: %v\n%s", err, s.log)
	}
	s.clock.Advance(40 * time.Minute)
	_, err := client.GetCallerIdentity(t.Context(), nil)
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != "AccessDenied" || api.ErrorMessage() != "alice@example.com: after ec2-frontend for half an hour nothing new is begun." {
		t.Errorf("late: %v", err)
	}
	s.stop()
	var rules []string
	if err := calls.Each(filepath.Join(s.options.Config.DataDir, "calls"), func(e calls.Entry) error {
		rules = append(rules, e.Rule)
		return nil
	}); err != nil || strings.Join(rules, ",") != ",calls.rules late" {
		t.Errorf("recorded %q, %v", rules, err)
	}
}
