package groupmembership

import (
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/strategies/identitycenter"
)

// remembered is how many attempts are kept in memory.
const remembered = 10_000

// attempts are the creations that this process asked for and that may have
// had their effect.
type attempts struct {
	mu    sync.Mutex // guards what follows
	asked map[access.ObjectKey]time.Time
}

func newAttempts() *attempts { return &attempts{asked: map[access.ObjectKey]time.Time{}} }

func (a *attempts) remember(k access.ObjectKey, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.asked) >= remembered {
		clear(a.asked)
	}
	a.asked[k] = at
}

// forget is called when an attempt had no effect.
func (a *attempts) forget(k access.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.asked, k)
}

// made reports whether the object was asked for around since.
func (a *attempts) made(k access.ObjectKey, since time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, ok := a.asked[k]
	return ok && identitycenter.Around(at, since)
}

// polled refuses to say how far an operation is: changes are over when they
// are answered.
func polled(s access.Spec, op access.Operation) (access.Operation, error) {
	return op, identitycenter.Refuse(s.Key, "there is no operation %q: memberships change at once", op.ID)
}
