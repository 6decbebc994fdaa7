package keeper

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/store/memory"
	"sesame/store/storetest"
)

// A disk is a store that is full after so many more commits; negative never.
type disk struct {
	*spill
	t     *testing.T
	under *memory.Store
	room  int
}

func newDisk(t *testing.T) *disk {
	d := &disk{t: t, under: memory.New(), room: -1}
	d.spill = newSpill(storetest.Hooked{Store: d.under, Before: func(access.Commit) error {
		if d.room == 0 {
			return access.ErrNoSpace
		}
		d.room--
		return nil
	}})
	return d
}

// put writes an object with so many tries, over version v.
func (d *disk) put(key string, tries int, v access.Version, ending bool) (access.Version, error) {
	b := ledger.NewBatch(start)
	if ending {
		b.Ending()
	}
	b.Put(access.Object{Spec: access.Spec{Key: access.ObjectKey(key)}, Tries: tries}, v)
	b.Event("r-0123456789", access.EventEnding, access.Person{}, fmt.Sprint(key, tries))
	return b.Commit(d.t.Context(), d.spill)
}

func (d *disk) must(key string, tries int, v access.Version) access.Version {
	d.t.Helper()
	v, err := d.put(key, tries, v, true)
	if err != nil {
		d.t.Fatalf("put %s: %v", key, err)
	}
	return v
}

// tries returns how many tries an object has in r; -1 if there is none.
func (d *disk) tries(r access.Reader, key string) int {
	d.t.Helper()
	o, _, err := access.Load[access.Object](d.t.Context(), r, access.ObjectKey(key).Record())
	if errors.Is(err, access.ErrNotFound) {
		return -1
	} else if err != nil {
		d.t.Fatal(err)
	}
	return o.Tries
}

func TestEndsProceedFromMemory(t *testing.T) {
	d := newDisk(t)
	a := d.must("a", 1, 0)
	d.room = 0
	if _, err := d.put("a", 2, a, false); !errors.Is(err, access.ErrNoSpace) || d.pending() != 0 {
		t.Errorf("what ends nothing: %v, %d held", err, d.pending())
	}
	held := d.must("a", 2, a)
	if d.tries(d.spill, "a") != 2 || d.tries(d.under, "a") != 1 || d.pending() != 1 {
		t.Errorf("in memory %d, on disk %d, %d held", d.tries(d.spill, "a"), d.tries(d.under, "a"), d.pending())
	}
	if _, err := d.put("a", 3, a, true); !errors.Is(err, access.ErrConflict) {
		t.Errorf("on the version before: %v", err)
	}
	d.room = -1
	if _, err := d.put("a", 3, held, false); !errors.Is(err, access.ErrNoSpace) {
		t.Errorf("what ends nothing, on what is held: %v", err)
	}
	held = d.must("a", 3, held)
	d.flush(t.Context())
	if d.pending() != 0 || d.tries(d.under, "a") != 3 {
		t.Errorf("with room, %d are held and the disk has %d", d.pending(), d.tries(d.under, "a"))
	}
	if _, err := d.put("a", 4, held, true); !errors.Is(err, access.ErrConflict) {
		t.Errorf("on a version that was made up: %v", err)
	}
	events, err := d.under.Stream(t.Context(), "r-0123456789", 1, 10)
	if err != nil || len(events) != 3 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

func TestFlushGoesAsFarAsThereIsRoom(t *testing.T) {
	d := newDisk(t)
	a, b := d.must("a", 1, 0), d.must("b", 1, 0)
	d.room = 0
	a = d.must("a", 2, a)
	b = d.must("b", 2, b)
	d.must("a", 3, a)
	d.must("b", 3, b)
	d.room = 2
	d.flush(t.Context())
	if d.pending() != 2 || d.tries(d.under, "a") != 2 || d.tries(d.under, "b") != 2 {
		t.Errorf("%d held, on disk %d and %d", d.pending(), d.tries(d.under, "a"), d.tries(d.under, "b"))
	}
	if d.tries(d.spill, "a") != 3 || d.tries(d.spill, "b") != 3 {
		t.Errorf("in memory %d and %d", d.tries(d.spill, "a"), d.tries(d.spill, "b"))
	}
	d.room = -1
	d.flush(t.Context())
	if d.pending() != 0 || d.tries(d.under, "a") != 3 || d.tries(d.under, "b") != 3 {
		t.Errorf("%d held, on disk %d and %d", d.pending(), d.tries(d.under, "a"), d.tries(d.under, "b"))
	}
}

// Where somebody else wrote meanwhile, what is stored counts, and what was
// built on what is dropped is dropped with it.
func TestFlushDropsWhatWasOvertaken(t *testing.T) {
	d := newDisk(t)
	a, b := d.must("a", 1, 0), d.must("b", 1, 0)
	d.room = 0
	held := d.must("a", 2, a)
	d.must("a", 3, held)
	d.must("b", 2, b)
	d.room = -1
	other := ledger.NewBatch(start)
	other.Put(access.Object{Spec: access.Spec{Key: "a"}, Tries: 100}, a)
	if _, err := other.Commit(t.Context(), d.under); err != nil {
		t.Fatal(err)
	}
	d.flush(t.Context())
	if d.pending() != 0 || d.tries(d.spill, "a") != 100 || d.tries(d.under, "b") != 2 {
		t.Errorf("%d held, a is %d, b is %d", d.pending(), d.tries(d.spill, "a"), d.tries(d.under, "b"))
	}
}

func TestDeletingFromMemory(t *testing.T) {
	d := newDisk(t)
	a := d.must("a", 1, 0)
	d.room = 0
	b := ledger.NewBatch(start).Ending()
	b.Delete(access.ObjectKey("a").Record(), a)
	if _, err := b.Commit(t.Context(), d.spill); err != nil {
		t.Fatal(err)
	}
	if d.tries(d.spill, "a") != -1 {
		t.Error("it is there still")
	}
	d.must("a", 2, 0)
	d.room = -1
	d.flush(t.Context())
	if d.pending() != 0 || d.tries(d.under, "a") != 2 {
		t.Errorf("%d held, on disk %d", d.pending(), d.tries(d.under, "a"))
	}
}

// Of commits at once on one version, one is held, whatever the disk does.
func TestSpillAtOnce(t *testing.T) {
	for range 50 {
		d := newDisk(t)
		a := d.must("a", 1, 0)
		d.room = 0
		var all sync.WaitGroup
		won := make([]bool, 8)
		for i := range won {
			all.Go(func() {
				_, err := d.put("a", 2+i, a, true)
				won[i] = err == nil
			})
		}
		all.Wait()
		n := 0
		for _, ok := range won {
			if ok {
				n++
			}
		}
		if n != 1 || d.pending() != 1 {
			t.Fatalf("%d of 8 commits on one version succeeded, %d are held", n, d.pending())
		}
	}
}
