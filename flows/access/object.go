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
	Removal   string    `json:"removal,omitempty"`
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// SeenAt is the last read that showed it present.
	SeenAt      time.Time `json:"seen_at,omitzero"`
	AbsentReads int       `json:"absent_reads,omitempty"` // agreeing ones, up to the last
	AbsentAt    time.Time `json:"absent_at,omitzero"`
	// AlteredReads are agreeing ones, up to the last, that showed something
	// else in its place.
	AlteredReads int `json:"altered_reads,omitempty"`
	// WatchUntil is until when a confirmed absence is looked at again.
	WatchUntil time.Time `json:"watch_until,omitzero"`
	Watched    bool      `json:"watched,omitempty"` // to its end
	NextAt     time.Time `json:"next_at,omitzero"`  // when it next needs attention
	Tries      int       `json:"tries,omitempty"`   // failures since the last success
	LastError  string    `json:"last_error,omitempty"`
	// Urgent says that somebody ended the last lease before its time.
	Urgent bool `json:"urgent,omitempty"`
	// Lingers says that people were told that it was seen long after AWS had
	// confirmed its removal.
	Lingers bool `json:"lingers,omitempty"`
	// Failure says, for a person, why the object cannot be made for the
	// grants that lease it.
	Failure string `json:"failure,omitempty"`
	// Closing are the grants that leased it and have no receipt yet.
	Closing []GrantID `json:"closing,omitempty"`
	// Sessions are those that were started by it.
	Sessions Sessions `json:"sessions,omitzero"`
	// Places are the machines that it was seen on since it was made, and Silent
	// those of them that could not be asked when it was last read as absent. It is
	// looked for as long as there are any.
	Places []string `json:"places,omitempty"`
	Silent []string `json:"silent,omitempty"`
}

// A Lease is a grant's claim on an object, from its decision until a time.
type Lease struct {
	Grant GrantID   `json:"grant"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Waits says that nobody has found yet that the grant may open. Until then it
	// does not keep in place what others had made.
	Waits bool `json:"waits,omitempty"`
}

// Record is where the object of that key is stored.
func (k ObjectKey) Record() Key { return Key{KindObject, string(k)} }

// Key is where the object is stored.
func (o Object) Key() Key { return o.Spec.Key.Record() }

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

// Leased returns o with a lease for g from now until the given time, due now.
// What was proven about its absence was proven before, and proves nothing for
// g.
func (o Object) Leased(g GrantID, until, now time.Time) Object {
	o.Leases = append(o.without(g), Lease{Grant: g, Since: now, Until: until, Waits: true})
	o.NextAt, o.Failure, o.Urgent, o.Lingers = now, "", false, false
	o.AbsentReads, o.AbsentAt, o.Watched = 0, time.Time{}, false
	return o
}

// Extended returns o with g's lease ending at until. It changes nothing else:
// there is nothing to do about it.
func (o Object) Extended(g GrantID, until time.Time) Object {
	o.Leases = slices.Clone(o.Leases)
	for i := range o.Leases {
		if o.Leases[i].Grant == g {
			o.Leases[i].Until = until
		}
	}
	return o
}

// Passed returns o in which the leases of those grants wait no more, since they
// may open.
func (o Object) Passed(grants ...GrantID) Object {
	o.Leases = slices.Clone(o.Leases)
	for i, l := range o.Leases {
		o.Leases[i].Waits = l.Waits && !slices.Contains(grants, l.Grant)
	}
	return o
}

// HasPassed reports whether g leases o and may open.
func (o Object) HasPassed(g GrantID) bool {
	return slices.ContainsFunc(o.Leases, func(l Lease) bool { return l.Grant == g && !l.Waits })
}

// Awaited reports whether o is leased by grants alone that wait.
func (o Object) Awaited() bool {
	return o.Wanted() && !slices.ContainsFunc(o.Leases, func(l Lease) bool { return !l.Waits })
}

// Released returns o without g's lease, due now. g is owed a receipt.
func (o Object) Released(g GrantID, now time.Time, urgent bool) Object {
	o.Leases = o.without(g)
	if !slices.Contains(o.Closing, g) {
		o.Closing = append(slices.Clone(o.Closing), g)
	}
	o.NextAt, o.Tries, o.Urgent = now, 0, urgent
	if o.State != Gone {
		o.AbsentReads = 0
	}
	return o
}

// Receipted returns o once g has its receipt.
func (o Object) Receipted(g GrantID) Object {
	o.Closing = slices.DeleteFunc(slices.Clone(o.Closing), func(id GrantID) bool { return id == g })
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
	r := ObjectReceipt{Object: o.Spec.Key, Name: o.Spec.Name}
	switch {
	case o.Uncut():
		return ObjectReceipt{}, false
	case o.State == Foreign:
		r.Foreign = true
	case o.Wanted():
		r.KeptFor = o.Holders()
	case o.State == Gone && o.AttemptAt.IsZero():
		r.NeverMade = true
	case o.State == Gone && !o.AbsentAt.IsZero():
		r.Silent = o.Silent
		r.Operation, r.AbsentAt, r.Reads, r.SeenAt = o.Removal, o.AbsentAt, o.AbsentReads, o.SeenAt
	default:
		return ObjectReceipt{}, false
	}
	if !o.Wanted() {
		r.Cut, r.CutMore, r.LeftCount, r.Elsewhere, r.ClearAt = o.Sessions.Cut, o.Sessions.More, o.Sessions.Left, o.Sessions.Elsewhere, o.Sessions.ClearAt
		r.Undecided = o.Sessions.Undecided
	}
	return r, true
}
