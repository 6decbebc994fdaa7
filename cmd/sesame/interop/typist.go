//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A typist sits at a terminal at which a command runs. The terminal changes
// nothing of what it gets, so that it can be compared.
type typist struct {
	screen *os.File
	cmd    *exec.Cmd
	got    bytes.Buffer
	seen   int   // of got, by those who waited for something
	err    error // the first; nothing more is done after it
}

// sit starts cmd at a terminal of a size.
func sit(cmd *exec.Cmd, size pty.Winsize) (*typist, error) {
	screen, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	if _, err := term.MakeRaw(int(tty.Fd())); err != nil {
		return nil, errors.Join(err, screen.Close())
	}
	if err := pty.Setsize(screen, &size); err != nil {
		return nil, errors.Join(err, screen.Close())
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, screen.Close())
	}
	return &typist{screen: screen, cmd: cmd}, nil
}

func (t *typist) types(text string) {
	if t.err == nil {
		_, t.err = io.WriteString(t.screen, text)
	}
}

func (t *typist) resize(size pty.Winsize) {
	if t.err == nil {
		t.err = pty.Setsize(t.screen, &size)
	}
}

// until reads on to a text.
func (t *typist) until(text string) {
	for from := t.seen; t.err == nil; {
		if at := bytes.Index(t.got.Bytes()[from:], []byte(text)); at >= 0 {
			t.seen = from + at + len(text)
			return
		}
		from = max(t.seen, t.got.Len()-len(text))
		if err := t.read(); err != nil {
			t.err = fmt.Errorf("waited for %q after %q: %w", text, last(t.got.String()), err)
		}
	}
}

func (t *typist) read() error {
	var buf [64 << 10]byte
	n, err := t.screen.Read(buf[:])
	t.got.Write(buf[:n])
	return err
}

// last is the end of a long text.
func last(text string) string { return text[max(0, len(text)-800):] }

// leaves reads on until the command has ended, and returns how it did.
func (t *typist) leaves() (*os.ProcessState, error) {
	for t.read() == nil {
	}
	err := t.cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		err = nil
	}
	return t.cmd.ProcessState, errors.Join(err, t.screen.Close())
}

// shown is what the session showed: what the terminal got, but for what the
// plugin and the CLI say themselves, before and after.
func (t *typist) shown() string {
	text := notes.ReplaceAllString(t.got.String(), "")
	if after, ok := strings.CutPrefix(text, "\nStarting session with SessionId: "); ok {
		_, text, _ = strings.Cut(after, "\n")
	}
	if at := strings.LastIndex(text, "\n\nExiting session with sessionId: "); at >= 0 {
		text = text[:at]
	}
	return text
}

// notes are how plugins say that they are there, which the CLI asks before it
// executes commands of ECS, at the same terminal.
var notes = regexp.MustCompile(`\A(\nThe Session Manager plugin was installed successfully.*\n\n|This is Sesame in the place of .*\n)`)

// aws returns the AWS CLI with arguments, and the plugin in a folder.
func (s *stand) aws(ctx context.Context, o options, plugin string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.bin+"/aws", args...)
	// Sessions that begin within one second are signed alike, which the proxy
	// takes for a repeat: the CLI signs again, as it does for everybody.
	cmd.Env = append(s.environment(), "AWS_MAX_ATTEMPTS=5", "PATH="+plugin+":/usr/bin:/bin", "SSL_CERT_FILE="+s.bundle(), "TERM=xterm", "TMPDIR="+s.dir)
	cmd.Dir = s.dir
	return cmd
}
