package identitycenter

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go"

	"sesame/flows/access"
)

// exhausted are the codes for a quota that is used up, here and in IAM.
var exhausted = map[string]bool{"ServiceQuotaExceededException": true, "LimitExceeded": true}

// Immediate returns what the answer to a change says that AWS makes at once. A
// quota that is used up is a change that AWS tried and gave up, since its
// reason is for people.
func Immediate(kind access.OpKind, asked time.Time, err error) (access.Operation, error) {
	op := access.Operation{Kind: kind, State: access.OpSucceeded, StartedAt: asked}
	if err == nil {
		return op, nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && exhausted[api.ErrorCode()] {
		op.State, op.Reason = access.OpFailed, api.ErrorMessage()
		return op, nil
	}
	return access.Operation{}, err
}

// Refuse returns an error about the object k that repeating does not help.
func Refuse(k access.ObjectKey, format string, args ...any) error {
	return &access.WayError{Class: access.Refused, Err: fmt.Errorf("%s: "+format, append([]any{k}, args...)...)}
}

// Unchanged says of the error of a read that nothing was changed, however
// little the error says about itself.
func Unchanged(err error) error {
	if access.ClassOf(err) != access.Ambiguous {
		return err
	}
	return &access.WayError{Class: access.Throttled, Err: err}
}

// Around reports whether what AWS says began at t is what was written down at
// since, before it was asked for.
func Around(t, since time.Time) bool { return !since.IsZero() && around(t, since) }
