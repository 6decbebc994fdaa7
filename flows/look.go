package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
)

// Look returns a request to somebody who has to do with it: who asked, who may
// decide or did, and admins, which are those who may end what it became. To
// anybody else it does not exist. Nothing is recorded of who looked.
func (d *Desk) Look(ctx context.Context, from access.Account, id access.RequestID) (access.Request, error) {
	who, err := d.People.Identify(ctx, from)
	if err != nil {
		return access.Request{}, unable("find out who you are", err)
	}
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: id}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return access.Request{}, noRequest(id)
	} else if err != nil || r.By.ID == who.ID {
		return r, err
	}
	s, silent := d.standing(ctx, who, d.setting().groupsOfRoute(r.Verdict.Route))
	switch {
	case access.Authorize(access.EndGrant, s, r) == nil:
		return r, nil
	case silent != nil:
		return access.Request{}, unable("check whether you are an approver", silent)
	default:
		return access.Request{}, noRequest(id)
	}
}

func noRequest(id access.RequestID) *access.Refusal {
	return &access.Refusal{
		Code: access.RefusedUnknown,
		Text: fmt.Sprintf("There is no request %s that you asked for or can decide on: %s.", quoted(string(id)), access.NextNumber),
	}
}
