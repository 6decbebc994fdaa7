// Package proxy serves AWS to the holders of grants: they sign with proxy
// keys, and what they may do goes on under a role of AWS that they never hold.
//
//	client -- CONNECT, TLS under our CA --> Interceptor
//	   |       |                             one host of AWS, and no other
//	   +---- TLS under a name of ours --> Endpoint
//	           |                             the host of AWS that was signed for
//	           v
//	         Proxy   who is calling   proxy key, signature, address, repeat
//	                 which grant      open now, by the store as it is now
//	                 what is it       service, operation, actions, resources
//	                 may they         what escalates; the target's lists and rules
//	                 record           the intent of a write, before it leaves
//	                 sign, stream     with the role's credentials, as it comes
//	                 record           the outcome, before the answer goes on
//	           v
//	          AWS
//
// It promises that the next call after the end of a grant is refused, whoever
// ended it; that no call leaves without a record and no answer goes on without
// one; that what was verified and judged is what is sent; that a refusal
// reaches the client as an error of the protocol it speaks, in one sentence;
// and that bodies of any size stream in constant memory, either way.
//
// The Endpoint is for clients that know of no proxy. What they sign has to say
// where they want to, so that it cannot stand for S3 Control, access points,
// directory buckets and hosts with a prefix of their own: these need the
// Interceptor, and are refused with that sentence.
//
// Clients are spoken to in HTTP/1.1, which all of them speak. The one thing that
// needs HTTP/2 is to send a stream of events, whose chain of signatures is not
// taken; so it would add a second way to name a host, and serve nobody. AWS is
// spoken to in what it offers.
//
// What is not AWS is refused, or, where it is set, let through unread for holders
// of open grants: Tunnels.
//
// It refuses, among others: hosts that are not those of a service of AWS,
// requests for another service or region than their host's, exact repeats of
// writes, and repeats from another address; what hands out credentials, opens
// sessions that nobody records, changes permissions, runs as another role or
// outlasts the grant, unless the target names it. It follows no redirect, and
// sends no write twice of its own accord. A read is sent once more if its
// connection turns out to be shut before a byte of an answer came.
//
// AssumeRole, for roles that the target lists, and GetSessionToken are answered
// here: the client gets another proxy key of the same grant, with the same rules
// and no later end, and what AWS gave for it stays. The session is named after
// its holder, whatever was asked for; a policy, tags or a device are refused.
//
// Terminal sessions go on with a token of ours in place of AWS's, and their
// data channel through here:
//
//	client == WebSocket, our token ==> session ==> WebSocket, AWS's token == AWS
//	                                     | a tap, in front of each frame
//	                                     v
//	                                  Recording
//
// Nothing passes that was not recorded before: when the recording fails, when
// what passes cannot be read in exactly one way, and when the grant is over, the
// connection to AWS is cut, the client is told why, and AWS ends the session.
// Frames pass byte for byte, in the pace of whoever is slower. The one thing that
// is ever put in between is the line that says when the session ends: from then
// on the numbers of the agent's messages, and of what acknowledges them, differ
// on the two sides, and no payload does; see [ssm.Inserter]. Sessions do not
// outlive the server: the tap has to have seen all of one, and the token of AWS
// is in memory alone. Sockets break and come again for as long as both live.
//
// Signatures, TLS and credentials live by wall time, grants by Sesame's clock.
package proxy
