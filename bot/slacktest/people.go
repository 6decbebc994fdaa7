package slacktest

import (
	"slices"
	"time"
)

// A User is one person or bot. The zero User is a full member whose e-mail
// address is confirmed.
type User struct {
	// ID is assigned when it is empty.
	ID string
	// Name is the handle, RealName what people read. RealName defaults to Name.
	Name, RealName string
	Email          string
	// TZ is an IANA zone. Default: UTC.
	TZ string
	// Team is the workspace of somebody from elsewhere; empty means this one.
	Team string

	Unconfirmed     bool // the e-mail address is not confirmed
	Deleted         bool
	Bot             bool
	WorkflowBot     bool
	Restricted      bool // a guest of several channels, or of one
	UltraRestricted bool // a guest of one channel
	Stranger        bool // of another workspace, sharing no channel
	Admin           bool
}

// A Group is a user group, also called subteam.
type Group struct {
	// ID is assigned when it is empty.
	ID string
	// Handle is what people type after the @. Name defaults to Handle.
	Handle, Name string
	Users        []string
	Disabled     bool
	updated      time.Time
}

// AddUser adds u and returns its id.
func (w *Workspace) AddUser(u User) string {
	var id string
	w.change(func(t *team) { id = t.addUser(u) })
	return id
}

func (t *team) addUser(u User) string {
	if u.ID == "" {
		u.ID = t.newID("U")
	}
	if u.RealName == "" {
		u.RealName = u.Name
	}
	if u.TZ == "" {
		u.TZ = "UTC"
	}
	if u.Team == "" {
		u.Team = t.id
	}
	t.people[u.ID] = &u
	t.order = append(t.order, u.ID)
	t.names = nil
	return u.ID
}

// EditUser changes a user, as an administrator or the person would, and raises
// user_change. Like every Edit, it panics when there is nobody with that id.
func (w *Workspace) EditUser(id string, edit func(u *User)) {
	w.change(func(t *team) {
		u := t.people[id]
		edit(u)
		t.names = nil
		t.raise("user_change", map[string]any{"user": t.userJSON(u, true), "cache_ts": t.now.Unix()})
	})
}

// DeactivateUser deletes a user, as offboarding does.
func (w *Workspace) DeactivateUser(id string) {
	w.EditUser(id, func(u *User) { u.Deleted = true })
}

// Users returns everybody, in the order in which they came.
func (w *Workspace) Users() []User {
	var all []User
	w.read(func(t *team) {
		for _, id := range t.order {
			all = append(all, *t.people[id])
		}
	})
	return all
}

// AddGroup adds a user group and returns its id.
func (w *Workspace) AddGroup(g Group) string {
	w.change(func(t *team) {
		if g.ID == "" {
			g.ID = t.newID("S")
		}
		if g.Name == "" {
			g.Name = g.Handle
		}
		g.Users, g.updated = slices.Clone(g.Users), t.now
		t.groups[g.ID] = &g
		t.groupOrder = append(t.groupOrder, g.ID)
		t.names = nil
	})
	return g.ID
}

// Groups returns the user groups, in the order in which they came.
func (w *Workspace) Groups() []Group {
	var all []Group
	w.read(func(t *team) {
		for _, id := range t.groupOrder {
			g := *t.groups[id]
			g.Users = slices.Clone(g.Users)
			all = append(all, g)
		}
	})
	return all
}

// EditGroup changes a user group, as any member may where admins did not
// restrict it, and raises the events that Slack raises.
func (w *Workspace) EditGroup(id string, edit func(g *Group)) {
	w.change(func(t *team) {
		g := t.groups[id]
		before, previous := slices.Clone(g.Users), g.updated
		edit(g)
		g.updated = t.now
		t.names = nil
		t.raise("subteam_updated", map[string]any{"subteam": t.groupJSON(g, true)})
		added, removed := minus(g.Users, before), minus(before, g.Users)
		if len(added)+len(removed) == 0 {
			return
		}
		t.raise("subteam_members_changed", map[string]any{
			"subteam_id": id, "team_id": t.id, "date_previous_update": previous.Unix(), "date_update": t.now.Unix(),
			"added_users": added, "added_users_count": len(added),
			"removed_users": removed, "removed_users_count": len(removed),
		})
	})
}

func minus(a, b []string) []string {
	rest := []string{}
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

// RevokeToken makes a token worthless, as an administrator can, and raises
// tokens_revoked when it is the bot's.
func (w *Workspace) RevokeToken(token string) {
	w.change(func(t *team) {
		t.revoked[token] = "token_revoked"
		if token == t.botToken {
			t.raise("tokens_revoked", map[string]any{"tokens": map[string]any{"oauth": []any{}, "bot": []any{t.bot}}})
		}
	})
}

// Uninstall removes the app: both tokens die and app_uninstalled is raised.
func (w *Workspace) Uninstall() {
	w.change(func(t *team) {
		t.revoked[t.botToken], t.revoked[t.appToken] = "account_inactive", "account_inactive"
		t.raise("app_uninstalled", map[string]any{})
	})
}

// names is how ids read, at one moment. It is never changed once it is made.
type names struct{ users, channels, groups map[string]string }

func (n *names) UserName(id string) string    { return n.users[id] }
func (n *names) ChannelName(id string) string { return n.channels[id] }
func (n *names) GroupName(id string) string   { return n.groups[id] }
func (n *names) Zone() *time.Location         { return time.UTC }

func (t *team) directory() *names {
	if t.names != nil {
		return t.names
	}
	n := &names{map[string]string{}, map[string]string{}, map[string]string{}}
	for id, u := range t.people {
		n.users[id] = u.RealName
	}
	for id, c := range t.channels {
		n.channels[id] = c.Name
	}
	for id, g := range t.groups {
		n.groups[id] = g.Handle
	}
	t.names = n
	return n
}
