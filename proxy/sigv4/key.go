package sigv4

import (
	"crypto/sha256"
	"fmt"
	"io"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	terminal  = "aws4_request"
	stampForm = "20060102T150405Z"
	dayLength = len("20060102")
)

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
	// mac is behind a pointer because fmt does not call the methods of
	// unexported fields and would print the bytes.
	mac *[sha256.Size]byte
}

// NewKey derives the key of a secret access key for a scope.
func NewKey(secret string, s Scope) Key {
	mac := authenticate([]byte("AWS4"+secret), []byte(s.Day))
	for _, part := range [...]string{s.Region, s.Service, terminal} {
		mac = authenticate(mac[:], []byte(part))
	}
	return Key{s, &mac}
}

// Scope is what k is good for.
func (k Key) Scope() Scope { return k.scope }

const redacted = "[redacted]"

// Format writes what kind of thing k is, whatever the verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps k out of JSON and its like.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func (k Key) sign(text []byte) [sha256.Size]byte { return authenticate(k.mac[:], text) }

// authenticate is HMAC-SHA256 as RFC 2104 has it. It is spelled out because
// that of crypto/hmac allocates its state, which is most of what a signature
// costs; tests hold it against that one.
func authenticate(key, text []byte) [sha256.Size]byte {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	var inner [512]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner[:], key)
	copy(outer[:], key)
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	sum := sha256.Sum256(append(inner[:sha256.BlockSize], text...))
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
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
