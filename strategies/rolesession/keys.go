package rolesession

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

const (
	keyPrefix  = "SESA"
	nameSize   = 10 // bytes of a ring's name, which are 16 characters
	secretSize = 32
	keySize    = 30 // bytes of a key's secret, which are 40 characters
	maxToken   = 2 << 10
	maxRoles   = 3    // that one may go on as, one from the other
	maxKeys    = 1000 // that are kept for a ring
	maxRings   = 10000
)

// Terms are what a key is good for.
type Terms struct {
	Grant   access.GrantID
	Expires time.Time // on Sesame's clock, as grants are
	// Address is whence it may be used; the zero Address means anywhere.
	Address netip.Addr
	// Roles are those that its holder went on as, one from the other. Without
	// any, calls are made as the role of the ring.
	Roles []flowfile.Assumption
	// By is the service token that the key was asked for with, and that it
	// lives no longer than; empty for none.
	By string
}

// A Key is a proxy key: the triple that a grant gives its holder, and what it
// is good for. It prints as its id.
type Key struct {
	ID, Secret, Token string

	Terms
	Spec access.Spec // of the ring
	// Ring is the version of the ring. A ring that was removed and made again
	// has another, and other keys.
	Ring access.Version
}

// Format writes the id under every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.ID) }

// MarshalText writes the id.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.ID), nil }

// claims are what a token says.
type claims struct {
	Grant   access.GrantID `json:"g"`
	Expires int64          `json:"e"` // Unix seconds
	Address string         `json:"a,omitempty"`
	Nonce   string         `json:"n"`

	Roles []flowfile.Assumption `json:"r,omitempty"`
	By    string                `json:"b,omitempty"`
}

// Keys derives proxy keys from rings. It is safe for concurrent use.
type Keys struct {
	store  Store
	sealer *Sealer

	mu    sync.RWMutex // guards what follows
	rings map[string]*opened
}

// opened is a ring as it was at a version, with keys that were derived from it.
type opened struct {
	ring
	version access.Version
	secret  []byte

	mu   sync.RWMutex // guards what follows
	keys map[string]Key
}

// NewKeys returns the Keys of the rings in store, which s sealed.
func NewKeys(store Store, s *Sealer) *Keys {
	return &Keys{store: store, sealer: s, rings: map[string]*opened{}}
}

// Mint derives a key of the object's ring. Whether the grant is open is for the
// caller to know. It is ErrTooLarge when the terms are longer than tokens may be.
func (k *Keys) Mint(ctx context.Context, object access.ObjectKey, t Terms) (Key, error) {
	r, err := k.open(ctx, ringName(object))
	if err != nil {
		return Key{}, fmt.Errorf("mint a key for %s: %w", t.Grant, err)
	}
	c := claims{Grant: t.Grant, Expires: t.Expires.Unix(), Nonce: rand.Text(), Roles: t.Roles, By: t.By}
	if t.Address.IsValid() {
		c.Address = t.Address.Unmap().String()
	}
	text, err := json.Marshal(c)
	if err != nil {
		return Key{}, fmt.Errorf("mint a key for %s: %w", t.Grant, err)
	}
	token := base64.RawURLEncoding.EncodeToString(text)
	if len(token) > maxToken || len(t.Roles) > maxRoles {
		return Key{}, fmt.Errorf("mint a key for %s: %w", t.Grant, access.ErrTooLarge)
	}
	return r.key(token)
}

// Ring returns what the object's ring is good for. It is ErrNotFound when there
// is none.
func (k *Keys) Ring(ctx context.Context, object access.ObjectKey) (access.Spec, error) {
	r, err := k.open(ctx, ringName(object))
	if err != nil {
		return access.Spec{}, fmt.Errorf("look at the ring of %s: %w", object, err)
	}
	return r.Spec, nil
}

// Find derives the key with an id and a token again. It is ErrNotFound when
// there is no such ring, or no more: the ring is read each time, so that one
// that was removed is dead at once.
//
// What the token claims is worth nothing until a signature was verified with
// the secret. With ErrNotFound the Key has no secret, and says at most of which
// grant the ring was.
func (k *Keys) Find(ctx context.Context, id, token string) (Key, error) {
	name, ours := strings.CutPrefix(id, keyPrefix)
	if !ours || len(name) != base32.StdEncoding.EncodedLen(nameSize) || len(token) > maxToken {
		return Key{}, fmt.Errorf("find a key: %w", access.ErrNotFound)
	}
	r, err := k.open(ctx, name)
	if errors.Is(err, access.ErrNotFound) {
		return Key{ID: id, Terms: Terms{Grant: k.was(ctx, name, token)}}, fmt.Errorf("find the key %s: %w", id, err)
	} else if err != nil {
		return Key{}, fmt.Errorf("find the key %s: %w", id, err)
	}
	return r.find(token)
}

// was returns the grant that a token names, if it had the ring of that name:
// nobody else is told that there was such a grant.
func (k *Keys) was(ctx context.Context, name, token string) access.GrantID {
	c, err := read(token)
	if err != nil {
		return ""
	}
	rec, err := k.store.Get(ctx, access.Grant{ID: c.Grant}.Key())
	if err != nil {
		return ""
	}
	g, err := access.Decode[access.Grant](rec)
	if err != nil || !slices.ContainsFunc(g.Objects, func(o access.ObjectKey) bool { return ringName(o) == name }) {
		return ""
	}
	return g.ID
}

// read returns what a token claims.
func read(token string) (claims, error) {
	var c claims
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	return c, err
}

// open returns the ring as it is now.
func (k *Keys) open(ctx context.Context, name string) (*opened, error) {
	rec, err := k.store.Get(ctx, access.Key{Kind: kindRing, ID: name})
	if err != nil {
		return nil, err
	}
	k.mu.RLock()
	r := k.rings[name]
	k.mu.RUnlock()
	if r != nil && r.version == rec.Version {
		return r, nil
	}
	fresh := &opened{version: rec.Version, keys: map[string]Key{}}
	if fresh.ring, err = access.Decode[ring](rec); err != nil {
		return nil, err
	}
	if fresh.secret, err = k.sealer.Open(name, fresh.Sealed); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.rings) >= maxRings {
		clear(k.rings)
	}
	k.rings[name] = fresh
	return fresh, nil
}

func (r *opened) find(token string) (Key, error) {
	r.mu.RLock()
	key, known := r.keys[token]
	r.mu.RUnlock()
	if known {
		return key, nil
	}
	key, err := r.key(token)
	if err != nil {
		return Key{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) >= maxKeys { // tokens that nobody signed for end up here as well
		clear(r.keys)
	}
	r.keys[token] = key
	return key, nil
}

// key derives the key with a token.
func (r *opened) key(token string) (Key, error) {
	key := Key{ID: keyPrefix + r.Name, Token: token, Spec: r.Spec, Ring: r.version}
	c, err := read(token)
	if err == nil && c.Address != "" {
		key.Address, err = netip.ParseAddr(c.Address)
	}
	if err != nil || c.Grant == "" {
		return Key{}, fmt.Errorf("the token of %s is not one of ours: %w", key.ID, access.ErrNotFound)
	}
	key.Grant, key.Expires, key.Roles, key.By = c.Grant, time.Unix(c.Expires, 0).UTC(), c.Roles, c.By
	mac := hmac.New(sha256.New, r.secret)
	mac.Write([]byte("proxy key 1\n" + key.ID + "\n" + token))
	key.Secret = base64.StdEncoding.EncodeToString(mac.Sum(nil)[:keySize])
	return key, nil
}

// ringName names the ring of an object, in 16 letters and digits.
func ringName(object access.ObjectKey) string {
	sum := sha256.Sum256([]byte(object))
	return base32.StdEncoding.EncodeToString(sum[:nameSize])
}

func ringKey(object access.ObjectKey) access.Key {
	return access.Key{Kind: kindRing, ID: ringName(object)}
}
