package server_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/bot/slacktest"
	"sesame/cmd/sesame/server"
	"sesame/flows/flowfile"
	"sesame/store/bolt"
)

func TestAServerSaysHowItIs(t *testing.T) {
	r := newRig(t)
	c := r.start()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.ClosingOnly != "" || s.Revision == "" || s.Account != management || !s.Started.Equal(noon) {
		t.Errorf("status %+v, want an open server of account %s, started at noon", s, management)
	}
}

func TestBrokenFlowFilesLeaveAServerThatOnlyEnds(t *testing.T) {
	r := newRig(t)
	r.writeFlows("version: 1\nflows: {}\n")
	c := r.start()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.ClosingOnly, "the flow files cannot be used") || s.Outbox != 1 {
		t.Errorf("status %+v, want closing only, and one notice for the admin channel", s)
	}

	r.writeFlows(flowsYAML)
	r.sighup()
	if err := r.log.await(t.Context(), "flow files in force"); err != nil {
		t.Fatal(err)
	}
	if s, err = c.Status(t.Context()); err != nil || s.ClosingOnly != "" {
		t.Errorf("after the repair: %+v, %v", s, err)
	}
}

func TestABadReloadChangesNothing(t *testing.T) {
	r := newRig(t)
	c := r.start()
	before, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, new, want string }{
		{"a typo", "permission_set:", "permision_set:", "permision_set"},
		{"a permission set that is not there", "FrontEnd}", "BackEnd}", `targets.ec2-frontend: the permission set \"BackEnd\" does not exist`},
		{"an account that is not there", frontend, "333333333333", "the account 333333333333 is not in the organization"},
		{"a group that is not there", "%GROUP%", "S0UNKNOWN1", "groups.engineering: there is no user group S0UNKNOWN1"},
		{"a channel that Slack does not show", "%CHANNEL%", "C0UNKNOWN1", "channels.access: Slack does not show C0UNKNOWN1 to the app (channel_not_found)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.writeFlows(strings.Replace(flowsYAML, tt.old, tt.new, 1))
			r.sighup()
			if err := r.log.await(t.Context(), tt.want); err != nil {
				t.Fatalf("%v\n%s", err, r.log)
			}
			if after, err := c.Status(t.Context()); err != nil || after.Revision != before.Revision || after.ClosingOnly != "" {
				t.Errorf("status %+v, %v, want revision %s as before", after, err, before.Revision)
			}
		})
	}
}

func TestAServerThatCouldDoNothingDoesNotStart(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*rig)
		want  []string
	}{
		{"credentials of another account", func(r *rig) { r.useKey(frontend) },
			[]string{"of account 222222222222, want account 111111111111"}},
		{"a token of another workspace", func(r *rig) { r.options.Config.Slack.Workspace = "T0OTHER000" },
			[]string{"slack.workspace: the bot token is one of", "not of T0OTHER000"}},
		{"missing scopes, one by one", func(r *rig) {
			r.slack = slacktest.New(slacktest.Config{Clock: r.clock, Scopes: []string{"commands", "chat:write", "users:read", "users:read.email", "channels:read", "groups:read", "team:read"}})
			if err := r.slack.Start(); err != nil {
				r.Fatal(err)
			}
			r.Cleanup(func() { r.slack.Close() })
			r.options.Config.Slack.APIURL, r.options.Config.Slack.Workspace = r.slack.APIURL(), r.slack.TeamID()
		}, []string{"slack.bot_token: the scope im:write is missing", "slack.bot_token: the scope usergroups:read is missing"}},
		{"a revoked token", func(r *rig) { r.slack.RevokeToken(r.slack.BotToken()) },
			[]string{"slack.bot_token: Slack refuses it", "install the app again"}},
		{"a store that another server has open", func(r *rig) {
			store, err := bolt.Open(bolt.Options{Dir: r.options.Config.DataDir})
			if err != nil {
				r.Fatal(err)
			}
			r.Cleanup(func() { store.Close() })
		}, []string{"store in use"}},
		{"a store file that was cut short", func(r *rig) {
			r.startOnce()
			if err := os.Truncate(filepath.Join(r.options.Config.DataDir, "sesame.db"), 10_000); err != nil {
				r.Fatal(err)
			}
		}, []string{"sesame.db"}},
		{"a store older than its last checkpoint", func(r *rig) {
			head := "7:" + strings.Repeat("ab", 32) + "\n"
			r.startOnce()
			if err := os.WriteFile(filepath.Join(r.options.Config.DataDir, "audit.head"), []byte(head), 0o600); err != nil {
				r.Fatal(err)
			}
		}, []string{"older than its last checkpoint", "put the newer store back"}},
		{"a data directory of a newer version", func(r *rig) {
			dir := r.options.Config.DataDir
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("99\n"), 0o600)); err != nil {
				r.Fatal(err)
			}
		}, []string{"newer"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			tt.spoil(r)
			got := r.refused()
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("refused with %q, want %q in it", got, want)
				}
			}
		})
	}
}

func TestSlackOutOfReachIsTriedAgain(t *testing.T) {
	r := newRig(t)
	r.slack.SetDown(true)
	c := r.start()
	s, err := c.Status(t.Context())
	if err != nil || s.ClosingOnly == "" {
		t.Fatalf("status %+v, %v, want closing only", s, err)
	}
	r.slack.SetDown(false)
	r.clock.Advance(31e9)
	if err := r.log.await(t.Context(), "flow files in force"); err != nil {
		t.Fatalf("%v\n%s", err, r.log)
	}
}

func TestTheRecordOfARunningServerIsWhole(t *testing.T) {
	r := newRig(t)
	c := r.start()
	proof, err := c.Verify(t.Context(), "")
	if err != nil || proof.Broken != "" {
		t.Errorf("verify: %+v, %v", proof, err)
	}
	if _, err := c.Verify(t.Context(), "nonsense"); err == nil {
		t.Error("a head that is none is not refused")
	}
	if _, err := c.Backup(t.Context(), filepath.Join(r.options.Config.DataDir, "backup")); err != nil {
		t.Error(err)
	}
}

func TestFlowFilesAreCheckedOnlineWithoutAServer(t *testing.T) {
	r := newRig(t)
	check := func() (server.Findings, error) {
		set, err := flowfile.Abilities{}.Open(r.options.Config.Flows)
		if err != nil {
			t.Fatal(err)
		}
		return server.Check(t.Context(), r.options, set)
	}
	if warnings, err := check(); err != nil || len(warnings) > 0 {
		t.Errorf("good files: %v, %v", warnings, err)
	}
	r.writeFlows(strings.Replace(flowsYAML, "[1h, 2h]", "[30m, 1h]", 1))
	if warnings, err := check(); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].Message, "can outlive it by 1h") {
		t.Errorf("grants shorter than a session: %v, %v, want a warning", warnings, err)
	}
	r.slack.EditChannel(r.channel, func(c *slacktest.Channel) { c.ExtShared = true })
	r.slack.EditGroup(r.group, func(g *slacktest.Group) { g.Disabled = true })
	r.aws.RemoveAccount(frontend)
	_, err := check()
	found, _ := errors.AsType[server.Findings](err)
	if len(found) != 3 {
		t.Errorf("findings %v, want one on the account, the channel and the group", err)
	}
	r.slack = slacktest.New(slacktest.Config{Clock: r.clock, FreePlan: true})
	if err := r.slack.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.slack.Close() })
	r.options.Config.Slack.APIURL, r.options.Config.Slack.Workspace = r.slack.APIURL(), r.slack.TeamID()
	if _, err := check(); err == nil || !strings.Contains(err.Error(), "this workspace's plan has none") {
		t.Errorf("without user groups: %v", err)
	}
}

func TestPrometheusIsAnswered(t *testing.T) {
	r := newRig(t)
	// The port is free now; that nobody takes it meanwhile is all one can have.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.options.Config.Metrics.Listen = l.Addr().String()
	l.Close()
	r.start()
	if err := r.log.await(t.Context(), "metrics are answered"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + r.options.Config.Metrics.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# TYPE sesame_grants_late gauge\n", "\nsesame_opens 1\n", "\nsesame_requests_pending 0\n", "\nsesame_aws_waiting 0\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("metrics lack %q:\n%s", want, text)
		}
	}
}
