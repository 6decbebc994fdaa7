package token

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// KindToken is the sort of record that a token is.
const KindToken access.Kind = "service-token"

// IndexTokens lists all tokens, by "account/time".
const IndexTokens = "tokens"

// The events of a token. Its stream is its own.
const (
	EventMade    access.EventType = "token-made"
	EventRevoked access.EventType = "token-revoked" // by its owner, an admin, or because the owner left
)

// The bounds of tokens.
const (
	MinLasts   = time.Hour
	UsualLasts = 30 * 24 * time.Hour
	MaxLasts   = 90 * 24 * time.Hour
	MaxTokens  = 20 // of one account
	maxNamed   = 20 // targets, or networks, of a token
)

// An ID names a token, and is what clients have for an access key id, before
// the # and the target.
type ID string

const (
	idPrefix = "SEST"
	idSize   = len(idPrefix) + 16
)

// Parse splits an access key id into the token and the target, which may be
// empty. It reports whether the id is a token's at all.
func Parse(keyID string) (id ID, target string, ok bool) {
	name, target, _ := strings.Cut(keyID, "#")
	return ID(name), target, len(name) == idSize && strings.HasPrefix(name, idPrefix)
}

// KeyID is the access key id for a target.
func (id ID) KeyID(target string) string { return string(id) + "#" + target }

// stream is where the events of the token are.
func (id ID) stream() access.RequestID { return access.RequestIDFrom("token\x00" + string(id)) }

// key is where the token is stored.
func (id ID) key() access.Key { return access.Key{Kind: KindToken, ID: string(id)} }

// A Token is what is known of one. Sealed is of no use without the sealing key.
type Token struct {
	ID       ID              `json:"id"`
	Name     string          `json:"name"`
	Account  access.Account  `json:"account"`
	Person   access.PersonID `json:"person"`
	Owner    string          `json:"owner"` // the name of the person
	Targets  []string        `json:"targets"`
	Networks []netip.Prefix  `json:"networks"`
	At       time.Time       `json:"at"`
	Until    time.Time       `json:"until"`
	Sealed   []byte          `json:"sealed"`
}

// record is a Token as the store takes it.
type record struct{ Token }

// Key is where the token is stored.
func (t record) Key() access.Key { return t.ID.key() }

// Index lists the token by its account.
func (t record) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexTokens, Value: t.Account.String() + "/" + access.TimeKey(t.At)}}
}

// People say who somebody is.
type People interface {
	// Identify returns the person behind an account, or a *access.Refusal.
	Identify(ctx context.Context, a access.Account) (access.Person, error)
	// Recall returns who an account was linked to, and whether that is an
	// admin, without asking anybody.
	Recall(ctx context.Context, a access.Account) (access.Standing, error)
}

// A Sealer keeps secrets at rest.
type Sealer interface {
	// Seal returns secret so that only Open with the same name gets it back.
	Seal(name string, secret []byte) []byte
	Open(name string, sealed []byte) ([]byte, error)
	// Current reports whether something is sealed as Seal does it now.
	Current(sealed []byte) bool
}

// Config is what Tokens work with.
type Config struct {
	Store  access.Store // Required.
	People People       // Required.
	Clock  clock.Clock  // Required.
	// Sealer returns what keeps the secrets, or nil while there is nothing that
	// does. Optional: without it, nobody gets a token, and none works.
	Sealer func() Sealer
	// Serves reports whether a target is served through the proxy. Required
	// with a Sealer.
	Serves func(target string) bool
}

// sealer is what keeps the secrets; nil while there is none.
func (c Config) sealer() Sealer {
	if c.Sealer == nil {
		return nil
	}
	return c.Sealer()
}

// Tokens are the service tokens of everybody. Its methods are safe for
// concurrent use.
type Tokens struct{ Config }

// New returns Tokens.
func New(c Config) *Tokens { return &Tokens{c} }

// Find returns a token with its secret, or access.ErrNotFound. One that has run
// out is found as well: to say so, only its holder is to be told.
func (ts *Tokens) Find(ctx context.Context, id ID) (Token, string, error) {
	found, _, err := access.Load[Token](ctx, ts.Store, id.key())
	if err != nil {
		return Token{}, "", fmt.Errorf("token %s: %w", id, err)
	}
	sealer := ts.sealer()
	if sealer == nil {
		return Token{}, "", fmt.Errorf("token %s: nothing opens it: %w", id, access.ErrNotFound)
	}
	secret, err := sealer.Open(sealedAs(id), found.Sealed)
	if err != nil {
		return Token{}, "", fmt.Errorf("token %s: %w", id, err)
	}
	return found, string(secret), nil
}

// Holds reports whether a token is there, and has not run out.
func (ts *Tokens) Holds(ctx context.Context, id ID) (Token, bool, error) {
	found, _, err := access.Load[Token](ctx, ts.Store, id.key())
	if errors.Is(err, access.ErrNotFound) {
		return Token{}, false, nil
	}
	return found, err == nil && ts.Clock.Now().Before(found.Until), err
}

func sealedAs(id ID) string { return "service token " + string(id) }

// Mine returns the tokens of an account, in the order in which they were made.
func (ts *Tokens) Mine(ctx context.Context, a access.Account) ([]Token, error) {
	return ts.list(ctx, of(a))
}

// All returns every token, by account, to an admin.
func (ts *Tokens) All(ctx context.Context, by access.Account) ([]Token, error) {
	who, err := ts.People.Recall(ctx, by)
	if err != nil {
		return nil, err
	}
	if !who.Admin {
		return nil, &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot see everybody's tokens, because only admins can: sesame tokens list shows yours."}
	}
	return ts.every(ctx)
}

// Owners returns everybody who has a token, each once.
func (ts *Tokens) Owners(ctx context.Context) ([]access.PersonID, error) {
	all, err := ts.every(ctx)
	seen := map[access.PersonID]bool{}
	var owners []access.PersonID
	for _, t := range all {
		if !seen[t.Person] {
			seen[t.Person] = true
			owners = append(owners, t.Person)
		}
	}
	return owners, err
}

func (ts *Tokens) every(ctx context.Context) ([]Token, error) {
	return ts.list(ctx, access.Query{Index: IndexTokens})
}

func of(a access.Account) access.Query {
	return access.Query{Index: IndexTokens, From: a.String() + "/", To: a.String() + "0"}
}

func (ts *Tokens) list(ctx context.Context, q access.Query) ([]Token, error) {
	all := []Token{}
	err := access.Each(ctx, ts.Store, q, func(rec access.Record) error {
		found, err := access.Decode[Token](rec)
		if err == nil {
			all = append(all, found)
		}
		return err
	})
	return all, err
}
