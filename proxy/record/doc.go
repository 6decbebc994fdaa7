// Package record writes down what happened in a terminal session.
//
// A recording is an asciicast, version 3: lines of JSON, the first a header,
// each other one an event and how many seconds came before it:
//
//	{"version":3,"term":{"cols":80,"rows":24},"timestamp":1504467315}
//	[0.248,"o","$ "]
//	[1.001,"i","ls\r"]
//	[0.002,"m","approved by ana"]
//	[2.050,"r","90x30"]
//	[0.887,"x","0"]
//
// It promises that a recording is valid at every moment: each event is one
// line and one Write, so whatever is there after a crash can be played, up to
// a last line that may be cut. Intervals are rounded so that they add up to
// the time that passed, however many there are. And what is played is what
// was shown, however it came in pieces: a character that is spread over two
// of them is put together, and each byte that belongs to none becomes U+FFFD,
// as a terminal would show it.
//
// It refuses to go on after a Write that did not work: a recording with a
// hole in it would look like a whole one. It reads no clock and opens no
// file.
//
// The format is described at https://docs.asciinema.org/manual/asciicast/v3.
package record
