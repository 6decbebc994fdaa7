package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/cmd/sesame/server"
	"sesame/flows/flowfile"
	"sesame/flows/oncall/oncalltest"
)

// withOnCall puts an on-call schedule into the flow files, whose people decide.
func withOnCall(schedule string) string {
	yaml := strings.Replace(flowsYAML, "channels:", "on_call: {platform: "+schedule+"}\nchannels:", 1)
	return strings.Replace(yaml, "approvers: {groups: [leads], count: 1}", "approvers: {on_call: platform, groups: [leads]}", 1)
}

const paged = `{pagerduty: {policy: POLICY1, token: "${file:pagerduty}"}}`

// onCallService returns a stand-in that the rig's server asks.
func (r *rig) onCallService() *oncalltest.Service {
	r.Helper()
	service := oncalltest.NewService(r.clock)
	service.Shifts("bob@example.com")
	r.options.OnCallTransport = service
	r.options.Config.FlowSecrets = r.TempDir()
	if err := os.WriteFile(filepath.Join(r.options.Config.FlowSecrets, "pagerduty"), []byte(oncalltest.Token+"\n"), 0o600); err != nil {
		r.Fatal(err)
	}
	return service
}

func TestOnCallSchedulesAreCheckedOnline(t *testing.T) {
	r := newRig(t)
	service := r.onCallService()
	for name, test := range map[string]struct {
		schedule      string
		fault         oncalltest.Fault
		warning, want string // nothing if empty
	}{
		"a policy":               {schedule: paged},
		"a rotation":             {schedule: "{static: {people: [bob@example.com]}}"},
		"a user group":           {schedule: "{slack: %GROUP%}"},
		"no such policy":         {schedule: strings.Replace(paged, "POLICY1", "POLICY2", 1), want: "on_call.platform: it answered 404"},
		"no such level":          {schedule: strings.Replace(paged, "POLICY1", "POLICY1, level: 4", 1), want: "on_call.platform: the policy POLICY1 has 1 levels and no level 4"},
		"no such secret":         {schedule: strings.Replace(paged, "file:pagerduty", "file:pagedruty", 1), want: "on_call.platform: its token cannot be read"},
		"no such user group":     {schedule: "{slack: S0UNKNOWN1}", want: "on_call.platform: there is no user group S0UNKNOWN1"},
		"a service that is down": {schedule: paged, fault: oncalltest.Down, warning: "it answered 503 Service Unavailable; what hangs on it is refused until it answers"},
	} {
		service.Misbehave(test.fault)
		r.writeFlows(withOnCall(test.schedule))
		set, err := flowfile.Abilities{}.Open(r.options.Config.Flows)
		if err != nil {
			t.Fatal(err)
		}
		warnings, err := server.Check(t.Context(), r.options, set)
		found, _ := errors.AsType[server.Findings](err)
		if (test.want == "") != (err == nil) || err != nil && (len(found) != 1 || !strings.HasPrefix(found.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if (test.warning == "") != (len(warnings) == 0) || len(warnings) > 0 && (warnings[0].Path != "on_call.platform" || warnings[0].Message != test.warning) {
			t.Errorf("%s: warnings %v, want %q", name, warnings, test.warning)
		}
		if err != nil && strings.Contains(err.Error(), oncalltest.Token) {
			t.Errorf("%s: the token is in %v", name, err)
		}
	}
}

func TestAServerStartsWithoutAnOnCallService(t *testing.T) {
	r := newRig(t)
	r.onCallService().Misbehave(oncalltest.Down)
	r.writeFlows(withOnCall(paged))
	status, err := r.start().Status(t.Context())
	if err != nil || status.ClosingOnly != "" {
		t.Errorf("%+v, %v", status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.log.await(ctx, "what hangs on it is refused until it answers"); err != nil {
		t.Errorf("nobody is warned: %v", err)
	}
}
