package keeper

// The queue is tested from within: what it promises shows from outside only
// after hours of a busy cloud.

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func object(i int) access.Key { return access.ObjectKey(fmt.Sprintf("o-%05d", i)).Record() }

func limits() Limits { return Limits{Workers: 1 << 20}.withDefaults() }

// step has k ask for a place in a step of its own, and reports whether it got
// one.
func step(t *testing.T, q *queue, k access.Key, w want) bool {
	t.Helper()
	q.wake(k, start)
	for {
		next, ok := q.take(start)
		if !ok {
			t.Fatalf("%s is not due", k)
		}
		if next != k {
			// Somebody who was given a place; their step changes nothing.
			q.done(next, time.Time{}, true)
			continue
		}
		got := q.acquire(k, w)
		q.done(k, time.Time{}, true)
		return got
	}
}

func change(c class, i int) want {
	return want{class: c, lane: fmt.Sprint("lane-", i), budget: "aws"}
}

// served gives places back, the first that was given first, and returns the
// order in which the others got theirs.
func served(q *queue, n int) []access.Key {
	var order []access.Key
	holding := map[access.Key]bool{}
	for _, k := range holders(q) {
		holding[k] = true
	}
	for range n {
		for k := range holding {
			q.release(k)
			delete(holding, k)
			break
		}
		for _, k := range holders(q) {
			if !holding[k] {
				holding[k] = true
				order = append(order, k)
			}
		}
	}
	return order
}

func holders(q *queue) (all []access.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, e := range q.entries {
		if e.place != nil {
			all = append(all, k)
		}
	}
	return all
}

func TestOneOpeningAmongFiveThousandEnds(t *testing.T) {
	q := newQueue(limits())
	for i := range 5000 {
		step(t, q, object(i), change(dueEnd, i))
	}
	if step(t, q, object(9999), change(opening, 9999)) {
		t.Fatal("there was a place although ten are taken")
	}
	for i, k := range served(q, 20) {
		if k == object(9999) {
			if i > 4 {
				t.Errorf("the opening came after %d ends", i)
			}
			return
		}
	}
	t.Error("the opening waits for all the ends")
}

func TestUrgentEndsComeFirst(t *testing.T) {
	q := newQueue(limits())
	for i := range 100 {
		step(t, q, object(i), change(dueEnd, i))
	}
	for i := 100; i < 103; i++ {
		step(t, q, object(i), change(urgentEnd, i))
	}
	for i, k := range served(q, 5) {
		if want := object(100 + i); i < 3 && k != want {
			t.Errorf("%s was served at %d, want %s", k, i, want)
		}
	}
}

func TestSharesAreKept(t *testing.T) {
	q := newQueue(limits())
	for i := range 1000 {
		step(t, q, object(i), change([]class{dueEnd, opening, verifying, sweeping}[i%4], i))
	}
	got := map[int]int{}
	for _, k := range served(q, 160) {
		var i int
		fmt.Sscanf(k.ID, "o-%05d", &i)
		got[i%4]++
	}
	// Sweeps wait as long as any end does.
	for c, want := range map[int]int{0: 85, 1: 32, 2: 43, 3: 0} {
		if diff := got[c] - want; diff < -3 || diff > 3 {
			t.Errorf("%d of 160 places went to class %d, want about %d", got[c], c, want)
		}
	}
}

func TestParkedKeepTheirTurn(t *testing.T) {
	q := newQueue(limits())
	for i := range 10 {
		step(t, q, object(i), change(dueEnd, i))
	}
	for i := 10; i < 15; i++ {
		step(t, q, object(i), change(dueEnd, i))
	}
	for range 3 { // looked at again meanwhile, the last ones first
		for i := 14; i >= 10; i-- {
			q.hint([]access.Key{object(i)})
			if step(t, q, object(i), change(dueEnd, i)) {
				t.Fatal("there was a place")
			}
		}
	}
	for i, k := range served(q, 5) {
		if k != object(10+i) {
			t.Errorf("%s was served at %d, want %s", k, i, object(10+i))
		}
	}
}

func TestWhoNeedsNoPlaceWaitsForNone(t *testing.T) {
	q := newQueue(limits())
	for i := range 12 {
		step(t, q, object(i), change(dueEnd, i))
	}
	if q.waiting() != 2 {
		t.Fatalf("%d wait, want 2", q.waiting())
	}
	q.wake(object(10), start)
	k, ok := q.take(start)
	if !ok || k != object(10) {
		t.Fatalf("%s is due", k)
	}
	q.done(k, time.Time{}, true) // it turned out that there is nothing to do
	if q.waiting() != 1 {
		t.Errorf("%d wait, want 1", q.waiting())
	}
	if got := served(q, 1); len(got) != 1 || got[0] != object(11) {
		t.Errorf("%v was served", got)
	}
}

func TestPlacesAreHeldAfterARestart(t *testing.T) {
	q := newQueue(limits())
	for i := range 12 { // more than there are places: AWS is at all of them
		q.hold(object(i), fmt.Sprint("lane-", i), "aws")
	}
	if step(t, q, object(20), change(urgentEnd, 20)) {
		t.Fatal("there was a place with twelve operations in progress")
	}
	for i := range 3 {
		q.release(object(i))
	}
	if !step(t, q, object(20), change(urgentEnd, 20)) {
		t.Error("no place with nine operations in progress")
	}
	if step(t, q, object(21), want{class: urgentEnd, lane: "lane-5", budget: "aws"}) {
		t.Error("there was a place in a lane with an operation in progress")
	}
	if !step(t, q, object(22), change(urgentEnd, 5)) && len(holders(q)) > 10 {
		t.Errorf("%d places are held", len(holders(q)))
	}
}

func TestARecordIsSteppedByOneAtATime(t *testing.T) {
	q := newQueue(limits())
	q.wake(object(1), start)
	k, _ := q.take(start)
	q.hint([]access.Key{k})
	if other, ok := q.take(start); ok {
		t.Fatalf("%s is stepped twice", other)
	}
	q.done(k, start.Add(time.Hour), true)
	if _, ok := q.take(start); !ok {
		t.Error("a hint that came meanwhile was lost")
	}
	q.done(k, start.Add(time.Hour), true)
	if _, ok := q.take(start.Add(time.Minute)); ok {
		t.Error("it is due before its time")
	}
	if at, ok := q.next(); !ok || !at.Equal(start.Add(time.Hour)) {
		t.Errorf("next at %v", at)
	}
}

func TestEndsBeforeWhatCanWait(t *testing.T) {
	q := newQueue(limits())
	for i := range 40 {
		q.wake(object(i), start)
		k, _ := q.take(start)
		q.calm(k, i%2 == 0)
		q.done(k, start.Add(time.Duration(40-i)), true)
	}
	ends, calm := 0, 0
	for range 20 {
		k, _ := q.take(start.Add(time.Minute))
		var i int
		fmt.Sscanf(k.ID, "o-%05d", &i)
		if i%2 == 0 {
			calm++
		} else {
			ends++
		}
	}
	if calm != 5 || ends != 15 {
		t.Errorf("%d ends and %d others, want 15 and 5", ends, calm)
	}
}

// TestLimitsHold has many steps at once take and give back places, and checks
// at each that there are never more of them than the limits say, and that as
// many are counted as are held.
func TestLimitsHold(t *testing.T) {
	l := limits()
	l.Outstanding, l.PerLane, l.Readers, l.Workers = 5, 2, 3, 16
	q := newQueue(l)
	var workers sync.WaitGroup
	for n := range 16 {
		rng := rand.New(rand.NewPCG(uint64(n), 7))
		workers.Go(func() {
			for range 500 {
				q.wake(object(rng.IntN(60)), start)
				k, ok := q.take(start)
				if !ok {
					continue
				}
				w := want{class: class(rng.IntN(int(classes))), lane: fmt.Sprint(rng.IntN(4)), budget: "aws", read: rng.IntN(3) == 0}
				if rng.IntN(3) == 0 {
					q.release(k)
				} else {
					q.acquire(k, w)
				}
				q.done(k, time.Time{}, rng.IntN(2) == 0)
				if err := q.count(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if q.running != 0 {
		t.Errorf("%d steps run", q.running)
	}
}

// count says what is wrong with the places that are taken.
func (q *queue) count() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.budgets["aws"]
	if b == nil {
		return nil
	}
	reading, changing, lanes := 0, 0, map[string]int{}
	for _, e := range q.entries {
		switch {
		case e.place == nil:
		case e.place.read:
			reading++
		default:
			changing++
			lanes[e.place.lane]++
		}
	}
	if reading != b.reading || changing != b.changing || !maps.Equal(lanes, b.lanes) {
		return fmt.Errorf("held: %d, %d, %v; counted: %d, %d, %v", reading, changing, lanes, b.reading, b.changing, b.lanes)
	}
	if reading > q.limits.Readers || changing > q.limits.Outstanding {
		return fmt.Errorf("%d reads and %d changes at once", reading, changing)
	}
	for lane, n := range lanes {
		if n > q.limits.PerLane {
			return fmt.Errorf("%d changes at once in lane %s", n, lane)
		}
	}
	return nil
}
