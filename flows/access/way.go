package access

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Way makes, observes and removes objects of one strategy type. Its methods
// may be called for different objects at once, and again after a crash: none
// of them assumes that it was called before. The context carries a deadline.
//
// Errors are classified by ClassOf. A way does not retry: that is the Keeper's.
type Way interface {
	// Observe reads the object afresh. since is when a creation of ours may
	// have been requested, zero if never; with it, Observe also looks for an
	// operation of that time whose answer was lost.
	Observe(ctx context.Context, s Spec, since time.Time) (Observation, error)
	// Apply requests the object's creation. The operation may be running
	// still, or over, when it returns.
	Apply(ctx context.Context, s Spec) (Operation, error)
	// Remove requests the object's removal. Removing what is not there is an
	// operation that succeeded.
	Remove(ctx context.Context, s Spec) (Operation, error)
	// Poll returns op as it stands now.
	Poll(ctx context.Context, s Spec, op Operation) (Operation, error)
}

// A Planner says what a grant on a target needs. It is pure: ids that had to
// be looked up are in the target's params already.
type Planner interface {
	Plan(t Target, p Person) (Plan, error)
}

// An Observation is what a fresh read showed.
type Observation struct {
	Present bool
	// Running is an operation on the object that is in progress, whoever
	// requested it; its zero value is none.
	Running Operation
	// Made says that AWS lists a creation of exactly this object that was
	// requested at since, give or take the clocks: it was ours.
	Made bool
	// ID is what Spec.ID becomes if the object is ours.
	ID string
	// SessionName is what Spec.SessionName becomes; empty if nothing is known of it.
	SessionName string
	// Altered says, for people, why what is there is not what the spec says:
	// somebody else changed it, or had the place before. It is not removed.
	Altered string
	// Places are the machines that it is on, for an object that is on several at
	// once, and Silent those that are there and could not be asked: a machine that
	// is stopped comes back as it was.
	Places, Silent []string
}

// An Operation is something AWS does to an object, over time.
type Operation struct {
	Kind      OpKind    `json:"kind"`
	ID        string    `json:"id,omitempty"` // AWS's; empty while the answer is unknown
	State     OpState   `json:"state,omitempty"`
	Reason    string    `json:"reason,omitempty"` // why it failed, as AWS says
	StartedAt time.Time `json:"started_at,omitzero"`
}

// IsZero reports whether there is no operation.
func (o Operation) IsZero() bool { return o.Kind == "" }

// An OpKind is what an operation does.
type OpKind string

// The kinds of operation.
const (
	Creation OpKind = "creation"
	Removal  OpKind = "removal"
)

// An OpState is how far an operation is. The zero state is that nobody knows.
type OpState string

// The states of an operation.
const (
	OpRunning   OpState = "running"
	OpSucceeded OpState = "succeeded"
	OpFailed    OpState = "failed"
)

// A Class says what an error of a way means for what comes next.
type Class int

// The classes. The zero class is the careful one: it may have happened.
const (
	// Ambiguous: the request may have had its effect. Observe before repeating.
	Ambiguous Class = iota
	// Throttled: it had no effect; slow down and try again.
	Throttled
	// Busy: it had no effect, since another change is in progress; try again.
	Busy
	// Refused: it had no effect, and repeating it as it is will not help.
	Refused
)

// String names the class for a log.
func (c Class) String() string {
	return [...]string{"ambiguous", "throttled", "busy", "refused"}[c]
}

// A WayError is an error of a way with its class.
type WayError struct {
	Class Class
	After time.Duration // how long AWS asks to wait; zero if it does not say
	Err   error
}

// Error describes the error; the class is for the log, not for people.
func (e *WayError) Error() string { return fmt.Sprintf("%v (%v)", e.Err, e.Class) }

// Unwrap returns the cause.
func (e *WayError) Unwrap() error { return e.Err }

// ClassOf returns the class of err. An error that no way classified is
// Ambiguous.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*WayError](err); ok {
		return e.Class
	}
	return Ambiguous
}
