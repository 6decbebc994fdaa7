package strategytest

import (
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// A Rig is a way under test with the world behind it.
type Rig struct {
	Way access.Way
	// World is the ground truth, and where faults are armed.
	World World
	// Clock drives both. It only moves when the suite moves it, so the way
	// must not wait for it.
	Clock *clock.Movable
	// Spec returns the n-th object. Each is in a lane of its own.
	Spec func(n int) access.Spec
}

// A World holds objects, whatever a way says about them.
type World interface {
	// Exists reports whether the object is there now.
	Exists(s access.Spec) bool
	// Put makes or removes the object by hand, at once.
	Put(s access.Spec, exists bool)
	// Break arms a fault. Faults of different kinds may strike one call.
	Break(f Fault)
	// Writes is how many creations and removals arrived so far.
	Writes() int
}

// A Fault is something that goes wrong once.
type Fault struct {
	Kind FaultKind
	// On is the kind of request that is struck.
	On access.OpKind
	// Delay is how long a SlowOperation takes, or how far reads are behind
	// from now on.
	Delay time.Duration
}

// A FaultKind is one way for things to go wrong.
type FaultKind int

// The faults.
const (
	LostRequest     FaultKind = iota + 1 // no answer, no effect
	LostAnswer                           // no answer, though it has its effect
	Throttled                            // too many calls
	Busy                                 // another change is in progress
	Refused                              // not allowed
	FailedOperation                      // the operation fails, with FailReason
	StuckOperation                       // the operation never finishes
	SlowOperation                        // the operation takes Delay
	LaggingReads                         // reads show what was there Delay ago, until further notice
)

// FailReason is what a FailedOperation says.
const FailReason = "the role quota is exhausted"
