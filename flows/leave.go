package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
)

// Recheck ends what somebody holds, and denies what they asked for, if Slack or
// the directory says that they have left. When that cannot be found out, it
// returns an error and changes nothing.
func (d *Desk) Recheck(ctx context.Context, id access.PersonID) error {
	who, _, err := access.Load[access.Person](ctx, d.Store, access.Person{ID: id}.Key())
	if err != nil {
		return fmt.Errorf("recheck %s: %w", id, err)
	}
	s, err := d.People.Standing(ctx, who, nil)
	if err != nil || !s.Left {
		return err
	}
	return d.leave(ctx, who)
}

// standing returns what who counts as. Whoever turns out to have left loses
// what they have, whatever the question was; should that not be recorded, the
// next one who asks tries again.
func (d *Desk) standing(ctx context.Context, who access.Person, groups []flowfile.Group) (access.Standing, error) {
	s, err := d.People.Standing(ctx, who, groups)
	if err == nil && s.Left {
		_ = d.leave(ctx, who)
	}
	return s, err
}

// leave ends what who holds, denies what they asked for, and has them known
// nowhere else. One of these that fails keeps none of the others.
func (d *Desk) leave(ctx context.Context, who access.Person) error {
	l := leaving{d.Clock.Now(), who.Name + " is no longer an active member."}
	var elsewhere error
	if d.Left != nil {
		elsewhere = d.Left(ctx, who.ID, l.why)
	}
	return errors.Join(
		elsewhere,
		d.eachOf(ctx, access.IndexLive, who.ID, func(k access.Key) error { return d.endLeft(ctx, k, l) }),
		d.eachOf(ctx, access.IndexPending, who.ID, func(k access.Key) error { return d.denyLeft(ctx, k, l) }),
	)
}

// A leaving is when and why somebody loses what they have.
type leaving struct {
	at  time.Time
	why string
}

// eachOf changes every record that is listed under a person. They are read
// first, since the change takes them off the list.
func (d *Desk) eachOf(ctx context.Context, index string, id access.PersonID, change func(access.Key) error) error {
	var keys []access.Key
	err := access.Each(ctx, d.Store, access.Exactly(index, string(id)), func(rec access.Record) error {
		keys = append(keys, rec.Key)
		return nil
	})
	for _, k := range keys {
		err = errors.Join(err, ledger.Retry(func() error { return change(k) }))
	}
	return err
}

func (d *Desk) endLeft(ctx context.Context, k access.Key, l leaving) error {
	g, v, err := access.Load[access.Grant](ctx, d.Store, k)
	if err != nil {
		return err
	}
	b := ledger.NewBatch(l.at)
	end := access.End{At: l.at, Cause: access.EndedEarly, Detail: l.why}
	if _, err := b.End(ctx, d.Store, g, v, end); errors.Is(err, access.ErrDecided) {
		return nil
	} else if err != nil {
		return err
	}
	b.Tell(access.NoticeChanged, g.Request, "Sesame ended the access early: "+l.why)
	_, err = b.Commit(ctx, d.Store)
	return err
}

func (d *Desk) denyLeft(ctx context.Context, k access.Key, l leaving) error {
	r, v, err := access.Load[access.Request](ctx, d.Store, k)
	if err != nil || r.State != access.Pending {
		return err
	}
	b := ledger.NewBatch(l.at).Ending()
	if r, err = r.Dismiss(l.why, l.at); err != nil {
		return err
	}
	b.Put(r, v)
	b.Event(r.ID, access.EventDenied, access.Person{}, r.Decisions[len(r.Decisions)-1])
	b.Tell(access.NoticeChanged, r.ID, "Sesame denied the request: "+l.why)
	_, err = b.Commit(ctx, d.Store)
	return err
}
