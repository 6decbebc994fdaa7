package keeper

import (
	"container/heap"
	"container/list"
	"sync"
	"time"

	"sesame/flows/access"
)

// A class orders what waits for a place.
type class int

// The classes, most urgent first. What frees places goes before what takes
// them.
const (
	urgentEnd class = iota
	polling
	dueEnd
	opening
	verifying
	sweeping
	classes
)

// share is how many of the places that are given out go to each class when
// all of them wait, so that five thousand ends do not starve one opening. The
// first two classes are served before any other.
var share = [classes]int{0, 0, 8, 3, 4, 1}

// A queue says which record to look at next. A record is looked at by one
// step at a time. A step that wants to change something in AWS takes a place,
// of its lane and of its budget, and keeps it while the operation is in
// progress; where there is none, the record waits in its class.
//
// Its methods are safe for concurrent use.
type queue struct {
	limits  Limits
	mu      sync.Mutex // guards what follows
	signal  chan struct{}
	entries map[access.Key]*entry
	due     [2]dueHeap // of those that end something, and of those that can wait
	turn    int        // counts the steps for which either was due
	budgets map[string]*budget
	running int
}

// calmEvery is how often a step goes to a record that can wait while others
// that cannot are due.
const calmEvery = 4

// An entry is a record that is known to the queue.
type entry struct {
	key     access.Key
	at      time.Time // when it is due; zero if never
	index   int       // in its heap; -1 if not there
	calm    bool      // nothing ends here: it can wait for what does
	running bool
	wants   bool // asked for a place in the present step
	tries   int
	place   *place        // held while an operation is in progress
	parked  *list.Element // in a budget's waiting list
	parkedC class
	budget  *budget // of the place or the waiting list
}

// A place is the right to change something: one of its lane, one of its
// budget; or, with no lane, the right to read.
type place struct {
	lane string
	read bool
}

// A budget shares a limit among lanes.
type budget struct {
	changing int
	reading  int
	lanes    map[string]int
	waiting  [2][classes]*list.List // for a read, for a change
	credit   [2][classes]int
}

func newQueue(l Limits) *queue {
	return &queue{
		limits: l, signal: make(chan struct{}),
		entries: map[access.Key]*entry{}, budgets: map[string]*budget{},
	}
}

// changed returns a channel that is closed when the queue changes next.
func (q *queue) changed() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.signal
}

func (q *queue) changeLocked() {
	close(q.signal)
	q.signal = make(chan struct{})
}

// hint has records looked at now: somebody changed them.
func (q *queue) hint(keys []access.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range keys {
		switch k.Kind {
		case access.KindRequest, access.KindGrant, access.KindObject:
			q.wakeLocked(q.entryLocked(k), atOnce)
		}
	}
	q.changeLocked()
}

// atOnce is before any moment that a record could name.
var atOnce = time.Time{}.Add(1)

// wake has the record k looked at at a moment, unless it is to be earlier.
func (q *queue) wake(k access.Key, at time.Time) {
	if at.IsZero() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.wakeLocked(q.entryLocked(k), at) {
		q.changeLocked()
	}
}

func (q *queue) entryLocked(k access.Key) *entry {
	e := q.entries[k]
	if e == nil {
		e = &entry{key: k, index: -1}
		q.entries[k] = e
	}
	return e
}

// wakeLocked is wake. It reports whether anything changed by it.
func (q *queue) wakeLocked(e *entry, at time.Time) bool {
	if !e.at.IsZero() && !at.Before(e.at) {
		return false
	}
	e.at = at
	switch {
	case e.running: // done puts it back
	case e.index >= 0:
		heap.Fix(q.heapOf(e), e.index)
	default:
		heap.Push(q.heapOf(e), e)
	}
	return true
}

func (q *queue) heapOf(e *entry) *dueHeap {
	if e.calm {
		return &q.due[1]
	}
	return &q.due[0]
}

// calm says whether the record k, which is being stepped, can wait for those
// that end something.
func (q *queue) calm(k access.Key, calm bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[k]; e != nil && e.running {
		e.calm = calm
	}
}

// next returns when the next record is due.
func (q *queue) next() (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running >= q.limits.Workers {
		return time.Time{}, false
	}
	for _, h := range q.due {
		if len(h) > 0 && (!ok || h[0].at.Before(at)) {
			at, ok = h[0].at, true
		}
	}
	return at, ok
}

// take returns a record that is due, for one step.
func (q *queue) take(now time.Time) (access.Key, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running >= q.limits.Workers {
		return access.Key{}, false
	}
	h := q.dueLocked(now)
	if h == nil {
		return access.Key{}, false
	}
	e := heap.Pop(h).(*entry)
	e.at, e.running, e.wants = time.Time{}, true, false
	q.running++
	return e.key, true
}

// dueLocked returns the heap whose first record is to be looked at, nil if
// nothing is due.
func (q *queue) dueLocked(now time.Time) *dueHeap {
	due := func(h dueHeap) bool { return len(h) > 0 && !h[0].at.After(now) }
	ends, calm := due(q.due[0]), due(q.due[1])
	switch {
	case ends && calm:
		if q.turn++; q.turn%calmEvery == 0 {
			return &q.due[1]
		}
		return &q.due[0]
	case ends:
		return &q.due[0]
	case calm:
		return &q.due[1]
	default:
		return nil
	}
}

// done ends a step. The record is looked at again at that moment, if it is not
// zero, and at once if it was hinted at meanwhile.
func (q *queue) done(k access.Key, again time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entries[k]
	e.running = false
	q.running--
	if ok {
		e.tries = 0
	}
	at := e.at // hinted at or woken while running
	e.at = time.Time{}
	if !again.IsZero() && (at.IsZero() || again.Before(at)) {
		at = again
	}
	if e.place != nil && e.place.read {
		q.releaseLocked(e)
	}
	if e.parked != nil && !e.wants {
		q.unparkLocked(e)
	}
	if !at.IsZero() {
		q.wakeLocked(e, at)
	} else if e.place == nil && e.parked == nil {
		delete(q.entries, k)
	}
	q.changeLocked()
}

// failed counts a failure of k's step and returns how many there were in a row.
func (q *queue) failed(k access.Key) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entryLocked(k)
	e.tries++
	return e.tries
}

// A want is the place that a step needs.
type want struct {
	class  class
	lane   string
	budget string
	read   bool
}

// acquire takes a place for the record k, which is being stepped, and reports
// whether there was one. If not, the record waits in its class and is due as
// soon as it is its turn.
func (q *queue) acquire(k access.Key, w want) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entryLocked(k)
	e.wants = true
	if e.place != nil && (w.read || !e.place.read) {
		return true // who may change may read
	}
	q.releaseLocked(e)
	b := q.budgetLocked(w.budget)
	if e.parked == nil || e.parkedC != w.class || e.parked.Value.(parked).w.read != w.read {
		q.unparkLocked(e)
		e.budget, e.parkedC = b, w.class
		e.parked = b.waiting[kindOf(w.read)][w.class].PushBack(parked{e, w})
	}
	q.handOnLocked(b, e)
	return e.place != nil
}

type parked struct {
	e *entry
	w want
}

// hold takes a place for an operation that is in progress already, whether or
// not there is one.
func (q *queue) hold(k access.Key, lane, budget string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entryLocked(k)
	if e.place == nil && e.parked == nil {
		q.giveLocked(e, q.budgetLocked(budget), want{lane: lane})
	}
}

// release gives the place of k back, and lets the next one have it.
func (q *queue) release(k access.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.entries[k]; e != nil && e.place != nil {
		q.releaseLocked(e)
		q.changeLocked()
	}
}

// waiting returns how many records wait for a place.
func (q *queue) waiting() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.budgets {
		for kind := range b.waiting {
			for _, l := range b.waiting[kind] {
				n += l.Len()
			}
		}
	}
	return n
}

func (q *queue) budgetLocked(name string) *budget {
	b := q.budgets[name]
	if b == nil {
		b = &budget{lanes: map[string]int{}}
		for kind := range b.waiting {
			for c := range b.waiting[kind] {
				b.waiting[kind][c] = list.New()
			}
		}
		q.budgets[name] = b
	}
	return b
}

func kindOf(read bool) int {
	if read {
		return 0
	}
	return 1
}

func (q *queue) freeLocked(b *budget, w want) bool {
	if w.read {
		// Reads take calls from the limit that removals need, so that fewer of
		// them stand in line with those while any wait.
		most := q.limits.Readers
		if b.endsWait() {
			most = max(1, most/2)
		}
		return b.reading < most
	}
	return b.changing < q.limits.Outstanding && b.lanes[w.lane] < q.limits.PerLane
}

func (q *queue) giveLocked(e *entry, b *budget, w want) {
	e.place, e.budget = &place{w.lane, w.read}, b
	if w.read {
		b.reading++
		return
	}
	b.changing++
	b.lanes[w.lane]++
}

func (q *queue) releaseLocked(e *entry) {
	if e.place == nil {
		return
	}
	b := e.budget
	if e.place.read {
		b.reading--
	} else {
		b.changing--
		if b.lanes[e.place.lane]--; b.lanes[e.place.lane] == 0 {
			delete(b.lanes, e.place.lane)
		}
	}
	e.place, e.budget = nil, nil
	q.handOnLocked(b, nil)
}

// handOnLocked gives free places of b to those who wait, and wakes them,
// except for the one who is asking.
func (q *queue) handOnLocked(b *budget, asking *entry) {
	for kind := range b.waiting {
		for {
			e, w, ok := q.pickLocked(b, kind)
			if !ok {
				break
			}
			q.unparkLocked(e)
			q.giveLocked(e, b, w)
			if e != asking {
				q.wakeLocked(e, atOnce)
			}
		}
	}
}

// pickLocked chooses who is next: the strict classes first, the others by
// their shares (smooth weighted round robin), first come first served within.
func (q *queue) pickLocked(b *budget, kind int) (*entry, want, bool) {
	var ready [classes]*list.Element
	for c, l := range b.waiting[kind] {
		if class(c) == sweeping && b.endsWait() {
			// What is looked at again can be looked at later, and takes calls
			// from a limit that ends need.
			continue
		}
		ready[c] = q.firstLocked(b, l)
		if ready[c] != nil && share[c] == 0 {
			p := ready[c].Value.(parked)
			return p.e, p.w, true
		}
	}
	best, total := -1, 0
	for c, el := range ready {
		if el == nil {
			continue
		}
		b.credit[kind][c] += share[c]
		total += share[c]
		if best < 0 || b.credit[kind][c] > b.credit[kind][best] {
			best = c
		}
	}
	if best < 0 {
		return nil, want{}, false
	}
	b.credit[kind][best] -= total
	p := ready[best].Value.(parked)
	return p.e, p.w, true
}

// endsWait reports whether anything waits to be removed.
func (b *budget) endsWait() bool {
	changes := b.waiting[kindOf(false)]
	return changes[urgentEnd].Len() > 0 || changes[dueEnd].Len() > 0
}

// firstLocked returns the first in l for whom a place is free.
func (q *queue) firstLocked(b *budget, l *list.List) *list.Element {
	for el := l.Front(); el != nil; el = el.Next() {
		w := el.Value.(parked).w
		if q.freeLocked(b, w) {
			return el
		}
		if w.read || b.changing >= q.limits.Outstanding {
			return nil // then there is none for anybody
		}
	}
	return nil
}

func (q *queue) unparkLocked(e *entry) {
	if e.parked == nil {
		return
	}
	for kind := range e.budget.waiting {
		e.budget.waiting[kind][e.parkedC].Remove(e.parked)
	}
	e.parked, e.budget = nil, nil
}

// A dueHeap has the record that is due first on top.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h, e.index = old[:len(old)-1], -1
	return e
}
