package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/gorilla/websocket"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

// Tapes are recordings in memory.
type tapes struct {
	mu   sync.Mutex // guards what follows
	all  []*tape
	full error // no more can be begun
}

// A tape is one of them.
type tape struct {
	about record.About

	mu     sync.Mutex // guards what follows
	shown  strings.Builder
	typed  strings.Builder
	events []string
	full   error // no more can be taken
	ended  chan struct{}
	why    string
}

func (all *tapes) Begin(_ context.Context, a record.About) (proxy.Recording, error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.full != nil {
		return nil, all.full
	}
	t := &tape{about: a, ended: make(chan struct{})}
	all.all = append(all.all, t)
	return t, nil
}

func (all *tapes) only(t testing.TB) *tape {
	t.Helper()
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.all) != 1 {
		t.Fatalf("%d recordings, want one", len(all.all))
	}
	return all.all[0]
}

func (t *tape) Take(_ time.Time, e ssm.Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.full != nil {
		return t.full
	}
	switch e.Kind {
	case ssm.Shown:
		t.shown.Write(e.Data)
	case ssm.Typed:
		t.typed.Write(e.Data)
	case ssm.Resized:
		t.events = append(t.events, fmt.Sprintf("%dx%d", e.Size.Cols, e.Size.Rows))
	case ssm.Exited:
		t.events = append(t.events, fmt.Sprintf("exit %d", e.Code))
	case ssm.Sealed:
		t.events = append(t.events, "sealed")
	}
	return nil
}

func (t *tape) Mark(_ time.Time, label string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, label)
	return t.full
}

func (t *tape) End(_ time.Time, why string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.why = why
	close(t.ended)
	return nil
}

func (t *tape) fill(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.full = err
}

// over waits for the end, and returns why.
func (t *tape) over(tb testing.TB) string {
	tb.Helper()
	wait(tb, t.ended, "the end of the recording")
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.why
}

func (t *tape) outcome() (shown, typed string, events []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String(), t.typed.String(), slices.Clone(t.events)
}

// wait is bounded, so that a test fails and does not hang.
func wait[T any](t testing.TB, c <-chan T, what string) {
	t.Helper()
	timer := clock.System{}.Timer(clock.System{}.Now().Add(time.Minute))
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
}

// newSessionRig has alice hold a target with these calls, with the machine
// i-0a, and everything recorded.
func newSessionRig(t testing.TB, lists string) (*rig, *tapes) {
	t.Helper()
	kept := &tapes{}
	r := newRig(t, lists, func(r *rig, c *proxy.Config) {
		c.Sessions = proxy.Sessions{
			Recorders: kept, Ender: c.Roles.(*rolesession.Sessions),
			Dial: func(ctx context.Context, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", r.aws.Listener.Addr().String())
			},
		}
	})
	r.aws.sessions = true
	r.sts.AddInstance(awstest.Instance{ID: "i-0a", Account: "222222222222", Region: region})
	r.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.proxy.EndSessions(ctx, "The test is over."); err != nil {
			r.Error(err)
		}
	})
	r.listen()
	return r, kept
}

// A terminal is a client of one session, as the plugin is.
type terminal struct {
	*rig
	*awsssm.StartSessionOutput
	end     *channel.End
	sockets sync.WaitGroup
	hang    context.CancelFunc
	shown   strings.Builder
	closing string
	over    bool
}

func (r *rig) ssm() *awsssm.Client { return awsssm.NewFromConfig(r.config()) }

// start starts a session, and opens its channel.
func (r *rig) start(document string, parameters map[string][]string) *terminal {
	r.Helper()
	in := &awsssm.StartSessionInput{Target: aws.String("i-0a"), Parameters: parameters}
	if document != "" {
		in.DocumentName = aws.String(document)
	}
	out, err := r.ssm().StartSession(r.Context(), in)
	if err != nil {
		r.Fatal(err)
	}
	term := &terminal{rig: r, StartSessionOutput: out, end: channel.New(ssm.Client, clock.System{})}
	term.connect(*out.TokenValue)
	return term
}

// resume brings another socket.
func (term *terminal) resume() {
	term.Helper()
	out, err := term.ssm().ResumeSession(term.Context(), &awsssm.ResumeSessionInput{SessionId: term.SessionId})
	if err != nil {
		term.Fatal(err)
	}
	term.connect(*out.TokenValue)
}

// upgrade asks for a data channel, signed with a key.
func (r *rig) upgrade(stream string, key rolesession.Key) (*websocket.Conn, int, error) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, stream, nil)
	if err != nil {
		r.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	creds := aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	if err := v4.NewSigner().SignHTTP(r.Context(), creds, req, empty, "ssmmessages", region, clock.System{}.Now()); err != nil {
		r.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.authority.PEM())
	d := websocket.Dialer{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: r.address}), TLSClientConfig: &tls.Config{RootCAs: roots}}
	ws, res, err := d.DialContext(r.Context(), stream, req.Header)
	if res == nil {
		return nil, 0, err
	}
	return ws, res.StatusCode, err
}

func opening(token string) ssm.Opening {
	return ssm.Opening{Schema: "1.0", RequestID: "9ab2", Token: token, ClientID: "7e1f", ClientVersion: "1.2.804.0"}
}

func (term *terminal) connect(token string) {
	term.Helper()
	ws, status, err := term.upgrade(*term.StreamUrl, term.key)
	if err != nil {
		term.Fatalf("upgrade: %d %v", status, err)
	}
	if err := ws.WriteJSON(opening(token)); err != nil {
		term.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	term.hang = cancel
	term.sockets.Go(func() { _ = term.end.Serve(ctx, ws) })
	term.Cleanup(func() { cancel(); term.sockets.Wait() })
}

func (term *terminal) types(keys string) {
	term.Helper()
	if err := term.end.WriteChunks(term.Context(), ssm.PayloadData, []byte(keys)); err != nil {
		term.Fatal(err)
	}
}

func (term *terminal) sends(p ssm.Payload, v any) {
	term.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = term.end.Write(term.Context(), p, data)
	}
	if err != nil {
		term.Fatal(err)
	}
}

// next takes one message.
func (term *terminal) next() ssm.Message {
	term.Helper()
	ctx, cancel := context.WithTimeout(term.Context(), time.Minute)
	defer cancel()
	m, err := term.end.Read(ctx)
	if err != nil {
		term.Fatalf("%v; shown so far: %q", err, term.shown.String())
	}
	if m.Type == ssm.Closed {
		var c ssm.Closing
		if err := json.Unmarshal(m.Data, &c); err != nil || c.SessionID != *term.SessionId {
			term.Errorf("closed with %s, %v", m.Data, err)
		}
		term.over, term.closing = true, c.Output
		return m
	}
	if m.Payload == ssm.PayloadData {
		term.shown.Write(m.Data)
	}
	return m
}

// until reads up to a text that was not there before, and returns what came.
func (term *terminal) until(text string) string {
	term.Helper()
	before := term.shown.Len()
	for !strings.Contains(term.shown.String()[before:], text) {
		if term.next(); term.over {
			term.Fatalf("closed (%q) before %q; shown %q", term.closing, text, term.shown.String()[before:])
		}
	}
	return term.shown.String()[before:]
}

// ends reads up to the end, and returns what the person is told.
func (term *terminal) ends() string {
	term.Helper()
	for !term.over {
		term.next()
	}
	return term.closing
}

const prompt = "sh-5.2$ "

var errFull = errors.New("the disk is full")

func newEnd() *channel.End { return channel.New(ssm.Client, clock.System{}) }
