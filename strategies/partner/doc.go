// Package partner grants to people of other companies, who have no account in
// Slack and no identity here. In the flow files it is the strategy type
// aws_partner:
//
//	partners:
//	  partya: {role_arn: "arn:aws:iam::333333333333:role/Operators", sponsor: U012ABCDEF, people: [carol@partner.example]}
//	strategies:
//	  parties: {type: aws_partner, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/Sesame"}
//	targets:
//	  partya-web: {strategy: parties, partner: partya, role: PartyA, os_user: partya, instances: {tags: {Owner: PartyA}}}
//
// The partner's people come as their own role, and assume ours with an external
// id and a session name that is theirs alone. What that role may always do is to
// see machines and to end sessions of their own. A grant has
//
//  1. the user of the operating system, on the machines of each region
//  2. a policy of the role: StartSession on these machines, for the session of
//     that person alone, within a window whose times stand in it
//
// They are opened in this order and closed in the other: first nobody can start
// a session any more, and those of that person are ended; then the user is
// locked, which ends what they left running. Two grants of people of one partner
// share the user and nothing else.
//
// It promises that a grant to one person lets nobody else in, and that nothing
// can be started with it after its end even if Sesame is gone. Ids and names
// come from the flow files, never from what somebody typed.
//
// An external id is replaced in two steps, between which roles take both: Replace
// makes another, and Finish has the one before be over. Each is in the record
// before it can be seen. No role is changed here: Look reads their trust policies,
// and goes on telling people until AWS takes the one before no more. External ids
// at which Sesame is the caller are in files, and their admins' to replace.
//
// It refuses requests that do not say for whom they are. It cannot make out who
// sits behind the session of a person: that is the partner's to say, by who may
// assume its role under that name. Nor does it end what a person left running on
// a machine while another of the same partner works as the same user: that goes
// on until the user is locked.
package partner
