package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/store/memory"
)

// slotted is a plan for an object that takes one of alice's places.
func slotted(k access.ObjectKey, size int) access.Plan {
	p := plan(k)
	p.Objects[0].Pool = access.Pool{ID: "alice", Name: "alice in 222222222222", Size: size}
	return p
}

// take grants the n-th request a place for the object.
func take(t *testing.T, s access.Store, n int, p access.Plan) error {
	t.Helper()
	return ledger.Retry(func() error {
		b := ledger.NewBatch(noon.Add(time.Duration(n) * time.Minute))
		if err := b.Grant(t.Context(), s, request(n), p); err != nil {
			return err
		}
		_, err := b.Commit(t.Context(), s)
		return err
	})
}

func mustTake(t *testing.T, s access.Store, n int, k access.ObjectKey, size int) int {
	t.Helper()
	if err := take(t, s, n, slotted(k, size)); err != nil {
		t.Fatal(err)
	}
	return object(t, s, k).Spec.Slot
}

// set changes the record of an object as the Keeper would.
func set(t *testing.T, s access.Store, k access.ObjectKey, change func(*access.Object)) {
	t.Helper()
	o, v, err := access.Load[access.Object](t.Context(), s, k.Record())
	if err != nil {
		t.Fatal(err)
	}
	change(&o)
	b := ledger.NewBatch(noon)
	b.Put(o, v)
	if _, err := b.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func gone(o *access.Object) { o.Leases, o.State = nil, access.Gone }

func TestEachObjectHasAPlaceOfItsOwn(t *testing.T) {
	s := memory.New()
	a, b := mustTake(t, s, 1, "a", 2), mustTake(t, s, 2, "b", 2)
	if a != 1 || b != 2 {
		t.Errorf("places %d and %d, want 1 and 2", a, b)
	}
	if again := mustTake(t, s, 3, "a", 2); again != a {
		t.Errorf("a second grant of an object has place %d, want %d", again, a)
	}
	refusal, ok := errors.AsType[*access.Refusal](take(t, s, 4, slotted("c", 2)))
	if !ok || refusal.Code != access.RefusedCap || !strings.Contains(refusal.Text, "all 2 tag slots of alice in 222222222222 are in use") {
		t.Errorf("a third object: %v, want it refused", refusal)
	}
	if err := ledger.Room(t.Context(), s, slotted("c", 2)); !errors.As(err, &refusal) {
		t.Errorf("room for a third: %v, want a refusal", err)
	}
	if err := ledger.Room(t.Context(), s, slotted("b", 2)); err != nil {
		t.Errorf("room for the second: %v", err)
	}
	if err := ledger.Room(t.Context(), s, plan("d")); err != nil {
		t.Errorf("room for what takes no place: %v", err)
	}
}

func TestPlacesAreFreeOnceTheirObjectIsGone(t *testing.T) {
	s := memory.New()
	mustTake(t, s, 1, "a", 2)
	mustTake(t, s, 2, "b", 2)
	for _, state := range []access.ObjectState{access.Unknown, access.Creating, access.Present, access.Deleting, access.Leaving, access.Foreign} {
		set(t, s, "a", func(o *access.Object) { o.Leases, o.State = nil, state })
		if err := ledger.Room(t.Context(), s, slotted("c", 2)); err == nil {
			t.Errorf("a place is given away while its object is %q", state)
		}
	}
	set(t, s, "a", gone)
	if c := mustTake(t, s, 3, "c", 2); c != 1 {
		t.Errorf("c has place %d, want the one that a had", c)
	}
	set(t, s, "b", gone)
	if a := mustTake(t, s, 4, "a", 2); a != 2 {
		t.Errorf("a has place %d now, want the one that b had", a)
	}
}

func TestTheLongestFreePlaceIsGiven(t *testing.T) {
	s := memory.New()
	for n := range 4 {
		k := access.ObjectKey(fmt.Sprint("o", n))
		if got, want := mustTake(t, s, n+1, k, 3), n%3+1; got != want {
			t.Errorf("grant %d has place %d, want %d", n, got, want)
		}
		set(t, s, k, gone)
	}
}

func TestPlaceBeyondASmallerPoolIsKeptWhileHeld(t *testing.T) {
	s := memory.New()
	mustTake(t, s, 1, "a", 2)
	mustTake(t, s, 2, "b", 2)
	if got := mustTake(t, s, 3, "b", 1); got != 2 {
		t.Errorf("place %d, want the 2 that its tags are in", got)
	}
	set(t, s, "a", gone)
	set(t, s, "b", gone)
	if got := mustTake(t, s, 4, "b", 1); got != 1 {
		t.Errorf("place %d, want one that there is", got)
	}
}

func TestGrantsAtOnceNeverShareAPlace(t *testing.T) {
	s := memory.New()
	const most = 5
	var wg sync.WaitGroup
	results := make([]error, 2*most)
	for n := range results {
		wg.Go(func() { results[n] = take(t, s, n, slotted(access.ObjectKey(fmt.Sprint("o", n)), most)) })
	}
	wg.Wait()
	places, refused := map[int]int{}, 0
	for n, err := range results {
		var refusal *access.Refusal
		switch {
		case err == nil:
			places[object(t, s, access.ObjectKey(fmt.Sprint("o", n))).Spec.Slot]++
		case errors.As(err, &refusal):
			refused++
		default:
			t.Errorf("grant %d: %v", n, err)
		}
	}
	if len(places) != most || refused != most {
		t.Errorf("places %v and %d refused, want %d of each", places, refused, most)
	}
}

// TestPlaceIsNotTakenFromAnObjectThatReturns reads the place as free, and has
// the Keeper change the object before the commit.
func TestPlaceIsNotTakenFromAnObjectThatReturns(t *testing.T) {
	s := memory.New()
	mustTake(t, s, 1, "a", 1)
	set(t, s, "a", gone)
	b := ledger.NewBatch(noon)
	if err := b.Grant(t.Context(), s, request(2), slotted("b", 1)); err != nil {
		t.Fatal(err)
	}
	set(t, s, "a", func(o *access.Object) { o.State = access.Present })
	if _, err := b.Commit(t.Context(), s); !errors.Is(err, access.ErrConflict) {
		t.Errorf("taken over: %v, want a conflict", err)
	}
}

func TestLeasedObjectKeepsItsID(t *testing.T) {
	s := memory.New()
	granted(t, s, 1, "a")
	set(t, s, "a", func(o *access.Object) { o.Spec.ID = "m-1" })
	granted(t, s, 2, "a")
	if id := object(t, s, "a").Spec.ID; id != "m-1" {
		t.Errorf("id %q, want m-1", id)
	}
}
