// Package upstream sends short requests that may be repeated, over connections
// of HTTP/1.1 that it keeps, in the goroutine of whoever asks.
//
// A Transport of net/http has two goroutines for each connection, so that it
// can send and receive at the same time, whatever comes. For a request that
// fits into a buffer, handing it over to one and its answer back from the other
// takes longer than all that is done to it. Here the request is written, and
// then the answer is read; both by the functions of net/http.
//
//	Reads -- short, in memory, to a host of HTTP/1.1 --> conn, of a pool
//	   '---- everything else --------------------------> http.Transport
//
// It promises that a connection is used again only after an answer that ended
// where its head said, and while nothing has come on it since; that the context
// of a request breaks it off at any point until its answer was read; and that a
// request is sent a second time only if not a byte of an answer came to the
// first.
//
// It refuses nothing itself: what it is not made for goes the other way.
package upstream
