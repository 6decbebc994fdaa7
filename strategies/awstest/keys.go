package awstest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// A Key is an access key, with a session token if it is a role's. It prints as
// its id.
type Key struct{ ID, Secret, Token string }

// Format writes the id under every verb.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.ID) }

// MarshalText writes the id.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.ID), nil }

// A credential is a key and who it stands for.
type credential struct {
	Key
	Caller    Caller
	principal string // as trust policies name it: the ARN of the user or role
	session   bool
	expires   time.Time // wall time; zero for long-term keys
	source    string    // the SourceIdentity that was set first
	tags      map[string]string
	policy    string
	managed   bool // whether policies of AWS narrow it, too
}

// AddKey makes a long-term access key for the IAM user name in account.
func (w *World) AddKey(account, name string) Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &credential{Key: newKey("AKIA")}
	c.Caller = Caller{
		Account: account,
		ARN:     fmt.Sprintf("arn:aws:iam::%s:user/%s", account, name),
		UserID:  "AIDA" + randomID(),
		KeyID:   c.ID,
	}
	c.principal = c.Caller.ARN
	w.keys[c.ID] = c
	return c.Key
}

// RemoveKey deletes an access key. Calls signed with it are refused from now
// on.
func (w *World) RemoveKey(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, id)
}

// ExpireSessions ends every role session that was given out, as if its time
// had come.
func (w *World) ExpireSessions() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.keys {
		if c.session {
			c.expires = time.Unix(1, 0)
		}
	}
}

func newKey(prefix string) Key {
	return Key{ID: prefix + randomID(), Secret: randomText(30)}
}

// randomID is the sixteen characters after an id's prefix.
func randomID() string { return base32.StdEncoding.EncodeToString(randomBytes(10)) }

func randomText(n int) string { return base64.StdEncoding.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// uuidLocked returns the next of a fixed series of ids, so that a run can be
// repeated.
func (w *World) uuidLocked() string {
	w.serial++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, w.serial))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
