package server

import (
	"context"

	"sesame/flows/access"
	"sesame/strategies/accountassignment"
)

// checkPartner asks AWS whether Sesame gets to the account of a partner's
// target, and whether the role is there that its people assume.
func (c *cloud) checkPartner(ctx context.Context, t access.Target) (accountassignment.Report, error) {
	w, err := c.iam(ctx, t.Params)
	if err != nil {
		return accountassignment.Report{}, err
	}
	r, err := w.timed.Check(ctx, t)
	return accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings}, err
}
