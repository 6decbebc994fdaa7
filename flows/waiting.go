package flows

import (
	"context"
	"errors"
	"slices"

	"sesame/flows/access"
)

// Waiting returns the requests that somebody could approve now, the longest
// waiting first: those whose route names them, and that they have not approved.
// Approving asks all of it again. It is a *access.Refusal where that cannot be
// found out. Nothing is recorded of who looked.
func (d *Desk) Waiting(ctx context.Context, from access.Account) ([]access.Request, error) {
	who, err := d.People.Identify(ctx, from)
	if err != nil {
		return nil, unable("find out who you are", err)
	}
	t := turn{setting: d.setting(), action: access.Approve, say: Say{From: from}}
	var waiting []access.Request
	err = access.Each(ctx, d.Store, access.Query{Index: access.IndexPending}, func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err != nil || r.Overdue(t.now) || approvedBy(r, who.ID) {
			return err
		}
		switch _, err = d.decider(ctx, t, who, r); {
		case err == nil:
			waiting = append(waiting, r)
		case !settles(err):
			return err
		}
		return nil
	})
	slices.SortStableFunc(waiting, func(a, b access.Request) int { return a.AskedAt.Compare(b.AskedAt) })
	return waiting, err
}

// approvedBy reports whether who approved r as it is now: what changed since
// they did waits for them again.
func approvedBy(r access.Request, who access.PersonID) bool {
	return slices.ContainsFunc(r.Decisions, func(made access.Decision) bool { return r.Counts(made) && made.By == who })
}

// settles reports whether an error answers whether a request waits for somebody,
// and does not say that nobody can tell.
func settles(err error) bool {
	refusal, ok := errors.AsType[*access.Refusal](err)
	return ok && refusal.Code != access.RefusedUnable && refusal.Code != access.RefusedClosing
}
