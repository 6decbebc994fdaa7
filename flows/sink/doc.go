// Package sink tells services other than Slack what must not stay on this
// machine alone: that somebody broke the glass, and the signed checkpoints of
// the record. One HTTP POST is one message:
//
//	POST URL
//	Authorization: Bearer TOKEN        if there is a token
//	Content-Type: application/json
//	Idempotency-Key: glass/r-7k2m9p4xqa
//
//	{"version": 1, "kind": "break_glass", "at": "2026-11-20T18:30:00Z",
//	 "break_glass": {
//	   "request": "r-7k2m9p4xqa", "target": "ec2-frontend", "label": "EC2 front end",
//	   "by": {"id": "p-…", "name": "Alice", "email": "alice@example.com", "account": "T…/U…"},
//	   "duration": "1h0m0s", "until": "2026-11-20T19:45:00Z",
//	   "incident": "INC-1", "reason": "the disk is full",
//	   "route": "emergency", "skipped": "2 of leads, then security",
//	   "asked_at": "2026-11-20T18:30:00Z", "review_by": "2026-11-21T18:30:00Z"}}
//
//	{"version": 1, "kind": "checkpoint", "at": "…", "checkpoint": {…}}
//
// "until" is the latest moment at which the access can end. A checkpoint is as
// in the record; what a sink missed is covered by the next one.
//
// It promises that broken glass is posted to every sink at once and again,
// with growing pauses, until a status of 2xx acknowledges it, a restart
// included; that each acknowledgement is handed on, since access opens with the
// first; and that a sink which hangs holds up no other. What is posted may
// arrive twice: Idempotency-Key says what is the same.
//
// It follows no redirect, and neither a URL nor a token is ever in an error or
// a log line. It refuses to judge what an answer says besides its
// status.
package sink
