package outbox

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"sesame/bot/webapi"
	"sesame/flows/access"
)

// An item is one notice that is to be told. An item without a version is no
// notice, and only redraws what is there.
type item struct {
	notice  access.Notice
	version access.Version

	// What an attempt leaves for the next one. Only the worker that has the
	// item touches it.
	turns    map[string]time.Time    // places in line, by what they are for
	landed   map[string]webapi.Place // posted, and not recorded yet
	redrawn  map[string]bool         // posts that were updated for this item
	sure     map[string]bool         // posts whose last attempt did surely nothing
	deciders []string                // who gets a message each; nil is not known yet
	told     []string                // who gets one without buttons; nil is not known yet
	skipped  []string                // whom broken glass passed over; nil is not known yet
	names    []string                // what they are called
}

func newItem(n access.Notice, v access.Version) *item {
	return &item{
		notice: n, version: v, turns: map[string]time.Time{}, landed: map[string]webapi.Place{},
		redrawn: map[string]bool{}, sure: map[string]bool{},
	}
}

// A lane is the items that have to be told one after the other.
type lane struct {
	about string
	items []*item
	next  time.Time // not before
	order uint64
	tries int
	index int // in the heap; -1 while it is being worked on
}

// A queue holds the lanes. It belongs to one goroutine.
type queue struct {
	lanes map[string]*lane
	heap  lanes
	items int
	order uint64
	// held keeps everything back: Slack is out of reach.
	held    time.Time
	outages int
}

func newQueue() *queue { return &queue{lanes: map[string]*lane{}} }

func (q *queue) add(i *item, now time.Time) {
	q.items++
	about := stream(i.notice)
	l, ok := q.lanes[about]
	if !ok {
		q.order++
		l = &lane{about: about, next: now, order: q.order}
		q.lanes[about] = l
		heap.Push(&q.heap, l)
	}
	l.items = append(l.items, i)
}

// ready returns the lane whose turn it is, or else when the next one's is;
// the zero time if there is none.
func (q *queue) ready(now time.Time) (*lane, time.Time) {
	if len(q.heap) == 0 {
		return nil, time.Time{}
	}
	at := q.heap[0].next
	if q.held.After(at) {
		at = q.held
	}
	if at.After(now) {
		return nil, at
	}
	return q.heap[0], at
}

func (q *queue) start(l *lane) { heap.Remove(&q.heap, l.index) }

// done takes a lane back after an attempt at its first item.
func (q *queue) done(l *lane, r result, now time.Time) {
	if r.reached {
		q.outages, q.held = 0, time.Time{}
	} else if r.outage {
		q.outages++
		q.held = now.Add(backoff(q.outages, 30*time.Second))
	}
	l.next = now
	switch {
	case r.finished:
		l.items, l.tries = l.items[1:], 0
		q.items--
	case r.failed:
		l.tries++
		l.next = now.Add(backoff(l.tries, time.Minute))
	}
	if r.again.After(l.next) {
		l.next = r.again
	}
	if len(l.items) == 0 {
		delete(q.lanes, l.about)
		return
	}
	heap.Push(&q.heap, l)
}

// backoff returns a second after the first failure, twice as long after each
// further one up to most, and a little more so that not all come at once.
func backoff(failures int, most time.Duration) time.Duration {
	d := most
	if failures < 16 {
		d = min(most, time.Second<<max(0, failures-1))
	}
	return d + rand.N(d/4)
}

type lanes []*lane

func (h lanes) Len() int { return len(h) }
func (h lanes) Less(i, j int) bool {
	if !h[i].next.Equal(h[j].next) {
		return h[i].next.Before(h[j].next)
	}
	return h[i].order < h[j].order
}
func (h lanes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *lanes) Push(x any) {
	l := x.(*lane)
	l.index = len(*h)
	*h = append(*h, l)
}
func (h *lanes) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h, l.index = old[:len(old)-1], -1
	return l
}
