// Package oncall says who is on call, as rotations in flow files, Slack user
// groups, PagerDuty or any other service say it.
//
// A Source knows one schedule. Any service can be one that answers a GET with
//
//	{"as_of": "2026-11-20T18:30:00Z",
//	 "on_call": [{"email": "ana@example.com", "until": "2026-11-23T09:00:00Z"}]}
//
// as_of is when that was true, and until is optional. An empty list means that
// nobody is on call, and is an answer.
//
// A Schedule asks a source with a timeout and remembers its answer for a minute
// at most. It promises that authority comes from nothing older: with a source
// that cannot be reached, takes too long, answers about something else or with
// something stale, Is is an Unreachable error that names it, never a no that
// looks like an answer and never a yes that was true once. Last is what was
// known before, for people to look at.
//
// It refuses to follow redirects, since the request carries a token, and to
// read more than a megabyte.
package oncall
