// Package record keeps what happened in terminal sessions.
//
// What was shown and what was typed are two streams, and each is an asciicast,
// version 3: lines of JSON, the first a header, each other one an event and how
// many seconds came before it:
//
//	{"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315}
//	[0.248,"o","$ "]
//	[1.001,"i","ls\r"]
//	[0.002,"m","approved by ana"]
//	[2.050,"r","90x30"]
//	[0.887,"x","0"]
//
// A recording is a folder:
//
//	rec-4f…/manifest.json   whose session, how much, why it ended; signed at the end
//	rec-4f…/output.seg      what was shown, in sealed segments
//	rec-4f…/output.key      the key of that, wrapped by age with a Sealer
//	rec-4f…/input.seg       what was typed, and its key
//	rec-4f…/input.key
//
// A segment holds whole lines, is sealed with AES-256-GCM, and ends in its
// chain: the SHA-256 of the chain before it and of the segment. So the chain is
// checked without a key, and whoever removes a key has removed the stream.
//
// It promises that what is there is valid at every moment, up to a last segment
// that may be cut; that Take returns once an event is in memory, and that it is
// on the disk a quarter of a second later, as long as the disk keeps up, so that
// a crash of the program or a loss of power takes no more than that (what was
// typed waits up to three seconds longer, to see whether it is shown); that what
// was typed and not shown is not kept, as mask says; and that each recording is
// in the Journal before anything of its session passes. What is played is what
// was shown, however it came in pieces: a character that is spread over two of
// them is put together, and each byte that belongs to none becomes U+FFFD.
// Intervals add up to the time that passed, however many there are. Whoever
// watches never holds a session up.
//
// It refuses to go on where something could not be written, or the quota is
// used up: a recording with a hole in it would look like a whole one. It adds
// nothing to a recording that broke off, and removes none that is open. It does
// not ask who may see what: see package archive.
//
// The format of the streams is described at
// https://docs.asciinema.org/manual/asciicast/v3.
package record
