// Package replay judges the requests of the past by other rules, so that one
// can see what a change of flow files does before it is in force.
//
//	asked 2026-03-04 12:00 by alice@example.com for billing
//	was       allowed, leads decide
//	would be  refused by the rule month-end at flows/finance.yaml:31:13
//
// Each request is judged with the facts that its verdict recorded, at the time
// at which it was asked. Who is in a group whose members stand in the flow
// files, and who is on call on a rotation that stands there, is taken from the
// proposed files, since that is part of the proposal.
//
// It promises that nothing is guessed: where a rule needs a fact that was not
// recorded, and the outcome hangs on it, the report says that it cannot tell
// and which fact that is. What it needs of memory does not grow with the record.
//
// It refuses to ask anybody. A group that the proposed files pin to another id
// counts as it was recorded under its name, since nobody wrote down who was in
// the other.
package replay
