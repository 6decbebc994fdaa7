package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/client"
	"sesame/strategies/awstest"
)

const account = "111111111111"

// A rig is AWS with the machine i-0a, behind a proxy as clients use one.
type rig struct {
	*testing.T
	w     *awstest.World
	clock *clock.Movable
	api   *client.API
}

func newRig(t *testing.T) *rig {
	t.Helper()
	c := clock.Running(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	r := &rig{T: t, w: awstest.New(awstest.Config{Clock: c}), clock: c}
	if err := r.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.w.Close)
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: account, Region: "us-east-1"})
	front := httptest.NewTLSServer(r.w)
	t.Cleanup(front.Close)
	key := r.w.AddKey(account, "alice")
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	r.api = client.New(client.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: tunnel(t, front.Listener.Addr().String())}),
		TLS:   &tls.Config{RootCAs: roots, ServerName: "example.com"}, // the name that the certificate has
	})
	return r
}

// tunnel is a proxy that leads everywhere to one address.
func tunnel(t *testing.T, to string) string {
	var carrying errgroup.Group
	ctx, cancel := context.WithCancel(context.Background())
	var one sync.Mutex // between the last connection and the end
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		near, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", to)
		if err != nil {
			_ = near.Close()
			return
		}
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		one.Lock()
		defer one.Unlock()
		context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
		if ctx.Err() != nil {
			return
		}
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			carrying.Go(func() error {
				_, err := io.Copy(way[0], way[1])
				return errors.Join(err, near.Close(), far.Close())
			})
		}
	}))
	t.Cleanup(func() {
		one.Lock()
		cancel()
		one.Unlock()
		s.Close()
		_ = carrying.Wait()
	})
	return s.Listener.Addr().String()
}

// A screen collects what is shown, and lets tests wait for it.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
	news chan struct{}
}

func newScreen() *screen { return &screen{news: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	select {
	case s.news <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// A seat is a person at a session.
type seat struct {
	*rig
	s        *client.Session
	keys     chan []byte
	sizes    chan ssm.Size
	out, err *screen
	seen     int
	running  errgroup.Group
	code     int
}

func (r *rig) start(q client.Request) *seat {
	r.Helper()
	q.Target = "i-0a"
	s, err := r.api.Start(r.Context(), q)
	if err != nil {
		r.Fatal(err)
	}
	p := &seat{rig: r, s: s, keys: make(chan []byte), sizes: make(chan ssm.Size), out: newScreen(), err: newScreen()}
	p.running.Go(func() (err error) {
		p.code, err = s.Shell(r.Context(), client.Terminal{Keys: p.keys, Sizes: p.sizes, Out: p.out, Err: p.err})
		return err
	})
	return p
}

// until waits for text that was not seen before, and returns what came up to
// it.
func (p *seat) until(text string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 20*time.Second)
	defer cancel()
	for {
		all := p.out.String()
		if at := strings.Index(all[p.seen:], text); at >= 0 {
			from := p.seen
			p.seen += at + len(text)
			return all[from:p.seen]
		}
		select {
		case <-p.out.news:
		case <-ctx.Done():
			p.Fatalf("no %q in %q", text, all[p.seen:])
		}
	}
}

func (p *seat) types(keys string) { p.keys <- []byte(keys) }

const prompt = "sh-5.2$ "

func TestShell(t *testing.T) {
	r := newRig(t)
	p := r.start(client.Request{})
	p.until(prompt)
	p.sizes <- ssm.Size{Cols: 120, Rows: 50}
	p.types("stty size\r")
	p.until("50 120\r\n" + prompt)
	p.types("exit\r")
	if err := p.running.Wait(); err != nil || p.code != 0 {
		t.Errorf("ended with %d, %v", p.code, err)
	}
}

func TestTheEndOfTheInputEndsAShell(t *testing.T) {
	p := newRig(t).start(client.Request{})
	p.types("echo one\necho two\n")
	close(p.keys)
	if err := p.running.Wait(); err != nil || !strings.Contains(p.out.String(), "two\r\n"+prompt+"exit\r\n") {
		t.Errorf("shown %q, %v", p.out, err)
	}
}

func TestExitCodeAndErrorsOfACommand(t *testing.T) {
	r := newRig(t)
	for command, want := range map[string]struct {
		out, err string
		code     int
	}{"warn oh": {"", "oh\n", 0}, "exit 3": {"", "", 3}, "echo fine": {"fine\n", "", 0}} {
		p := r.start(client.Request{Document: "AWS-StartNonInteractiveCommand", Parameters: map[string][]string{"command": {command}}})
		if err := p.running.Wait(); err != nil || p.code != want.code || p.out.String() != want.out || p.err.String() != want.err {
			t.Errorf("%s: %q, %q, %d, %v", command, p.out, p.err, p.code, err)
		}
	}
}

func TestASealedShell(t *testing.T) {
	r := newRig(t)
	r.w.AddKMSKey(awstest.KMSKey{ID: "k-1", Account: account, Region: "us-east-1"})
	r.w.AddSessionDocument(awstest.SessionDocument{Name: "Sealed", Kind: ssm.SessionShell, KeyID: "k-1", Message: "Sealed."})
	p := r.start(client.Request{Document: "Sealed"})
	if got := p.until(prompt); got != "Sealed.\r\n"+prompt {
		t.Errorf("shown %q", got)
	}
	p.types("echo secret\r")
	p.until("secret\r\n" + prompt)
	p.types("exit\r")
	if err := p.running.Wait(); err != nil {
		t.Error(err)
	}
	r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "GenerateDataKey", Reason: "not for you"})
	p = r.start(client.Request{Document: "Sealed"})
	if err := p.running.Wait(); err == nil || !strings.Contains(err.Error(), "a key of KMS, which cannot be had: not for you") {
		t.Errorf("without the key: %v", err)
	}
	if left := r.w.ShellSessions(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestALostSocketIsResumed(t *testing.T) {
	r := newRig(t)
	p := r.start(client.Request{})
	p.until(prompt)
	for i := range 3 {
		r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: "ResumeSession"})
		r.w.CutShell(p.s.ID())
		p.types(fmt.Sprintf("echo back %d\r", i))
		p.until(fmt.Sprintf("\nback %d\r\n%s", i, prompt))
	}
	p.types("exit\r")
	if err := p.running.Wait(); err != nil {
		t.Error(err)
	}
	resumed := 0
	for _, c := range r.w.Calls() {
		if c.Operation == "ResumeSession" {
			resumed++
		}
	}
	if resumed < 2 || resumed > 6 {
		t.Errorf("resumed %d times", resumed)
	}
}

// TestNoTwoCallsAreTheSame has two calls say the same in one second: the proxy
// refuses a signature that it has seen.
func TestNoTwoCallsAreTheSame(t *testing.T) {
	var seen sync.Map
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		signature := hr.Header.Get("Authorization")
		if _, before := seen.LoadOrStore(signature, true); before {
			t.Error("two calls have one signature")
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	api := client.New(client.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: tunnel(t, server.Listener.Addr().String())}),
		TLS:   &tls.Config{RootCAs: roots, ServerName: "example.com"},
	})
	for range 5 {
		if _, err := api.Start(t.Context(), client.Request{Target: "i-0a"}); err == nil || err.Error() != "AWS answers 400 Bad Request" {
			t.Errorf("refused: %v", err)
		}
	}
}

func TestFramesThatGoWrong(t *testing.T) {
	r := newRig(t)
	for _, kind := range []awstest.FrameFaultKind{awstest.LoseFrame, awstest.RepeatFrame, awstest.SwapFrames} {
		n := 0
		for _, from := range []ssm.Side{ssm.Client, ssm.Agent} {
			r.w.FaultFrames(awstest.FrameFault{Kind: kind, From: from, Times: -1, When: func(ssm.Message) bool { n++; return n%5 == 0 }})
		}
		p := r.start(client.Request{})
		p.until(prompt)
		p.types("seq 300\r")
		got := p.until("\n300\r\n" + prompt)
		for i := range 300 {
			if !strings.Contains(got, fmt.Sprintf("\n%d\r\n", i+1)) {
				t.Fatalf("fault %d: no %d", kind, i+1)
			}
		}
		r.w.ClearFrames()
		p.types("exit\r")
		_ = p.running.Wait()
	}
}

func TestWhatEndsASession(t *testing.T) {
	r := newRig(t)
	p := r.start(client.Request{})
	p.until(prompt)
	if _, err := r.api.Start(t.Context(), client.Request{Target: "i-0none"}); err == nil || err.Error() != "i-0none is not connected." {
		t.Errorf("a machine of nobody: %v", err)
	}
	clear := r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: "ResumeSession", Reason: "your access has ended"})
	defer clear()
	r.w.CutShell(p.s.ID())
	if err := p.running.Wait(); err == nil || !strings.HasSuffix(err.Error(), "cannot be resumed: your access has ended") {
		t.Errorf("a session that may not be resumed: %v", err)
	}
	r.api.Start(t.Context(), client.Request{Target: "i-0a"})
	bad := r.api.Join(client.Answer{SessionID: "s-1", Token: "t", StreamURL: "wss://ssmmessages.us-east-1.amazonaws.com.example.com/v1/data-channel/s-1"}, "i-0a")
	if _, err := bad.Shell(t.Context(), client.Terminal{Out: io.Discard, Err: io.Discard}); !errors.Is(err, client.ErrGateway) {
		t.Errorf("a gateway elsewhere: %v", err)
	}
}

func TestForwardedPort(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		body, _ := io.ReadAll(hr.Body)
		fmt.Fprintf(w, "%d bytes", len(body))
	}))
	defer server.Close()
	r.w.AddInstance(awstest.Instance{ID: "i-0a", Account: account, Region: "us-east-1", Ports: map[string]string{"80": server.Listener.Addr().String()}})
	s, err := r.api.Start(t.Context(), client.Request{Target: "i-0a", Document: client.PortDocument, Parameters: map[string][]string{"portNumber": {"80"}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan string, 10)
	var running errgroup.Group
	running.Go(func() error { return s.Forward(ctx, l, func(text string) { said <- text }) })
	<-said
	var all errgroup.Group
	for i := range 5 {
		all.Go(func() error {
			tr := &http.Transport{DisableKeepAlives: true}
			res, err := (&http.Client{Transport: tr}).Post("http://"+l.Addr().String(), "text/plain", strings.NewReader(strings.Repeat("x", i*100_000)))
			if err != nil {
				return err
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if want := fmt.Sprintf("%d bytes", i*100_000); string(got) != want {
				return fmt.Errorf("got %q, want %q, %w", got, want, err)
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := running.Wait(); err != nil {
		t.Error(err)
	}
	if left := r.w.ShellSessions(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
