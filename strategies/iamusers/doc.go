// Package iamusers is the client of IAM that the strategies share: users and
// roles of one account, their tags, and the groups of users.
//
// It promises what strategies/identitycenter promises of calls: they are sent
// once, keep to a rate, and come back with a class. What does not exist is
// access.ErrNotFound. IAM is eventually consistent, so what a read shows may be
// a little old; who needs to be sure reads again.
//
// It refuses to write a part: tags are written and removed by one call each.
package iamusers
