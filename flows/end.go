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
	by := teller{from: e.From}
	who, err := d.ender(ctx, e.From)
	if err != nil {
		return access.Grant{}, d.refuse(ctx, e.Grant.Request(), access.EndGrant, by, err)
	}
	by.who = who.Person
	var g access.Grant
	err = ledger.Retry(func() error {
		g, err = d.endOnce(ctx, who, e)
		return err
	})
	if err != nil {
		return g, d.refuse(ctx, e.Grant.Request(), access.EndGrant, by, unable("record the end", err))
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
		if s, err = d.standing(ctx, p, nil); err == nil {
			return s, nil
		}
	}
	if !errors.Is(err, access.ErrUnavailable) {
		return access.Standing{}, err
	}
	s, err := d.People.Recall(ctx, a)
	return s, unable("find out who you are", err)
}

func (d *Desk) endOnce(ctx context.Context, who access.Standing, e Ending) (access.Grant, error) {
	g, v, err := access.Load[access.Grant](ctx, d.Store, access.Grant{ID: e.Grant}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return g, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no grant %s: %s.", quoted(string(e.Grant)), access.NextEnds)}
	} else if err != nil {
		return g, err
	}
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	if err != nil {
		return g, err
	}
	set := d.setting()
	if err := d.mayEnd(ctx, who, set, r); err != nil {
		return g, err
	}
	b := ledger.NewBatch(set.now)
	end := access.End{At: set.now, By: who.Person.ID, Name: who.Person.Name, Cause: access.EndedEarly}
	ended, err := b.End(ctx, d.Store, g, v, end)
	if errors.Is(err, access.ErrDecided) {
		return g, &access.Refusal{Code: access.RefusedDecided, Text: fmt.Sprintf("Nothing is left to end, because this access is %s already: %s.", g.State, access.NextStands)}
	} else if err != nil {
		return g, err
	}
	b.Tell(access.NoticeChanged, g.Request, who.Person.Name+" ended the access early.")
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return g, err
	}
	return ended, nil
}

// mayEnd asks whether who may end the grant of r. Groups are looked up only
// for somebody who may not without.
func (d *Desk) mayEnd(ctx context.Context, who access.Standing, set setting, r access.Request) error {
	refused := access.Authorize(access.EndGrant, who, r)
	groups := set.groupsOfRoute(r.Verdict.Route)
	if refused == nil || len(groups) == 0 {
		return set.unsure(refused, "ask "+r.By.Name+", who holds it, or an admin")
	}
	with, silent := d.standing(ctx, who.Person, groups)
	if refused = access.Authorize(access.EndGrant, with, r); refused == nil || silent == nil {
		return refused
	}
	return unable("check whether you are an approver", silent)
}
