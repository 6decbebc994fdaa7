package facts

import (
	"context"
	"time"

	"sesame/flows/access"
)

// A Kind says what sort of account somebody has. The zero Kind is refused.
type Kind string

// The kinds of account. Only a Member can use Sesame.
const (
	Member         Kind = "member"
	Guest          Kind = "guest"
	Bot            Kind = "bot"
	Stranger       Kind = "stranger" // of a channel shared with another company
	Deleted        Kind = "deleted"
	OtherWorkspace Kind = "other workspace"
)

// A Profile is what the chat says about an account.
type Profile struct {
	Kind Kind
	// Workspace is the account's own: the enterprise id where there is one,
	// else the team id.
	Workspace      string
	Name           string
	Email          string
	EmailConfirmed bool
	Zone           string // IANA time zone
	Status         string // the text that they show
}

// Profiles reads accounts. It returns access.ErrNotFound for one that does not
// exist.
type Profiles interface {
	Profile(ctx context.Context, a access.Account) (Profile, error)
}

// A User is what the directory says about a principal.
type User struct {
	Principal access.Principal
	Email     string
	Enabled   bool
}

// A Directory holds the users that AWS access hangs on.
type Directory interface {
	// ID returns the directory's own id: the identity store's.
	ID() string
	// ByEmail returns every user, enabled or not, with exactly that address.
	ByEmail(ctx context.Context, email string) ([]User, error)
	// User returns a user, or access.ErrNotFound.
	User(ctx context.Context, p access.Principal) (User, error)
}

// Members says who is in which group, by the ids of both.
type Members interface {
	InSlackGroup(ctx context.Context, group string, a access.Account) (bool, error)
	InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error)
}

// OnCall says who is on call, by the names of the schedules in the flow files.
type OnCall interface {
	// On reports whether p is on call, as authority may have it.
	On(ctx context.Context, schedule string, p access.Person) (bool, error)
	// Seen reports whether p was on call when that was last known, and whether
	// it is known and no longer ago than most. It asks nobody.
	Seen(schedule string, p access.Person, most time.Duration) (on, known bool)
}

// Sources are where facts come from. All of them are required.
type Sources struct {
	Profiles  Profiles
	Directory Directory
	Members   Members
	OnCall    OnCall
}
