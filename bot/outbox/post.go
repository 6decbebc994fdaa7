package outbox

import (
	"fmt"
	"time"

	"sesame/bot/webapi"
	"sesame/flows/access"
)

// A Role says what a message is for, and so what it shows.
type Role string

// The roles. Of those that are views, the place is kept and the message is
// redrawn as long as the request can change.
const (
	RoleDecide   Role = "decide"   // a view: who asks for what, and the buttons to decide
	RoleTold     Role = "told"     // a view: the same without buttons, for who is told and cannot decide
	RoleAnnounce Role = "announce" // a view: somebody broke the glass
	RoleOwn      Role = "own"      // a view: the requester's own copy, while it is pending
	RoleOutcome  Role = "outcome"  // a view: what became of it, for the requester
	RoleReminder Role = "reminder" // a view: the end is near
	roleTrail    Role = "trail"    // a line in the thread of a view
	roleAlarm    Role = "alarm"    // to the admin channel
	roleLetter   Role = "letter"   // an answer to one person
	roleBlocked  Role = "blocked"  // no message: a place that takes none
)

func (r Role) isView() bool {
	switch r {
	case RoleDecide, RoleTold, RoleAnnounce, RoleOwn, RoleOutcome, RoleReminder:
		return true
	}
	return false
}

// A state says how far a post is. The zero state is that nobody tried.
type state string

const (
	wanted  state = ""
	sending state = "sending" // it was called for, and may be there
	posted  state = "posted"  // it is there, and we know where
	dropped state = "dropped" // it will not be there, or is not any more
)

// IndexPosts lists posts by what they are about.
const IndexPosts = "posts"

// A Post is one message in Slack, or the intent of one.
type Post struct {
	ID string `json:"id"`
	// About is the request, or names a notice that stands alone.
	About   string           `json:"about"`
	Request access.RequestID `json:"request,omitempty"`
	Notice  uint64           `json:"notice,omitempty"` // that asked for it
	Role    Role             `json:"role"`
	To      Address          `json:"to"`
	State   state            `json:"state,omitempty"`
	Place   webapi.Place     `json:"place,omitzero"` // once posted; Thread from the start
	// Shown identifies what the message shows.
	Shown string    `json:"shown,omitempty"`
	At    time.Time `json:"at,omitzero"` // of the last change of State
	Text  string    `json:"text,omitempty"`
	// Names are of those who were skipped, on an announcement.
	Names []string `json:"names,omitempty"`
	Why   string   `json:"why,omitempty"` // it was dropped
}

// An Address is where a message goes: to a channel, or to a user directly.
type Address struct {
	Channel string `json:"channel,omitempty"`
	User    string `json:"user,omitempty"`
	Name    string `json:"name,omitempty"` // of the channel, in the flow files
}

// String returns the id.
func (a Address) String() string {
	if a.User != "" {
		return a.User
	}
	return a.Channel
}

// spoken names the address in a sentence.
func (a Address) spoken() string {
	if a.User != "" {
		return "the user " + a.User
	}
	return fmt.Sprintf("the channel %q (%s)", a.Name, a.Channel)
}

// Key is where the post is stored.
func (p Post) Key() access.Key { return access.Key{Kind: access.KindPost, ID: p.ID} }

// Index lists the post under what it is about.
func (p Post) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexPosts, Value: p.About}}
}

func newPost(n access.Notice, r Role, to Address) Post {
	about := stream(n)
	return Post{
		ID:    fmt.Sprintf("%s/%016x/%s/%s", about, n.Seq, r, to),
		About: about, Request: n.Request, Notice: n.Seq, Role: r, To: to,
	}
}

// stream names what has to be told in order: everything about one request. An
// alarm waits for nothing.
func stream(n access.Notice) string {
	if n.Request == "" || n.Kind == access.NoticeAlarm || n.Kind == access.NoticeRelief || n.Kind == noticeLetter {
		return fmt.Sprintf("notice-%016x", n.Seq)
	}
	return string(n.Request)
}

// A blocked place is remembered, so that it is reported once.
func blockedAt(to Address, why string, now time.Time) Post {
	return Post{ID: "blocked/" + to.String(), About: "blocked", Role: roleBlocked, To: to, State: dropped, Why: why, At: now}
}
