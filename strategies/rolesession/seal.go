package rolesession

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	sealKeySize = 32
	sealIDSize  = 8
	sealedAs    = "sesame sealed 1\n"
)

// A Sealer keeps secrets at rest: AES-256-GCM under a key from a file. The
// file holds one key a line. The first seals and every one opens, so that a key
// is replaced by putting another before it. It is safe for concurrent use, and
// does not print its keys.
type Sealer struct{ keys []sealKey }

type sealKey struct {
	id   [sealIDSize]byte
	aead cipher.AEAD
}

// OpenSealer reads the file, and makes it with a fresh key if there is none. It
// refuses a file that others can read, or that lies within dataDir: whoever
// copies the one is not to have the other.
func OpenSealer(path, dataDir string) (*Sealer, error) {
	if err := outside(path, dataDir); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeSealKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("sealing key: others may read %s: make its mode 0600", path)
	}
	return parseSealer(string(text))
}

// outside reports a file that lies within a folder.
func outside(path, dir string) error {
	file, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	if rest, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rest) {
		return fmt.Errorf("sealing key: %s lies in the data directory, and a copy of that would hold both lock and key: put it elsewhere", path)
	}
	return nil
}

func makeSealKey(path string) ([]byte, error) {
	key := make([]byte, sealKeySize)
	_, _ = rand.Read(key) // never fails
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	return text, errors.Join(err, f.Sync(), f.Close())
}

func parseSealer(text string) (*Sealer, error) {
	s := &Sealer{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != sealKeySize {
			return nil, fmt.Errorf("sealing key: line %d is not %d bytes in base64", len(s.keys)+1, sealKeySize)
		}
		k, err := newSealKey(key)
		if err != nil {
			return nil, fmt.Errorf("sealing key: %w", err)
		}
		s.keys = append(s.keys, k)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("sealing key: the file is empty: restore it, or remove it to begin anew without what was sealed")
	}
	return s, nil
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
	k := s.keys[0]
	return k.aead.Seal(k.id[:], nil, secret, []byte(sealedAs+name))
}

// Open returns what was sealed under the name.
func (s *Sealer) Open(name string, sealed []byte) ([]byte, error) {
	for _, k := range s.keys {
		if len(sealed) > sealIDSize && [sealIDSize]byte(sealed) == k.id {
			secret, err := k.aead.Open(nil, nil, sealed[sealIDSize:], []byte(sealedAs+name))
			if err != nil {
				return nil, fmt.Errorf("open what was sealed as %s: it was changed, or is another record's", name)
			}
			return secret, nil
		}
	}
	return nil, fmt.Errorf("open what was sealed as %s: its key is not in the file: put it back", name)
}

// Format writes what kind of thing s is, whatever the verb.
func (*Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[sealer]") }

// MarshalText keeps s out of JSON and its like.
func (*Sealer) MarshalText() ([]byte, error) { return []byte("[sealer]"), nil }
