package access

import (
	"slices"
	"time"
)

// An ObjectState is what is known about an object in AWS. The zero state is
// that nothing is known.
type ObjectState string

// The states of an object.
const (
	Unknown  ObjectState = ""         // not read yet
	Creating ObjectState = "creating" // a creation was recorded and may have happened
	Present  ObjectState = "present"  // made by us and read as there
	Deleting ObjectState = "deleting" // a removal was recorded and may have happened
	Leaving  ObjectState = "leaving"  // removed; absence is being confirmed
	Gone     ObjectState = "gone"     // absence confirmed, or never made
	Foreign  ObjectState = "foreign"  // there, and not made by us
)

// An Object is the record of one thing in AWS: who leases it, what is known
// about it and what is being done to it. Every change of a lease compares its
// version, so that a close and an approval cannot miss each other.
type Object struct {
	Spec   Spec        `json:"spec"`
	State  ObjectState `json:"state"`
	Leases []Lease     `json:"leases,omitempty"`
	// ReadAbsentAt and AttemptAt are durable before a creation is requested.
	// Something that is there without both of them is foreign.
	ReadAbsentAt time.Time `json:"read_absent_at,omitzero"`
	AttemptAt    time.Time `json:"attempt_at,omitzero"`
	// AttemptRun is the leadership under which the attempt was made. An
	// attempt of an earlier one, with no answer recorded, is unsure.
	AttemptRun Epoch `json:"attempt_run,omitempty"`
	// Op is the operation in progress; its ID is empty while the answer to
	// the request is not known.
	Op Operation `json:"op,omitzero"`
	// Removal is AWS's id of the last removal that succeeded.
	Removal     string    `json:"removal,omitempty"`
	AbsentReads int       `json:"absent_reads,omitempty"`
	AbsentAt    time.Time `json:"absent_at,omitzero"`
	// WatchUntil is until when a confirmed absence is looked at again.
	WatchUntil time.Time `json:"watch_until,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"` // when it next needs attention
	Tries      int       `json:"tries,omitempty"`  // failures since the last success
	Since      time.Time `json:"since,omitzero"`   // of the first of them
	LastError  string    `json:"last_error,omitempty"`
	Alarmed    bool      `json:"alarmed,omitempty"`
}

// A Lease is a grant's claim on an object until a time.
type Lease struct {
	Grant GrantID   `json:"grant"`
	Until time.Time `json:"until"`
}

// Key is where the object is stored.
func (o Object) Key() Key { return Key{KindObject, string(o.Spec.Key)} }

// Index lists the object as due while it waits for something, and under
// IndexObjects as long as it exists.
func (o Object) Index(Version) []Index {
	x := []Index{{IndexObjects, o.Spec.Lane}}
	if !o.NextAt.IsZero() {
		x = append(x, Index{IndexDue, TimeKey(o.NextAt)})
	}
	return x
}

// Wanted reports whether any grant leases o.
func (o Object) Wanted() bool { return len(o.Leases) > 0 }

// LeasedBy reports whether g leases o.
func (o Object) LeasedBy(g GrantID) bool {
	return slices.ContainsFunc(o.Leases, func(l Lease) bool { return l.Grant == g })
}

// Leased returns o with a lease for g until the given time, due now. An
// earlier lease of g is replaced.
func (o Object) Leased(g GrantID, until, now time.Time) Object {
	o.Leases = append(o.without(g), Lease{g, until})
	o.NextAt = now
	return o
}

// Released returns o without g's lease, due now.
func (o Object) Released(g GrantID, now time.Time) Object {
	o.Leases = o.without(g)
	o.NextAt = now
	return o
}

func (o Object) without(g GrantID) []Lease {
	return slices.DeleteFunc(slices.Clone(o.Leases), func(l Lease) bool { return l.Grant == g })
}

// Holders returns the grants that lease o.
func (o Object) Holders() []GrantID {
	var ids []GrantID
	for _, l := range o.Leases {
		ids = append(ids, l.Grant)
	}
	return ids
}

// Receipt returns what is proven about o for a grant that no longer leases
// it, and whether that is enough to close the grant.
func (o Object) Receipt() (ObjectReceipt, bool) {
	r := ObjectReceipt{Object: o.Spec.Key}
	switch {
	case o.State == Foreign:
		r.Foreign = true
	case o.Wanted():
		r.KeptFor = o.Holders()
	case o.State == Gone && o.AttemptAt.IsZero():
		r.NeverMade = true
	case o.State == Gone:
		r.Operation, r.AbsentAt, r.Reads = o.Removal, o.AbsentAt, o.AbsentReads
	default:
		return ObjectReceipt{}, false
	}
	return r, true
}
