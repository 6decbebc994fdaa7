package sigv4

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxKeyID   = 256
	maxNames   = 8 << 10
	maxExpires = 7 * 24 * time.Hour
)

// A Payload is how a signature covers the body.
type Payload uint8

// The payload forms. The zero value is none of them.
const (
	// Whole: the hash of the body is signed but not sent, so the body has to
	// be read before the signature can be verified; see [Signed.Hash].
	Whole Payload = iota + 1
	// Hashed: the hash is sent, and the body is checked as it streams.
	Hashed
	// Unsigned: the body is not covered.
	Unsigned
	// UnsignedTrailer: the body is framed in chunks, which with their trailer
	// are not covered.
	UnsignedTrailer
	// Chunked: each chunk carries a signature that builds on the one before.
	Chunked
	// ChunkedTrailer: as Chunked, and the trailer is signed as well.
	ChunkedTrailer
)

var markers = map[string]Payload{
	"UNSIGNED-PAYLOAD":                           Unsigned,
	"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         UnsignedTrailer,
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         Chunked,
	"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": ChunkedTrailer,
}

// Signed is a request whose signature was taken apart. Until Verify has
// returned nil, everything in it is a claim.
type Signed struct {
	KeyID     string
	Scope     Scope
	Time      time.Time
	Presigned bool
	Expires   time.Duration // of a presigned request, from Time on
	Token     string        // the session token that came along; empty if none did
	Payload   Payload

	request Request
	stamp   string
	covered
	room      [manyHeaders]header // for the headers of covered
	signature [sha256.Size]byte
	forward   map[string][]string // once it was asked for
	key       Key                 // that verified it
}

// Parse takes apart the signature of r, in the header or in the query. It
// keeps r and reads its header again in Verify and Resign.
func Parse(r Request) (*Signed, error) {
	if err := checkTarget(r.Target); err != nil {
		return nil, err
	}
	authorization, err := r.only("Authorization")
	if err != nil {
		return nil, err
	}
	inQuery, err := parseParams(r.query())
	if err != nil {
		return nil, err
	}
	s := &Signed{request: r}
	switch {
	case authorization != "" && inQuery.any:
		return nil, malformed("the request is signed both in the header and in the query")
	case authorization != "":
		err = s.readHeader(authorization)
	case inQuery.any:
		err = s.readParams(inQuery)
	default:
		err = ErrUnsigned
	}
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Covers reports whether the named header is signed.
func (s *Signed) Covers(name string) bool {
	for i := range s.headers {
		if signed := s.headers[i].name; len(signed) == len(name) && strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

// Mark is the signature, by which an exact repeat of a request is known.
func (s *Signed) Mark() [sha256.Size]byte { return s.signature }

// Digest is the hash of the body in hexadecimal, where the signature covers
// that; else it is empty.
func (s *Signed) Digest() string {
	if s.Payload == Whole || s.Payload == Hashed {
		return s.payload
	}
	return ""
}

// SignedHeaders are the names of the headers that are signed, in lower case
// and sorted: nothing else in the header is the word of the key's holder.
func (s *Signed) SignedHeaders() []string { return strings.Split(s.names, ";") }

func (s *Signed) readHeader(authorization string) (err error) {
	kind, rest, _ := strings.Cut(authorization, " ")
	if kind != algorithm {
		return otherKind(kind)
	}
	f, err := parseFields(rest)
	if err != nil {
		return err
	}
	if s.stamp, err = s.request.only("X-Amz-Date"); err != nil {
		return err
	}
	if s.Token, err = s.request.only("X-Amz-Security-Token"); err != nil {
		return err
	}
	if s.payload, err = s.request.only("X-Amz-Content-Sha256"); err != nil {
		return err
	}
	s.names = f.signed
	return s.readCommon(f.credential, f.signature)
}

// otherKind names what the request was signed with instead.
func otherKind(kind string) error {
	switch {
	case kind == "AWS":
		return fmt.Errorf("%w: SigV2", ErrUnsupported)
	case strings.HasPrefix(kind, "AWS4-ECDSA"):
		return fmt.Errorf("%w: SigV4a", ErrUnsupported)
	case strings.HasPrefix(kind, "AWS"):
		return fmt.Errorf("%w: %.40q", ErrUnsupported, kind)
	}
	return fmt.Errorf("%w: the authorization is of another kind", ErrUnsigned)
}

// fields are those of an Authorization header.
type fields struct{ credential, signed, signature string }

func parseFields(text string) (f fields, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		var to *string
		switch name {
		case "Credential":
			to = &f.credential
		case "SignedHeaders":
			to = &f.signed
		case "Signature":
			to = &f.signature
		default:
			return f, malformed("the authorization has an unknown part")
		}
		if *to != "" || value == "" {
			return f, malformed("%s is empty or repeated", name)
		}
		*to = value
	}
	return f, nil
}

// readCommon reads what a header and a query hold alike.
func (s *Signed) readCommon(credential, signature string) error {
	if err := s.readCredential(credential); err != nil {
		return err
	}
	if !readHash(&s.signature, signature) {
		return malformed("the signature is not 64 hexadecimal digits in lower case")
	}
	at, ok := parseStamp(s.stamp)
	if !ok {
		return malformed("x-amz-date is missing or not in the form %s", stampForm)
	}
	s.Time = at
	return s.readPayload()
}

func (s *Signed) readCredential(credential string) error {
	rest := credential
	var parts [4]string
	for i := len(parts) - 1; i >= 0; i-- {
		slash := strings.LastIndexByte(rest, '/')
		if slash < 0 {
			return malformed("the credential has no scope")
		}
		rest, parts[i] = rest[:slash], rest[slash+1:]
	}
	s.KeyID, s.Scope = rest, Scope{parts[0], parts[1], parts[2]}
	switch {
	case parts[3] != terminal:
		return malformed("the credential does not end in %s", terminal)
	case rest == "" || len(rest) > maxKeyID || !isPlain(rest):
		return malformed("the access key id is empty, too long, or not plain")
	case !isName(s.Scope.Region) || !isName(s.Scope.Service):
		return malformed("the scope %.80q names no region or no service", s.Scope)
	}
	return nil
}

// isPlain reports whether s is made of what can be seen of ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isName reports whether s can be a region or a service.
func isName(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (s *Signed) readPayload() error {
	switch {
	case isHash(s.payload):
		s.Payload = Hashed
	case s.payload == "":
		s.Payload = Whole
	case markers[s.payload] != 0:
		s.Payload = markers[s.payload]
	case strings.HasPrefix(s.payload, "STREAMING-"):
		return fmt.Errorf("%w: payload %.60q", ErrUnsupported, s.payload)
	default:
		return malformed("x-amz-content-sha256 is neither a hash nor known")
	}
	return nil
}

// isHash reports whether s is a hash in hexadecimal, in lower case.
func isHash(s string) bool {
	var hash [sha256.Size]byte
	return readHash(&hash, s)
}

// readHash reads what isHash is about, and reports whether it could.
func readHash(hash *[sha256.Size]byte, s string) bool {
	if len(s) != hexLength {
		return false
	}
	for i := range hash {
		high, low := lowerHex[s[2*i]], lowerHex[s[2*i+1]]
		if high|low == noHex {
			return false
		}
		hash[i] = high<<4 | low
	}
	return true
}

// lowerHex has what a digit stands for; noHex has bits that no digit has.
var lowerHex = func() (is [256]byte) {
	for c := range is {
		is[c] = noHex
	}
	for i, c := range []byte("0123456789abcdef") {
		is[c] = byte(i)
	}
	return is
}()

const noHex = 0xff

// check holds the parts against each other.
func (s *Signed) check() error {
	if err := s.checkNames(); err != nil {
		return err
	}
	switch {
	case !s.Covers("host"):
		return malformed("the host is not signed")
	case !s.Presigned && !s.Covers("x-amz-date"):
		return malformed("x-amz-date is not signed")
	case !isToken(s.request.Method):
		return malformed("the method is not a word")
	case s.Scope.Day != s.stamp[:dayLength]:
		return malformed("the scope is of another day than the date")
	case s.Presigned && (s.Payload == Chunked || s.Payload == ChunkedTrailer):
		return malformed("the chunks of a presigned request cannot be signed")
	}
	if s.Payload < UnsignedTrailer {
		return nil
	}
	_, err := s.decodedLength()
	return err
}

func (s *Signed) checkNames() error {
	if len(s.names) > maxNames {
		return malformed("there are more than %d bytes of signed headers", maxNames)
	}
	s.headers = s.request.collect(s.room[:0], s.names)
	before := ""
	for i := range s.headers {
		name, values := s.headers[i].name, s.headers[i].values
		switch {
		case !isHeader(name) || name == "authorization":
			return malformed("the signed header %.80q cannot be one", name)
		case before >= name:
			return malformed("the signed headers are not in order")
		case values == nil && s.request.implied(name) == "":
			return malformed("the signed header %.80q was not sent", name)
		case values == nil && brokenLine(s.request.implied(name)), slices.ContainsFunc(values, brokenLine):
			return malformed("the header %.80q is more than one line", name)
		}
		before = name
	}
	return nil
}

// brokenLine reports whether a value could pass for more than one line of what
// is signed. HTTP cannot carry one, so whoever sent it did not use HTTP.
func brokenLine(value string) bool {
	return strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0
}

// isToken reports whether s can be a method.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokens[s[i]] {
			return false
		}
	}
	return s != ""
}

// isHeader reports whether s can be the name of a header, in lower case.
func isHeader(s string) bool {
	for i := range len(s) {
		if c := s[i]; !tokens[c] || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return s != ""
}

// tokens are the characters of a token, RFC 9110 section 5.6.2.
var tokens = func() (is [256]bool) {
	for c := range is {
		is[c] = unreserved(byte(c)) || c < 0x80 && strings.IndexByte("!#$%&'*+^`|", byte(c)) >= 0
	}
	return is
}()
