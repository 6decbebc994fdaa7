package awstest

import (
	"fmt"
	"math"
	"net/http"
)

// A fault of the caller or of the service, as it goes over the wire.
type apiError struct {
	code    string
	status  int
	message string
	more    doc // further members of the exception
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// refusal is an exception that the service's model names. They come with 400.
func refusal(code, format string, args ...any) *apiError {
	return &apiError{code: code, status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

func (e *apiError) with(name string, value any) *apiError {
	more := doc{name: value}
	for k, v := range e.more {
		more[k] = v
	}
	return &apiError{e.code, e.status, e.message, more}
}

// codes are the names that one service has for what every service has.
type codes struct {
	invalid, unknownOperation, throttled, denied, conflict, internal, unavailable string
	// noKey and so on are what is wrong with a signature.
	noKey, expired, missing, incomplete, mismatch string
}

var jsonCodes = codes{
	invalid:          "ValidationException",
	unknownOperation: "UnknownOperationException",
	throttled:        "ThrottlingException",
	denied:           "AccessDeniedException",
	conflict:         "ConflictException",
	internal:         "InternalServerException",
	unavailable:      "ServiceUnavailableException",
	noKey:            "UnrecognizedClientException",
	expired:          "ExpiredTokenException",
	missing:          "MissingAuthenticationTokenException",
	incomplete:       "IncompleteSignatureException",
	mismatch:         "InvalidSignatureException",
}

var queryCodes = codes{
	invalid:          "ValidationError",
	unknownOperation: "InvalidAction",
	throttled:        "Throttling",
	denied:           "AccessDenied",
	conflict:         "ConflictException",
	internal:         "InternalFailure",
	unavailable:      "ServiceUnavailable",
	noKey:            "InvalidClientTokenId",
	expired:          "ExpiredToken",
	missing:          "MissingAuthenticationToken",
	incomplete:       "IncompleteSignature",
	mismatch:         "SignatureDoesNotMatch",
}

// invalid refuses an input.
func (r *request) invalid(format string, args ...any) *apiError {
	return refusal(r.service.codes.invalid, "1 validation error detected: "+format, args...)
}

// denied refuses a caller.
func (r *request) denied(format string, args ...any) *apiError {
	e := refusal(r.service.codes.denied, format, args...)
	if r.service.query || r.service.rest {
		e.status = http.StatusForbidden
	}
	return e
}

// conflicting refuses a change while another is in progress.
func (r *request) conflicting(message string) *apiError {
	e := refusal(r.service.codes.conflict, "%s", message)
	if r.service.name == iamName {
		e.status = http.StatusConflict
	}
	return e
}

// throttled refuses a call that comes too soon.
func (r *request) throttled(message string) *apiError {
	return refusal(r.service.codes.throttled, "%s", message)
}

// struck is the answer that a fault makes of a call.
func (r *request) struck(f *liveFault) *apiError {
	message := f.Reason
	orDefault(&message, "struck on purpose")
	codes := r.service.codes
	switch f.Kind {
	case ServerError:
		return &apiError{code: codes.internal, status: http.StatusInternalServerError, message: message}
	case Unavailable:
		return &apiError{code: codes.unavailable, status: http.StatusServiceUnavailable, message: message}
	case Throttle:
		e := r.throttled(message)
		if f.RetryAfter > 0 {
			e = e.with("RetryAfterSeconds", int(math.Ceil(f.RetryAfter.Seconds())))
		}
		return e
	case Conflict:
		return r.conflicting(message)
	case Deny:
		return r.denied("%s", message)
	case Refuse:
		return refusal(f.Code, "%s", message)
	}
	return refusal(Dropped, "%s", message)
}
