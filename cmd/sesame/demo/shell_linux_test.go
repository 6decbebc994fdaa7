package demo_test

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/demo"
	"sesame/proxy/ssm"
	"sesame/strategies/awstest/agent"
)

// A sitting is somebody at a real shell.
type sitting struct {
	*testing.T
	keys  chan agent.Input
	shown chan []byte
	all   bytes.Buffer
	shell errgroup.Group
	code  int
	hang  context.CancelFunc
}

// sits begins a real shell. Where none can be had, it reports false, after the
// person was told so.
func sits(t *testing.T) (*sitting, bool) {
	t.Helper()
	program, err := demo.RealShell(t.Context())
	if err != nil {
		refused(t, err)
		return nil, false
	}
	ctx, hang := context.WithTimeout(t.Context(), 30*time.Second)
	s := &sitting{T: t, keys: make(chan agent.Input, 16), shown: make(chan []byte), hang: hang}
	out := agent.Writer(func(p []byte) error {
		select {
		case s.shown <- bytes.Clone(p):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	s.shell.Go(func() error {
		defer close(s.shown)
		s.code = program(agent.Shell{Host: "frontend-1"}).Run(ctx, agent.Terminal{In: s.keys, Out: out, Err: out})
		return nil
	})
	t.Cleanup(func() { hang(); _ = s.shell.Wait() })
	return s, true
}

func refused(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); !strings.HasPrefix(text, "there is no real shell here, since it takes ") || !strings.HasSuffix(text, "without --real-shell, which has a toy") {
		t.Errorf("refused with %q", text)
	}
}

func (s *sitting) types(line string) { s.keys <- agent.Input{Data: []byte(line + "\r")} }

// until reads up to what fits, and returns that and its groups.
func (s *sitting) until(pattern string) []string {
	s.Helper()
	fits := regexp.MustCompile(pattern)
	for !fits.Match(s.all.Bytes()) {
		p, ok := <-s.shown
		if !ok {
			s.Fatalf("over before %q: %q", pattern, s.all.String())
		}
		s.all.Write(p)
	}
	return fits.FindStringSubmatch(s.all.String())
}

// ends waits for the end of the shell, and returns its exit code.
func (s *sitting) ends() int {
	for range s.shown { // what it still says is of no interest
	}
	_ = s.shell.Wait()
	return s.code
}

// TestARealShell is apart from this computer, in a folder of its own, and on a
// terminal that has a size.
func TestARealShell(t *testing.T) {
	t.Setenv("SESAME_DEMO_SECRET", "kept")
	s, had := sits(t)
	if !had {
		return
	}
	s.until(`frontend-1\$ `)
	s.types(`echo "pid=$$ secret=<$SESAME_DEMO_SECRET> files=<$(ls -A)>"`)
	s.until(`pid=1 secret=<> files=<>\r\n`)
	s.keys <- agent.Input{Size: ssm.Size{Cols: 132, Rows: 43}}
	s.types(`echo "size=$(stty size)"`)
	s.until(`size=43 132\r\n`)
	s.types(`echo "at=$(pwd)"; echo left > behind`)
	dir := s.until(`at=(/\S+)\r\n`)[1]
	s.types("exit 3")
	if code := s.ends(); code != 3 {
		t.Errorf("it ended with %d: %q", code, s.all.String())
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// TestARealShellEndsWithItsSession ends what runs in it as well: it returns.
func TestARealShellEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*sitting){
		"the input ends":   func(s *sitting) { close(s.keys) },
		"the context ends": func(s *sitting) { s.hang() },
	} {
		t.Run(name, func(t *testing.T) {
			s, had := sits(t)
			if !had {
				return
			}
			s.until(`\$ `)
			s.types(`trap '' HUP; echo "at=$(pwd)"; sleep 1000 & sleep 1001`)
			dir := s.until(`at=(/\S+)\r\n`)[1]
			end(s)
			s.ends()
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		})
	}
}

// TestThereIsNoRealShell says what to do instead.
func TestThereIsNoRealShell(t *testing.T) {
	if _, err := demo.ShellAt(t.Context(), "/bin/there-is-none"); err == nil {
		t.Error("it was not refused")
	} else {
		refused(t, err)
	}
}
