package demo

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"sesame/bot/slacktest"
	"sesame/strategies/awstest"
)

// A pulse says when something changed anywhere on a stage.
type pulse struct {
	mu      sync.Mutex // guards what follows
	version uint64
	next    chan struct{} // closed at the next beat
}

func newPulse() *pulse { return &pulse{next: make(chan struct{})} }

// beat says that something changed.
func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	close(p.next)
	p.next = make(chan struct{})
}

// changed returns how often something changed, and a channel that is closed
// when it happens again.
func (p *pulse) changed() (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, p.next
}

// follow beats whenever something changes in Slack or AWS, until ctx ends.
func (p *pulse) follow(ctx context.Context, group *errgroup.Group, slack *slacktest.Workspace, aws *awstest.World) {
	group.Go(func() error {
		for seen := uint64(0); ; p.beat() {
			var err error
			if seen, err = slack.Changed(ctx, seen); err != nil {
				return nil
			}
		}
	})
	group.Go(func() error {
		for ; ; p.beat() {
			select {
			case <-aws.Changed():
			case <-ctx.Done():
				return nil
			}
		}
	})
}
