package slacktest

import (
	"slices"
	"strings"
	"time"
)

// userJSON is a user as the Web API prints it. The address shows only with the
// scope for it.
func (t *team) userJSON(u *User, email bool) map[string]any {
	profile := map[string]any{
		"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.Name,
		"display_name_normalized": u.Name, "team": u.Team,
	}
	if email && u.Email != "" {
		profile["email"] = u.Email
	}
	offset, label := zone(u.TZ, t.now)
	return map[string]any{
		"id": u.ID, "team_id": u.Team, "name": u.Name, "real_name": u.RealName, "deleted": u.Deleted,
		"tz": u.TZ, "tz_label": label, "tz_offset": offset, "profile": profile,
		"is_admin": u.Admin, "is_owner": false, "is_primary_owner": false, "is_bot": u.Bot, "is_app_user": false,
		"is_workflow_bot": u.WorkflowBot, "is_restricted": u.Restricted || u.UltraRestricted,
		"is_ultra_restricted": u.UltraRestricted, "is_stranger": u.Stranger,
		"is_email_confirmed": !u.Unconfirmed, "updated": t.now.Unix(),
	}
}

func zone(name string, now time.Time) (offset int, label string) {
	at, err := time.LoadLocation(name)
	if err != nil {
		return 0, name
	}
	label, offset = now.In(at).Zone()
	return offset, label
}

func (t *team) showsEmail() bool { return slices.Contains(t.cfg.Scopes, "users:read.email") }

func (t *team) userInfo(a args) (map[string]any, error) {
	u := t.people[a.str("user")]
	if u == nil {
		return nil, refuse("user_not_found")
	}
	return map[string]any{"user": t.userJSON(u, t.showsEmail())}, nil
}

func (t *team) userByEmail(a args) (map[string]any, error) {
	for _, id := range t.order {
		u := t.people[id]
		if u.Team == t.id && !u.Deleted && u.Email != "" && strings.EqualFold(u.Email, a.str("email")) {
			return map[string]any{"user": t.userJSON(u, true)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (t *team) listUsers(a args) (map[string]any, error) {
	var all []any
	for _, id := range t.order {
		if u := t.people[id]; u.Team == t.id {
			all = append(all, t.userJSON(u, t.showsEmail()))
		}
	}
	some, next, err := page(t, a, all)
	if err != nil {
		return nil, err
	}
	return map[string]any{"members": some, "cache_ts": t.now.Unix(), "response_metadata": next}, nil
}

func (t *team) groupJSON(g *Group, users bool) map[string]any {
	out := map[string]any{
		"id": g.ID, "team_id": t.id, "is_usergroup": true, "is_subteam": true, "name": g.Name, "handle": g.Handle,
		"description": "", "is_external": false, "date_create": 0, "date_update": g.updated.Unix(), "date_delete": 0,
		"user_count": len(g.Users), "created_by": t.bot, "updated_by": t.bot,
	}
	if g.Disabled {
		out["date_delete"] = g.updated.Unix()
	}
	if users {
		out["users"] = append([]string{}, g.Users...)
	}
	return out
}

func (t *team) listGroups(a args) (map[string]any, error) {
	if t.cfg.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	found := []any{}
	for _, id := range t.groupOrder {
		g := t.groups[id]
		if g.Disabled && !a.truth("include_disabled") {
			continue
		}
		out := t.groupJSON(g, a.truth("include_users"))
		if !a.truth("include_count") {
			delete(out, "user_count")
		}
		found = append(found, out)
	}
	return map[string]any{"usergroups": found}, nil
}

func (t *team) groupMembers(a args) (map[string]any, error) {
	if t.cfg.FreePlan {
		return nil, refuse("plan_upgrade_required")
	}
	g := t.groups[a.str("usergroup")]
	if g == nil || (g.Disabled && !a.truth("include_disabled")) {
		return nil, refuse("no_such_subteam")
	}
	return map[string]any{"users": append([]string{}, g.Users...)}, nil
}
