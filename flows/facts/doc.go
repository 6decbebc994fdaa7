// Package facts says who somebody is, and fetches what rules read about them.
//
// A person has one account in chat and one user in the directory that AWS
// access hangs on. The first time somebody comes, the two are linked, by what
// the operator wrote down or by an e-mail address that the operator declared
// to be trustworthy; from then on the ids decide, and no e-mail address that
// changes later leads anywhere else.
//
//	account --profile--> full member? --link--> person
//	                                   | none: map, or confirmed e-mail, to
//	                                   v exactly one enabled user; commit
//	                                  person + link both ways
//
// It promises that guests, bots, strangers, deleted users and people of another
// workspace are refused before anything else; that a person is unique both
// ways, whoever comes at the same moment; and that what authority rests on is a
// minute old at most. An error is never remembered, and never means no: it
// wraps access.ErrUnavailable and names its source.
//
// It refuses to guess: two users with one address, an address that nobody
// confirmed, and a group whose source it does not know are no answers.
package facts
