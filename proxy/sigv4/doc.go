// Package sigv4 takes AWS Signature Version 4 apart, checks it, and makes it
// again under another key.
//
//	client                          Sesame                             AWS
//	  | -- request, proxy key -----> | Parse: who, when, what is signed
//	  |                              | Verify: with the proxy key
//	  |                              | Resign: with the real key ------> |
//	  | -- body -------------------> | Body: checked and signed again -> |
//
// A signature covers the bytes of the request line, so everything here works
// on the raw request target: nothing is decoded, cleaned or routed before it
// is checked, and what was checked is what is sent on. Signers disagree on
// how the target is written down for signing. S3 encodes a path once and
// leaves it alone, everybody else encodes the encoded path once more and
// removes dot segments; SDKs that differ from that sign the bytes as they
// send them. Verify tries the forms in turn; each of them covers the whole
// target.
//
// It promises that a verified request was signed as it stands by the holder
// of the key, inside the window of time that is allowed; that no header gives
// a request meaning unless it is signed; that bodies stream in constant
// memory; and that no byte of a signed chunk, and not the last byte of a
// hashed body, leaves before it was checked. Signatures are compared in
// constant time.
//
// It refuses, each with an error of its own: requests without a signature,
// SigV2, SigV4a and signed event streams, two signatures at once, repeated or
// malformed parameters, and unsigned headers of AWS. It keeps no state and
// reads no clock; whether a signature was seen before is the caller's to know.
//
// The protocol is described in "AWS Signature Version 4 for API requests" in
// the IAM User Guide, and for chunked bodies in "Authenticating Requests" in
// the Amazon S3 API Reference.
package sigv4
