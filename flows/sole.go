package flows

import (
	"context"
	"errors"
	"slices"

	"sesame/flows/access"
)

// errUnderWay: what is asked for is held or was asked for already.
var errUnderWay = errors.New("under way already")

// underWay returns errUnderWay with the request by which somebody holds a target
// or is about to: of several what is open before what is being opened, and that
// before what waits for a decision.
func (d *Desk) underWay(ctx context.Context, who access.PersonID, target string) (access.Request, error) {
	id, err := d.heldBy(ctx, who, target)
	if err != nil {
		return access.Request{}, err
	}
	if id != "" {
		r, _, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: id}.Key())
		if err == nil {
			err = errUnderWay
		}
		return r, err
	}
	var asked access.Request
	err = access.Each(ctx, d.Store, access.Exactly(access.IndexPending, string(who)), func(rec access.Record) error {
		r, err := access.Decode[access.Request](rec)
		if err == nil && r.Target.Name == target && r.Extends == "" && !r.Overdue(d.Clock.Now()) {
			asked, err = r, errUnderWay
		}
		return err
	})
	return asked, err
}

// heldBy returns the request of the access to a target that lasts longest; empty
// where somebody has none.
func (d *Desk) heldBy(ctx context.Context, who access.PersonID, target string) (access.RequestID, error) {
	var best access.Grant
	rank := []access.GrantState{access.Opening, access.Open}
	err := access.Each(ctx, d.Store, access.Exactly(access.IndexLive, string(who)), func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		of, than := slices.Index(rank, g.State), slices.Index(rank, best.State)
		if g.Target == target && of >= 0 && d.Clock.Now().Before(g.Until()) && (of > than || of == than && g.Until().After(best.Until())) {
			best = g
		}
		return err
	})
	return best.Request, err
}
