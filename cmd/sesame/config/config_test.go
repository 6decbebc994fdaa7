package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/cmd/sesame/config"
)

const whole = `data_dir: data
slack:
  workspace: T012ABCDEF
  app_token: ${env:SLACK_APP_TOKEN}
  bot_token: ${file:bot-token}
aws:
  account: "111111111111"
  role_chain:
    - role_arn: arn:aws:iam::222222222222:role/Sesame
      external_id: ${file:external-id}
identity:
  trust_email: true
roles:
  admins: [admin@example.com]
admin_channel: C012ABCDEF
operators:
  1000: U012ABCDEF
`

func TestDefaultsStandForWhatIsLeftOut(t *testing.T) {
	c, err := config.Parse("sesame.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Slack = config.Slack{Workspace: "T012ABCDEF", AppToken: "${env:SLACK_APP_TOKEN}", BotToken: "${file:bot-token}"}
	want.AWS = config.AWS{Account: "111111111111", RoleChain: []config.Role{{
		ARN: "arn:aws:iam::222222222222:role/Sesame", ExternalID: "${file:external-id}",
		SessionName: "sesame", Duration: time.Hour,
	}}}
	want.Identity.TrustEmail = true
	want.Roles.Admins = []string{"admin@example.com"}
	want.AdminChannel = "C012ABCDEF"
	want.Operators = map[uint32]string{1000: "U012ABCDEF"}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestEveryProblemComesAtOnceWithItsPlace(t *testing.T) {
	_, err := config.Parse("sesame.yaml", []byte(`slack:
  workspace: acme
  app_token: xapp-1-A1-2-secret
  api_url: https://slack.example.com/api
aws:
  account: "1234"
  endpoint: http://10.0.0.1:4566
  role_chain:
    - role_arn: role/Sesame
      session_name: "a b"
      duration: 2h
identity:
  people:
    U012ABCDEF: 90677f11-aaaa
    U012ABCDEG: 90677f11-aaaa
    bob: bob@example.com
roles:
  admins: [admin]
admin_channel: "#access"
limits:
  calls_per_second: 40
  outstanding: 0
  workers: 1000
unsure: maybe
operators:
  1000: alice
log: {level: loud, format: xml}
metrics:
  listen: 0.0.0.0:9090
`))
	want := `sesame.yaml:2:3: slack.bot_token: must say where the token is, as ${env:NAME} or ${file:PATH}
sesame.yaml:2:14: slack.workspace: must be the id of the workspace (T…), or of the enterprise where there is one (E…)
sesame.yaml:3:14: slack.app_token: must say where the secret is, as ${env:NAME} or ${file:PATH}: the file that everybody reads is no place for it
sesame.yaml:4:12: slack.api_url: needs allow_custom_endpoints: true, since whoever sets an endpoint can fake success
sesame.yaml:4:12: slack.api_url: must end with a slash
sesame.yaml:6:12: aws.account: must be the 12 digits of the account that the credentials belong to, in quotes
sesame.yaml:7:13: aws.endpoint: needs allow_custom_endpoints: true, since whoever sets an endpoint can fake success
sesame.yaml:7:13: aws.endpoint: must be an https address, or one on this machine
sesame.yaml:9:17: aws.role_chain[0].role_arn: must be the ARN of a role
sesame.yaml:10:21: aws.role_chain[0].session_name: must be 2 to 64 letters, digits and any of _+=,.@-
sesame.yaml:11:17: aws.role_chain[0].duration: must be 15m to 1h
sesame.yaml:15:17: identity.people.U012ABCDEG: maps to the same Identity Center user as U012ABCDEF
sesame.yaml:16:10: identity.people.bob: must map the id of a Slack user (U… or W…)
sesame.yaml:16:10: identity.people.bob: must map to the id of an Identity Center user, not to a name or address
sesame.yaml:18:12: roles.admins[0]: must be the id of a Slack user (U… or W…) or an e-mail address
sesame.yaml:19:16: admin_channel: must be the id of a channel (C…), which its details show at the bottom
sesame.yaml:21:21: limits.calls_per_second: must be more than 0 and at most 20, which is what AWS allows
sesame.yaml:22:16: limits.outstanding: must be 1 to 10, which is what AWS allows
sesame.yaml:23:12: limits.workers: must be 1 to 256
sesame.yaml:24:9: unsure: must be report or remove
sesame.yaml:26:9: operators.1000: must be the id of a Slack user (U… or W…)
sesame.yaml:27:14: log.level: must be debug, info, warn or error
sesame.yaml:27:28: log.format: must be json or console
sesame.yaml:29:11: metrics.listen: must be a loopback address with a port, such as 127.0.0.1:9090`
	if diff := cmp.Diff(want, errorText(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if strings.Contains(errorText(err), "secret-") || strings.Contains(errorText(err), "xapp-1") {
		t.Error("a token that stands in the file was printed")
	}
}

func TestSinks(t *testing.T) {
	c, err := config.Parse("sesame.yaml", []byte(whole+`sinks:
  - {name: siem, url: "https://siem.example.com/take?key=1", token: "${file:siem}"}
  - {name: pager, url: "https://pager.example.com", timeout: 5s}
`))
	want := []config.Sink{
		{Name: "siem", URL: "https://siem.example.com/take?key=1", Token: "${file:siem}", Timeout: config.DefaultSinkTimeout},
		{Name: "pager", URL: "https://pager.example.com", Timeout: 5 * time.Second},
	}
	if diff := cmp.Diff(want, c.Sinks); diff != "" || err != nil {
		t.Errorf("sinks (-want +got):\n%s, %v", diff, err)
	}
	_, err = config.Parse("sesame.yaml", []byte(whole+`sinks:
  - {name: The SIEM, url: "https://me:hunter2@siem.example.com", token: hunter2}
  - {name: local, url: "http://127.0.0.1:8080"}
  - {name: local, url: "http://pager.example.com", timeout: 1h}
`))
	wrong := `sesame.yaml:19:12: sinks[0].name: must be 1 to 40 small letters, digits, _ and -
sesame.yaml:19:27: sinks[0].url: must be an https address without a password
sesame.yaml:19:73: sinks[0].token: must say where the secret is, as ${env:NAME} or ${file:PATH}: the file that everybody reads is no place for it
sesame.yaml:20:24: sinks[1].url: needs allow_custom_endpoints: true to be http, even on this machine
sesame.yaml:21:12: sinks[2].name: is the name of sinks[1] already
sesame.yaml:21:24: sinks[2].url: must be an https address without a password
sesame.yaml:21:24: sinks[2].url: needs allow_custom_endpoints: true to be http, even on this machine
sesame.yaml:21:61: sinks[2].timeout: must be 1s to 1m`
	if diff := cmp.Diff(wrong, errorText(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	local := whole + "allow_custom_endpoints: true\nsinks:\n  - {name: local, url: \"http://127.0.0.1:8080\"}\n"
	if _, err := config.Parse("sesame.yaml", []byte(local)); err != nil {
		t.Error(err)
	}
}

func TestTheFileIsReadStrictly(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"an unknown key", "admin_chanel: C012ABCDEF\n", `sesame.yaml:1:1: unknown field "admin_chanel"`},
		{"an unknown key below", "slack:\n  token: x\n", `sesame.yaml:2:3: unknown field "token"`},
		{"a key twice", "flows: a\nflows: b\n", `sesame.yaml:2:1: mapping key "flows" already defined at [1:1]`},
		{"a wrong type", "limits: {workers: many}\n", "sesame.yaml:1:19: must be a number"},
		{"text for a list", "roles: {admins: me}\n", "sesame.yaml:1:17: string was used where sequence is expected"},
		{"no YAML", "slack: [\n", "sesame.yaml:1:8: sequence end token ']' not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("sesame.yaml", []byte(tt.text))
			if diff := cmp.Diff(tt.want, errorText(err)); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sesame.yaml")
	write(t, path, whole, 0o644)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.DataDir, c.Flows, c.Socket, string(c.Slack.BotToken), string(c.AWS.RoleChain[0].ExternalID), string(c.Slack.AppToken)}
	want := []string{
		filepath.Join(dir, "data"), filepath.Join(dir, "flows"), filepath.Join(dir, "data", "sesame.sock"),
		"${file:" + filepath.Join(dir, "bot-token") + "}", "${file:" + filepath.Join(dir, "external-id") + "}", "${env:SLACK_APP_TOKEN}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestSecretsAreReadFromWhereTheFileSays(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name, app, bot string
		mode           os.FileMode
		want           string
	}{
		{"both are right", "xapp-1-A", "xoxb-1", 0o600, ""},
		{"the tokens are swapped", "xoxb-1", "xapp-1-A", 0o600,
			"slack.app_token: this is a bot token (xoxb-…) where an app-level token (xapp-…) is needed\n" +
				"slack.bot_token: this is an app-level token (xapp-…) where a bot token (xoxb-…) is needed"},
		{"a user token", "xapp-1-A", "xoxp-1", 0o600, "slack.bot_token: this is a user token (xoxp-…) where a bot token (xoxb-…) is needed"},
		{"something else", "hunter2", "xoxb-1", 0o600, "slack.app_token: this is no Slack token: an app-level token starts with xapp-"},
		{"the environment has none", "", "xoxb-1", 0o600, "slack.app_token: the environment has no SLACK_APP_TOKEN: set it, or refer to a file instead"},
		{"others can read the file", "xapp-1-A", "xoxb-1", 0o640,
			"slack.bot_token: DIR/bot-token can be read by others (mode -rw-r-----): chmod 600 it, and replace the secret if it was seen"},
		{"an empty file", "xapp-1-A", "\n", 0o600, "slack.bot_token: DIR/bot-token is empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(dir, "bot-token")
			write(t, path, tt.bot, tt.mode)
			c := config.Default()
			c.Slack.AppToken, c.Slack.BotToken = "${env:SLACK_APP_TOKEN}", config.Ref("${file:"+path+"}")
			s, err := c.ReadSecrets(func(string) (string, bool) { return tt.app, tt.app != "" })
			if diff := cmp.Diff(tt.want, strings.ReplaceAll(errorText(err), dir, "DIR")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if tt.want == "" && (s.AppToken.Reveal() != tt.app || s.BotToken.Reveal() != tt.bot) {
				t.Error("the tokens are not those that were stored")
			}
		})
	}
}

func TestProblemsAreATypeForCallers(t *testing.T) {
	_, err := config.Parse("sesame.yaml", nil)
	if _, ok := errors.AsType[config.Problems](err); !ok {
		t.Errorf("an empty file: %v (%T), want Problems", err, err)
	}
	if err := config.Default().Validate(); err == nil {
		t.Error("the defaults alone are taken for a whole configuration")
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
