package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sesame/flows/access"
)

// underWay are calls that have left, by their grants, with what breaks them
// off: whoever calls Cut, or the moment until which a grant was given when they
// left.
type underWay struct {
	// lasts returns when a grant ends, and in wall time, if it is open.
	lasts func(access.GrantID) (ends, at time.Time, open bool)
	// cuts counts how often it was looked for grants that are over.
	cuts atomic.Uint64

	mu    sync.Mutex // guards what follows
	next  uint64
	calls map[access.GrantID]map[uint64]flight
	ends  map[moment]alarm
}

type flight struct {
	cut  context.CancelCauseFunc
	ends int64
}

// A moment is when a grant ends, in nanoseconds. Calls of one that is extended
// have another once the moment is there at which it was to end.
type moment struct {
	grant access.GrantID
	ends  int64
}

// An alarm is for all calls with one moment. It is set when the first of them
// leaves, and left to go off.
type alarm struct {
	at   time.Time // wall time
	stop context.CancelFunc
}

// enterUntil is enter for calls that are broken off when the grant ends, which
// is at a moment of wall time.
func (u *underWay) enterUntil(g access.Grant, at time.Time, cut context.CancelCauseFunc) (leave func()) {
	e := moment{g.ID, g.EndsAt.UnixNano()}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.setLocked(e, at)
	return u.enterLocked(e, cut)
}

// setLocked sees to it that the alarm goes off at about that time. One that was
// set goes off at another when the clock of grants was moved.
func (u *underWay) setLocked(e moment, at time.Time) {
	set, is := u.ends[e]
	if is && set.at.Sub(at).Abs() < patience {
		return
	}
	if is {
		set.stop()
	}
	if u.ends == nil {
		u.ends = map[moment]alarm{}
	}
	off, stop := context.WithDeadline(context.Background(), at)
	u.ends[e] = alarm{at, stop}
	context.AfterFunc(off, func() {
		if errors.Is(off.Err(), context.DeadlineExceeded) {
			u.end(e)
		}
	})
}

// end breaks off the calls of a moment, unless their grant was extended.
func (u *underWay) end(e moment) {
	ends, at, open := u.lasts(e.grant)
	later := moment{e.grant, ends.UnixNano()}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ends, e)
	for n, f := range u.calls[e.grant] {
		switch {
		case f.ends != e.ends:
		case open && later.ends > e.ends:
			u.calls[e.grant][n] = flight{f.cut, later.ends}
			u.setLocked(later, at)
		default:
			f.cut(errOver)
		}
	}
}

// lasts is that of underWay. What cannot be read is over.
func (p *Proxy) lasts(id access.GrantID) (ends, at time.Time, open bool) {
	g, err := p.grants.get(context.Background(), p.Store, id)
	if err != nil || g.State != access.Open {
		return ends, at, false
	}
	return g.EndsAt, p.whenOver(g), true
}

// overtaken refuses a call that is under way from now on, if its grant ended
// between being looked at and now: nobody breaks it off any more.
func (c *call) overtaken(ctx context.Context) *refusal {
	if c.underWay.cuts.Load() == c.cuts {
		return nil
	}
	g, err := c.grants.get(ctx, c.Store, c.grant.ID)
	if err != nil {
		return c.unable(err, "read the grant")
	}
	c.grant = g
	return c.closed(c.Clock.Now())
}

// whenOver is when a grant ends, in wall time.
func (p *Proxy) whenOver(g access.Grant) time.Time {
	return p.Wall.Now().Add(g.EndsAt.Sub(p.Clock.Now()))
}

// enter notes a call, until leave is called.
func (u *underWay) enter(g access.GrantID, cut context.CancelCauseFunc) (leave func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.enterLocked(moment{grant: g}, cut)
}

func (u *underWay) enterLocked(e moment, cut context.CancelCauseFunc) (leave func()) {
	if u.calls == nil {
		u.calls = map[access.GrantID]map[uint64]flight{}
	}
	if u.calls[e.grant] == nil {
		u.calls[e.grant] = map[uint64]flight{}
	}
	n := u.next
	u.next++
	u.calls[e.grant][n] = flight{cut, e.ends}
	return func() { u.leave(e.grant, n) }
}

func (u *underWay) leave(g access.GrantID, n uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.calls[g], n)
	if len(u.calls[g]) == 0 {
		delete(u.calls, g)
	}
}

// grants are those with calls under way.
func (u *underWay) grants() []access.GrantID {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]access.GrantID, 0, len(u.calls))
	for g := range u.calls {
		all = append(all, g)
	}
	return all
}

func (u *underWay) cut(g access.GrantID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, f := range u.calls[g] {
		f.cut(errOver)
	}
}

// Cut breaks off the calls that are under way for grants that are no longer
// open. New calls need nobody to say so; for these, say so when grants changed.
func (p *Proxy) Cut(ctx context.Context) error {
	p.underWay.cuts.Add(1) // first: who is not among them yet is to see it
	var errs []error
	for _, id := range p.underWay.grants() {
		g, err := p.grants.get(ctx, p.Store, id)
		switch {
		case err != nil && !errors.Is(err, access.ErrNotFound):
			errs = append(errs, fmt.Errorf("read %s: %w", id, err))
		case err != nil || g.State != access.Open:
			p.underWay.cut(id)
		}
	}
	return errors.Join(errs...)
}
