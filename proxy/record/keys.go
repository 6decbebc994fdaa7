package record

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"filippo.io/age"

	"sesame/flows/access"
)

// A Sealer keeps secrets at rest, each under the name of what it is for.
type Sealer interface {
	Seal(name string, secret []byte) []byte
	Open(name string, sealed []byte) ([]byte, error)
}

// stanzaType is what an age file calls a key that a Sealer keeps.
const stanzaType = "sesame-sealer"

// A warden wraps the key of one stream for age, with a Sealer.
type warden struct {
	sealer Sealer
	name   string
}

var (
	_ age.Recipient = warden{}
	_ age.Identity  = warden{}
)

func newWarden(s Sealer, id string, stream Stream) warden {
	return warden{s, "recording/" + id + "/" + string(stream)}
}

// Wrap implements age.Recipient.
func (w warden) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: stanzaType, Body: w.sealer.Seal(w.name, fileKey)}}, nil
}

// Unwrap implements age.Identity.
func (w warden) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type == stanzaType {
			return w.sealer.Open(w.name, s.Body)
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// wrap returns a stream's key as a file of age's.
func (w warden) wrap(key []byte) ([]byte, error) {
	var b bytes.Buffer
	to, err := age.Encrypt(&b, w)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(key); err != nil {
		return nil, err
	}
	err = to.Close()
	return b.Bytes(), err
}

// unwrap returns the key that wrap was given.
func (w warden) unwrap(file []byte) ([]byte, error) {
	from, err := age.Decrypt(bytes.NewReader(file), w)
	if err != nil {
		return nil, fmt.Errorf("open the key of %s: %w", w.name, err)
	}
	key, err := io.ReadAll(io.LimitReader(from, keySize+1))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("open the key of %s: %w", w.name, errors.Join(access.ErrBroken, err))
	}
	return key, nil
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// maxKeyFile is more than a wrapped key takes.
const maxKeyFile = 16 << 10

func keyPath(dir string, s Stream) string { return filepath.Join(dir, string(s)+".key") }

// readKey returns the lock of a stream that was recorded.
func readKey(dir, id string, s Stream, sealer Sealer) (lock, error) {
	file, err := readLimited(keyPath(dir, s), maxKeyFile)
	if err != nil {
		return lock{}, fmt.Errorf("open the key of a recording: %w", err)
	}
	key, err := newWarden(sealer, id, s).unwrap(file)
	if err != nil {
		return lock{}, err
	}
	return newLock(key, id, s)
}

// makeKey makes the key of a new stream, which is on the disk when it returns,
// and says what its file hashes to.
func makeKey(dir, id string, s Stream, sealer Sealer) (lock, string, error) {
	key := newKey()
	file, err := newWarden(sealer, id, s).wrap(key)
	if err != nil {
		return lock{}, "", err
	}
	if err := writeDurably(keyPath(dir, s), file); err != nil {
		return lock{}, "", err
	}
	l, err := newLock(key, id, s)
	return l, keySum(file), err
}
