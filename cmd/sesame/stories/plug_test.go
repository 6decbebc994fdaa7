package stories_test

import (
	"errors"
	"sync"

	"sesame/flows/access"
	"sesame/store/storetest"
)

var errGone = errors.New("the process is gone")

// A plug stands between a server and its store. Pulled, nothing that the
// server does is recorded any more, as when its process is killed; and the
// disk may be full.
type plug struct {
	// counts says of which commits and calls steps are counted.
	counts func(access.Commit) bool
	pull   func() // ends the server

	mu    sync.Mutex // guards what follows
	left  int        // steps until it is pulled; 0 is never
	out   bool
	full  bool
	store access.Store
}

// newPlug returns a plug that counts the commits that counts accepts; nil is
// none.
func newPlug(counts func(access.Commit) bool) *plug {
	if counts == nil {
		counts = func(access.Commit) bool { return false }
	}
	return &plug{counts: counts}
}

// of the Keeper alone are commits under a leadership.
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

// step uses up a step, and fails once there is none left.
func (p *plug) step(c access.Commit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return errGone
	}
	if p.left == 0 || !p.counts(c) {
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
