package bot

import (
	"context"
	"encoding/json"
	"errors"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// An event is the part of one that is read.
type event struct {
	Type string          `json:"type"`
	Tab  string          `json:"tab"`
	User json.RawMessage `json:"user"` // an id, or an object that has one

	// Of subteam_members_changed.
	Subteam string   `json:"subteam_id"`
	Added   []string `json:"added_users"`
	Removed []string `json:"removed_users"`
}

// user returns the id of the user that the event is about.
func (e event) user() string {
	var id string
	if json.Unmarshal(e.User, &id) == nil {
		return id
	}
	var u subject
	if json.Unmarshal(e.User, &u) != nil {
		return ""
	}
	return u.ID
}

// leaves reports whether the user is not a full member any more, as the event
// has it.
func (e event) leaves() bool {
	var u struct {
		Deleted         bool `json:"deleted"`
		Restricted      bool `json:"is_restricted"`
		UltraRestricted bool `json:"is_ultra_restricted"`
	}
	return json.Unmarshal(e.User, &u) == nil && (u.Deleted || u.Restricted || u.UltraRestricted)
}

// event handles what happened in Slack, from memory and the store alone. None
// of it is a decision, so a repeated one does no harm.
func (b *Bot) event(ctx context.Context, p payload) {
	var e event
	if err := json.Unmarshal(p.Event, &e); err != nil {
		b.Log.Error().Msg("an event cannot be read, and is dropped")
		return
	}
	switch e.Type {
	case "app_home_opened":
		if e.Tab == "home" {
			b.shows.do(func(ctx context.Context) { b.rehome(ctx, e.user()) })
		}
	case "user_change":
		b.changed(e)
	case "subteam_members_changed":
		b.Log.Info().Str("group", e.Subteam).Strs("added", e.Added).Strs("removed", e.Removed).Msg("a user group changed")
		for _, u := range append(e.Added, e.Removed...) {
			b.People.Invalidate(b.member(u))
		}
	case "app_uninstalled", "tokens_revoked":
		b.alarm(ctx, "Slack took Sesame's access away ("+e.Type+"): nobody can ask or decide in Slack until it is installed again. Access that was granted ends on time all the same.")
	}
}

// changed forgets what is known of somebody who changed. Whether whoever seems
// to have left really did, the Desk finds out for itself.
func (b *Bot) changed(e event) {
	account := b.member(e.user())
	b.People.Invalidate(account)
	if !e.leaves() {
		return
	}
	b.decisions.do(func(ctx context.Context) {
		who, err := b.People.Known(ctx, account)
		if err == nil {
			err = b.Desk.Recheck(ctx, who.ID)
		}
		if _, stranger := errors.AsType[*access.Refusal](err); err != nil && !stranger && ctx.Err() == nil {
			b.Log.Warn().Err(err).Str("user", account.User).Msg("end what somebody holds who left; the next look at holders does")
		}
	})
}

func (b *Bot) member(user string) access.Account {
	return access.Account{Workspace: b.Workspace, User: user}
}

func (b *Bot) rehome(ctx context.Context, user string) {
	if err := b.home(ctx, b.member(user)); err != nil && ctx.Err() == nil {
		b.Log.Warn().Err(err).Str("user", user).Msg("publish a home")
	}
}

// alarm tells the log and, when Slack can be reached again, the admins.
func (b *Bot) alarm(ctx context.Context, text string) {
	b.Log.Error().Msg(text)
	batch := ledger.NewBatch(b.now())
	batch.Tell(access.NoticeAlarm, "", text)
	if _, err := batch.Commit(ctx, b.Store); err != nil {
		b.Log.Error().Err(err).Msg("record an alarm")
	}
}
