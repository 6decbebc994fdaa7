package identitycenter

import (
	"maps"
	"sync"
	"time"

	"sesame/flows/access"
)

// remembered is how many operations are kept in mind.
const remembered = 10_000

// known is what is known about single operations, by AWS's id. What an
// operation is about never changes, so it is asked for once.
type known struct {
	mu  sync.Mutex // guards ops
	ops map[string]about
}

type about struct {
	of Assignment
	op access.Operation
}

func newKnown() *known { return &known{ops: map[string]about{}} }

func (k *known) remember(a Assignment, op access.Operation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ops) >= remembered {
		k.forgetLocked(op.StartedAt.Add(-searchFor))
	}
	k.ops[op.ID] = about{a, op}
}

// forgetLocked drops what began before t, or everything: it can be asked for
// again.
func (k *known) forgetLocked(t time.Time) {
	maps.DeleteFunc(k.ops, func(_ string, a about) bool { return a.op.StartedAt.Before(t) })
	if len(k.ops) >= remembered {
		clear(k.ops)
	}
}

func (k *known) recall(id string) (Assignment, access.Operation, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.ops[id]
	return a.of, a.op, ok
}

// made reports whether a creation of a that began around since is known, and
// not to have failed.
func (k *known) made(a Assignment, since time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range k.ops {
		if o.of == a && o.op.Kind == access.Creation && o.op.State != access.OpFailed && around(o.op.StartedAt, since) {
			return true
		}
	}
	return false
}
