// Package flowtest tells what flow files do, without a server: it answers one
// question, runs the tests that stand beside the files, and says who can get
// what.
//
// A facts file says what the server would have looked up:
//
//	people:
//	  alice@example.com: {name: Alice, timezone: Europe/Berlin, groups: [engineering]}
//
// A test file, whose name ends in _test.yaml, adds what is asked and what is
// expected of it:
//
//	at: 2026-11-18T10:00:00Z
//	people:
//	  alice@example.com: {groups: [engineering]}
//	tests:
//	  - name: production is frozen over the weekend
//	    as: alice@example.com
//	    target: ec2-frontend
//	    duration: 1h
//	    fields: {ticket: INC-42}
//	    at: 2026-11-20T17:30:00Z
//	    expect: {verdict: refuse, rules: [friday-freeze]}
//	  - name: who is on call breaks the glass, and security looks at it afterwards
//	    as: alice@example.com
//	    target: ec2-frontend
//	    break_glass: true
//	    incident: INC-42
//	    expect: {verdict: allow, announce: security, skipped: [lead@example.com], reviewers: [ciso@example.com]}
//	  - name: production is approved in two stages, and denied when nobody is there
//	    as: alice@example.com
//	    target: billing
//	    expect:
//	      verdict: allow
//	      stages: [[lead@example.com], [ciso@example.com, cto@example.com]]
//	      after: [{in: 1h, notify: [security]}, {in: 4h, deny: true}]
//	  - name: the third hour of the day is too much
//	    as: alice@example.com
//	    target: ec2-frontend
//	    past:
//	      - {by: alice@example.com, target: ec2-frontend, at: 2026-11-18T07:00:00Z, outcome: approved, duration: 1h}
//	      - {by: alice@example.com, target: ec2-frontend, at: 2026-11-18T08:00:00Z, outcome: approved, duration: 1h}
//	    expect: {verdict: refuse, message: used up}
//
// What stands under past, of the file and of a test, is what rules read as
// history, and what is in use of limits and budgets; "past: []" is that there
// was nothing. Without it, history is unknown, and limits are not looked at.
//
// It promises that the answers are those of the server: the same rules give
// the verdict, the Desk looks at what was typed and counts against the limits,
// and access.Authorize says who may decide.
//
// It refuses to guess. Who is in which group is known from the flow files and
// the facts; a group of somebody who is not in the facts is unknown, and the
// rule that reads it refuses.
package flowtest
