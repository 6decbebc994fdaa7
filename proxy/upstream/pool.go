package upstream

import (
	"context"
	"slices"
	"sync"

	"sesame/flows/clock"
)

// The most connections that lie idle, of one host and of all.
const (
	maxIdleOfHost = 512
	maxIdle       = 2048
)

// A pool has the connections that are not in use.
type pool struct {
	wall clock.System

	mu    sync.Mutex // guards what follows
	idle  map[string][]*conn
	count int
	// others are hosts that speak HTTP/2, which base is better at.
	others map[string]bool
	stop   context.CancelFunc // of the next look for old ones; nil while there are none
}

// take returns the connection to a host that was used last, or nil.
func (p *pool) take(host string) *conn {
	for {
		c := p.pop(host)
		if c == nil || c.usable() {
			return c
		}
		_ = c.Close() // the other side has given up on it
	}
}

func (p *pool) pop(host string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.idle[host]
	if len(all) == 0 {
		return nil
	}
	last := len(all) - 1
	c := all[last]
	all[last] = nil
	p.idle[host] = all[:last]
	p.count--
	return c
}

// put keeps a connection for whoever needs it next, or closes it.
func (p *pool) put(c *conn) {
	c.since = p.wall.Now()
	if !p.keep(c) {
		_ = c.Close() // one too many
	}
}

func (p *pool) keep(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.socket == nil || p.count >= maxIdle || len(p.idle[c.host]) >= maxIdleOfHost {
		return false
	}
	p.idle[c.host] = append(p.idle[c.host], c)
	p.count++
	if p.stop == nil {
		p.waitLocked()
	}
	return true
}

// maxOthers bounds the memory of hosts. One that is forgotten is tried again.
const maxOthers = 10000

func (p *pool) other(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.others == nil || len(p.others) >= maxOthers {
		p.others = map[string]bool{}
	}
	p.others[host] = true
}

func (p *pool) isOther(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.others[host]
}

// waitLocked has old connections looked for in a while.
func (p *pool) waitLocked() {
	later, stop := context.WithTimeout(context.Background(), idleFor)
	p.stop = stop
	context.AfterFunc(later, func() {
		if later.Err() == context.DeadlineExceeded {
			p.expire()
		}
	})
}

// expire closes the connections that lay idle for too long.
func (p *pool) expire() {
	oldest := p.wall.Now().Add(-idleFor)
	for _, c := range p.old(func(c *conn) bool { return c.since.Before(oldest) }) {
		_ = c.Close() // nobody uses it
	}
}

// clear closes all of them.
func (p *pool) clear() {
	for _, c := range p.old(func(*conn) bool { return true }) {
		_ = c.Close() // nobody uses it
	}
}

// old takes connections out, and sees to it that those which are left are looked
// at again.
func (p *pool) old(is func(*conn) bool) (old []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for host, all := range p.idle {
		left := slices.DeleteFunc(all, func(c *conn) bool {
			if is(c) {
				old = append(old, c)
				return true
			}
			return false
		})
		if p.idle[host] = left; len(left) == 0 {
			delete(p.idle, host)
		}
	}
	p.count -= len(old)
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	if p.count > 0 {
		p.waitLocked()
	}
	return old
}
