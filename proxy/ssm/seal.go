package ssm

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// KeySize is the length of the data key of a sealed session: half of it is
// the agent's, half the client's.
const KeySize = 64

const nonceSize = 12

// errSealed says nothing of the key or of the contents.
var errSealed = errors.New("the payload does not open with the session's data key")

// A Key opens what the two ends of a session seal: AES-256-GCM, with the
// nonce in front of it. The zero Key opens nothing.
type Key struct{ agent, client cipher.AEAD }

// NewKey returns the Key of a session from the plaintext that KMS made for
// its client.
func NewKey(plaintext []byte) (Key, error) {
	if len(plaintext) != KeySize {
		return Key{}, fmt.Errorf("a data key of %d bytes, want %d", len(plaintext), KeySize)
	}
	agent, err := gcm(plaintext[:KeySize/2])
	if err != nil {
		return Key{}, err
	}
	client, err := gcm(plaintext[KeySize/2:])
	return Key{agent, client}, err
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Open returns what from sealed.
func (k Key) Open(from Side, sealed []byte) ([]byte, error) { return k.open(nil, from, sealed) }

func (k Key) open(to []byte, from Side, sealed []byte) ([]byte, error) {
	aead := k.of(from)
	if aead == nil || len(sealed) < nonceSize {
		return nil, errSealed
	}
	plain, err := aead.Open(to, sealed[:nonceSize], sealed[nonceSize:], nil)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// Seal returns data as from would send it. A nonce of 12 bytes must never be
// used twice.
func (k Key) Seal(from Side, nonce, data []byte) []byte {
	return k.of(from).Seal(append([]byte(nil), nonce...), nonce, data, nil)
}

func (k Key) of(from Side) cipher.AEAD {
	if from == Agent {
		return k.agent
	}
	return k.client
}

// sealable reports whether an end that seals seals this.
func sealable(from Side, p Payload) bool {
	return p == PayloadData || from == Agent && (p == PayloadStderr || p == PayloadExitCode)
}
