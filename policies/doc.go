// Package policies is the rule language: it compiles the rules of a flow,
// checks their types, and evaluates them.
//
// A rule is one expression of https://expr-lang.org that is true or false. It
// reads the requester, the target, the request, the window of access that is
// asked for, the time, and facts:
//
//	who:   in_group("engineering", requester)
//	deny:  target.tags.env == "prod" and window.overlaps("Fri 18:00", "Mon 07:00")
//	when:  request.duration <= duration("1h") and request.fields.ticket matches "^INC-"
//
//	require: in_window("0 7 * * MON-FRI", "12h")
//	warn:  history.minutes("24h", requester) >= 120
//
//	approve_when: not (in_group("web", approver) and in_group("web", requester))
//
// approve_when is asked about each person who would approve, apart from the
// verdict, and is the only rule that knows them. Break-glass requests take the
// break-glass routes and no other; their verdict says who was passed over.
//
// The rules of calls are asked about each call that is made under a grant, by
// what is known of both without looking anything up:
//
//	deny: call.level == "write" and (call.params["TableName"] ?? "") startsWith "prod-"
//
// Variables, Functions and Operators are what a rule can be made of. Explain
// shows the value of every part of every rule, from the same rules.
//
// It promises that the same input gives the same verdict, that the facts which
// a flow reads are known once it is compiled, and that evaluation ends soon and
// in little memory whatever the rule says. Every guardrail is evaluated; the
// first route that matches decides; a rule that cannot be evaluated refuses and
// says so. The zero Flow refuses everything.
//
// It refuses to fetch anything, to read a clock, and to guess: an unknown name,
// a key that is not there and a fact that was not given are errors.
package policies
