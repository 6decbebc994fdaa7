// Package token keeps service tokens: what a program signs with that calls AWS
// through the proxy where nobody is signed in. Whoever makes one names the
// targets that it is for, the networks that it may be used from, and its end:
//
//	access key id       SEST + 16 letters and digits, # and a target
//	secret access key   40 characters, shown once
//
// The AWS CLI, boto3 and the SDKs for Go and JavaScript send such an id as it is,
// and none of them minds that there is no session token. In the query of a
// presigned URL the # is %23.
//
// A token is its owner's and gives nothing of its own: it works for a target
// while its owner holds that target, by a grant that somebody approved, and dies
// with the grant as the owner's own keys do. The target may be left out where
// the token is for one alone.
//
// It promises that the secret is sealed at rest, with the id as associated
// data; that a token which was revoked is gone with the commit that records it,
// so that the next call is refused; and that making and ending one are events.
//
// It refuses tokens without an end, without networks, and for targets that are
// not served. Whether the owner holds a target at present is for the proxy to
// find out, call by call.
package token
