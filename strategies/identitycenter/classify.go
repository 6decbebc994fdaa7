package identitycenter

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
)

// classify gives err its class. sent says whether the request may have left
// this machine.
func classify(err error, sent bool) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*access.WayError](err); done {
		return err
	}
	return &access.WayError{Class: classOf(err, sent), After: retryAfter(err), Err: err}
}

func classOf(err error, sent bool) access.Class {
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case answered && isThrottle(err), answered && again[api.ErrorCode()]:
		return access.Throttled
	case answered && busy[api.ErrorCode()]:
		return access.Busy
	case answered && !isServerFault(err, api):
		return access.Refused
	case !sent || isDial(err):
		return access.Throttled // nothing happened, and trying at once would not help
	default:
		return access.Ambiguous
	}
}

// busy are the codes for another change in progress; the last two are IAM's.
var busy = map[string]bool{
	"ConflictException": true, "ConcurrentModificationException": true,
	"ConcurrentModification": true, "EntityTemporarilyUnmodifiable": true,
}

// again are refusals of the signature, not of what was asked: fresh
// credentials, or the clock that the SDK has now corrected, may pass.
var again = map[string]bool{
	"ExpiredToken": true, "ExpiredTokenException": true, "RequestExpired": true,
	"InvalidSignatureException": true, "SignatureDoesNotMatch": true, "RequestTimeTooSkewed": true,
}

func isThrottle(err error) bool {
	codes := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}
	return codes.IsErrorThrottle(err).Bool()
}

// isServerFault reports whether AWS itself went wrong, perhaps after it had
// done what was asked.
func isServerFault(err error, api smithy.APIError) bool {
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok && resp.HTTPStatusCode() >= http.StatusInternalServerError {
		return true
	}
	return api.ErrorFault() == smithy.FaultServer
}

// isDial reports whether no connection came about.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// retryAfter returns how long AWS asks to wait, or zero.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*store.ThrottlingException](err); ok && e.RetryAfterSeconds > 0 {
		return time.Duration(e.RetryAfterSeconds) * time.Second
	}
	resp, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || resp.HTTPResponse() == nil {
		return 0
	}
	h := resp.HTTPResponse().Header
	if ms, err := strconv.Atoi(h.Get("X-Amz-Retry-After")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	return 0
}

// notFound reports whether AWS says that something does not exist.
func notFound(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (api.ErrorCode() == "ResourceNotFoundException" || api.ErrorCode() == "AccountNotFoundException")
}

// denied reports whether AWS says that we may not.
func denied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied")
}

// Denied reports whether an error is that AWS says that we may not.
func Denied(err error) bool { return denied(err) }
