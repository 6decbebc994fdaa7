package sigv4

import "crypto/sha256"

// Scope is what k is good for.
func (k Key) Scope() Scope { return k.scope }

// HMACForTest is the package's own HMAC-SHA256.
func HMACForTest(key, text []byte) [sha256.Size]byte {
	return newPads(key).authenticate(text)
}
