package config

import (
	"fmt"
	"io"
)

// A Secret is a string that does not print itself. Reveal is the only way to
// the value, so searching for Reveal lists every use.
//
// The value sits behind a pointer because fmt cannot call methods on
// unexported fields: there it prints what it sees, which is an address.
type Secret struct{ v *string }

const redacted = "[redacted]"

// NewSecret returns a secret of that value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal returns the value, which is empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.v == nil {
		return ""
	}
	return *s.v
}

// Format prints a placeholder, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String returns a placeholder.
func (Secret) String() string { return redacted }

// MarshalText returns a placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
