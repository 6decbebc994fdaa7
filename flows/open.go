package flows

import (
	"context"
	"fmt"

	"sesame/flows/access"
)

// MayOpen is asked by the Keeper before AWS is called for grant g: whether its
// holder may still receive it, by the rules and facts of now. It returns a
// *access.Refusal when the grant should fail, and any other error when nobody
// can say at the moment.
func (d *Desk) MayOpen(ctx context.Context, g access.Grant) error {
	r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: g.Request}.Key())
	if err != nil {
		return fmt.Errorf("open grant %s: %w", g.ID, err)
	}
	if r.State != access.Approved {
		return &access.Refusal{Code: access.RefusedRules, Text: "Nothing was opened, because the request was not approved: ask again."}
	}
	set, err := d.setting().about(r.Target.Name)
	if err != nil {
		return gone(err, "Nothing was opened, because there is no target %s any more: ask for another.", r)
	}
	now, err := d.judge(ctx, set, r)
	if err != nil {
		return err
	}
	if err := d.mayHold(ctx, now); err != nil {
		return err
	}
	if err := set.offered(now, "Nothing was opened"); err != nil {
		return err
	}
	if err := d.sameObjects(g, now); err != nil {
		return err
	}
	if _, err := d.matched(ctx, now.Target); err != nil {
		return err
	}
	if r.BreakGlass && len(r.Announcements) == 0 {
		return fmt.Errorf("open grant %s: nobody has taken note yet that the glass was broken: %w", g.ID, access.ErrUnavailable)
	}
	return nil
}

// mayHold asks, of the requester, what was asked when they asked.
func (d *Desk) mayHold(ctx context.Context, r access.Request) error {
	holder, err := d.standing(ctx, r.By, nil)
	if err != nil {
		return unable("check that the requester is still a member", err)
	}
	if !holder.Active {
		return &access.Refusal{
			Code: access.RefusedStranger,
			Text: fmt.Sprintf("%s cannot be given access, because they are no longer an active member of this workspace and of AWS: an admin can change that.", r.By.Name),
		}
	}
	return access.Authorize(access.Receive, holder, r)
}
