package login

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// told is the data of the events of a login.
func told(l Login) event {
	return event{Login: l.ID, Account: l.Account, Key: l.Fingerprint(), Origin: l.Origin, Until: l.Until}
}

type event struct {
	Login   ID             `json:"login"`
	Account access.Account `json:"account"`
	Key     string         `json:"key"` // fingerprint
	Origin  Origin         `json:"origin"`
	Until   time.Time      `json:"until"`
	Why     string         `json:"why,omitempty"`
}

// Logout ends a login, as its holder.
func (l *Logins) Logout(ctx context.Context, held Login) error {
	_, err := l.end(ctx, access.Person{ID: held.Person, Name: held.Name}, []Login{held}, "")
	return err
}

// LogoutAll ends every login of an account, as its holder, and returns how many
// there were.
func (l *Logins) LogoutAll(ctx context.Context, a access.Account) (int, error) {
	all, err := l.Mine(ctx, a)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return l.end(ctx, access.Person{ID: all[0].Person, Name: all[0].Name}, all, "")
}

// Leave ends the logins of somebody who has left, and says why.
func (l *Logins) Leave(ctx context.Context, who access.PersonID, why string) error {
	all, err := l.All(ctx)
	if err != nil {
		return err
	}
	_, err = l.end(ctx, access.Person{}, slices.DeleteFunc(all, func(held Login) bool { return held.Person != who }), why)
	return err
}

// Holders returns everybody who is signed in, each once.
func (l *Logins) Holders(ctx context.Context) ([]access.PersonID, error) {
	all, err := l.All(ctx)
	seen := map[access.PersonID]bool{}
	var holders []access.PersonID
	for _, held := range all {
		if !seen[held.Person] {
			seen[held.Person] = true
			holders = append(holders, held.Person)
		}
	}
	return holders, err
}

// Revoke ends logins as somebody who may: their holder, or an admin. What is
// meant is the id of a login, or that of a user in the chat. It returns those
// that ended.
func (l *Logins) Revoke(ctx context.Context, by access.Account, what string) ([]Login, error) {
	who, err := l.People.Recall(ctx, by)
	if err != nil {
		return nil, err
	}
	all, err := l.All(ctx)
	if err != nil {
		return nil, err
	}
	var meant []Login
	for _, held := range all {
		if string(held.ID) == what || held.Account.User == what {
			meant = append(meant, held)
		}
	}
	switch {
	case len(meant) == 0:
		return nil, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no login %.60q, and nobody of that id is signed in: sesame logins list shows who is.", what)}
	case !who.Admin && meant[0].Account != by:
		return nil, &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot end this login, because only " + meant[0].Name + ", who holds it, and admins can: ask one of them."}
	}
	_, err = l.end(ctx, who.Person, meant, "")
	return meant, err
}

// end ends logins, and returns how many it did end: some may be over by now.
func (l *Logins) end(ctx context.Context, by access.Person, all []Login, why string) (int, error) {
	n := 0
	for _, held := range all {
		switch err := ledger.Retry(func() error { return l.endOnce(ctx, by, held, why) }); {
		case errors.Is(err, access.ErrNotFound):
		case err != nil:
			return n, fmt.Errorf("end login %s: %w", held.ID, err)
		default:
			n++
		}
	}
	return n, nil
}

func (l *Logins) endOnce(ctx context.Context, by access.Person, held Login, why string) error {
	rec, err := l.Store.Get(ctx, held.ID.key())
	if err != nil {
		return err
	}
	b := ledger.NewBatch(l.Clock.Now()).Ending()
	b.Delete(rec.Key, rec.Version)
	e := told(held)
	e.Why = why
	b.Event(held.ID.stream(), EventLogout, by, e)
	_, err = b.Commit(ctx, l.Store)
	return err
}
