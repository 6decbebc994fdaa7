// Package signed is how a command says who it is from: each call is signed
// with a key that never leaves the machine that made it.
//
//	Authorization: Sesame1 who="l-7p2c…", time="1772442000", nonce="…", signature="…"
//
// What is signed, with Ed25519, are these lines, joined by "\n":
//
//	sesame-call-1
//	METHOD
//	PATH?QUERY             as it stands in the request line
//	SHA-256 of the body    in lower-case hex
//	WHO
//	TIME                   seconds since 1970
//	NONCE                  26 characters, of 130 random bits
//
// It promises that a call with any of these changed does not verify; that one
// which is more than a minute old, or early, is refused by Fresh; and that one
// which comes twice is refused by Replays for as long as it is fresh. The host
// is not signed, since a key is made for one server and known to no other.
//
// It refuses to know whose key is whose: the caller looks that up. A restart
// forgets which calls came; what changes by them changes once all the same,
// since the Desk takes no decision twice, and no request under one id.
package signed

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Window is how far the time of a call may be from that of who verifies it.
const Window = time.Minute

// What is wrong with a call.
var (
	// ErrForm: there is no signature that can be read.
	ErrForm = errors.New("not a signed call")
	// ErrSignature: the signature is not of this call, or by another key.
	ErrSignature = errors.New("signature does not match")
	// ErrTime: the call is too old, or from the future.
	ErrTime = errors.New("signed too long ago, or by a clock that is wrong")
	// ErrReplayed: this call came before.
	ErrReplayed = errors.New("this call came before")
	// ErrTooMany: more calls of one key than can be remembered.
	ErrTooMany = errors.New("too many calls at once")
)

// A Call is what a signature says besides the request itself.
type Call struct {
	Who   string
	Time  time.Time
	Nonce string
	sum   []byte
}

// form is what the header looks like, to the letter.
var form = regexp.MustCompile(`^Sesame1 who="([A-Za-z0-9-]{1,64})", time="([0-9]{1,11})", nonce="([A-Z2-7]{26})", signature="([A-Za-z0-9+/]{86}==)"$`)

// Sign signs r, whose body is the given one, as who.
func Sign(r *http.Request, body []byte, who string, key ed25519.PrivateKey, now time.Time) {
	c := Call{Who: who, Time: now, Nonce: rand.Text()}
	c.sum = ed25519.Sign(key, c.text(r.Method, r.URL.RequestURI(), body))
	r.Header.Set("Authorization", fmt.Sprintf(`Sesame1 who="%s", time="%d", nonce="%s", signature="%s"`,
		c.Who, c.Time.Unix(), c.Nonce, base64.StdEncoding.EncodeToString(c.sum)))
}

// Parse returns what the header of r says.
func Parse(r *http.Request) (Call, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return Call{}, ErrForm
	}
	m := form.FindStringSubmatch(values[0])
	if m == nil {
		return Call{}, ErrForm
	}
	seconds, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != m[2] {
		return Call{}, ErrForm
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(m[4])
	if err != nil {
		return Call{}, ErrForm
	}
	return Call{m[1], time.Unix(seconds, 0), m[3], sum}, nil
}

// Verify reports whether c is the signature of r, whose body is the given one,
// by a key.
func (c Call) Verify(r *http.Request, body []byte, key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, c.text(r.Method, r.RequestURI, body), c.sum) {
		return ErrSignature
	}
	return nil
}

// Fresh reports whether c was signed about now.
func (c Call) Fresh(now time.Time) error {
	if now.Sub(c.Time).Abs() > Window {
		return ErrTime
	}
	return nil
}

func (c Call) text(method, uri string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return []byte(strings.Join([]string{
		"sesame-call-1", method, uri, hex.EncodeToString(sum[:]), c.Who, strconv.FormatInt(c.Time.Unix(), 10), c.Nonce,
	}, "\n"))
}

// MaxCalls is how many calls of one key are remembered at a time, which is more
// than there are unless somebody makes them for their own sake.
const MaxCalls = 5000

// Replays remembers which calls came. The zero value is ready, and safe for
// concurrent use.
type Replays struct {
	mu     sync.Mutex // guards what follows
	since  time.Time
	recent map[string]map[string]bool // of this window: nonces by who
	before map[string]map[string]bool // of the one before
}

// Take takes a call that was verified and is fresh, or returns ErrReplayed.
// When there are too many to remember of one key, it takes no more of it.
func (p *Replays) Take(c Call, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A call is fresh for twice the window: it may come early.
	if age := now.Sub(p.since); age >= 2*Window {
		p.before = p.recent
		if age >= 4*Window {
			p.before = nil
		}
		p.recent, p.since = map[string]map[string]bool{}, now
	}
	switch mine := p.recent[c.Who]; {
	case mine[c.Nonce] || p.before[c.Who][c.Nonce]:
		return ErrReplayed
	case len(mine) >= MaxCalls:
		return ErrTooMany
	case mine == nil:
		p.recent[c.Who] = map[string]bool{}
	}
	p.recent[c.Who][c.Nonce] = true
	return nil
}
