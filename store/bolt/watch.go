package bolt

import (
	"context"
	"slices"
	"sync"

	"sesame/flows/access"
)

// watchers are the functions to call after a commit.
type watchers struct {
	mu  sync.Mutex // guards all
	all []*func([]access.Key)
}

func (w *watchers) add(ctx context.Context, seen func([]access.Key)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, &seen)
	context.AfterFunc(ctx, func() { w.remove(&seen) })
}

func (w *watchers) remove(seen *func([]access.Key)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.DeleteFunc(slices.Clone(w.all), func(s *func([]access.Key)) bool { return s == seen })
}

func (w *watchers) tell(keys []access.Key) {
	w.mu.Lock()
	all := w.all
	w.mu.Unlock()
	for _, seen := range all {
		(*seen)(slices.Clone(keys))
	}
}
