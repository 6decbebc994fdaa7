// Package callerproof lets somebody who has credentials of AWS, and nothing
// else, say who they are: they sign a GetCallerIdentity for AWS STS, and whoever
// is to know sends it there and reads the answer.
//
//	https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-…
//	    x-sesame-server: sesame.example.com     signed: the only server that it is for
//	    x-sesame-said: SHA-256, in hex          signed: what is said with it
//
// The two headers do not travel: the server makes them of its own name and of
// what came with the proof, so that a proof for another server, or for something
// else that was said, is refused by AWS itself.
//
// It promises that a proof is sent to AWS STS and nowhere else, as exactly the
// call that it has to be; that it is taken for five minutes and no longer; and
// that it is taken once.
//
// It refuses everything in the address that it does not expect: another host,
// path, parameter or signed header. It cannot tell two people apart who share a
// session name.
package callerproof
