package facts

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
)

// The values of access.Person.LinkedBy.
const (
	byMap   = "map"
	byEmail = "email"
)

// link links an account for the first time.
func (p *People) link(ctx context.Context, a access.Account, profile Profile) (access.Person, error) {
	who := access.Person{
		Account: a, Directory: p.fresh.ID(), Name: profile.Name, Zone: profile.Zone, LinkedAt: p.clock.Now(),
	}
	user, by, err := p.userOf(ctx, a, profile)
	if err != nil {
		return access.Person{}, err
	}
	who.ID, who.Principal, who.LinkedBy = access.PersonIDFrom(who.Directory, user.Principal), user.Principal, by
	if who.Email, err = p.ownAddress(ctx, user); err != nil {
		return access.Person{}, err
	}
	return p.record(ctx, who)
}

// userOf returns the directory user for an account: the one that is written
// down for it, or else the one with its address.
func (p *People) userOf(ctx context.Context, a access.Account, profile Profile) (user User, by string, err error) {
	if principal, ok := p.mapped(a, profile); ok {
		user, err = p.fresh.User(ctx, principal)
		if errors.Is(err, access.ErrNotFound) {
			return User{}, "", stranger(textMapped)
		}
		if err == nil && !user.Enabled {
			err = stranger(textDisabled)
		}
		return user, byMap, err
	}
	user, err = p.userByEmail(ctx, a, profile)
	return user, byEmail, err
}

// userByEmail returns the one enabled user with the address of a profile, if
// addresses are to be trusted.
func (p *People) userByEmail(ctx context.Context, a access.Account, profile Profile) (User, error) {
	switch {
	case !p.config.TrustEmail:
		return User{}, refuseUnlinked(a)
	case profile.Email == "":
		return User{}, stranger(textNoEmail)
	case !profile.EmailConfirmed:
		return User{}, stranger(textUnconfirmed)
	}
	enabled, all, err := p.withAddress(ctx, profile.Email)
	switch {
	case err != nil:
		return User{}, err
	case len(enabled) == 1:
		return enabled[0], nil
	case len(enabled) > 1:
		return User{}, refuseAmbiguous(profile.Email)
	case all > 0:
		return User{}, stranger(textDisabled)
	default:
		return User{}, refuseNoUser(profile.Email)
	}
}

// withAddress returns the enabled users with an address, and how many there
// are in all.
func (p *People) withAddress(ctx context.Context, email string) (enabled []User, all int, err error) {
	users, err := p.fresh.ByEmail(ctx, email)
	if err != nil {
		return nil, 0, err
	}
	for _, u := range users {
		if lower(u.Email) != lower(email) {
			continue // a directory that matched loosely
		}
		all++
		if u.Enabled {
			enabled = append(enabled, u)
		}
	}
	return enabled, all, nil
}

// ownAddress returns the address that stands for a user in rules and flow
// files: the directory's, which people cannot change themselves, and none at
// all if another user has it too.
func (p *People) ownAddress(ctx context.Context, u User) (string, error) {
	if u.Email == "" {
		return "", nil
	}
	enabled, _, err := p.withAddress(ctx, u.Email)
	if err != nil || len(enabled) > 1 {
		return "", err
	}
	return lower(u.Email), nil
}

// record commits who, with the links that lead to them. Whoever links the same
// account or the same principal at the same moment, one of them wins; the
// other finds what was made, or is refused.
func (p *People) record(ctx context.Context, who access.Person) (access.Person, error) {
	var c access.Commit
	for _, v := range []access.Stored{who, who.AccountLink(), who.PrincipalLink()} {
		change, err := access.Put(v, 0)
		if err != nil {
			return access.Person{}, err
		}
		c.Changes = append(c.Changes, change)
	}
	_, err := p.records.Commit(ctx, c)
	if err == nil {
		return who, nil
	}
	if !errors.Is(err, access.ErrConflict) {
		return access.Person{}, fmt.Errorf("link %s to %s: %w", who.Account, who.Principal, err)
	}
	made, err := p.linked(ctx, who.AccountLink())
	if errors.Is(err, access.ErrNotFound) {
		return access.Person{}, refuseSecond(who)
	}
	return made, err
}
