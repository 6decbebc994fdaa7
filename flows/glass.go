package flows

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// Review takes what somebody found who looked at how broken glass was used.
// The finding is the Reason; the digest is not asked for, since what is
// reviewed has happened.
func (d *Desk) Review(ctx context.Context, s Say) (access.Request, error) {
	return d.decide(ctx, access.Review, s)
}

// reviewOnce carries out one attempt to review r, read as version v.
func (d *Desk) reviewOnce(ctx context.Context, t turn, who access.Person, r access.Request) (access.Request, error) {
	finding, problem := cleanFinding(t.say.Reason)
	if problem != "" {
		return r, &access.Refusal{Code: access.RefusedInput, Text: problem, Fields: map[string]string{FieldReason: problem}}
	}
	var err error
	if t.who, err = d.decider(ctx, t, who, r); err != nil {
		return r, err
	}
	reviewed, err := r.Reviewed(t.who, finding, t.now)
	if err != nil {
		return r, err
	}
	b := ledger.NewBatch(t.now)
	b.Put(reviewed, t.version)
	b.Event(r.ID, access.EventReviewed, who, reviewed.Review)
	b.Tell(access.NoticeChanged, r.ID, fmt.Sprintf("%s reviewed the use of break-glass: %s", who.Name, finding))
	if _, err := b.Commit(ctx, d.Store); err != nil {
		return r, err
	}
	return reviewed, nil
}

// Announced records that a place took note of broken glass: somebody who can
// be named there could have seen it. It may be said as often as one likes.
func (d *Desk) Announced(ctx context.Context, id access.RequestID, where string) error {
	return ledger.Retry(func() error {
		r, v, err := access.Load[access.Request](ctx, d.Store, access.Request{ID: id}.Key())
		if err != nil {
			return fmt.Errorf("announce %s: %w", id, err)
		}
		now := d.Clock.Now()
		announced, err := r.Announced(where, now)
		if errors.Is(err, access.ErrCountedAlready) {
			return nil
		} else if err != nil {
			return err
		}
		b := ledger.NewBatch(now)
		b.Put(announced, v)
		b.Event(id, access.EventAnnounced, access.Person{}, announced.Announcements[len(announced.Announcements)-1])
		_, err = b.Commit(ctx, d.Store)
		return err
	})
}
