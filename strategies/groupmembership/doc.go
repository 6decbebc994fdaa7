// Package groupmembership grants by putting a person into a group, and takes
// them out of it again. In the flow files there are two types of strategy:
//
//	strategies:
//	  groups: {type: aws_group, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef",
//	           groups: [90677f1112-0d4a4c5e-...]}
//	  iam:    {type: aws_iam_group, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame",
//	           groups: [SesameShell], users_named: email}
//	targets:
//	  shell: {strategy: groups, group: 90677f1112-0d4a4c5e-..., session: 1h}
//
// aws_group is a group of IAM Identity Center's directory, and aws_iam_group
// one of IAM users in an account. The object is the membership. Both change at
// once and have no limit on changes in progress, which makes them the better
// choice for large organisations.
//
// They promise to touch the groups alone that the strategy names as Sesame's
// own, and the memberships alone that Sesame made. The directory gives each
// membership an id, so one that somebody ended and made again is told from
// Sesame's. IAM gives none, and does not say who made a membership: there,
// what was absent when Sesame asked for it is Sesame's.
//
// They refuse groups of the directory that came from elsewhere, by SCIM for
// instance: their source would undo what Sesame does, or keep what it ends.
//
// They do not end access that is being used. Credentials that the directory's
// group led to live as long as the sessions of its permission sets, which is
// the overhang of its targets. An IAM user's own keys have no such time, but what
// sessions the policies of a group let people start, and on which machines, is
// known to those policies alone: sessions that are open go on, for as long as the
// target states as its session.
package groupmembership
