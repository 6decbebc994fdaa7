package token

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// secretSize is how many bytes a secret has, which are 40 characters.
const secretSize = 30

// A Wish is what somebody wants a token for.
type Wish struct {
	Name     string
	Targets  []string
	Networks []string // as 10.0.0.0/8, or one address
	Lasts    time.Duration
}

// nameShape is what tokens may be called.
var nameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

// errUnserved refuses tokens where there is nothing to use them with.
var errUnserved = &access.Refusal{Code: access.RefusedUnable, Text: "This server serves no AWS, so that a token would open nothing: ask its operators."}

// Make makes a token for an account, and returns it with its secret, which
// nobody is told again.
func (ts *Tokens) Make(ctx context.Context, who access.Account, w Wish) (Token, string, error) {
	person, err := ts.People.Identify(ctx, who)
	if err != nil {
		return Token{}, "", err
	}
	sealer := ts.sealer()
	if sealer == nil {
		return Token{}, "", errUnserved
	}
	now := ts.Clock.Now()
	made := Token{ID: newID(), Name: w.Name, Account: who, Person: person.ID, Owner: person.Name, Targets: w.Targets, At: now, Until: now.Add(w.Lasts)}
	if made.Networks, err = ts.check(w); err != nil {
		return Token{}, "", err
	}
	random := make([]byte, secretSize)
	_, _ = rand.Read(random) // never fails
	secret := base64.StdEncoding.EncodeToString(random)
	made.Sealed = sealer.Seal(sealedAs(made.ID), []byte(secret))
	if err := ledger.Retry(func() error { return ts.record(ctx, person, made) }); err != nil {
		return Token{}, "", err
	}
	return made, secret, nil
}

func newID() ID {
	random := make([]byte, 10)
	_, _ = rand.Read(random) // never fails
	return ID(idPrefix + base32.StdEncoding.EncodeToString(random))
}

// record commits a token, and forgets those of the same account that ran out.
func (ts *Tokens) record(ctx context.Context, who access.Person, made Token) error {
	b, held := ledger.NewBatch(made.At), 0
	err := access.Each(ctx, ts.Store, of(made.Account), func(rec access.Record) error {
		was, err := access.Decode[Token](rec)
		switch {
		case err != nil:
			return err
		case !made.At.Before(was.Until):
			b.Delete(rec.Key, rec.Version)
		case was.Name == made.Name:
			return &access.Refusal{Code: access.RefusedTwice, Text: fmt.Sprintf("You have a token %q already: revoke that one first, or call this one something else.", made.Name)}
		default:
			held++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if held >= MaxTokens {
		return &access.Refusal{Code: access.RefusedTooMany, Text: fmt.Sprintf("You have %d tokens, which is the most that anybody can have: revoke one first.", held)}
	}
	b.Put(record{made}, 0)
	b.Event(made.ID.stream(), EventMade, who, told(made, ""))
	_, err = b.Commit(ctx, ts.Store)
	return err
}

// check holds a wish to what tokens may be, and returns its networks.
func (ts *Tokens) check(w Wish) ([]netip.Prefix, error) {
	switch {
	case !nameShape.MatchString(w.Name):
		return nil, wrong("%q cannot be the name of a token: it has up to 40 small letters, digits and ._-, as in nightly-backup.", w.Name)
	case len(w.Targets) == 0 || len(w.Targets) > maxNamed:
		return nil, wrong("A token is for 1 to %d targets, and this one would be for %d: name them with --target.", maxNamed, len(w.Targets))
	case len(w.Networks) == 0 || len(w.Networks) > maxNamed:
		return nil, wrong("A token is used from 1 to %d networks, and this one would have %d: name them with --from, as 10.0.0.0/8.", maxNamed, len(w.Networks))
	case w.Lasts < MinLasts || w.Lasts > MaxLasts:
		return nil, wrong("A token lasts %s to %d days, and this one would last %s: say it with --lasts, as 720h.", access.Spoken(MinLasts), MaxLasts/(24*time.Hour), access.Spoken(w.Lasts))
	}
	for i, name := range w.Targets {
		if slices.Contains(w.Targets[:i], name) || !ts.Serves(name) {
			return nil, wrong("%.100q is no target that is served through the proxy, or is named twice: sesame tokens are for those alone.", name)
		}
	}
	return networks(w.Networks)
}

func wrong(format string, args ...any) *access.Refusal {
	return &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf(format, args...)}
}

// networks reads networks, and single addresses as the smallest ones.
func networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if at, failed := netip.ParseAddr(strings.TrimSpace(text)); failed == nil && at.Zone() == "" {
			p, err = netip.PrefixFrom(at, at.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, wrong("%.60q is no network: write it as 10.0.0.0/8, or as one address.", text)
		}
		if p.Bits() == 0 {
			return nil, wrong("%s is everywhere, and a token is bound to where it is used: name the networks.", p)
		}
		if p = p.Masked(); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all, nil
}

// event is the data of the events of a token.
type event struct {
	Token    ID             `json:"token"`
	Name     string         `json:"name"`
	Account  access.Account `json:"account"`
	Targets  []string       `json:"targets"`
	Networks []netip.Prefix `json:"networks"`
	Until    time.Time      `json:"until"`
	Why      string         `json:"why,omitempty"`
}

func told(t Token, why string) event {
	return event{t.ID, t.Name, t.Account, t.Targets, t.Networks, t.Until, why}
}

// Revoke ends tokens as somebody who may: their owner, or an admin. What is
// meant is the id of a token, the name of one's own, or for all of somebody's
// the id of a user in the chat. It returns those that ended.
func (ts *Tokens) Revoke(ctx context.Context, by access.Account, what string) ([]Token, error) {
	who, err := ts.People.Recall(ctx, by)
	if err != nil {
		return nil, err
	}
	all, err := ts.every(ctx)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(what, "#") // as clients have it
	meant := slices.DeleteFunc(all, func(t Token) bool {
		return string(t.ID) != name && t.Account.User != what && (t.Account != by || t.Name != what)
	})
	switch {
	case len(meant) == 0:
		return nil, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no token %.60q, and nobody of that id has one: sesame tokens list shows yours.", what)}
	case !who.Admin && meant[0].Account != by:
		return nil, &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot revoke this token, because only " + meant[0].Owner + ", whose it is, and admins can: ask one of them."}
	}
	return meant, ts.end(ctx, who.Person, meant, "")
}

// Leave ends the tokens of somebody who has left, and says why.
func (ts *Tokens) Leave(ctx context.Context, who access.PersonID, why string) error {
	all, err := ts.every(ctx)
	if err != nil {
		return err
	}
	return ts.end(ctx, access.Person{}, slices.DeleteFunc(all, func(t Token) bool { return t.Person != who }), why)
}

// end ends tokens, some of which may be over by now. Each is tried.
func (ts *Tokens) end(ctx context.Context, by access.Person, all []Token, why string) error {
	var errs []error
	for _, t := range all {
		err := ledger.Retry(func() error { return ts.endOnce(ctx, by, t, why) })
		if err != nil && !errors.Is(err, access.ErrNotFound) {
			errs = append(errs, fmt.Errorf("revoke token %s: %w", t.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (ts *Tokens) endOnce(ctx context.Context, by access.Person, t Token, why string) error {
	rec, err := ts.Store.Get(ctx, t.ID.key())
	if err != nil {
		return err
	}
	b := ledger.NewBatch(ts.Clock.Now()).Ending()
	b.Delete(rec.Key, rec.Version)
	b.Event(t.ID.stream(), EventRevoked, by, told(t, why))
	_, err = b.Commit(ctx, ts.Store)
	return err
}
