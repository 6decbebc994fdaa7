// Package access holds the nouns of Sesame, their invariants, and the ports
// through which they meet the world.
//
// A request is one person asking for one target. The rules give a verdict, a
// person gives a decision, and an approved request becomes a grant. A grant
// holds leases on objects in AWS; an object lives while any lease on it lives.
// When the grant is over, a receipt says what was proven.
//
//	request:  pending -> approved | denied | withdrawn | lapsed
//	grant:    opening -> open -> closing -> closed
//	          opening -> closing (ended early, or could not be opened)
//
// It promises that a state changes only through a method that can refuse, that
// every change names the version it was made from, and that the zero value of
// every state, verdict and decision refuses. Authorize is the one place that
// says who may do what.
//
// It refuses to do anything else: no I/O, no clock, no logging, the standard
// library only. Functions that depend on time take it as an argument.
package access
