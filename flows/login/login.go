package login

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// KindLogin is the sort of record that a login is.
const KindLogin access.Kind = "login"

// IndexLogins lists all logins, by "account/time".
const IndexLogins = "logins"

// The events of a login. Its stream is its own.
const (
	EventLogin  access.EventType = "login"
	EventLogout access.EventType = "logout" // by the holder, or by an admin
)

// RefusedSignedOut refuses whoever comes with a login that holds no more.
const RefusedSignedOut access.RefusalCode = "signed-out"

// An ID names a login: "l-" and ten characters.
type ID string

// stream is where the events of the login are.
func (id ID) stream() access.RequestID { return access.RequestIDFrom("login\x00" + string(id)) }

// An Origin is where a login was asked for. Address is what the server saw;
// the rest is what the terminal said, and anybody can say anything.
type Origin struct {
	Address string `json:"address"`
	Host    string `json:"host,omitempty"`
	Agent   string `json:"agent,omitempty"`
}

// A Login says that whoever holds a key speaks for an account.
type Login struct {
	ID      ID              `json:"id"`
	Account access.Account  `json:"account"`
	Person  access.PersonID `json:"person"`
	Name    string          `json:"name"`
	Key     []byte          `json:"key"` // the public half, Ed25519
	Origin  Origin          `json:"origin"`
	At      time.Time       `json:"at"`
	Until   time.Time       `json:"until"`
}

// key is where the login is stored.
func (id ID) key() access.Key { return access.Key{Kind: KindLogin, ID: string(id)} }

// A record is a Login as the store takes it, whose method Key would be in the
// way of the field.
type record struct{ Login }

// Key is where the login is stored.
func (l record) Key() access.Key { return l.ID.key() }

// Index lists the login by its account.
func (l record) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexLogins, Value: l.Account.String() + "/" + access.TimeKey(l.At)}}
}

// Fingerprint names the key of l without being it.
func (l Login) Fingerprint() string {
	sum := sha256.Sum256(l.Key)
	return hex.EncodeToString(sum[:8])
}

// People say who somebody is.
type People interface {
	// Identify returns the person behind an account, or a *access.Refusal.
	Identify(ctx context.Context, a access.Account) (access.Person, error)
	// Recall returns who an account was linked to, and whether that is an
	// admin, without asking anybody.
	Recall(ctx context.Context, a access.Account) (access.Standing, error)
}

// Config is what Logins work with. All of it is required.
type Config struct {
	Store  access.Store
	People People
	Clock  clock.Clock
	// Lasts is how long a login does.
	Lasts time.Duration
}

// Logins are those who are signed in, and those who are about to be. Codes
// live in memory: whoever was shown one before a restart is shown another. Its
// methods are safe for concurrent use.
type Logins struct {
	Config

	mu     sync.Mutex // guards what follows
	open   map[AttemptID]*attempt
	wrong  map[access.Account]*tally // codes that were not there
	places map[string]*tally         // codes that were handed out, by network
}

// New returns Logins.
func New(c Config) *Logins {
	return &Logins{
		Config: c, open: map[AttemptID]*attempt{}, wrong: map[access.Account]*tally{}, places: map[string]*tally{},
	}
}

// errOver refuses a login that is not there, or not any more.
var errOver = &access.Refusal{Code: RefusedSignedOut, Text: "You are not signed in, because this login is over: run sesame login."}

// Of returns a login that holds, or a *access.Refusal.
func (l *Logins) Of(ctx context.Context, id ID) (Login, error) {
	found, _, err := access.Load[Login](ctx, l.Store, id.key())
	switch {
	case errors.Is(err, access.ErrNotFound):
		return Login{}, errOver
	case err != nil:
		return Login{}, fmt.Errorf("login %s: %w", id, err)
	case !l.Clock.Now().Before(found.Until) || len(found.Key) != ed25519.PublicKeySize:
		return Login{}, errOver
	}
	return found, nil
}

// All returns every login that holds, ordered by account and time.
func (l *Logins) All(ctx context.Context) ([]Login, error) {
	return l.list(ctx, access.Query{Index: IndexLogins})
}

// Mine returns the logins of an account that hold.
func (l *Logins) Mine(ctx context.Context, a access.Account) ([]Login, error) {
	return l.list(ctx, of(a))
}

func of(a access.Account) access.Query {
	return access.Query{Index: IndexLogins, From: a.String() + "/", To: a.String() + "0"}
}

func (l *Logins) list(ctx context.Context, q access.Query) ([]Login, error) {
	now, all := l.Clock.Now(), []Login{}
	err := access.Each(ctx, l.Store, q, func(rec access.Record) error {
		found, err := access.Decode[Login](rec)
		if err == nil && now.Before(found.Until) {
			all = append(all, found)
		}
		return err
	})
	return all, err
}
