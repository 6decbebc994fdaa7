package awstest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A User is a person in the identity store.
type User struct {
	ID         string // AddUser makes one if it is empty
	UserName   string // must be unique
	Name       string
	Email      string // must be unique unless empty
	ExternalID string // issuer and id with a blank between them
	Disabled   bool
}

// A Group is a group in the identity store. Its name must be unique.
type Group struct {
	ID, Name   string
	ExternalID string // issuer and id with a blank between them, if it came from elsewhere
}

// A Membership is a user in a group, by whoever put it there.
type Membership struct {
	ID, Group, User string
	Since           time.Time
	By              Caller
}

// A PermissionSet is what an assignment gives.
type PermissionSet struct {
	ARN     string // AddPermissionSet makes one if it is empty
	Name    string
	Session time.Duration // default 1 hour

	created time.Time
}

// newPrincipalLocked is an id in the form with the store's prefix.
func (w *World) newPrincipalLocked() string {
	return strings.TrimPrefix(w.config.IdentityStoreID, "d-") + "-" + w.uuidLocked()
}

// AddUser adds u and returns its id. It refuses what the identity store
// refuses: a user name or e-mail address that is taken.
func (w *World) AddUser(u User) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, other := range w.store.users {
		taken := u.Email != "" && other.Email == u.Email && !w.settings.SharedEmails
		if taken || other.UserName == u.UserName {
			return "", fmt.Errorf("add user %q: the user name or e-mail address is taken", u.UserName)
		}
	}
	if u.ID == "" {
		u.ID = w.newPrincipalLocked()
	}
	w.store.users[u.ID] = u
	w.changedLocked()
	return u.ID, nil
}

// EditUser changes the user with id, if there is one.
func (w *World) EditUser(id string, change func(*User)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u, ok := w.store.users[id]; ok {
		change(&u)
		w.store.users[id] = u
		w.changedLocked()
	}
}

// RemoveUser deletes a user and its memberships. Its assignments stay, as
// orphans.
func (w *World) RemoveUser(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.store.users, id)
	w.removeMembersLocked(func(m Membership) bool { return m.User == id })
}

// AddGroup adds a group and returns its id.
func (w *World) AddGroup(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.newPrincipalLocked()
	w.store.groups[id] = Group{ID: id, Name: name}
	w.changedLocked()
	return id
}

// EditGroup changes the group with id, if there is one.
func (w *World) EditGroup(id string, change func(*Group)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g, ok := w.store.groups[id]; ok {
		change(&g)
		w.store.groups[id] = g
		w.changedLocked()
	}
}

// RemoveGroup deletes a group and its memberships.
func (w *World) RemoveGroup(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.store.groups, id)
	w.removeMembersLocked(func(m Membership) bool { return m.Group == id })
}

// Join puts a user into a group by hand, and Leave takes it out.
func (w *World) Join(group, user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.store.member(group, user) {
		w.addMemberLocked(group, user, Caller{})
	}
}

// Leave takes a user out of a group by hand.
func (w *World) Leave(group, user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeMembersLocked(func(m Membership) bool { return m.Group == group && m.User == user })
}

func (w *World) addMemberLocked(group, user string, by Caller) string {
	m := Membership{w.newPrincipalLocked(), group, user, w.clock.Now(), by}
	w.store.put(m.Since, m, true)
	w.changedLocked()
	return m.ID
}

func (w *World) removeMembersLocked(gone func(Membership) bool) {
	for _, m := range w.store.memberships.now() {
		if gone(m) {
			w.store.put(w.clock.Now(), m, false)
		}
	}
	w.changedLocked()
}

// AddAccount adds an account to the organisation, or replaces it.
func (w *World) AddAccount(a Account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	orDefault(&a.Name, "account-"+a.ID)
	orDefault(&a.Email, "aws-"+a.ID+"@example.com")
	w.org.accounts[a.ID] = a
	w.changedLocked()
}

// RemoveAccount takes an account out of the organisation.
func (w *World) RemoveAccount(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.org.accounts, id)
	w.changedLocked()
}

// AddPermissionSet adds p and returns its ARN.
func (w *World) AddPermissionSet(p PermissionSet) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	orDefault(&p.Session, time.Hour)
	if p.ARN == "" {
		instance := w.config.InstanceARN[strings.LastIndex(w.config.InstanceARN, "/")+1:]
		p.ARN = "arn:aws:sso:::permissionSet/" + instance + "/ps-" + strings.ReplaceAll(w.uuidLocked(), "-", "")[:16]
	}
	p.created = w.clock.Now()
	w.center.sets[p.ARN] = p
	w.changedLocked()
	return p.ARN
}

// RemovePermissionSet deletes a permission set. Like the service, it refuses
// while there are assignments of it.
func (w *World) RemovePermissionSet(arn string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	for t := range w.center.histories {
		if t.PermissionSet == arn && w.center.present(t) {
			return fmt.Errorf("remove permission set %s: it is assigned in %s", arn, t.Account)
		}
	}
	delete(w.center.sets, arn)
	w.changedLocked()
	return nil
}

// isoDuration writes d in hours and minutes, as AWS does: PT1H, PT1H30M.
func isoDuration(d time.Duration) string {
	text := "PT"
	if h := int(d.Hours()); h > 0 {
		text += fmt.Sprintf("%dH", h)
	}
	if m := int(d.Minutes()) % 60; m > 0 {
		text += fmt.Sprintf("%dM", m)
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
