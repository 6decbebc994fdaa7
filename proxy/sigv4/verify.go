package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Window is how old or early a signature may be. AWS allows more; clients
// that are told the time correct themselves.
const Window = 5 * time.Minute

// canonicalSize has room for a canonical request with a long session token.
const canonicalSize = 2048

// Hash gives s the body that its signature covers, where the payload form is
// Whole. It has no effect on other forms.
func (s *Signed) Hash(body []byte) {
	if s.Payload == Whole {
		s.payload = hexSum(sha256.Sum256(body))
	}
}

// hexSum is hex.EncodeToString without a copy in between.
func hexSum(sum [sha256.Size]byte) string {
	var room [hexLength]byte
	hex.Encode(room[:], sum[:])
	return string(room[:])
}

// Verify reports why s is not a request that the holder of key made, at about
// now. What a body is worth is known only as it streams; see [Signed.Body].
func (s *Signed) Verify(key Key, now time.Time) error {
	if err := s.inTime(now); err != nil {
		return err
	}
	if err := s.coversAll(); err != nil {
		return err
	}
	switch {
	case key.mac == nil || key.scope != s.Scope:
		return fmt.Errorf("%w: the key is of another scope", ErrMismatch)
	case s.payload == "":
		return malformed("the body was not hashed before the signature was checked")
	case !s.matches(key):
		return ErrMismatch
	}
	s.key = key
	return nil
}

func (s *Signed) inTime(now time.Time) error {
	switch age := now.Sub(s.Time); {
	case age < -Window, !s.Presigned && age > Window:
		return fmt.Errorf("%w: %v against %v", ErrSkewed, s.Time.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case s.Presigned && age > s.Expires:
		return fmt.Errorf("%w: at %v", ErrExpired, s.Time.Add(s.Expires).Format(time.RFC3339))
	}
	return nil
}

// coversAll refuses headers that mean something to AWS and are not signed.
// Signing them again would lend the key's authority to whoever put them in.
// The content hash is signed in any case, as the last line; trace ids say
// nothing about the call.
func (s *Signed) coversAll() error {
	for name := range s.request.Header {
		if authoritative(name) && !s.Covers(name) {
			return fmt.Errorf("%w: %.80q", ErrUncovered, strings.ToLower(name))
		}
	}
	return nil
}

func authoritative(name string) bool {
	const amz = "x-amz"
	switch {
	case len(name) < len(amz) || name[1] != '-' && name[0]|0x20 != 'c':
		return false
	case strings.EqualFold(name, "content-md5"):
		return true
	case !strings.EqualFold(name[:len(amz)], amz):
		return false
	}
	return !strings.EqualFold(name, "x-amz-content-sha256") && !strings.EqualFold(name, "x-amzn-trace-id")
}

func (s *Signed) matches(key Key) bool {
	b := s.request.canonical(make([]byte, 0, canonicalSize), awsForm(s.Scope.Service), s.covered)
	sum := key.seal(s.stamp, b)
	if subtle.ConstantTimeCompare(sum[:], s.signature[:]) == 1 {
		return true
	}
	return s.matchesAnyForm(key, b)
}

// matchesAnyForm tries how SDKs write a target and tabs down where that is not
// what AWS documents. No form is tried twice.
func (s *Signed) matchesAnyForm(key Key, tried []byte) bool {
	seen := map[string]bool{string(tried): true}
	for _, s.request.tabless = range []bool{false, true} {
		for _, f := range forms(s.Scope.Service) {
			b := s.request.canonical(nil, f, s.covered)
			if seen[string(b)] {
				continue
			}
			seen[string(b)] = true
			sum := key.seal(s.stamp, b)
			if subtle.ConstantTimeCompare(sum[:], s.signature[:]) == 1 {
				return true
			}
		}
	}
	return false
}
