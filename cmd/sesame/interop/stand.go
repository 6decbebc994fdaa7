//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/record"
	"sesame/strategies/awstest"
)

// The machine, and the container, that sessions are started on.
const (
	machine = "i-0123456789abcdef0"
	cluster = "web"
	task    = "0f9de17a3c1d4b6e8a2b5c7d9e1f3a5b"
	sealing = "alias/sessions"
)

// sessionCalls is what the target says: ports may lead to the web server.
const sessionCalls = `{"documents": ["SSM-SessionManagerRunShell", "AWS-StartInteractiveCommand", "AWS-StartNonInteractiveCommand",
	"AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"], "forward": ["localhost:80", "web.internal:80"]}`

// A stand is the stand-in for AWS with a machine, the proxy before it, and the
// recordings.
type stand struct {
	*road
	world      *awstest.World
	recordings *recorders
	page       string // that the web server of the machine has
}

// newStand has running serve a stand.
func (o options) newStand(ctx context.Context, dir string, running *errgroup.Group) (*stand, error) {
	s := &stand{world: awstest.New(awstest.Config{Management: account, Region: region}), page: strings.Repeat("what the machine serves\n", 100_000)}
	if err := s.world.Start(); err != nil {
		return nil, err
	}
	running.Go(func() error {
		<-ctx.Done()
		s.world.Close()
		return nil
	})
	s.furnish()
	web, err := listen(running, func(l net.Listener) error { return serve(ctx, l, s) })
	if err != nil {
		return nil, err
	}
	s.world.AddInstance(awstest.Instance{ID: machine, Account: account, Region: region, Ports: map[string]string{"80": web, "web.internal:80": web}})
	return s, s.approach(ctx, dir, running)
}

func (s *stand) furnish() {
	s.world.AddRole(awstest.Role{
		ARN: "arn:aws:iam::" + account + ":role/SesameInterop", Trusts: []string{account}, ExternalID: "an-external-id", TagSession: true, SetSource: true,
	})
	s.world.AddTask(awstest.Task{ID: task, Cluster: cluster, Account: account, Region: region, Container: "nginx", RuntimeID: task + "-1234567890"})
	s.world.AddKMSKey(awstest.KMSKey{ID: "1234abcd-12ab-34cd-56ef-1234567890ab", Account: account, Region: region, Alias: sealing})
}

// ServeHTTP is the web server behind the machine's port.
func (s *stand) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, s.page) // who has asked will tell
}

// approach makes somebody with a grant, and the proxy for them.
func (s *stand) approach(ctx context.Context, dir string, running *errgroup.Group) error {
	k := s.world.AddKey(account, "server")
	s.road = &road{name: "sessions", spoken: &spoken{}, dir: filepath.Join(dir, "work"), moto: &emulator{
		url: s.world.URL(), server: aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}, calls: sessionCalls,
	}}
	if err := os.MkdirAll(s.road.dir, 0o700); err != nil {
		return err
	}
	h, err := newHolder(ctx, dir, s.moto)
	if err != nil {
		return err
	}
	if s.recordings, err = openRecorders(filepath.Join(dir, "recordings"), h.sealer); err != nil {
		return err
	}
	h.recorders = s.recordings
	key, err := h.mint(ctx)
	if err != nil {
		return err
	}
	s.key = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret, SessionToken: key.Token}
	s.ca = h.authority.PEM()
	if err := os.WriteFile(s.bundle(), s.ca, 0o600); err != nil {
		return err
	}
	log, err := s.record(ctx, running)
	if err != nil {
		return err
	}
	p := proxy.NewInterceptor(h.proxy(log, s.road), h.authority)
	s.proxy, err = listen(running, func(l net.Listener) error { return p.Run(ctx, l) })
	return err
}

// recorders keep recordings, and know the latest.
type recorders struct {
	*record.Store

	mu     sync.Mutex // guards what follows
	latest string
}

func openRecorders(dir string, sealer record.Sealer) (*recorders, error) {
	store, err := record.Open(record.Config{Dir: dir, Sealer: sealer, Clock: clock.System{}})
	return &recorders{Store: store}, err
}

// Begin implements proxy.Recorders.
func (r *recorders) Begin(ctx context.Context, a record.About) (proxy.Recording, error) {
	recording, err := r.Store.Begin(ctx, a)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = recording.ID()
	return recording, nil
}

// lookEvery is how often a recording is looked at that is not over yet.
const lookEvery = 10 * time.Millisecond

// output returns what the latest recording shows, once it is over.
func (r *recorders) output(ctx context.Context) (string, error) {
	r.mu.Lock()
	id := r.latest
	r.mu.Unlock()
	for r.Writing(id) {
		if err := clock.Wait(ctx, clock.System{}, clock.System{}.Now().Add(lookEvery)); err != nil {
			return "", err
		}
	}
	stream, err := r.OpenStream(id, record.Output)
	if err != nil {
		return "", err
	}
	defer stream.Close()
	var shown []byte
	for {
		segment, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return string(shown), nil
		}
		if err != nil {
			return "", err
		}
		if _, err := record.Lines(segment.Text, segment.From, func(l record.Line) error {
			if l.Code == 'o' {
				shown = l.AppendText(shown)
			}
			return nil
		}); err != nil {
			return "", err
		}
	}
}
