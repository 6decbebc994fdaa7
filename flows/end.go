package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// An Ending is somebody's wish to end a grant before its time.
type Ending struct {
	From   access.Account
	Grant  access.GrantID
	Source access.Source
}

// End ends a grant. It works with Slack, AWS and the flow files out of reach,
// as long as the holder, somebody who decided, or an admin asks for it.
func (d *Desk) End(ctx context.Context, e Ending) (access.Grant, error) {
	who, err := d.ender(ctx, e.From)
	if err != nil {
		return access.Grant{}, d.refuse(ctx, e.Grant.Request(), access.EndGrant, access.Person{Name: e.From.String()}, err)
	}
	var g access.Grant
	err = ledger.Retry(func() error {
		g, err = d.endOnce(ctx, who, e)
		return err
	})
	if err != nil {
		return g, d.refuse(ctx, e.Grant.Request(), access.EndGrant, who.Person, err)
	}
	return g, nil
}

// ender returns who wants to end, as well as that can be found out. Ending
// takes nothing from anybody but the holder, so a link that was made before is
// enough when nobody can say whether it still holds.
func (d *Desk) ender(ctx context.Context, a access.Account) (access.Standing, error) {
	p, err := d.People.Identify(ctx, a)
	if err == nil {
		var s access.Standing
		if s, err = d.People.Standing(ctx, p, nil); err == nil {
			return s, nil
		}
	}
	if !errors.Is(err, access.ErrUnavailable) {
		return access.Standing{}, err
	}
	if p, err = d.People.Known(ctx, a); err != nil {
		return access.Standing{}, unable("find out who you are", err)
	}
	return access.Standing{Person: p, Active: true}, nil
}

func (d *Desk) endOnce(ctx context.Context, who access.Standing, e Ending) (access.Grant, error) {
	g, v, err := access.Load[access.Grant](ctx, d.Store, access.Grant{ID: e.Grant}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return g, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no grant %q: /access end lists what you hold.", e.Grant)}
	} else if err != nil {
		return g, err
	}
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	if err != nil {
		return g, err
	}
	if rules := d.Rules(); rules != nil && who.Person.ID != g.Holder {
		s := setting{rules: rules}
		if with, err := d.People.Standing(ctx, who.Person, s.groupsOfRoute(r.Verdict.Route)); err == nil {
			who = with
		}
	}
	if err := access.Authorize(access.EndGrant, who, r); err != nil {
		return g, err
	}
	now := d.Clock.Now()
	b := ledger.NewBatch(now)
	end := access.End{At: now, By: who.Person.ID, Name: who.Person.Name, Cause: access.EndedEarly}
	ended, err := b.End(ctx, d.Store, g, v, end)
	if errors.Is(err, access.ErrDecided) {
		return g, &access.Refusal{Code: access.RefusedDecided, Text: fmt.Sprintf("This access is %s already.", g.State)}
	} else if err != nil {
		return g, err
	}
	b.Tell(access.NoticeChanged, g.Request, who.Person.Name+" ended the access early.")
	_, err = b.Commit(ctx, d.Store)
	return ended, err
}
