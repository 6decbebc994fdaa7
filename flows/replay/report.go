package replay

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// A Report says what the proposed rules would have changed.
type Report struct {
	Revision string    `json:"revision"` // of the proposed rules
	Since    time.Time `json:"since,omitzero"`
	// Requests is how many were judged by rules then. Each is Unchanged,
	// Changed or Unknown.
	Requests  int `json:"requests"`
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Unknown   int `json:"unknown"`
	// Unjudged were refused before any rule was asked: what was typed was not
	// kept.
	Unjudged int `json:"unjudged"`
	// Causes are what makes the differences, that of the most requests first.
	Causes []Count `json:"causes"`
	// Changes and Unknowns are the latest requests that would fare otherwise,
	// or might, in the order in which they were asked.
	Changes  []Change `json:"changes"`
	Unknowns []Change `json:"unknowns"`
}

// Same reports whether every request would fare as it did.
func (r Report) Same() bool { return r.Changed == 0 && r.Unknown == 0 }

// A Count is how many requests a cause makes a difference to.
type Count struct {
	Kind     Kind   `json:"kind"`
	Rule     string `json:"rule"`
	Pos      string `json:"pos,omitempty"`
	Requests int    `json:"requests"`
}

// A tally gathers results, in whatever order they come.
type tally struct {
	keep     int
	mu       sync.Mutex // guards what follows
	all      Report
	causes   map[Count]int // with no number in them
	changes  []Change
	unknowns []Change
}

func newTally(o Options) *tally {
	return &tally{keep: o.Keep, all: Report{Revision: o.Set.Revision(), Since: o.Since}, causes: map[Count]int{}}
}

func (t *tally) add(r result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.kind == unjudged {
		t.all.Unjudged++
		return
	}
	t.all.Requests++
	switch r.kind {
	case same:
		t.all.Unchanged++
		return
	case Unknown:
		t.all.Unknown++
		t.unknowns = latest(append(t.unknowns, *r.change), t.keep, 2*t.keep)
	default:
		t.all.Changed++
		t.changes = latest(append(t.changes, *r.change), t.keep, 2*t.keep)
	}
	for _, c := range r.change.Causes {
		t.causes[Count{Kind: r.kind, Rule: c.Rule, Pos: c.Pos}]++
	}
}

// latest cuts a list down to the last ones of the record, in its order, once
// it has grown beyond what is too many.
func latest(all []Change, keep, tooMany int) []Change {
	if len(all) <= tooMany {
		return all
	}
	slices.SortFunc(all, func(a, b Change) int { return cmp.Compare(a.pos, b.pos) })
	return slices.Clone(all[max(0, len(all)-keep):])
}

func (t *tally) report() Report {
	r := t.all
	r.Causes, r.Changes, r.Unknowns = []Count{}, latest(t.changes, t.keep, 0), latest(t.unknowns, t.keep, 0)
	for c, n := range t.causes {
		c.Requests = n
		r.Causes = append(r.Causes, c)
	}
	slices.SortFunc(r.Causes, func(a, b Count) int {
		return cmp.Or(b.Requests-a.Requests, cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind))
	})
	if r.Changes == nil {
		r.Changes = []Change{}
	}
	if r.Unknowns == nil {
		r.Unknowns = []Change{}
	}
	return r
}
