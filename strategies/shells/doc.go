// Package shells finds and ends sessions of Session Manager that people started
// with what grants of other ways gave them. AWS asks whether somebody may start
// a session, and not again while it goes on, so that a shell outlives the tags or
// the policy by which it was started: the Keeper has it ended here.
//
//	spec:  role PartyA, session carol@partner.example, Owner=PartyA, in us-east-1
//	AWS:   carol@partner.example-0a1b  arn:aws:sts::222222222222:assumed-role/PartyA/carol@partner.example  i-0c
//	EC2:   i-0c  Owner=PartyA
//
// A grant that gives people credentials has them ended where its target says by
// which role, as end_sessions. Whose they are stands in what AWS calls their
// owner: a role made of a permission set, and in it the user, or a session whose
// name Sesame chose, and in it the person and the grant.
//
//	spec:  Shell in 222222222222, user alice
//	AWS:   alice-0a1b  arn:aws:sts::222222222222:assumed-role/AWSReservedSSO_Shell_0123456789abcdef/alice
//	spec:  role EC2 in 222222222222, of alice@example.com
//	AWS:   alice@…  arn:aws:sts::222222222222:assumed-role/EC2/alice@example.com+g-7k2m9p4xqa
//
// Those of a permission set are ended only if AWS says that nothing gives it to
// that user any more, and that nobody else is called so now; otherwise, and where
// that may not be asked, nobody can tell, which is an *access.UndecidedError.
//
// It promises that a session is one of somebody's if AWS names that IAM user, or
// that role and session, as its owner; and one of an object's if its machine has
// all of the tags that the object is about, their keys in whatever case, as IAM
// compares them. A machine that is gone counts as one that had them. Where the
// target does not say in which regions its machines are, all of the account's are
// looked into. All pages are read: what could not be read is an error, and never
// no session.
//
// It refuses specs that name nobody or no tag. It cannot tell by which right a
// session was started: one that somebody starts while a grant is open, on its
// machines, counts as started by it. Nor does it know what tags a machine had
// earlier: one whose machine has other tags now is told as such. Machines that
// are not of EC2 are none that a grant lets anybody reach.
package shells
