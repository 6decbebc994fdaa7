package load_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart starts sesame serve, as a process of its own, with 1,000,000
// ended requests in the store, and reports the longest that it took to be
// ready, with the flow files in force, and the most memory that it had
// resident.
func BenchmarkStart(b *testing.B) {
	const past = 1_000_000
	w := newWorld(b, 500)
	w.remember(past)
	program, file := w.build(), w.settings()
	var slowest time.Duration
	var most int64
	for b.Loop() {
		took, memory := w.start(program, file)
		slowest, most = max(slowest, took), max(most, memory)
	}
	size, err := os.Stat(filepath.Join(w.options.Config.DataDir, "sesame.db"))
	w.must(err)
	b.ReportMetric(millis(slowest), "ready-ms")
	b.ReportMetric(float64(most>>20), "resident-MB")
	b.ReportMetric(float64(size.Size()>>20), "file-MB")
	b.ReportMetric(0, "ns/op")
}

// build builds the program.
func (w *world) build() string {
	w.Helper()
	program := filepath.Join(w.dir, "sesame")
	if out, err := exec.Command("go", "build", "-o", program, "sesame/cmd/sesame").CombinedOutput(); err != nil {
		w.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// settings writes the configuration file of the program.
func (w *world) settings() string {
	w.Helper()
	c := w.options.Config
	file := filepath.Join(w.dir, "sesame.yaml")
	w.must(os.WriteFile(file, fmt.Appendf(nil, `
data_dir: %s
flows: %s
socket: %s
slack: {workspace: %s, app_token: "${env:SLACK_APP_TOKEN}", bot_token: "${env:SLACK_BOT_TOKEN}", api_url: %s}
aws: {account: %q, endpoint: %s}
identity: {trust_email: true}
roles: {admins: [admin@example.com]}
admin_channel: %s
allow_custom_endpoints: true
`, c.DataDir, c.Flows, c.Socket, c.Slack.Workspace, c.Slack.APIURL, c.AWS.Account, c.AWS.Endpoint, c.AdminChannel), 0o600))
	return file
}

// environment is what the program gets: the tokens of the stand-ins, and
// nothing of whoever runs the benchmark.
func (w *world) environment() []string {
	key, err := w.options.AWSCredentials.Retrieve(w.Context())
	w.must(err)
	return []string{
		"HOME=" + w.dir, "AWS_ACCESS_KEY_ID=" + key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + key.SecretAccessKey,
		"SLACK_APP_TOKEN=" + w.slack.AppToken(), "SLACK_BOT_TOKEN=" + w.slack.BotToken(),
	}
}

// start runs the program until it is ready and has Slack connected, and
// returns how long the former took and how much memory it had then.
func (w *world) start(program, file string) (took time.Duration, memory int64) {
	w.Helper()
	cmd := exec.Command(program, "serve", "--config", file)
	cmd.Env = w.environment()
	log, err := cmd.StderrPipe()
	w.must(err)
	begun := machine.Now()
	w.must(cmd.Start())
	text, err := until(log, "serving")
	took = machine.Now().Sub(begun)
	if err != nil {
		w.Errorf("the server did not start: %v\n%s", err, text)
	} else {
		w.must(w.slack.Await(w.Context(), func() bool { return w.hello() == 2 }))
		memory = w.resident(cmd.Process.Pid)
	}
	w.must(cmd.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(log)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		w.Errorf("the server ended with %v\n%s", err, rest)
	}
	if memory == 0 { // no /proc here
		memory = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	return took, memory
}

// until reads a log until a line has word, and returns what it read.
func until(log io.Reader, word string) (text string, err error) {
	for r := bufio.NewReader(log); ; {
		line, err := r.ReadString('\n')
		text += line
		if err != nil || strings.Contains(line, word) {
			return text, err
		}
	}
}

// resident returns the most memory that a process had resident, mapped pages of
// files included, or zero where the system does not tell.
func (w *world) resident(pid int) int64 {
	w.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	w.must(err)
	var kilobytes int64
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(rest, &kilobytes)
	w.must(err)
	return kilobytes << 10
}
