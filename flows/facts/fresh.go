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
		profiles: newCache[access.Account, Profile](c, age, ShownAge),
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
	return p, from(inSlack, fmt.Sprintf("profile of %s", a), err)
}

// User implements Directory.
func (f *fresh) User(ctx context.Context, p access.Principal) (User, error) {
	u, err := f.users.get(ctx, p, func(ctx context.Context) (User, error) {
		return f.sources.Directory.User(ctx, p)
	})
	return u, from(inDirectory, fmt.Sprintf("user %s", p), err)
}

// ByEmail implements Directory. It is asked once in a person's life, and so
// never from memory.
func (f *fresh) ByEmail(ctx context.Context, email string) ([]User, error) {
	us, err := f.sources.Directory.ByEmail(ctx, email)
	return us, outage(inDirectory, fmt.Sprintf("users with the e-mail %q", email), err)
}

// ID implements Directory.
func (f *fresh) ID() string { return f.sources.Directory.ID() }

// InSlackGroup implements Members.
func (f *fresh) InSlackGroup(ctx context.Context, group string, a access.Account) (bool, error) {
	in, err := f.slack.get(ctx, inGroup[access.Account]{group, a}, func(ctx context.Context) (bool, error) {
		return f.sources.Members.InSlackGroup(ctx, group, a)
	})
	return in, outage(inSlack, fmt.Sprintf("members of the group %s", group), err)
}

// InDirectoryGroup implements Members.
func (f *fresh) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	in, err := f.groups.get(ctx, inGroup[access.Principal]{group, p}, func(ctx context.Context) (bool, error) {
		return f.sources.Members.InDirectoryGroup(ctx, group, p)
	})
	return in, outage(inDirectory, fmt.Sprintf("members of the group %s", group), err)
}

// forget drops what is remembered about an account.
func (f *fresh) forget(a access.Account) {
	f.profiles.drop(func(k access.Account) bool { return k == a })
	f.slack.drop(func(k inGroup[access.Account]) bool { return k.who == a })
}

// from names the source of an error. That something does not exist is an
// answer; any other error means that there is none.
func from(source, what string, err error) error {
	if errors.Is(err, access.ErrNotFound) {
		return fmt.Errorf("%s in %s: %w", what, source, access.ErrNotFound)
	}
	return outage(source, what, err)
}

// The sources, as sentences call them.
const (
	inSlack     = "Slack"
	inDirectory = "Identity Center"
)

// outage says that a source gave no answer about something.
func outage(source, what string, err error) error {
	if err == nil {
		return nil
	}
	return &unreachable{source, what, err}
}

// An unreachable is a source that gave no answer. Its cause is for people to
// read: that something is not found, say, would be an answer.
type unreachable struct {
	source, what string
	cause        error
}

// Error says what was asked about.
func (u *unreachable) Error() string {
	return fmt.Sprintf("%s in %s: %v: %v", u.what, u.source, access.ErrUnavailable, u.cause)
}

// Source names who gave no answer, for a sentence.
func (u *unreachable) Source() string { return u.source }

// Unwrap returns that something is not available.
func (u *unreachable) Unwrap() error { return access.ErrUnavailable }
