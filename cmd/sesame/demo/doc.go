// Package demo is Sesame with nothing real around it: the stand-ins for Slack
// and AWS and the server itself, in one process on the loopback interface, on
// one clock that can be moved.
//
//	Tour, Page --> Stage --> slacktest  <--Web API, Socket Mode--+
//	                  |----> awstest    <--SDK over HTTP---------+-- server
//	                  +----> a folder: sesame.yaml, flows, store-+
//
// It promises that the server is the one that serve runs, started from a
// configuration file like any other: the stand-ins are reached over HTTP and
// WebSocket, and the store is a file. The Tour compares each of its steps with
// what the stand-ins hold, and stops at the first that is not as told.
//
// A Page lets whoever holds its token act as anybody. So it listens on the
// loopback interface only, answers its own origin only, runs no script but its
// own, and shows what was typed as text.
//
// It refuses to reach Slack, AWS or any other machine, and to read
// credentials, profiles or tokens that the machine's owner has.
package demo
