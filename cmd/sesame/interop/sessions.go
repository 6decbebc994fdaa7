//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
	"sesame/strategies/awstest"
	"sesame/strategies/awstest/agent"
)

// start begins command lines of sessions.
const start = "ssm start-session --target " + machine

// A sitting is one session at a terminal.
type sitting struct {
	name string
	args string
	// prepare changes the stand before, and do is what the typist does.
	prepare func(*stand)
	do      func(context.Context, *stand, *typist)
	// compared says that what the terminal got is all recorded.
	compared bool
	// breaks is how often the connection breaks.
	breaks int
}

// sittings are the sessions. The long one counts up to last.
func sittings(last int) []sitting {
	return []sitting{
		{"a shell", start, nil, shellSitting, true, 0},
		{"window resize", start, nil, resizeSitting, true, 0},
		{"an interactive command", start + ` --document-name AWS-StartInteractiveCommand --parameters {"command":["cat"]}`, nil, catSitting, true, 0},
		{"a command's exit code", start + ` --document-name AWS-StartNonInteractiveCommand --parameters {"command":["exit␣3"]}`, nil, codeSitting, true, 0},
		{"much output", start, nil, func(_ context.Context, _ *stand, t *typist) {
			t.until(agent.Prompt)
			t.types(fmt.Sprintf("seq %d\r", last))
			t.until(fmt.Sprintf("\n%d\r\n", last))
			leave(t)
		}, true, 0},
		{"a lost connection", start, nil, lostSitting, true, 2},
		{"a sealed session", start, (*stand).seal, shellSitting, true, 0},
		{"a port, with a web server behind it", start + ` --document-name AWS-StartPortForwardingSession --parameters {"portNumber":["80"]}`, nil, portSitting, false, 0},
		{"a port of another host", start + ` --document-name AWS-StartPortForwardingSessionToRemoteHost --parameters {"portNumber":["80"],"host":["web.internal"]}`, nil, portSitting, false, 0},
		{"a container of ECS", "ecs execute-command --cluster " + cluster + " --task " + task + " --interactive --command /bin/sh", nil, shellSitting, true, 0},
	}
}

// seal has the shell's document seal, until furnished anew.
func (s *stand) seal() { s.document(sealing) }

func (s *stand) document(key string) {
	s.world.AddSessionDocument(awstest.SessionDocument{Name: "SSM-SessionManagerRunShell", Kind: ssm.SessionShell, KeyID: key})
}

func leave(t *typist) {
	t.until(agent.Prompt)
	t.types("exit\r")
}

// shellSitting has all that a terminal shows pass: text, colours, a secret, and
// characters that messages cut.
func shellSitting(_ context.Context, _ *stand, t *typist) {
	for _, line := range []string{"echo grüße \x1b[31mred\x1b[0m\r", "runes 5000\r", "sudo whoami\r"} {
		t.until(agent.Prompt)
		t.types(line)
	}
	t.until("password for ")
	t.types("hunter2\r")
	leave(t)
}

// resizeSitting changes the size until the shell has seen it: the plugin looks
// twice a second.
func resizeSitting(ctx context.Context, _ *stand, t *typist) {
	t.until(agent.Prompt)
	t.resize(pty.Winsize{Rows: 41, Cols: 123})
	for from := 0; t.err == nil && !strings.Contains(t.got.String()[from:], "\n41 123\r\n"); {
		from = t.seen
		t.types("stty size\r")
		t.until(agent.Prompt)
		t.err = errors.Join(t.err, context.Cause(ctx))
	}
	t.types("exit\r")
}

func catSitting(_ context.Context, _ *stand, t *typist) {
	t.types("typed\r")
	t.until("typed\r\ntyped\r\n")
	t.types("\x04")
}

func codeSitting(context.Context, *stand, *typist) {}

// lostSitting breaks the connection in the middle of output, twice.
func lostSitting(_ context.Context, s *stand, t *typist) {
	t.until(agent.Prompt)
	t.types("seq 30000\r")
	for _, at := range []string{"\n1000\r\n", "\n15000\r\n"} {
		t.until(at)
		for _, open := range s.world.ShellSessions() {
			s.world.CutShell(open.ID)
		}
	}
	t.until("\n30000\r\n")
	leave(t)
}

var opened = regexp.MustCompile(`Port (\d+) opened|Forwarding 127\.0\.0\.1:(\d+)`)

// portSitting gets a page through a port, some times at once.
func portSitting(ctx context.Context, s *stand, t *typist) {
	for t.err == nil && !opened.Match(t.got.Bytes()) {
		if err := t.read(); err != nil {
			t.err = fmt.Errorf("no port was opened: %q: %w", t.got.String(), err)
		}
	}
	if t.err != nil {
		return
	}
	ports := opened.FindSubmatch(t.got.Bytes())
	at := "http://127.0.0.1:" + string(ports[1]) + string(ports[2]) + "/"
	var all errgroup.Group
	for range 4 {
		all.Go(func() error { return s.get(ctx, at) })
	}
	t.err = errors.Join(all.Wait(), syscall.Kill(-t.cmd.Process.Pid, syscall.SIGINT)) // as a terminal does, all of them
}

// get compares the page of a web server with the one behind the machine.
func (s *stand) get(ctx context.Context, at string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if string(got) != s.page {
		return errors.Join(err, fmt.Errorf("%d bytes came through the port, and not the page of %d", len(got), len(s.page)))
	}
	return nil
}

// sessions has each plugin take part in all sittings.
func (o options) sessions(ctx context.Context, dir string, running *errgroup.Group) error {
	s, err := o.newStand(ctx, dir, running)
	if err != nil {
		return err
	}
	ours := filepath.Join(dir, "plugin")
	if err := errors.Join(os.Mkdir(ours, 0o700), os.Symlink(o.sesame, filepath.Join(ours, "session-manager-plugin"))); err != nil {
		return err
	}
	var t table
	for _, p := range []struct{ name, dir string }{{"awscli and plugin", o.bin}, {"awscli and sesame", ours}} {
		for _, c := range sittings(o.count) {
			if o.only != "" && o.only != "sessions" && !strings.Contains(c.name, o.only) {
				continue
			}
			got, err := o.sitting(ctx, s, c, p.dir)
			t.sat(p.name, c.name, got, err)
		}
	}
	t.print(os.Stdout)
	return errors.Join(t.verdict(), s.recordings.Close())
}

// sittingIn is how long a session may take.
const sittingIn = 3 * time.Minute

// sitting has one session, and returns what is to be said of it.
func (o options) sitting(ctx context.Context, s *stand, c sitting, plugin string) (string, error) {
	s.document("")
	if c.prepare != nil {
		c.prepare(s)
	}
	args := strings.Fields(c.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "␣", " ")
	}
	ctx, cancel := context.WithTimeout(ctx, sittingIn)
	defer cancel()
	began := clock.System{}.Now()
	t, err := sit(s.aws(ctx, o, plugin, args...), pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return "", err
	}
	if c.do(ctx, s, t); t.err != nil {
		_ = t.cmd.Process.Kill()
		_, _ = t.leaves()
		return "", t.err
	}
	ended, err := t.leaves()
	if err != nil {
		return "", err
	}
	if !c.compared {
		return fmt.Sprintf("%s, %.1fs", ended, clock.System{}.Now().Sub(began).Seconds()), nil
	}
	recorded, err := s.recordings.output(ctx)
	if err != nil {
		return "", fmt.Errorf("read the recording of %q: %w", last(t.got.String()), err)
	}
	shown := strings.ToValidUTF8(t.shown(), "\uFFFD")
	if plugin == o.bin {
		shown = once(shown, recorded, c.breaks)
	}
	if shown != recorded {
		return "", differs(shown, recorded)
	}
	return fmt.Sprintf("%d bytes recorded as shown, %s, %.1fs: %s", len(recorded), ended, clock.System{}.Now().Sub(began).Seconds(), last(recorded)), nil
}

// once drops from what was shown what was shown twice: a message that the
// plugin could not acknowledge any more, since the connection broke, which it
// counts as not shown (src/datachannel/streaming.go, HandleOutputMessage).
func once(shown, recorded string, breaks int) string {
	for range breaks {
		at := parts(shown, recorded)
		next := recorded[at:min(len(recorded), at+channel.ChunkSize)]
		for n := 1; n <= channel.ChunkSize && at+n < len(shown); n++ {
			if strings.HasPrefix(shown[at+n:], next) {
				shown = shown[:at] + shown[at+n:]
				break
			}
		}
	}
	return shown
}

// parts is where two texts part.
func parts(a, b string) int {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return at
}

// differs says where two texts part.
func differs(shown, recorded string) error {
	at := parts(shown, recorded)
	around := func(text string) string { return text[max(0, at-40):min(len(text), at+400)] }
	return fmt.Errorf("shown are %d bytes, recorded %d, and they part at %d: %q, %q", len(shown), len(recorded), at, around(shown), around(recorded))
}
