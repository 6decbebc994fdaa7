package access

import (
	"maps"
	"time"
)

// KindSlots is the kind of the record of a pool.
const KindSlots Kind = "slots"

// A Pool is a number of places of which an object takes one: the numbered tag
// slots of an IAM user. A plan has one object of a pool at most.
type Pool struct {
	ID string `json:"id"`
	// Name is what people call whose places they are: "alice in 222222222222".
	Name string `json:"name"`
	Size int    `json:"size"`
}

// Slots is the record of a pool: which object has which place. Whoever gives a
// place compares its version, so that two grants at once never get the same.
type Slots struct {
	Pool   string        `json:"pool"`
	Places map[int]Place `json:"places"` // by their number, from 1
}

// A Place is the object that got it last. The place is free again once the
// object is gone, which the object's own record says.
type Place struct {
	Object ObjectKey `json:"object"`
	Since  time.Time `json:"since"`
}

// Record is where the places of p are stored.
func (p Pool) Record() Key { return Key{KindSlots, p.ID} }

// Key is where the record is stored.
func (s Slots) Key() Key { return Key{KindSlots, s.Pool} }

// Index lists nothing: a pool is found by its id.
func (s Slots) Index(Version) []Index { return nil }

// Of returns the place that the object has, or zero.
func (s Slots) Of(k ObjectKey) int {
	for n, p := range s.Places {
		if p.Object == k {
			return n
		}
	}
	return 0
}

// Given returns s with place n given to the object, and no other.
func (s Slots) Given(n int, k ObjectKey, now time.Time) Slots {
	places := map[int]Place{}
	maps.Copy(places, s.Places)
	maps.DeleteFunc(places, func(_ int, p Place) bool { return p.Object == k })
	places[n] = Place{k, now}
	s.Places = places
	return s
}

// Holds reports whether o still needs the place that it was given: until it is
// gone and nobody wants it.
func (o Object) Holds() bool { return o.Wanted() || o.State != Gone }
