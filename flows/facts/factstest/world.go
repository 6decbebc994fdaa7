// Package factstest is a small world of people: accounts, users and groups in
// memory, for tests and for stories that need no network.
//
// It promises to answer as Slack and Identity Center do, by id alone, and to
// count what it is asked. It refuses to be clever: what a test did not put in
// is not found.
package factstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/facts"
)

// A Source is one of the things that can be asked, and can fail.
type Source string

// The sources.
const (
	Slack           Source = "slack"
	SlackGroups     Source = "slack groups"
	Directory       Source = "directory"
	DirectoryGroups Source = "directory groups"
	Schedules       Source = "on-call schedules"
)

// A World implements facts.Profiles, facts.Directory, facts.Members and
// facts.OnCall. Its methods are safe for concurrent use.
type World struct {
	workspace, directory string

	mu        sync.Mutex // guards what follows
	profiles  map[access.Account]facts.Profile
	users     map[access.Principal]facts.User
	slack     map[string][]access.Account
	groups    map[string][]access.Principal
	onCall    map[string][]access.Account
	failures  map[Source]error
	questions map[Source]int
	onAsk     func(Source)
}

// New returns a world with one workspace, one directory and nobody in them.
func New(workspace, directory string) *World {
	return &World{
		workspace: workspace, directory: directory,
		profiles: map[access.Account]facts.Profile{},
		users:    map[access.Principal]facts.User{},
		slack:    map[string][]access.Account{},
		groups:   map[string][]access.Principal{},
		onCall:   map[string][]access.Account{},
		failures: map[Source]error{}, questions: map[Source]int{},
		onAsk: func(Source) {},
	}
}

// Sources returns the world as what facts.New reads.
func (w *World) Sources() facts.Sources {
	return facts.Sources{Profiles: w, Directory: w, Members: w, OnCall: w}
}

// Account returns the account that a name has or would have.
func (w *World) Account(name string) access.Account {
	return access.Account{Workspace: w.workspace, User: "U" + strings.ToUpper(name)}
}

// Principal returns the user that a name has or would have.
func (w *World) Principal(name string) access.Principal {
	return access.Principal("user-" + strings.ToLower(name))
}

// Email returns the address that a name has or would have.
func (w *World) Email(name string) string { return strings.ToLower(name) + "@example.com" }

// Join puts in a full member with a confirmed address, and an enabled user
// with the same one.
func (w *World) Join(name string) access.Account {
	a := w.Visit(name, facts.Member)
	w.SetUser(facts.User{Principal: w.Principal(name), Email: w.Email(name), Enabled: true})
	return a
}

// Visit puts in an account of any kind, with a confirmed address and without a
// user.
func (w *World) Visit(name string, k facts.Kind) access.Account {
	a := w.Account(name)
	w.SetProfile(a, facts.Profile{
		Kind: k, Workspace: w.workspace, Name: name, Email: w.Email(name), EmailConfirmed: true, Zone: "Europe/Berlin",
	})
	return a
}

// SetProfile puts in an account, or replaces it.
func (w *World) SetProfile(a access.Account, p facts.Profile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.profiles[a] = p
}

// ChangeProfile changes an account that is there.
func (w *World) ChangeProfile(a access.Account, change func(*facts.Profile)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.profiles[a]
	change(&p)
	w.profiles[a] = p
}

// SetUser puts in a user, or replaces it.
func (w *World) SetUser(u facts.User) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users[u.Principal] = u
}

// Disable disables a user.
func (w *World) Disable(p access.Principal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[p]
	u.Enabled = false
	w.users[p] = u
}

// Remove takes a user out of the directory.
func (w *World) Remove(p access.Principal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.users, p)
}

// SetSlackGroup says who is in a group in Slack, by their names.
func (w *World) SetSlackGroup(id string, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slack[id] = nil
	for _, name := range names {
		w.slack[id] = append(w.slack[id], w.Account(name))
	}
}

// SetDirectoryGroup says who is in a group in the directory, by their names.
func (w *World) SetDirectoryGroup(id string, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.groups[id] = nil
	for _, name := range names {
		w.groups[id] = append(w.groups[id], w.Principal(name))
	}
}

// SetOnCall says who is on call on a schedule, by their names.
func (w *World) SetOnCall(schedule string, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onCall[schedule] = nil
	for _, name := range names {
		w.onCall[schedule] = append(w.onCall[schedule], w.Account(name))
	}
}

// Fail makes every question to a source fail with err, until Fail with nil.
func (w *World) Fail(s Source, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures[s] = err
}

// OnAsk has f called, without a lock, whenever a source is asked.
func (w *World) OnAsk(f func(Source)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onAsk = f
}

// Asked returns how often a source was asked.
func (w *World) Asked(s Source) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.questions[s]
}

// ask counts a question, and returns the failure that answers it.
func (w *World) ask(ctx context.Context, s Source) error {
	w.mu.Lock()
	w.questions[s]++
	onAsk := w.onAsk
	w.mu.Unlock()
	onAsk(s)
	if err := ctx.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failures[s]
}

// Profile implements facts.Profiles.
func (w *World) Profile(ctx context.Context, a access.Account) (facts.Profile, error) {
	if err := w.ask(ctx, Slack); err != nil {
		return facts.Profile{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.profiles[a]
	if !ok {
		return facts.Profile{}, fmt.Errorf("account %s: %w", a, access.ErrNotFound)
	}
	return p, nil
}

// ID implements facts.Directory.
func (w *World) ID() string { return w.directory }

// ByEmail implements facts.Directory.
func (w *World) ByEmail(ctx context.Context, email string) ([]facts.User, error) {
	if err := w.ask(ctx, Directory); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []facts.User
	for _, u := range w.users {
		if u.Email == email {
			found = append(found, u)
		}
	}
	return found, nil
}

// User implements facts.Directory.
func (w *World) User(ctx context.Context, p access.Principal) (facts.User, error) {
	if err := w.ask(ctx, Directory); err != nil {
		return facts.User{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := w.users[p]
	if !ok {
		return facts.User{}, fmt.Errorf("user %s: %w", p, access.ErrNotFound)
	}
	return u, nil
}

// InSlackGroup implements facts.Members.
func (w *World) InSlackGroup(ctx context.Context, group string, a access.Account) (bool, error) {
	if err := w.ask(ctx, SlackGroups); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	members, ok := w.slack[group]
	if !ok {
		return false, fmt.Errorf("group %s: %w", group, access.ErrNotFound)
	}
	return slices.Contains(members, a), nil
}

// Members returns who is in a group in Slack.
func (w *World) Members(ctx context.Context, group string) ([]access.Account, error) {
	if err := w.ask(ctx, SlackGroups); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	members, ok := w.slack[group]
	if !ok {
		return nil, fmt.Errorf("group %s: %w", group, access.ErrNotFound)
	}
	return slices.Clone(members), nil
}

// InDirectoryGroup implements facts.Members.
func (w *World) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	if err := w.ask(ctx, DirectoryGroups); err != nil {
		return false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	members, ok := w.groups[group]
	if !ok {
		return false, fmt.Errorf("group %s: %w", group, access.ErrNotFound)
	}
	return slices.Contains(members, p), nil
}

// On implements facts.OnCall. A schedule that nobody set is not available.
func (w *World) On(ctx context.Context, schedule string, p access.Person) (bool, error) {
	if err := w.ask(ctx, Schedules); err != nil {
		return false, err
	}
	on, known := w.Seen(schedule, p, 0)
	if !known {
		return false, fmt.Errorf("schedule %s: %w", schedule, access.ErrUnavailable)
	}
	return on, nil
}

// Seen implements facts.OnCall. A world does not grow old.
func (w *World) Seen(schedule string, p access.Person, _ time.Duration) (on, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	people, known := w.onCall[schedule]
	return slices.Contains(people, p.Account), known
}
