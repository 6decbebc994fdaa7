// Package principaltags grants by tags of an IAM user or role, for policies that
// compare them with the tags of what the user wants to reach. In the flow
// files it is the strategy type aws_principal_tags:
//
//	strategies:
//	  tags: {type: aws_principal_tags, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame",
//	         tag_names: [AppGroupName, AppId], slots: 5, users_named: email}
//	targets:
//	  payments: {strategy: tags, principal_tags: {AppGroupName: payments, AppId: a-17}}
//
// The object is one slot of a user's tags. The first has the names alone, and
// the second to the last end in their number; sesame policy generate
// principal-tags writes the policy that reads them:
//
//	AppGroupName  payments    AppId  a-17    SesameSlot  20261120T120000.000000000Z
//	AppGroupName2 ledger      AppId2 a-4     SesameSlot2 20261120T121500.000000000Z
//
// The tag SesameSlot says when Sesame wrote the slot. By it, Sesame knows its
// own from what somebody else wrote, after a crash too.
//
// roles names roles in place of users. With timed, a grant has a second object:
// a policy of the user's or role's own that lets sessions be started on
// instances with these tags, within a window whose times stand in it. It holds
// even if nobody is left to remove it:
//
//	Sesame-g-0123456789  StartSession on App a/b from 12:00:00 until 13:15:00
//
// What a person started with either goes on without it, so their sessions on
// machines with these tags are part of the object: the Keeper ends them, by
// strategies/shells, once the tags are gone.
//
// It promises that a slot is written as a whole by one call and removed as a
// whole by one call. Which slot a grant gets is part of the grant's commit, so
// that two grants at once never share one; access is open once a read shows
// the tags. Tags that Sesame did not write are never changed: a slot that they
// occupy is not used, and one that somebody edited is reported and left alone.
//
// It refuses users that do not exist, and to write over what it finds. It
// cannot keep somebody from editing a tag between its read and its removal,
// since IAM has no removal that compares.
package principaltags
