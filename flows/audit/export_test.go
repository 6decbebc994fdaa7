package audit

import "crypto/ed25519"

// SignedBy returns c with a good signature of somebody's key.
func (c Checkpoint) SignedBy(key ed25519.PrivateKey) Checkpoint { return c.signed(key) }
