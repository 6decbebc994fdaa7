package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/flows/access"
)

// underWay are calls that have left, by their grants, with what breaks them
// off: whoever calls Cut, or the moment until which a grant was given when they
// left.
type underWay struct {
	mu    sync.Mutex // guards what follows
	next  uint64
	calls map[access.GrantID]map[uint64]flight
	ends  map[moment]alarm
}

type flight struct {
	cut  context.CancelCauseFunc
	ends int64
}

// A moment is when a grant ends, in nanoseconds: one that is extended has
// another for the calls that leave from then on.
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

// end breaks off the calls of a moment.
func (u *underWay) end(e moment) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.ends, e)
	for _, f := range u.calls[e.grant] {
		if f.ends == e.ends {
			f.cut(errOver)
		}
	}
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
