package login

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// The bounds of what anybody can have and try.
const (
	CodeLasts = 5 * time.Minute
	MaxWrong  = 3    // wrong codes of one account within CodeLasts
	MaxPlace  = 10   // codes for one network within CodeLasts
	MaxOpen   = 1000 // codes at a time
	MaxLogins = 20   // of one account at a time
)

// An AttemptID names an attempt; nobody can guess it.
type AttemptID string

// An Attempt is a terminal that asks to speak for whoever confirms it.
type Attempt struct {
	ID     AttemptID
	Code   string // as it is shown: "ABCD-EFGH"; only Begin knows it
	Origin Origin
	Until  time.Time
}

// An attempt is one with what is kept of it.
type attempt struct {
	Attempt
	sum [sha256.Size]byte // of the code
	key ed25519.PublicKey
	// who typed the code, once somebody did: nobody else can any more.
	who      access.Account
	login    *Login // once it was confirmed
	declined bool
}

// A tally counts within a time.
type tally struct {
	since time.Time
	n     int
}

// Begin hands out a code for a key.
func (l *Logins) Begin(from Origin, key ed25519.PublicKey) (Attempt, error) {
	if len(key) != ed25519.PublicKeySize {
		return Attempt{}, &access.Refusal{Code: access.RefusedInput, Text: "Nobody can sign in with this key, because it is no Ed25519 key: update sesame."}
	}
	code, now := newCode(), l.Clock.Now()
	a := &attempt{
		Attempt: Attempt{ID: AttemptID("a-" + rand.Text()), Origin: from.clean(), Until: now.Add(CodeLasts)},
		sum:     sum(code), key: key,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruneLocked()
	if len(l.open) >= MaxOpen || !countLocked(l.places, network(from.Address), now, MaxPlace) {
		return Attempt{}, &access.Refusal{Code: access.RefusedTooMany, Text: "Nobody can sign in from here at the moment, because too many codes are out: wait five minutes."}
	}
	l.open[a.ID] = a
	shown := a.Attempt
	shown.Code = code[:4] + "-" + code[4:]
	return shown, nil
}

// errNoCode refuses a code that is not there, not any more, or somebody else's.
var errNoCode = &access.Refusal{
	Code: access.RefusedUnknown, Text: "There is no such code, or it is over: run sesame login, and type the code that it shows within five minutes.",
}

// errNoneTyped refuses whoever typed no code, which is no guess.
var errNoneTyped = &access.Refusal{
	Code: access.RefusedInput, Text: "There is nothing to sign in yet, because you typed no code: run sesame login, and type /access login with the code that it shows.",
}

// Look returns the attempt that a code belongs to, for whoever typed it to
// confirm. Nobody else can type it from then on.
func (l *Logins) Look(ctx context.Context, who access.Account, code string) (Attempt, error) {
	if _, err := l.People.Identify(ctx, who); err != nil {
		return Attempt{}, err
	}
	if plain(code) == "" {
		return Attempt{}, errNoneTyped
	}
	now := l.Clock.Now()
	l.mu.Lock()
	a, err := l.lookLocked(who, code, now)
	last := err != nil && l.wrong[who] != nil && l.wrong[who].n == MaxWrong
	l.mu.Unlock()
	if last {
		b := ledger.NewBatch(now)
		b.Event(access.RequestIDFrom("login\x00"+who.String()), access.EventDenial, access.Person{Name: who.String()}, guessed{who, err.Error()})
		if _, failed := b.Commit(ctx, l.Store); failed != nil {
			return a, errors.Join(err, failed)
		}
	}
	return a, err
}

// guessed is the data of the event that somebody has used up their tries.
type guessed struct {
	Account access.Account `json:"account"`
	Text    string         `json:"text"`
}

func (l *Logins) lookLocked(who access.Account, code string, now time.Time) (Attempt, error) {
	l.pruneLocked()
	if t := l.wrong[who]; t != nil && t.n >= MaxWrong {
		t.n = MaxWrong + 1 // it was told once
		return Attempt{}, &access.Refusal{Code: access.RefusedTooMany, Text: "You cannot sign in at the moment, because you typed three codes that were not there: wait five minutes, and run sesame login again."}
	}
	var found *attempt
	typed := sum(plain(code))
	for _, a := range l.open {
		// Every code is compared, so that the time says nothing.
		if subtle.ConstantTimeCompare(a.sum[:], typed[:]) == 1 {
			found = a
		}
	}
	if found == nil || found.settled() || !found.who.IsZero() && found.who != who {
		countLocked(l.wrong, who, now, MaxWrong)
		return Attempt{}, errNoCode
	}
	found.who = who
	return found.Attempt, nil
}

func (a *attempt) settled() bool { return a.login != nil || a.declined }

// Confirm signs in the terminal behind an attempt, as the account that typed
// its code.
func (l *Logins) Confirm(ctx context.Context, who access.Account, id AttemptID) (Login, error) {
	a, err := l.typedBy(who, id)
	if err != nil {
		return Login{}, err
	}
	person, err := l.People.Identify(ctx, who)
	if err != nil {
		return Login{}, err
	}
	now := l.Clock.Now()
	made := Login{
		ID:      ID("l-" + strings.TrimPrefix(string(access.RequestIDFrom(string(id))), "r-")),
		Account: who, Person: person.ID, Name: person.Name, Key: a.key, Origin: a.Origin, At: now, Until: now.Add(l.Lasts),
	}
	if err := l.record(ctx, person, made); err != nil {
		return Login{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a.login = &made
	return made, nil
}

// typedBy returns the attempt whose code who typed, if nothing became of it.
func (l *Logins) typedBy(who access.Account, id AttemptID) (*attempt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruneLocked()
	a, ok := l.open[id]
	if !ok || who.IsZero() || a.who != who || a.settled() {
		return nil, &access.Refusal{
			Code: access.RefusedDecided, Text: "There is nothing to confirm any more, because this code is over or was used: run sesame login again.",
		}
	}
	return a, nil
}

// record commits a login, and forgets those of the same account that are over.
func (l *Logins) record(ctx context.Context, who access.Person, made Login) error {
	b, held := ledger.NewBatch(made.At), 0
	err := access.Each(ctx, l.Store, of(made.Account), func(rec access.Record) error {
		was, err := access.Decode[Login](rec)
		if err == nil && !made.At.Before(was.Until) {
			b.Delete(rec.Key, rec.Version)
		} else {
			held++
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if held >= MaxLogins {
		return &access.Refusal{Code: access.RefusedTooMany, Text: fmt.Sprintf("You are signed in %d times, which is the most that anybody can be: end them all with /access logout, and sign in again.", held)}
	}
	b.Put(record{made}, 0)
	b.Event(made.ID.stream(), EventLogin, who, told(made))
	_, err = b.Commit(ctx, l.Store)
	if errors.Is(err, access.ErrConflict) {
		return &access.Refusal{Code: access.RefusedTwice, Text: "You confirmed this already: the terminal is signed in."}
	}
	return err
}

// Decline lets nothing come of an attempt.
func (l *Logins) Decline(who access.Account, id AttemptID) error {
	a, err := l.typedBy(who, id)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a.declined = true
	return nil
}

// An Outcome is what became of an attempt: the zero Outcome is that nobody has
// confirmed it yet.
type Outcome struct {
	Login    *Login
	Declined bool
}

// Outcome returns what became of an attempt, and the key that may ask. It
// reports false for one that is not there any more.
func (l *Logins) Outcome(id AttemptID) (Outcome, ed25519.PublicKey, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruneLocked()
	a, ok := l.open[id]
	if !ok {
		return Outcome{}, nil, false
	}
	return Outcome{a.login, a.declined}, a.key, true
}

// pruneLocked forgets what is over.
func (l *Logins) pruneLocked() {
	now := l.Clock.Now()
	for id, a := range l.open {
		if !now.Before(a.Until) {
			delete(l.open, id)
		}
	}
	forget(l.wrong, now)
	forget(l.places, now)
}

func forget[K comparable](counted map[K]*tally, now time.Time) {
	for k, t := range counted {
		if now.Sub(t.since) >= CodeLasts {
			delete(counted, k)
		}
	}
}

// countLocked counts one more of k, and reports whether that is within most.
func countLocked[K comparable](counted map[K]*tally, k K, now time.Time, most int) bool {
	if counted[k] == nil {
		counted[k] = &tally{since: now}
	}
	counted[k].n++
	return counted[k].n <= most
}

// network returns what addresses of one place have in common.
func network(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil || at.Is4() || at.Is4In6() {
		return address
	}
	home, err := at.Prefix(64)
	if err != nil {
		return address
	}
	return home.String()
}

// letters are those that make no words and are not confused with each other.
const letters = "BCDFGHJKLMNPQRSTVWXZ"

// newCode returns eight random letters.
func newCode() string {
	var code []byte
	for random := make([]byte, 1); len(code) < 8; {
		_, _ = rand.Read(random) // it never fails
		// What does not divide evenly is thrown again.
		if int(random[0]) < 256/len(letters)*len(letters) {
			code = append(code, letters[int(random[0])%len(letters)])
		}
	}
	return string(code)
}

// plain returns a code as it was made, however it was typed.
func plain(code string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, code)
}

func sum(code string) [sha256.Size]byte { return sha256.Sum256([]byte(code)) }

// maxSaid is how much is kept of what a terminal says of itself.
const maxSaid = 100

func (o Origin) clean() Origin {
	short := func(s string) string {
		s = strings.Map(func(r rune) rune {
			if !unicode.IsGraphic(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, ""))
		return string([]rune(s)[:min(len([]rune(s)), maxSaid)])
	}
	return Origin{o.Address, short(o.Host), short(o.Agent)}
}
