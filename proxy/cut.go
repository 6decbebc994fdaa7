package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sesame/flows/access"
)

// underWay are calls that have left, by their grants, with what breaks them
// off.
type underWay struct {
	mu    sync.Mutex // guards what follows
	next  uint64
	calls map[access.GrantID]map[uint64]context.CancelCauseFunc
}

// enter notes a call, until leave is called.
func (u *underWay) enter(g access.GrantID, cut context.CancelCauseFunc) (leave func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls == nil {
		u.calls = map[access.GrantID]map[uint64]context.CancelCauseFunc{}
	}
	if u.calls[g] == nil {
		u.calls[g] = map[uint64]context.CancelCauseFunc{}
	}
	n := u.next
	u.next++
	u.calls[g][n] = cut
	return func() { u.leave(g, n) }
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
	for _, cut := range u.calls[g] {
		cut(errOver)
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
