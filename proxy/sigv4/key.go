package sigv4

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	terminal  = "aws4_request"
	stampForm = "20060102T150405Z"
	dayLength = len("20060102")
)

// appendStamp writes a time as signatures do; time.Format takes three times
// as long.
func appendStamp(b []byte, at time.Time) []byte {
	at = at.UTC()
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	b = appendTwo(appendTwo(b, year/100), year%100)
	b = append(appendTwo(appendTwo(b, int(month)), day), 'T')
	return append(appendTwo(appendTwo(appendTwo(b, hour), minute), second), 'Z')
}

func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10%10), byte('0'+n%10)) }

// parseStamp reads what appendStamp writes, and nothing else.
func parseStamp(s string) (at time.Time, ok bool) {
	if len(s) != len(stampForm) {
		return at, false
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	at = time.Date(two(0)*100+two(2), time.Month(two(4)), two(6), two(9), two(11), two(13), 0, time.UTC)
	// What is no date, or no digits, is written in another way.
	var room [len(stampForm)]byte
	return at, string(appendStamp(room[:0], at)) == s
}

// A Scope is what a signing key is good for.
type Scope struct {
	Day     string // as in 20060102
	Region  string
	Service string // the signing name, such as "s3"
}

func (s Scope) append(b []byte) []byte {
	for _, part := range [...]string{s.Day, s.Region, s.Service} {
		b = append(append(b, part...), '/')
	}
	return append(b, terminal...)
}

// String is the scope as signatures write it.
func (s Scope) String() string { return string(s.append(nil)) }

// A Key signs, and checks signatures, within one scope. It is derived from a
// secret access key and does not print itself. The zero Key checks nothing and
// cannot sign. Keys may be kept for their day and used concurrently.
type Key struct {
	scope Scope
	// mac is behind two pointers because fmt does not call the methods of
	// unexported fields: it would print the bytes, and for verbs that do not
	// fit those behind one pointer as well.
	mac **pads
}

// NewKey derives the key of a secret access key for a scope.
func NewKey(secret string, s Scope) Key {
	mac := newPads([]byte("AWS4" + secret))
	for _, part := range [...]string{s.Day, s.Region, s.Service, terminal} {
		next := mac.authenticate([]byte(part))
		mac = newPads(next[:])
	}
	return Key{s, &mac}
}

const redacted = "[redacted]"

// Format writes what kind of thing k is, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps k out of JSON and its like.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (k Key) sign(text []byte) [sha256.Size]byte { return (*k.mac).authenticate(text) }

// pads are a key of HMAC-SHA256, RFC 2104, as the two blocks that it becomes.
// HMAC is spelled out here because crypto/hmac makes and hashes its state anew
// for every signature, which costs more than the rest of it; tests hold one
// against the other.
type pads struct{ inner, outer [sha256.BlockSize]byte }

func newPads(key []byte) *pads {
	p := new(pads)
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	copy(p.inner[:], key)
	copy(p.outer[:], key)
	for i := range sha256.BlockSize {
		p.inner[i] ^= 0x36
		p.outer[i] ^= 0x5c
	}
	return p
}

func (p *pads) authenticate(text []byte) [sha256.Size]byte {
	room := make([]byte, 0, 448)
	sum := sha256.Sum256(append(append(room, p.inner[:]...), text...))
	return sha256.Sum256(append(append(room, p.outer[:]...), sum[:]...))
}

// A Credential is what an upstream request is signed with.
type Credential struct {
	KeyID string
	Token string // the session token; empty for a key without one
	Key   Key
}

// Format writes the key id alone, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.KeyID+" "+redacted) }

// MarshalText keeps the token and the key out of JSON and its like.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.KeyID + " " + redacted), nil }
