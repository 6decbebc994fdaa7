// Package osusers keeps users of the operating system for as long as somebody
// has access to its machines as them. It is no strategy type of its own: grants
// of aws_partner have such a user as their first object, which is opened before
// everything else and locked after everything else.
//
// The machines are those with some tags, and what is said to them is said by one
// Command document of the account, SesameOSUser, which sesame policy generate
// os-user-document writes. Nothing that a person typed gets into a shell.
//
//	Apply    state=present   the user is there, with the time as its mark
//	Remove   state=locked    nobody gets in as the user, and what ran is killed
//	Observe  state=look      every machine says how things are
//
// It promises that a user whom Sesame did not make is neither changed nor
// locked, and that one counts as locked only once every machine has said so: a
// machine that does not answer is an error, and is asked again.
//
// It refuses names that the document would not take. It cannot reach machines
// that are stopped: on those, the user is as it was. It says which they are, so
// that the Keeper looks again until they are back, and locks the user there.
package osusers
