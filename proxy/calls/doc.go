// Package calls keeps the record of what was called through the proxy.
//
//	calls-0000000000000001.jsonl      a segment, named by its first entry
//	  {"seq":1,"kind":"segment",...,"chain":"5f0c..."}
//	  {"seq":2,"kind":"intent","call":"c-...","operation":"PutItem",...,"chain":"91b2..."}
//	  {"seq":3,"kind":"answer","call":"c-...","status":200,...,"chain":"77aa..."}
//
// Each entry is a line of JSON that ends in its chain: the SHA-256 of the chain
// before it and of the line up to there. Segments go on where the one before
// ends. The head of the chain is for checkpoints to anchor, so that what was
// cut off the end is noticed as well.
//
// It promises that an entry is with the operating system when Append returns,
// and on the disk a tenth of a second later, together with all others of that
// time: a crash of the program loses none, a loss of power at most those. Room
// for the outcome of calls that have begun is kept. What a crash left unfinished
// at the end is cut off, and the record says so.
//
// It refuses to go on where the chain does not hold, when a write failed, and
// beyond its quota: the proxy passes no call then. It does not know what
// entries mean, and never removes one that is younger than it was told to keep.
package calls
