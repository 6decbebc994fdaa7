// Package audit makes the record of events hard to edit and impossible to
// edit quietly.
//
// The events of each request chain already: each carries the hash of the one
// before. That does not help against someone who rewrites a chain from some
// event on, or cuts the newest events off. So a second after news at the
// latest, the heads of the chains that moved go into a checkpoint, which
// names the checkpoint before it and is signed:
//
//	log           1  2  3  4  5  6  7  8  9 ...
//	             '--------'  '-----'  '--'
//	checkpoints       1 <------ 2 <---- 3
//
// Checkpoints are records of the store. The head, which is the number and hash
// of the last one, is kept in a file beside the store and handed to a sink
// that takes it off the machine. Whoever has a head can tell whether anything
// that came before it was changed, removed or put in.
//
// A checkpoint also carries where the record of calls stood, which is a chain of
// its own in files beside the store. Verify says what it should hold; whoever
// has the files checks them against it.
//
// It promises that Verify needs only a reader, the public key and, against a
// cut tail, a head; that it reads page by page, so that the length of the
// record does not matter to its memory; and that it names the first record
// that does not hold. It promises that a store which is older than the head
// in the file is not started on.
//
// It refuses to sign events that do not hold themselves, and to go on with a
// new key where there are checkpoints of another. It does not hide anything:
// events are stored and exported as they are.
package audit
