// Package channel is one end of a session's data channel, for a client as for
// a stand-in of the agent: the protocol is the same in both directions.
//
//	Write --> numbered, kept --> socket ==> the other end
//	          ^ acknowledged, or sent again
//	Read  <-- in order, once <-- socket <== the other end
//
// It promises that what is written arrives once and in order, as long as
// sockets come back: an End outlives them, and sends again on the next one
// what was not acknowledged on the last. Whoever does not read slows the other
// end down, and whoever writes waits while too much is on the way, so memory
// is bounded.
//
// It refuses to dial, to know tokens, or to look into payloads: that is the
// business of whoever brings sockets and messages. Time comes from the Clock
// that it is given.
//
// Timings are those of github.com/aws/session-manager-plugin, in
// src/datachannel/streaming.go and src/config: a message is sent again after
// 200 ms at first, later after what the round trips say, at most after a
// second, and only the oldest one, up to 3,000 times.
package channel
