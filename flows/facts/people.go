package facts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// Records is where links are kept.
type Records interface {
	access.Reader
	access.Committer
}

// Config is what the operator said about people.
type Config struct {
	// Workspace is the one that Sesame serves. Required.
	Workspace string
	// Map links accounts ("workspace/user" or "user") and confirmed e-mail
	// addresses to principals. Optional.
	Map map[string]access.Principal
	// TrustEmail declares that the workspace enforces single sign-on, so that
	// nobody can give themselves another address. Default false: addresses
	// that are not in Map link nobody.
	TrustEmail bool
	// Admins are accounts, written as in Map, and e-mail addresses of linked
	// people. Optional.
	Admins []string
	// FlowOf returns the name of the flow that a target belongs to, empty for
	// none. Optional: without it no flow has approved anything by itself.
	FlowOf func(target string) string
	// MaxAge is how long answers are kept: at most MaxAge, which is also what
	// 0 means. Negative keeps none.
	MaxAge time.Duration
}

// People says who somebody is. Its methods are safe for concurrent use.
type People struct {
	records Records
	fresh   *fresh
	shown   *cache[askedFact, any] // what history was, for people to look at
	clock   clock.Clock
	config  Config
	linkTo  map[string]access.Principal // by account or lower-case address
	admins  map[string]bool             // likewise
	// withoutChat says that a link stands for what the chat does not answer.
	withoutChat bool
}

// New returns People that read s and keep their links in r.
func New(r Records, s Sources, c clock.Clock, config Config) *People {
	p := &People{
		records: r, fresh: newFresh(s, c, config.MaxAge), shown: newCache[askedFact, any](c, 0, ShownAge), clock: c, config: config,
		linkTo: map[string]access.Principal{}, admins: map[string]bool{},
	}
	if p.config.FlowOf == nil {
		p.config.FlowOf = func(string) string { return "" }
	}
	for who, principal := range config.Map {
		p.linkTo[name(who)] = principal
	}
	for _, who := range config.Admins {
		p.admins[name(who)] = true
	}
	return p
}

// name returns how an account or address is looked up in what the operator
// wrote: addresses in lower case, accounts as they are.
func name(who string) string {
	if strings.Contains(who, "@") {
		return lower(who)
	}
	return who
}

// lower returns an e-mail address in lower case. Letters outside ASCII stay,
// since some of them become ASCII when lowered: the Kelvin sign is no k.
func lower(email string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, email)
}

// Identify returns the person behind an account, whom it links when they come
// for the first time. It returns a *access.Refusal for whoever cannot use
// Sesame.
func (p *People) Identify(ctx context.Context, a access.Account) (access.Person, error) {
	profile, err := p.member(ctx, a)
	if p.stands(err) {
		return p.linkedBefore(ctx, a, err)
	} else if err != nil {
		return access.Person{}, err
	}
	who, err := p.linked(ctx, access.Person{Account: a}.AccountLink())
	if errors.Is(err, access.ErrNotFound) {
		who, err = p.link(ctx, a, profile)
	}
	if err != nil {
		return access.Person{}, err
	}
	if to, ok := p.mapped(a, profile); ok && to != who.Principal {
		return access.Person{}, stranger(textContradiction)
	}
	who.Name, who.Zone = profile.Name, profile.Zone
	return who, nil
}

// Known returns the person that an account was linked to, from the records
// alone. It says nothing about whether the link would still be made.
func (p *People) Known(ctx context.Context, a access.Account) (access.Person, error) {
	who, err := p.linked(ctx, access.Person{Account: a}.AccountLink())
	if errors.Is(err, access.ErrNotFound) {
		return access.Person{}, stranger(textUnlinked)
	}
	return who, err
}

// Recall returns what is known about an account without asking anybody: whom
// it was linked to, and whether the operator named them an admin. It counts as
// active, since nobody said otherwise, and as a member of no group.
func (p *People) Recall(ctx context.Context, a access.Account) (access.Standing, error) {
	who, err := p.Known(ctx, a)
	if err != nil {
		return access.Standing{}, err
	}
	return access.Standing{Person: who, Admin: p.admin(who), Active: true}, nil
}

// Invalidate forgets what is remembered about an account, because somebody
// heard that it changed.
func (p *People) Invalidate(a access.Account) { p.fresh.forget(a) }

// member returns the profile of an account, with a refusal unless it is a full
// member's of the workspace. An account that says itself that it is from
// elsewhere is not looked up.
func (p *People) member(ctx context.Context, a access.Account) (Profile, error) {
	if a.User == "" || a.Workspace != p.config.Workspace || p.config.Workspace == "" {
		return Profile{}, refusals(OtherWorkspace)
	}
	profile, err := p.fresh.Profile(ctx, a)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return Profile{}, refusals(Stranger)
	case err != nil:
		return Profile{}, err
	case profile.Kind != Member:
		return profile, refusals(profile.Kind)
	case profile.Workspace != a.Workspace:
		return Profile{}, refusals(OtherWorkspace)
	}
	return profile, nil
}

// mapped returns the principal that the operator wrote down for an account.
// An address that nobody confirmed could be anybody's.
func (p *People) mapped(a access.Account, profile Profile) (access.Principal, bool) {
	names := []string{a.String(), a.User}
	if profile.EmailConfirmed && profile.Email != "" {
		names = append(names, lower(profile.Email))
	}
	for _, n := range names {
		if principal, ok := p.linkTo[n]; ok {
			return principal, true
		}
	}
	return "", false
}

// linked returns the person that a link leads to, or access.ErrNotFound.
func (p *People) linked(ctx context.Context, from access.Link) (access.Person, error) {
	l, _, err := access.Load[access.Link](ctx, p.records, from.Key())
	if err != nil {
		return access.Person{}, fmt.Errorf("link from %s: %w", from.From, err)
	}
	who, _, err := access.Load[access.Person](ctx, p.records, access.Person{ID: l.Person}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return access.Person{}, fmt.Errorf("link from %s to %s, who is not there: %w", from.From, l.Person, access.ErrBroken)
	}
	return who, err
}
