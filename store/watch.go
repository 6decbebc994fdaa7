// Package store holds what every store needs and no store differs in: telling
// those who watch what was committed. It keeps nothing itself; the stores are
// in the folders below.
package store

import (
	"context"
	"slices"
	"sync"

	"sesame/flows/access"
)

// Watchers are the functions to call after a commit. Their methods are safe for
// concurrent use.
type Watchers struct {
	mu  sync.Mutex // guards all
	all []*func([]access.Key)
}

// Add has seen called with the keys of each later commit, until ctx ends.
func (w *Watchers) Add(ctx context.Context, seen func([]access.Key)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, &seen)
	context.AfterFunc(ctx, func() { w.remove(&seen) })
}

func (w *Watchers) remove(seen *func([]access.Key)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.DeleteFunc(slices.Clone(w.all), func(s *func([]access.Key)) bool { return s == seen })
}

// Tell calls everybody who watches. Each gets keys of their own.
func (w *Watchers) Tell(keys []access.Key) {
	w.mu.Lock()
	all := w.all
	w.mu.Unlock()
	for _, seen := range all {
		(*seen)(slices.Clone(keys))
	}
}
