package facts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// MaxAge is how old what authority rests on can be.
const MaxAge = time.Minute

// ShownAge is how old what people are merely shown can be.
const ShownAge = 15 * time.Minute

// fresh puts caches in front of sources and names the source in every error.
type fresh struct {
	sources  Sources
	profiles *cache[access.Account, Profile]
	users    *cache[access.Principal, User]
	slack    *cache[inGroup[access.Account], bool]
	groups   *cache[inGroup[access.Principal], bool]
}

// An inGroup is the question whether somebody is in a group.
type inGroup[T comparable] struct {
	group string
	who   T
}

func newFresh(s Sources, c clock.Clock, age time.Duration) *fresh {
	if age == 0 || age > MaxAge {
		age = MaxAge
	}
	return &fresh{
		sources:  s,
		profiles: newCache[access.Account, Profile](c, age, 0),
		users:    newCache[access.Principal, User](c, age, 0),
		slack:    newCache[inGroup[access.Account], bool](c, age, ShownAge),
		groups:   newCache[inGroup[access.Principal], bool](c, age, ShownAge),
	}
}

// Profile implements Profiles.
func (f *fresh) Profile(ctx context.Context, a access.Account) (Profile, error) {
	p, err := f.profiles.get(ctx, a, func(ctx context.Context) (Profile, error) {
		return f.sources.Profiles.Profile(ctx, a)
	})
	return p, from(fmt.Sprintf("profile of %s in Slack", a), err)
}

// User implements Directory.
func (f *fresh) User(ctx context.Context, p access.Principal) (User, error) {
	u, err := f.users.get(ctx, p, func(ctx context.Context) (User, error) {
		return f.sources.Directory.User(ctx, p)
	})
	return u, from(fmt.Sprintf("user %s in Identity Center", p), err)
}

// ByEmail implements Directory. It is asked once in a person's life, and so
// never from memory.
func (f *fresh) ByEmail(ctx context.Context, email string) ([]User, error) {
	us, err := f.sources.Directory.ByEmail(ctx, email)
	return us, outage(fmt.Sprintf("users with the e-mail %q in Identity Center", email), err)
}

// ID implements Directory.
func (f *fresh) ID() string { return f.sources.Directory.ID() }

// InSlackGroup implements Members.
func (f *fresh) InSlackGroup(ctx context.Context, group string, a access.Account) (bool, error) {
	in, err := f.slack.get(ctx, inGroup[access.Account]{group, a}, func(ctx context.Context) (bool, error) {
		return f.sources.Members.InSlackGroup(ctx, group, a)
	})
	return in, outage(fmt.Sprintf("members of the group %s in Slack", group), err)
}

// InDirectoryGroup implements Members.
func (f *fresh) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	in, err := f.groups.get(ctx, inGroup[access.Principal]{group, p}, func(ctx context.Context) (bool, error) {
		return f.sources.Members.InDirectoryGroup(ctx, group, p)
	})
	return in, outage(fmt.Sprintf("members of the group %s in Identity Center", group), err)
}

// forget drops what is remembered about an account.
func (f *fresh) forget(a access.Account) {
	f.profiles.drop(func(k access.Account) bool { return k == a })
	f.slack.drop(func(k inGroup[access.Account]) bool { return k.who == a })
}

// from names the source of an error. That something does not exist is an
// answer; any other error means that there is none.
func from(source string, err error) error {
	if errors.Is(err, access.ErrNotFound) {
		return fmt.Errorf("%s: %w", source, access.ErrNotFound)
	}
	return outage(source, err)
}

// outage says that a source gave no answer.
func outage(source string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %v", source, access.ErrUnavailable, err)
}
