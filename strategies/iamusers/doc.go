// Package iamusers is the client of IAM that the strategies share: users of
// one account, their tags and their groups.
//
// It speaks IAM's query protocol itself, on the SDK's middleware, credentials
// and signer: of some 170 operations Sesame needs eight, each with a form of
// few fields.
//
// It promises what strategies/identitycenter promises of calls: they are sent
// once, keep to a rate, and come back with a class. A user or group that does
// not exist is access.ErrNotFound. IAM is eventually consistent, so what a
// read shows may be a little old; who needs to be sure reads again.
//
// It refuses to write a part: tags are written and removed by one call each.
package iamusers
