package strategytest

import (
	"sesame/flows/access"
	"sesame/flows/clock"
)

// A ShellRig is what ends sessions with the world behind it.
type ShellRig struct {
	Cutter access.Cutter
	World  ShellWorld
	Clock  *clock.Movable
	// Spec returns the n-th object of a person, which is about machines of its
	// own. Objects of one person are in one lane.
	Spec func(person, n int) access.Spec
}

// A ShellWorld holds sessions, whatever a Cutter says about them.
type ShellWorld interface {
	// Start starts a session of whom the first object lets in, on a machine that
	// all of them are about and no other is, and returns its id.
	Start(all ...access.Spec) string
	// Open reports whether a session is open.
	Open(id string) bool
	// Break arms a fault, which strikes the next request for an end: On is
	// access.Removal. With any other On, the next look for sessions is struck.
	Break(f Fault)
	// Cuts is how many requests for an end arrived so far.
	Cuts() int
}
