// Package rolesession grants by proxy keys: the holder of a grant signs with a
// key that AWS knows nothing of, and the proxy signs again with a session of a
// role that never leaves the server. In the flow files it is the strategy type
// aws_role:
//
//	strategies:
//	  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
//	targets:
//	  ec2-frontend: {strategy: role, session_tags: {Department: FrontEnd}, calls: {allow: ["ec2:Describe*"]}}
//
//	Way       makes, observes and removes the object: one record with a sealed secret
//	Keys      derives proxy keys from it, each for one grant, a while and an address
//	Sessions  assumes the role for a grant, and keeps the credentials in memory
//	Check     probes the role's trust policy when the flow files are loaded
//	Sealer    seals secrets at rest, under keys in a file or wrapped by KMS
//
// The object is a person's ring for one target as it is defined. Grants that
// overlap are leases on one ring; each has proxy keys of its own, which name
// it, so that a grant which is over takes its keys along although the ring
// stays for the other.
//
//	key id   SESA + 16 characters of the ring's name
//	token    claims: grant, end, address, nonce, roles that were gone on as
//	secret   HMAC(ring's secret, key id and token): nothing is stored for a key
//
// From the role of its target, the holder of a grant may go on as others that
// the target lists. Sessions assumes them one from the other, under the same
// name, tags and policy; the key that stands for one names them in its token.
//
// It promises that the ring's secret is sealed at rest under a key that nobody
// has who has the data directory, with the name of its record as associated data,
// and that the key can be changed while all goes on; that a removed ring is dead
// with everything derived from it, as soon as the removal is committed; that no
// session outlives its grant, since its policy denies
// everything from that moment on; and that no secret is in an error, an event
// or a log.
//
// It refuses roles that can be assumed without the external id, session
// policies that are larger than AWS takes, and to hand out credentials of AWS
// for a target that is only served.
package rolesession
