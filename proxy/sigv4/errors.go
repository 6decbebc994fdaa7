package sigv4

import (
	"errors"
	"fmt"
)

// The reasons for a refusal. What is returned wraps one of them and may say
// more; it never holds a key, a signature or a token.
var (
	// ErrUnsigned means that the request carries no signature at all.
	ErrUnsigned = errors.New("the request is not signed")

	// ErrUnsupported means a signature of another kind than SigV4 over one
	// request: SigV2, SigV4a, or a stream of signed events.
	ErrUnsupported = errors.New("this kind of signature is not supported")

	// ErrMalformed means that the signature, or what it covers, cannot be read
	// in exactly one way.
	ErrMalformed = errors.New("the signature is malformed")

	// ErrSkewed means that the request was signed too long ago, or ahead of
	// time.
	ErrSkewed = errors.New("the request was signed at another time")

	// ErrExpired means that a presigned request came after its end.
	ErrExpired = errors.New("the presigned request has expired")

	// ErrUncovered means that a header with a meaning to AWS is not signed.
	ErrUncovered = errors.New("a header is not signed")

	// ErrMismatch means that the signature is not the one that the key makes.
	ErrMismatch = errors.New("the signature does not match")

	// ErrBody means that the body is not the one that was signed.
	ErrBody = errors.New("the body is not the one that was signed")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func badBody(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBody, fmt.Sprintf(format, args...))
}
