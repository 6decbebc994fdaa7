package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"sesame/proxy/api"
	"sesame/proxy/record"
	session "sesame/proxy/ssm/client"
	"sesame/strategies/awstest/agent"
)

// typed are what Alice types on the machine.
var typed = []string{"whoami", "date", "echo the disk is full", "exit"}

// A screen shows a session, and has the next line typed at each prompt.
type screen struct {
	strings.Builder
	lines []string
	keys  chan<- []byte
}

func newScreen(lines []string) (*screen, <-chan []byte) {
	keys := make(chan []byte, len(lines)) // so that showing never waits for typing
	return &screen{lines: lines, keys: keys}, keys
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	n, err := s.Builder.Write(p)
	if strings.HasSuffix(s.String(), agent.Prompt) && len(s.lines) > 0 {
		s.keys <- []byte(s.lines[0] + "\r")
		s.lines = s.lines[1:]
	}
	return n, err
}

// opensShell has Alice open a shell, as sesame ssm does, and look at the
// recording of it.
func (t *tour) opensShell() {
	t.tell(Alice, "runs: sesame ssm ec2-frontend frontend-1")
	if t.err != nil {
		return
	}
	shown, err := t.shell(typed)
	t.failedBy(err)
	for line := range strings.Lines(shown) {
		t.tell("frontend-1", "| %s", strings.TrimRight(line, "\r\n"))
	}
	t.check("the machine has done what she typed", t.err != nil || strings.Contains(shown, "\nthe disk is full\r\n"))
	r := t.recording()
	t.check("the session is recorded, with her name, the machine and the grant", t.err != nil || r.Name == Alice && r.Instance == machineOne && r.Grant == t.key.Grant && r.State == api.RecordingEnded)
	t.check("every byte that she saw is in it", t.err != nil || r.Shown == int64(len(shown)))
	t.replays(r.ID, shown)
}

// replays has Alice play a recording, as sesame recordings play does.
func (t *tour) replays(id, shown string) {
	t.tell(Alice, "runs: sesame recordings play %s", id)
	if t.err != nil {
		return
	}
	played, err := t.played(id)
	t.failedBy(err)
	t.check("what is played is what she saw, and nothing else", t.err != nil || played == shown)
}

// played is what was shown in a recorded session.
func (t *tour) played(id string) (string, error) {
	library := t.terminal.Recordings()
	view, err := library.View(t.ctx, id, api.Viewing{Look: api.LookPlay})
	var shown []byte
	for next, over := (api.ReadQuery{}), false; err == nil && !over; {
		var part api.Part
		if part, err = library.Read(t.ctx, view.ID, next); err != nil {
			break
		}
		next, over = api.ReadQuery{Segment: part.Segment, Offset: part.Offset}, part.Over
		_, err = record.Lines([]byte(part.Text), time.Duration(part.From)*time.Millisecond, func(l record.Line) error {
			if l.Code == 'o' {
				shown = l.AppendText(shown)
			}
			return nil
		})
	}
	return string(shown), err
}

// shell types lines in a session of its own, and returns what was shown.
func (t *tour) shell(lines []string) (string, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(t.key.Authority)) {
		return "", errors.New("the server did not say whom to trust")
	}
	calls := session.New(session.Config{
		Region: t.key.Region, Credentials: credentials.NewStaticCredentialsProvider(t.key.ID, string(t.key.Secret), string(t.key.Token)),
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: t.key.Proxy}), TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	})
	s, err := calls.Start(t.ctx, session.Request{Target: machineOne})
	if err != nil {
		return "", err
	}
	out, typing := newScreen(lines)
	_, err = s.Shell(t.ctx, session.Terminal{Keys: typing, Out: out, Err: out})
	return out.String(), err
}

// recording is the latest one, once it has ended.
func (t *tour) recording() (r api.Recording) {
	t.await("there is a recording of it", func() bool {
		page, err := t.terminal.Recordings().List(context.WithoutCancel(t.ctx), api.RecordingQuery{Limit: 1})
		if err != nil || len(page.Recordings) == 0 {
			return false
		}
		r = page.Recordings[0]
		return r.State == api.RecordingEnded
	})
	return r
}
