package socket

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
)

const (
	minInterval = time.Second      // between two opens, once one went wrong
	maxInterval = 30 * time.Second // so that recovery follows an outage soon
	stableAfter = time.Minute      // a life this long forgives what was before
	maxStrikes  = 3
)

// keep holds one connection after the other until the run ends, each open
// before its predecessor drains.
func (c *Client) keep(l lives, g *errgroup.Group) error {
	var p pace
	release := func() {}
	for {
		cn, err := c.connect(l, &p)
		release()
		if err != nil || cn == nil {
			return err
		}
		release = c.own(cn, g)
		select {
		case <-cn.told:
		case <-cn.dead:
		case <-l.run.Done():
		}
		if cn.reason() == linkDisabled {
			release()
			return &FatalError{Code: linkDisabled}
		}
		if cn.reason() == tooMany {
			release()
		}
		p.lived(c.cfg.Clock.Now().Sub(cn.opened))
	}
}

// own has the group see cn to its end. The returned function says that
// nothing is to be expected from cn any more, be it that a replacement is
// open.
func (c *Client) own(cn *conn, g *errgroup.Group) (release context.CancelFunc) {
	replaced, release := context.WithCancel(cn.lives.run)
	g.Go(func() error {
		defer release()
		select {
		case <-replaced.Done():
			cn.linger()
		case <-cn.dead:
		}
		cn.finish()
		return nil
	})
	return release
}

// connect opens a connection, at p's pace and for as long as it takes. It
// returns neither connection nor error when the run ends first.
func (c *Client) connect(l lives, p *pace) (*conn, error) {
	for l.run.Err() == nil {
		if c.wait(l.run, p.next()) != nil {
			break
		}
		token := c.cfg.Token()
		cn, err := c.open(l, token)
		switch {
		case err == nil:
			p.strikes = 0
			return cn, nil
		case l.run.Err() != nil:
		case p.failed(err, c.noteFailure(err)) && c.cfg.Token() == token:
			return nil, err
		}
	}
	return nil, nil
}

// wait reports and waits out the pause before an open.
func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	at := c.cfg.Clock.Now().Add(d)
	c.cfg.Report(Event{Kind: Waiting, Wait: d})
	return clock.Wait(ctx, c.cfg.Clock, at)
}

// A pace spaces the opens of one line of connections: at once at first and
// after a stable life, else with full jitter above a minimum interval.
type pace struct {
	tries   int
	strikes int           // fatal answers in a row
	atLeast time.Duration // what Slack asked for with the last answer
}

func (p *pace) next() time.Duration {
	atLeast := p.atLeast
	p.atLeast = 0
	p.tries++
	if p.tries == 1 {
		return atLeast
	}
	ceiling := min(maxInterval, minInterval<<min(p.tries-1, 10))
	return max(atLeast, minInterval+rand.N(ceiling-minInterval+1))
}

func (p *pace) lived(d time.Duration) {
	if d >= stableAfter {
		p.tries = 0
	}
}

// failed notes err and reports whether it ends the run. A token that has
// worked before gets more than one try, so that a moment's trouble on Slack's
// side does not deafen us for good; switching Socket Mode off is somebody's
// decision and counts at once.
func (p *pace) failed(err error, worked bool) (fatal bool) {
	var slow *slowDown
	if errors.As(err, &slow) {
		p.atLeast = slow.after
	}
	var refused *FatalError
	if !errors.As(err, &refused) {
		p.strikes = 0
		return false
	}
	p.strikes++
	return refused.Code == linkDisabled || !worked || p.strikes >= maxStrikes
}
