package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/config"
	"sesame/cmd/sesame/server"
)

// errStopped says that there is no server to wait for.
var errStopped = errors.New("the server is stopped")

// A show is one run of the server.
type show struct {
	group errgroup.Group
	stop  context.CancelFunc
	ended chan struct{} // closed once the server has ended
	err   error         // why, once it has
}

// Start starts the server on the data that is there, and returns once people
// can use it.
func (s *Stage) Start(ctx context.Context) error {
	o, err := s.options()
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for _, c := range s.slack.Connections() {
		before[c.ID] = true
	}
	var ready atomic.Bool
	o.Ready = func() {
		ready.Store(true)
		s.pulse.beat()
	}
	own, stop := context.WithCancel(s.ctx)
	sh := &show{stop: stop, ended: make(chan struct{})}
	sh.group.Go(func() error {
		defer close(sh.ended)
		sh.err = server.Run(own, o)
		return sh.err
	})
	s.mu.Lock()
	s.show = sh
	s.mu.Unlock()
	return s.Await(ctx, "the server has a connection to Slack", func() bool { return ready.Load() && s.connected(before) })
}

// connected reports whether Slack has a connection that was not there before.
func (s *Stage) connected(before map[string]bool) bool {
	for _, c := range s.slack.Connections() {
		if !before[c.ID] {
			return true
		}
	}
	return false
}

// options reads what write wrote, as serve does.
func (s *Stage) options() (server.Options, error) {
	cfg, err := config.Load(s.file)
	if err != nil {
		return server.Options{}, err
	}
	secrets, err := cfg.ReadSecrets(os.LookupEnv)
	if err != nil {
		return server.Options{}, err
	}
	o := server.Options{
		Config: cfg, Secrets: secrets, Version: "demo", Clock: s.cfg.Clock, Log: s.cfg.Log,
		AWSCredentials: credentials.NewStaticCredentialsProvider(s.key.ID, s.key.Secret, ""),
	}
	o.Called = s.pulse.beat
	if s.cfg.Server != nil {
		s.cfg.Server(&o)
	}
	return o, nil
}

// Stop stops the server and leaves its data. It returns why the server ended,
// if it did so by itself.
func (s *Stage) Stop() error {
	s.mu.Lock()
	sh := s.show
	s.show = nil
	s.mu.Unlock()
	if sh == nil {
		return nil
	}
	sh.stop()
	if err := sh.group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// Restart stops the server and starts it again on the same data.
func (s *Stage) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start(ctx)
}

// ended returns a channel that is closed when the server has ended, and why
// it has.
func (s *Stage) ended() (<-chan struct{}, func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.show == nil {
		return nil, func() error { return errStopped }
	}
	sh := s.show
	return sh.ended, func() error { return fmt.Errorf("the server ended: %w", cmp.Or(sh.err, errStopped)) }
}

// Wait blocks until ctx ends, and returns nil, or until the server ends by
// itself, and returns why.
func (s *Stage) Wait(ctx context.Context) error {
	ended, cause := s.ended()
	select {
	case <-ended:
		return cause()
	case <-ctx.Done():
		return nil
	}
}
