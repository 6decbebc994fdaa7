package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/gorilla/websocket"

	"sesame/bot/slacktest"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/archive"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
	"sesame/strategies/awstest"
)

// A shell is a client of a session, who reads what is shown.
type shell struct {
	*served
	*awsssm.StartSessionOutput
	end   *channel.End
	shown strings.Builder
}

// shell starts a session as the clients of the SDK and the plugin do.
func (s *served) shell(like *sts.Client) *shell {
	s.Helper()
	o := like.Options()
	c := awsssm.New(awsssm.Options{Region: o.Region, HTTPClient: o.HTTPClient, Credentials: o.Credentials, RetryMaxAttempts: 1})
	out, err := c.StartSession(s.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")})
	if err != nil {
		s.Fatalf("%v\n%s", err, s.log)
	}
	sh := &shell{served: s, StartSessionOutput: out, end: channel.New(ssm.Client, clock.System{})}
	ws := s.upgrade(o, *out.StreamUrl)
	if err := ws.WriteJSON(ssm.Opening{Schema: "1.0", RequestID: "9ab2", Token: *out.TokenValue, ClientID: "7e1f", ClientVersion: "1.2.804.0"}); err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = sh.end.Serve(ctx, ws) }) // the socket ends with the session
	s.Cleanup(func() { cancel(); wg.Wait() })
	return sh
}

func (s *served) upgrade(o sts.Options, stream string) *websocket.Conn {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, stream, nil)
	if err != nil {
		s.Fatal(err)
	}
	key, err := o.Credentials.Retrieve(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if err := v4.NewSigner().SignHTTP(s.Context(), key, req, empty, "ssmmessages", o.Region, clock.System{}.Now()); err != nil {
		s.Fatal(err)
	}
	way := o.HTTPClient.(*http.Client).Transport.(*http.Transport)
	d := websocket.Dialer{Proxy: way.Proxy, TLSClientConfig: way.TLSClientConfig}
	ws, _, err := d.DialContext(s.Context(), stream, req.Header)
	if err != nil {
		s.Fatalf("%v\n%s", err, s.log)
	}
	return ws
}

// until reads up to a text, or up to the end, of which it returns the words.
func (sh *shell) until(text string) (told string) {
	sh.Helper()
	ctx, cancel := context.WithTimeout(sh.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(sh.shown.String(), text) {
		m, err := sh.end.Read(ctx)
		if err != nil {
			sh.Fatalf("%v before %q; shown %q\n%s", err, text, sh.shown.String(), sh.log)
		}
		if m.Type == ssm.Closed {
			var c ssm.Closing
			if err := json.Unmarshal(m.Data, &c); err != nil {
				sh.Fatal(err)
			}
			return c.Output
		}
		sh.shown.Write(m.Data)
	}
	return ""
}

// TestASessionThroughEverything goes from the question in Slack to the last
// minute of a shell, and to the recording that it leaves.
func TestASessionThroughEverything(t *testing.T) {
	s := newServed(t)
	s.aws.AddInstance(awstest.Instance{ID: "i-0a", Account: frontend, Region: "us-east-1"})
	s.writeFlows(strings.Replace(rolesYAML, `"ec2:Describe*"`, `"ssm:StartSession"`, 1))
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	g := s.grantIn(access.Open)
	sh := s.shell(s.client(g))
	sh.until("$ ")
	if err := sh.end.WriteChunks(t.Context(), ssm.PayloadData, []byte("echo a secret\r")); err != nil {
		t.Fatal(err)
	}
	sh.until("a secret\r\na secret\r\n")
	s.clock.Advance(55 * time.Minute)
	sh.until("Sesame: this session ends in 5 minutes")
	s.clock.Advance(5 * time.Minute)
	if told := sh.until("\x00"); !strings.HasPrefix(told, "The access to ec2-frontend was over at 13:00:00 UTC, and this session with it") {
		t.Errorf("told %q", told)
	}
	s.await("the end of the session at AWS", func() bool { return len(s.aws.ShellSessions()) == 0 })
	s.grantIn(access.Closed)
	m := s.recorded()
	if m.Session != *sh.SessionId || m.Request != string(g.Request) || m.Output.Bytes == 0 || m.Input.Bytes == 0 {
		t.Errorf("%+v", m)
	}
	asked := s.message(s.channel, "requests ec2-frontend")
	for _, line := range []string{"A session began on ec2-frontend (i-0a): recording " + m.ID, "The session on ec2-frontend (i-0a) ended after 1h"} {
		s.reply(asked, line)
	}
	s.stop()
	if strings.Contains(s.log.String(), "a secret") || strings.Contains(s.log.String(), *sh.TokenValue) {
		t.Error("what was typed, or a token, is in the log")
	}
}

// TestTheApproverEndsASession has whoever approved the access end it, in Slack,
// while its holder works.
func TestTheApproverEndsASession(t *testing.T) {
	s := newServed(t)
	s.aws.AddInstance(awstest.Instance{ID: "i-0a", Account: frontend, Region: "us-east-1"})
	s.writeFlows(strings.NewReplacer(
		`"ec2:Describe*"`, `"ssm:StartSession"`, `{slack: %GROUP%}}`, `{slack: %GROUP%}, leads: {members: [bob@example.com]}}`,
		"auto_approve: true", "approvers: {groups: [leads], count: 1}",
	).Replace(rolesYAML))
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	bob := s.slack.As(s.bob)
	if _, err := bob.Click(t.Context(), s.message(s.channel, "requests ec2-frontend").Control("approve")); err != nil {
		t.Fatal(err)
	}
	g := s.grantIn(access.Open)
	sh := s.shell(s.client(g))
	sh.until("$ ")
	if _, err := bob.Command(t.Context(), s.channel, "/access end "+string(g.ID)); err != nil {
		t.Fatal(err)
	}
	if told := sh.until("\x00"); !strings.HasPrefix(told, "The access to ec2-frontend was over at ") {
		t.Errorf("told %q", told)
	}
	s.await("the end of the session at AWS", func() bool { return len(s.aws.ShellSessions()) == 0 })
	if ended := s.grantIn(access.Closed); ended.End.Cause != access.EndedEarly {
		t.Errorf("the grant ended as %+v", ended.End)
	}
	if m := s.recorded(); m.Session != *sh.SessionId || m.Output.Bytes == 0 {
		t.Errorf("%+v", m)
	}
}

// reply waits for a line in the thread of a message.
func (s *served) reply(to slacktest.Message, line string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	err := s.slack.Await(ctx, func() bool {
		return slices.ContainsFunc(s.slack.Thread(s.channel, to.TS), func(m slacktest.Message) bool { return strings.Contains(m.Text(), line) })
	})
	if err != nil {
		s.Errorf("no reply %q: %v", line, err)
	}
}

// A brittle store hears nothing more of recordings once it is broken, as that of
// a server that is dead.
type brittle struct {
	access.Store
	broken atomic.Bool
}

func (b *brittle) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	if b.broken.Load() && slices.ContainsFunc(c.Changes, func(c access.Change) bool { return c.Key.Kind == archive.KindRecording }) {
		return 0, access.ErrUnavailable
	}
	return b.Store.Commit(ctx, c)
}

// TestASessionThatAServerDiesIn has neither the store nor AWS hear anything more
// of a server: the next one has AWS end the session, and the record say that
// its recording stops there.
func TestASessionThatAServerDiesIn(t *testing.T) {
	s := newServed(t)
	s.aws.AddInstance(awstest.Instance{ID: "i-0a", Account: frontend, Region: "us-east-1"})
	s.writeFlows(strings.Replace(rolesYAML, `"ec2:Describe*"`, `"ssm:StartSession"`, 1))
	var dying *brittle
	s.options.Between = func(store access.Store) access.Store {
		dying = &brittle{Store: store}
		s.store = dying
		return dying
	}
	c := s.start()
	s.connected(c)
	s.ask("ec2-frontend")
	sh := s.shell(s.client(s.grantIn(access.Open)))
	sh.until("$ ")
	dying.broken.Store(true)
	heal := s.aws.Fault(awstest.Fault{Kind: awstest.Drop, Operation: "TerminateSession", Times: -1})
	s.stop()
	heal()
	if n := len(s.aws.ShellSessions()); n != 1 {
		t.Fatalf("%d sessions are left", n)
	}
	s.start()
	s.await("the end of the session at AWS", func() bool { return len(s.aws.ShellSessions()) == 0 })
	if m := s.recorded(); m.Why != "the server was stopped in the middle of the session" && !strings.Contains(m.Why, "Sesame was stopped") {
		t.Errorf("ended: %s", m.Why)
	}
	s.stop()
}

// recorded waits until the one recording that there is has ended.
func (s *served) recorded() record.Manifest {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	changed := make(chan struct{}, 1)
	s.store.Watch(ctx, func([]access.Key) {
		select {
		case changed <- struct{}{}:
		default: // somebody is to look already
		}
	})
	for {
		page, err := s.store.List(ctx, access.Query{Index: archive.IndexRecordings})
		if err != nil || len(page.Records) != 1 {
			s.Fatalf("%d recordings, %v\n%s", len(page.Records), err, s.log)
		}
		r, err := access.Decode[archive.Recording](page.Records[0])
		if err != nil {
			s.Fatal(err)
		}
		if r.Manifest.State == record.StateEnded {
			return r.Manifest
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.Fatalf("the recording did not end\n%s", s.log)
		}
	}
}
