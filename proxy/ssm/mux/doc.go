// Package mux carries many streams over one, as the two ends of a port session
// do: version 1 of the framing of github.com/xtaci/smux, without keep-alive,
// as agents speak it since 3.1.1511.
//
//	0         1         2         4           8        8+length
//	| version | command | length  | stream    | data
//	|    1    |         | little endian       |
//
// A command opens a stream (SYN), ends one direction of it (FIN), carries data
// (PSH), or does nothing (NOP).
//
// It promises that streams end with both their directions or with the Mux, that
// what is written to one arrives in order, and that no more than a few
// megabytes wait to be read: then nothing is taken from the other end.
//
// It refuses other versions of the framing, and to start goroutines: whoever
// has a Mux runs it.
package mux
