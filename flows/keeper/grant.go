package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
)

// stepGrant does what is next for a grant.
func (k *Keeper) stepGrant(ctx context.Context, key access.Key) (time.Time, error) {
	g, v, err := access.Load[access.Grant](ctx, k.store, key)
	if err != nil {
		return time.Time{}, ignoreMissing(err)
	}
	k.queue.calm(key, g.State != access.Open)
	switch g.State {
	case access.Opening:
		return k.opening(ctx, g, v)
	case access.Open:
		return k.keep(ctx, g, v)
	case access.Closing:
		return k.closing(ctx, g, v)
	default:
		return time.Time{}, nil
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, access.ErrNotFound) {
		return nil
	}
	return err
}

// opening opens g once all its objects are there and were seen since the
// decision. What others had made before g could be asked about is g's no sooner
// than that.
func (k *Keeper) opening(ctx context.Context, g access.Grant, v access.Version) (time.Time, error) {
	now := k.Clock.Now()
	if !now.Before(g.OpenBy) {
		return time.Time{}, k.end(ctx, g, v, access.EndedFailed, k.unopened(ctx, g))
	}
	opened, err := g.Opened(now)
	if err != nil {
		return time.Time{}, err
	}
	b, passed := k.batch(), false
	for _, key := range g.Objects {
		o, ov, err := access.Load[access.Object](ctx, k.store, key.Record())
		if err != nil {
			return time.Time{}, err
		}
		passed = passed || o.HasPassed(g.ID)
		if o.Failure != "" {
			return time.Time{}, k.end(ctx, g, v, access.EndedFailed, o.Failure)
		}
		if o.State != access.Present || o.SeenAt.Before(g.DecidedAt) {
			k.queue.wake(key.Record(), now)
			return g.Due(), nil
		}
		b.Put(o.Extended(g.ID, opened.EndsAt).Passed(g.ID), ov)
	}
	if !passed {
		if passed, err = k.pass(ctx, g, v); err != nil || !passed {
			k.waits.note(g.Key(), hindered(err))
			return time.Time{}, err
		}
	}
	k.waits.note(g.Key(), "")
	b.Put(opened, v)
	b.Event(g.Request, access.EventOpened, access.Person{}, opened)
	b.Tell(access.NoticeOutcome, g.Request, "")
	b.Tell(access.NoticeChanged, g.Request, fmt.Sprintf("The access is open, for %s.", access.Spoken(g.Duration)))
	return opened.Due(), k.commit(ctx, b)
}

// keep ends an open grant when its time is over or its access is gone, and
// reminds before.
func (k *Keeper) keep(ctx context.Context, g access.Grant, v access.Version) (time.Time, error) {
	now := k.Clock.Now()
	if !now.Before(g.EndsAt) {
		return time.Time{}, k.end(ctx, g, v, access.EndedDue, "")
	}
	for _, key := range g.Objects {
		o, _, err := access.Load[access.Object](ctx, k.store, key.Record())
		if err != nil {
			return time.Time{}, err
		}
		if o.Failure != "" {
			return time.Time{}, k.end(ctx, g, v, access.EndedEarly, o.Failure)
		}
	}
	if now.Before(g.Due()) {
		return g.Due(), nil
	}
	reminded := g.Reminder()
	b := k.batch()
	b.Put(reminded, v)
	b.Event(g.Request, access.EventReminded, access.Person{}, nil)
	b.Tell(access.NoticeReminder, g.Request, "")
	return reminded.Due(), k.commit(ctx, b)
}

// end begins to close g.
func (k *Keeper) end(ctx context.Context, g access.Grant, v access.Version, why access.EndCause, detail string) error {
	b := k.batch()
	end := access.End{At: k.Clock.Now(), Cause: why, Detail: detail}
	if _, err := b.End(ctx, k.store, g, v, end); err != nil {
		return err
	}
	switch why {
	case access.EndedFailed:
		b.Tell(access.NoticeOutcome, g.Request, "")
		b.Tell(access.NoticeChanged, g.Request, "The access could not be opened. "+detail)
	case access.EndedEarly:
		b.Tell(access.NoticeChanged, g.Request, "Sesame ended the access early: "+detail)
	default:
		b.Tell(access.NoticeChanged, g.Request, over(g, end.At))
	}
	return k.commit(ctx, b)
}

// over says at now that the time of g is over.
func over(g access.Grant, now time.Time) string {
	late := now.Sub(g.EndsAt)
	if late <= access.Tolerance {
		return "The time is over: the access is being removed."
	}
	return fmt.Sprintf("The time was over %s ago: the access is being removed.", access.Spoken(late.Truncate(time.Minute)))
}

// closing releases g's objects from the last to the first, each once the one
// after it lets nobody in any more, and writes the receipt once all that was
// started by them is over as well.
func (k *Keeper) closing(ctx context.Context, g access.Grant, v access.Version) (time.Time, error) {
	now := k.Clock.Now()
	k.waits.note(g.Key(), "")
	b := k.batch().Ending()
	receipts := make([]access.ObjectReceipt, len(g.Objects))
	var uncut *access.Object
	for i := len(g.Objects) - 1; i >= 0; i-- {
		o, ov, err := access.Load[access.Object](ctx, k.store, g.Objects[i].Record())
		if err != nil {
			return time.Time{}, fmt.Errorf("close grant %s: %w", g.ID, err)
		}
		if o.LeasedBy(g.ID) {
			release := k.batch()
			if err := release.Release(ctx, k.store, g, g.Objects[i]); err != nil {
				return time.Time{}, err
			}
			return now, k.commit(ctx, release)
		}
		receipt, done := o.Receipt()
		if !done {
			k.queue.wake(o.Key(), now)
			if !o.Uncut() {
				return k.late(ctx, g, v, o)
			}
			uncut = &o
			continue
		}
		receipts[i] = receipt
		b.Put(o.Receipted(g.ID), ov)
	}
	if uncut != nil {
		return k.late(ctx, g, v, *uncut)
	}
	closed, err := g.Sealed(receipts)
	if err != nil {
		return time.Time{}, err
	}
	b.Put(closed, v)
	b.Event(g.Request, access.EventClosed, access.Person{}, closed.Receipt)
	b.Tell(access.NoticeChanged, g.Request, "The access is closed.")
	if g.End.Cause != access.EndedFailed {
		b.Tell(access.NoticeOutcome, g.Request, "")
	}
	return time.Time{}, k.commit(ctx, b)
}

// late says out loud that closing g takes too long because of o.
func (k *Keeper) late(ctx context.Context, g access.Grant, v access.Version, o access.Object) (time.Time, error) {
	now := k.Clock.Now()
	if now.Before(g.Due()) {
		return g.Due(), nil
	}
	why := o.LastError
	if why == "" {
		why = "AWS has not finished yet"
	}
	what, byHand := o.Spec.Called()+" is not confirmed gone", "remove it by hand"
	if o.Uncut() {
		what, byHand = "sessions that were started by "+o.Spec.Called()+" are not confirmed over", "end them by hand"
	}
	text := fmt.Sprintf("Access to %s (grant %s) should have ended at %s and %s: %s. Sesame keeps trying; %s if it is urgent.",
		g.Target, g.ID, g.Over().UTC().Format("2006-01-02 15:04 UTC"), what, why, byHand)
	late := g.Late(now)
	b := k.batch().Ending()
	b.Put(late, v)
	b.Event(g.Request, access.EventAlarm, access.Person{}, alarmed{o.Spec.Key, text})
	b.Tell(access.NoticeAlarm, g.Request, text)
	return late.Due(), k.commit(ctx, b)
}
