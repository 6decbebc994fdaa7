package rolesession

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	sealKeySize = 32
	sealIDSize  = 8
	sealedAs    = "sesame sealed 1\n"
)

// A Sealer keeps secrets at rest: AES-256-GCM under keys that come from a file,
// or are wrapped by KMS. The first key seals and every one opens, so that a key
// is replaced by putting another before it. It is safe for concurrent use, and
// does not print its keys.
type Sealer struct {
	vault  vault
	former *Sealer // opens what neither key does; nil for none

	mu   sync.RWMutex // guards what follows
	keys []sealKey
}

// A vault is where the keys of a Sealer are, the one that seals first.
type vault interface {
	// read returns the keys, and makes the first.
	read(ctx context.Context) ([][]byte, error)
	// add makes a key that seals from now on, and returns all. It is kept
	// before it returns.
	add(ctx context.Context) ([][]byte, error)
}

type sealKey struct {
	id   [sealIDSize]byte
	aead cipher.AEAD
}

func openVault(ctx context.Context, v vault) (*Sealer, error) {
	s := &Sealer{vault: v}
	return s, s.take(v.read(ctx))
}

// take has the Sealer use the keys that a vault gave.
func (s *Sealer) take(keys [][]byte, err error) error {
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	all := make([]sealKey, len(keys))
	for i, key := range keys {
		if all[i], err = newSealKey(key); err != nil {
			return fmt.Errorf("sealing key: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = all
	return nil
}

// Rotate makes another key, which seals from when it returns. What was sealed
// before opens as it did.
func (s *Sealer) Rotate(ctx context.Context) error { return s.take(s.vault.add(ctx)) }

// After has s open what another Sealer sealed, as after a change from a file to
// KMS. Call it before s is used.
func (s *Sealer) After(former *Sealer) { s.former = former }

func newKeyText() []byte {
	key := make([]byte, sealKeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

func newSealKey(key []byte) (sealKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealKey{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealKey{}, err
	}
	sum := sha256.Sum256(append([]byte(sealedAs), key...))
	return sealKey{[sealIDSize]byte(sum[:]), aead}, nil
}

// Seal returns secret so that only Open with the same name gets it back.
func (s *Sealer) Seal(name string, secret []byte) []byte {
	s.mu.RLock()
	k := s.keys[0]
	s.mu.RUnlock()
	return k.aead.Seal(k.id[:], nil, secret, []byte(sealedAs+name))
}

// Open returns what was sealed under the name.
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	k, known := s.find(sealed)
	switch {
	case known:
		secret, err := k.aead.Open(nil, nil, sealed[sealIDSize:], []byte(sealedAs+name))
		if err != nil {
			return nil, fmt.Errorf("open what was sealed as %s: it was changed, or is another record's", name)
		}
		return secret, nil
	case s.former != nil:
		return s.former.Open(name, sealed)
	}
	return nil, fmt.Errorf("open what was sealed as %s: its key is not there any more: put it back", name)
}

// Current reports whether something is sealed with the key that seals now.
func (s *Sealer) Current(sealed []byte) bool {
	k, known := s.find(sealed)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return known && k.id == s.keys[0].id
}

func (s *Sealer) find(sealed []byte) (sealKey, bool) {
	if len(sealed) <= sealIDSize {
		return sealKey{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.keys, func(k sealKey) bool { return [sealIDSize]byte(sealed) == k.id })
	if i < 0 {
		return sealKey{}, false
	}
	return s.keys[i], true
}

// Format writes what kind of thing s is, whatever the verb.
func (*Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealer]") }

// MarshalText keeps s out of JSON and its like.
func (*Sealer) MarshalText() ([]byte, error) { return []byte("[sealer]"), nil }
