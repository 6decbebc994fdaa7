// Package identitycenter is the one way to IAM Identity Center that the
// strategies share: clients for its region, a limit on calls, the status of
// assignment operations, and the directory.
//
// It promises that a call is sent at most once: retrying is the Keeper's. That
// all calls to one API together keep to its rate, polls and look-ups included,
// and slow down when AWS says so. That every error carries a class of
// flows/access, where a request that was never sent counts as without effect
// and one whose answer is missing as ambiguous. That the operations in
// progress are read in bulk for all who ask, once a second and twice when some
// are likely to be over, and one by one only when they have left the list. And
// that each call is told to Config.OnCall, with its request id and outcome.
//
// Open asks who the credentials belong to and compares that with the
// configuration. It refuses endpoints other than AWS's unless the
// configuration allows them: whoever can set one receives signed requests and
// can fake success.
//
// It refuses to decide anything: which assignment should exist is not its
// business, and a person is found by exact e-mail address or by id, never by
// likeness.
package identitycenter
