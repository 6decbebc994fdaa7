// Package webapi is the part of Slack's Web API that Sesame uses: one method
// here for each method there, with what an error means for what comes next.
//
// It promises that every error of a call is an *Error that says whether the
// call may have had its effect; that nothing is repeated here, since posting
// a message twice is not the same as posting it once; that calls keep within
// Slack's limits per method, and posts within one a second per channel; and
// that after a 429 nobody calls before the time that Slack named.
//
// It refuses to follow redirects, to wait for an answer for ever, and to post
// an answer to an address that is not Slack's.
//
// Tokens never appear in its errors.
package webapi
