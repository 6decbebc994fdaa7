package stories_test

import (
	"errors"
	"sync"

	"sesame/flows/access"
	"sesame/store/storetest"
	"sesame/strategies/awstest"
)

var errGone = errors.New("the process is gone")

// A plug stands between a server and its store. Pulled, nothing that the
// server does is recorded any more, as when its process is killed; and the
// disk may be full.
type plug struct {
	// counts says whose commits are steps; nil is nobody's.
	counts func(access.Commit) bool
	// callsCount makes steps of AWS's calls: one before and one after each.
	callsCount bool
	pull       func() // ends the server

	mu    sync.Mutex // guards what follows
	left  int        // steps until it is pulled; 0 is never
	out   bool
	full  bool
	store access.Store
}

// ofTheKeeper accepts the commits under a leadership.
func ofTheKeeper(c access.Commit) bool { return c.Epoch != 0 }

// ofAnybody accepts every commit.
func ofAnybody(access.Commit) bool { return true }

func (p *plug) between(s access.Store) access.Store {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.store = s
	return storetest.Hooked{Store: s, Before: p.before, After: p.step}
}

func (p *plug) stored() access.Store {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.store
}

func (p *plug) before(c access.Commit) error {
	p.mu.Lock()
	full := p.full
	p.mu.Unlock()
	if full {
		return access.ErrNoSpace
	}
	return p.step(c)
}

// step is a commit about to be made, or just made.
func (p *plug) step(c access.Commit) error { return p.tick(p.counts != nil && p.counts(c)) }

// call is a call to AWS about to take effect, or just after that.
func (p *plug) call(awstest.Call) { _ = p.tick(p.callsCount) } // AWS goes on without us

// tick uses up a step, if it counts, and fails once there is none left.
func (p *plug) tick(counts bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return errGone
	}
	if p.left == 0 || !counts {
		return nil
	}
	if p.left--; p.left == 0 {
		p.out = true
		p.pull()
		return errGone
	}
	return nil
}

// cutAfter pulls the plug after n steps.
func (p *plug) cutAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = n
}

func (p *plug) fill(full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// gone reports whether the plug is pulled.
func (p *plug) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}
