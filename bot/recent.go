package bot

import (
	"sync"
	"time"

	"sesame/flows/access"
)

// recentFor is how long it is remembered what was in hand: longer than Slack
// repeats anything.
const recentFor = 10 * time.Minute

// recent remembers what is in hand or was, so that a duplicate is not even
// answered. It saves words, not decisions: those are safe by themselves.
type recent struct {
	mu    sync.Mutex // guards what follows
	taken map[access.RequestID]time.Time
	sweep time.Time // when to look for what can be forgotten
}

func (r *recent) has(id access.RequestID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hasLocked(id, now)
}

func (r *recent) hasLocked(id access.RequestID, now time.Time) bool {
	at, ok := r.taken[id]
	return ok && now.Sub(at) < recentFor
}

// claim reports whether nobody took id before, and takes it.
func (r *recent) claim(id access.RequestID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hasLocked(id, now) {
		return false
	}
	r.sweepLocked(now)
	r.taken[id] = now
	return true
}

func (r *recent) sweepLocked(now time.Time) {
	if r.taken != nil && now.Before(r.sweep) {
		return
	}
	r.sweep = now.Add(recentFor)
	kept := map[access.RequestID]time.Time{}
	for id, at := range r.taken {
		if now.Sub(at) < recentFor {
			kept[id] = at
		}
	}
	r.taken = kept
}
