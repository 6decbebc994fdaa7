package oncall

import (
	"context"
	"fmt"
	"time"

	"sesame/flows/access"
)

// Usergroups reads the members of a Slack user group, afresh.
type Usergroups interface {
	Members(ctx context.Context, group string) ([]access.Account, error)
}

// Usergroup returns the source whose people are the members of a user group.
func Usergroup(groups Usergroups, id string) Source { return usergroup{groups, id} }

type usergroup struct {
	groups Usergroups
	id     string
}

// OnCall implements Source.
func (u usergroup) OnCall(ctx context.Context, _ time.Time) ([]Who, error) {
	members, err := u.groups.Members(ctx, u.id)
	if err != nil {
		return nil, fmt.Errorf("members of %s: %w", u.id, err)
	}
	all := make([]Who, len(members))
	for i, m := range members {
		all[i] = Who{Account: m}
	}
	return all, nil
}
