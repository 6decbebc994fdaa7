// Package inventory finds the machines that a target is about, so that nobody
// has to look for an id before they can connect.
//
//	instances: {tags: {Department: FrontEnd}}
//
// EC2 is asked by tag:Key, or AWS Config where the flow file says so, and then
// Session Manager for what it knows of them.
//
// It promises that a machine is listed if it has all of the tags, to the
// letter, whoever answered; that what was found is asked for again after a
// short while, or at once when access hangs on it; and that calls keep to a rate,
// as strategies/identitycenter has it. It lists 200 machines at most, and says
// so when there are more.
//
// It refuses to find machines by no tag at all. It gives no access: what a
// policy lets people reach, it does not know.
package inventory
