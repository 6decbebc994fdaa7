package keeper

import (
	"slices"
	"sync"
	"time"

	"sesame/flows/access"
)

// A pace knows how long operations take, so that each is asked about when it
// is likely to be over: asking before costs a call and tells nothing, and a
// place that is given back late is one that somebody waited for. Its methods
// are safe for concurrent use.
type pace struct {
	every time.Duration // between polls, where nothing is known

	mu     sync.Mutex                     // guards lasted
	lasted map[operations][]time.Duration // the last few, as they were noticed
}

// operations are those that take alike.
type operations struct {
	budget string
	kind   access.OpKind
}

// paced is how many of the last operations say what the next will take.
const paced = 16

func newPace(every time.Duration) *pace {
	return &pace{every: every, lasted: map[operations][]time.Duration{}}
}

// took notes that op was over by now.
func (p *pace) took(s access.Spec, op access.Operation, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := operations{s.Budget, op.Kind}
	lasted := append(p.lasted[of], now.Sub(op.StartedAt))
	p.lasted[of] = lasted[max(0, len(lasted)-paced):]
}

// next returns when to ask about op, which is running at now: a little before
// the shortest of the last operations was over, then often, then as usual. Very
// often if somebody waits for its place; a way answers many polls from one call.
func (p *pace) next(s access.Spec, op access.Operation, now time.Time, awaited bool) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	lasted := p.lasted[operations{s.Budget, op.Kind}]
	if len(lasted) == 0 {
		return now.Add(p.every)
	}
	often := p.every / 4
	if awaited {
		often = p.every / 12
	}
	// An end shows at a poll, so the time until then is too long each time;
	// asking earlier than that keeps it from growing.
	likely := slices.Min(lasted) * 7 / 8
	switch over := op.StartedAt.Add(likely); {
	case now.Before(over):
		return over
	case now.Before(over.Add(likely)):
		return now.Add(often)
	default:
		return now.Add(p.every)
	}
}
