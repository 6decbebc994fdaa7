// Package awstest is a strict stand-in for AWS over HTTP: IAM Identity Center
// (sso-admin), its identity store, Organizations, STS, the users and groups of
// IAM, and a little of Session Manager, as far as granting and ending access
// needs them; of EC2 and S3 what the holder of a grant may look at; and the
// sessions of Session Manager themselves, with the gateway to their data channels,
// KMS and ECS as far as sessions need them, and at the far end
// strategies/awstest/agent. The same code serves the tests and the demo; what it is
// asked for goes through the real SDK, signature and all.
//
// It promises four things. It is strict: an input that AWS's published models
// do not allow, an unknown member, a signature that does not verify or an
// operation that does not exist is refused with the code that AWS uses. It
// behaves: assignments are made and removed asynchronously, one at a time per
// account and a few at a time in all, calls are throttled over the whole API,
// lists may lag and come in short pages. It can be broken on purpose, one
// typed Fault at a time. And it keeps the ground truth, so that a test can ask
// what is left behind, who made it, and what was called.
//
// Everything runs on the injected clock, except what belongs to signatures:
// their time, the Date header and the expiry of credentials are wall time, as
// they are for the SDK. One address serves every region; the region is the one
// in the signature's scope, so a client of the wrong region sees no instance.
//
// It refuses to guess silently: where AWS documents nothing, the choice stands
// in RULES.md with a test, and where it matters it is a setting. It lets through
// what policies allow, as policies/iam evaluates them: those of users and roles,
// of sessions and boundaries; see World.Attach for who is an administrator. It
// keeps nothing on disk, and listens on the loopback interface only.
package awstest
