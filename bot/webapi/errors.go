package webapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/slack-go/slack"

	"sesame/flows/access"
)

// An Outcome says what is known about a call that failed.
type Outcome int

// The outcomes. The zero Outcome is the careful one.
const (
	// Unknown: it may have had its effect.
	Unknown Outcome = iota
	// NotDone: it had no effect, and may be tried again after a while.
	NotDone
	// Refused: it had no effect, and will have none here: the channel is
	// archived, the message gone, the blocks wrong.
	Refused
	// Barred: Slack refuses the app as a whole; somebody must repair that.
	Barred
)

// String names the outcome for a log.
func (o Outcome) String() string {
	return [...]string{"unknown", "not done", "refused", "barred"}[o]
}

// An Error is a call that failed.
type Error struct {
	Method  string
	Outcome Outcome
	// Code is Slack's word for it, empty when Slack said nothing.
	Code string
	// After is how long Slack asks to wait; zero if it does not say.
	After time.Duration
	Err   error
}

// Error describes the failure, for a log.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v (%v)", e.Method, e.Err, e.Outcome) }

// Unwrap returns the cause, and access.ErrUnavailable unless it was a plain no.
func (e *Error) Unwrap() []error {
	if e.Outcome == Refused {
		return []error{e.Err}
	}
	return []error{e.Err, access.ErrUnavailable}
}

// CodeOf returns Slack's word for err, empty if it has none.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// OutcomeOf returns what is known about a call that failed with err.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	return Unknown
}

// codes are the answers that are more than a plain no. Slack says of its own
// errors that a part may have been done. (Slack docs: chat.postMessage.)
var codes = map[string]Outcome{
	"internal_error":      Unknown,
	"fatal_error":         Unknown,
	"request_timeout":     Unknown,
	"service_unavailable": Unknown,
	"ratelimited":         NotDone,
	"rate_limited":        NotDone,
	"team_added_to_org":   NotDone,

	"invalid_auth":              Barred,
	"not_authed":                Barred,
	"account_inactive":          Barred,
	"token_revoked":             Barred,
	"token_expired":             Barred,
	"missing_scope":             Barred,
	"not_allowed_token_type":    Barred,
	"org_login_required":        Barred,
	"ekm_access_denied":         Barred,
	"access_denied":             Barred,
	"two_factor_setup_required": Barred,
}

// classify returns err of a call to method as an *Error.
func classify(method string, err error) error {
	e := &Error{Method: method, Err: err}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		e.Outcome, e.Code, e.After = NotDone, "ratelimited", limited.RetryAfter
		return e
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		if status.Code == http.StatusTooManyRequests {
			e.Outcome, e.Code = NotDone, "ratelimited"
		} else if status.Code < 500 {
			e.Outcome, e.Code = Refused, fmt.Sprintf("http_%d", status.Code)
		}
		return e
	}
	if answer, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		e.Code, e.Outcome = answer.Err, Refused
		if o, special := codes[answer.Err]; special {
			e.Outcome = o
		}
		e.Err = describe(answer)
		return e
	}
	if neverSent(err) {
		e.Outcome = NotDone
	}
	return e
}

// describe says what Slack complained about, all of it.
func describe(answer slack.SlackErrorResponse) error {
	text := answer.Err
	if answer.Needed != "" {
		text += fmt.Sprintf(": needs %s", answer.Needed)
	}
	for _, m := range answer.ResponseMetadata.Messages {
		text += "; " + m
	}
	return errors.New(text)
}

// neverSent reports whether a call failed before its request left.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, noHost := errors.AsType[*net.DNSError](err)
	return noHost || errors.Is(err, errNotSent)
}

// errNotSent is an error of ours from before a request was made.
var errNotSent = errors.New("not sent")

// notSent wraps a reason for which a call was not made.
func notSent(method string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("gave up waiting for a turn: %w", err)
	}
	return &Error{Method: method, Outcome: NotDone, Err: errors.Join(err, errNotSent)}
}
