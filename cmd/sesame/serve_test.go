package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sesame/bot/slacktest"
	"sesame/strategies/awstest"
)

// TestWhatInitWritesIsServed follows the next steps that init prints, with
// stand-ins for Slack and AWS that have the ids of the files.
func TestWhatInitWritesIsServed(t *testing.T) {
	slack, aws := startSlack(t), startAWS(t)
	// Not t.TempDir: its path is longer than that of a socket may be.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := writeStarter(dir); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "sesame.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	own := strings.NewReplacer(
		"T0123456789", slack.TeamID()+"\n  api_url: "+slack.APIURL(),
		`account: "111111111111"`, `account: "111111111111"`+"\n  endpoint: "+aws.URL(),
	).Replace(string(text)) + "\nallow_custom_endpoints: true\n"
	if err := os.WriteFile(config, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}

	sesame(t, 0, "flows", "check", filepath.Join(dir, "flows"), "--online", "--config", config)
	log, stop := serve(t, config)
	log.until("serving")
	out := sesame(t, 0, "status", "--config", config)
	if !strings.Contains(out, "opens and ends access") {
		t.Errorf("status:\n%s\nwant that it opens access", out)
	}

	sesame(t, 1, "audit", "verify", "--data", filepath.Join(dir, "data"))
	sesame(t, 0, "audit", "verify", "--config", config)
	backup := filepath.Join(dir, "backup.db")
	sesame(t, 0, "backup", backup, "--config", config)
	sesame(t, 0, "audit", "verify", "--backup", backup, "--key", filepath.Join(dir, "data", "audit.pub"))
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(err)
	}
	log.until("flow files in force")

	for _, call := range aws.Calls() {
		// STS answers anybody who they are.
		if action := call.Service + ":" + call.Operation; call.Service != "sts" && !readPolicy(t).allows(action) {
			t.Errorf("the server called %s, which the policy of init does not allow", action)
		}
	}

	stop()
	sesame(t, exitNotRunning, "status", "--config", config)
	sesame(t, 0, "audit", "verify", "--data", filepath.Join(dir, "data"))
}

func startSlack(t *testing.T) *slacktest.Workspace {
	t.Helper()
	slack := slacktest.New(slacktest.Config{NoRateLimits: true})
	if err := slack.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := slack.Close(); err != nil {
			t.Error(err)
		}
	})
	slack.AddChannel(slacktest.Channel{ID: "C0123456789", Name: "access", Members: []string{slack.BotUser()}})
	slack.AddGroup(slacktest.Group{ID: "S0123456789", Handle: "engineering"})
	t.Setenv("SLACK_APP_TOKEN", slack.AppToken())
	t.Setenv("SLACK_BOT_TOKEN", slack.BotToken())
	return slack
}

func startAWS(t *testing.T) *awstest.World {
	t.Helper()
	aws := awstest.New(awstest.Config{})
	if err := aws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(aws.Close)
	aws.AddAccount(awstest.Account{ID: "222222222222", Name: "front end"})
	aws.AddPermissionSet(awstest.PermissionSet{Name: "FrontEndOperator"})
	for _, name := range []string{"AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	key := aws.AddKey("111111111111", "sesame")
	t.Setenv("AWS_ACCESS_KEY_ID", key.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", key.Secret)
	return aws
}

// sesame runs a command, and returns what it printed.
func sesame(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out strings.Builder
	if got := exitCode(run(t.Context(), args, strings.NewReader(""), &out, &out)); got != code {
		t.Fatalf("sesame %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, &out)
	}
	return out.String()
}

// serve runs the server until stop is called, which waits for its end.
func serve(t *testing.T, config string) (log *tail, stop func()) {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"serve", "--config", config}, strings.NewReader(""), io.Discard, w)
		w.Close()
	}()
	log = &tail{t: t, lines: make(chan string, 1000)}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			log.lines <- s.Text()
		}
		close(log.lines)
	}()
	return log, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("serve: %v", err)
		}
	}
}

// A tail is a log that is read as it is written.
type tail struct {
	t     *testing.T
	lines chan string
	seen  strings.Builder
}

// until reads the log until a line has text.
func (l *tail) until(text string) {
	l.t.Helper()
	for line := range l.lines {
		l.seen.WriteString(line + "\n")
		if strings.Contains(line, text) {
			return
		}
	}
	l.t.Fatalf("the log ends without %q:\n%s", text, &l.seen)
}
