package archive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/ledger"
	"sesame/proxy/record"
)

// keepEvery is how often recordings are looked at that are old.
const keepEvery = time.Hour

// Run finishes what a crash left, once, and removes what is old, until ctx ends.
// Sessions may begin meanwhile.
func (a *Archive) Run(ctx context.Context) error {
	if err := a.resumeAll(ctx); err != nil && ctx.Err() == nil {
		a.Failed(fmt.Errorf("look after the recordings: %w", err))
	}
	for ctx.Err() == nil {
		if err := a.Expire(ctx); err != nil && ctx.Err() == nil {
			a.Failed(fmt.Errorf("remove old recordings: %w", err))
		}
		// The error is the end of ctx, which ends the loop.
		_ = clock.Wait(ctx, a.Clock, a.Clock.Now().Add(keepEvery))
	}
	return nil
}

// resumeAll ends the recordings that nobody writes any more.
func (a *Archive) resumeAll(ctx context.Context) error {
	open, err := a.listed(ctx, access.Query{Index: IndexOpen})
	if err != nil {
		return err
	}
	for _, r := range open {
		if a.files.Writing(r.Manifest.ID) {
			continue
		}
		if err := a.files.Recover(r.Manifest); err != nil {
			a.Failed(err)
		}
	}
	strange, err := a.files.Sweep(func(id string) (bool, error) {
		_, version, err := access.LoadOrNew[Recording](ctx, a.Store, keyOf(id))
		return version > 0, err
	})
	for _, id := range strange {
		a.Failed(fmt.Errorf("the folder of recording %s is in no record, and is left alone", id))
	}
	return err
}

func (a *Archive) listed(ctx context.Context, q access.Query) (all []Recording, err error) {
	err = access.Each(ctx, a.Store, q, func(rec access.Record) error {
		r, err := access.Decode[Recording](rec)
		all = append(all, r)
		return err
	})
	return all, err
}

// Expire removes the recordings that ended longer ago than they are kept, and
// those that were about to be removed when a crash came.
func (a *Archive) Expire(ctx context.Context) error {
	doomed, err := a.listed(ctx, access.Query{Index: IndexDoomed})
	if err != nil {
		return err
	}
	if a.Keep > 0 {
		old, err := a.listed(ctx, access.Query{Index: IndexKept, To: access.TimeKey(a.Clock.Now().Add(-a.Keep))})
		if err != nil {
			return err
		}
		doomed = append(doomed, old...)
	}
	for _, r := range doomed {
		if err := a.remove(ctx, r.Manifest.ID); err != nil {
			return err
		}
	}
	return nil
}

// remove records that a recording is removed, removes it, and records that it is
// gone.
func (a *Archive) remove(ctx context.Context, id string) error {
	rule := fmt.Sprintf("recordings are kept for %s", access.Spoken(a.Keep))
	err := a.change(ctx, id, func(b *ledger.Batch, r Recording) (Recording, bool) {
		if r.Removed != nil {
			return r, false
		}
		r.Removed = &Removal{At: a.Clock.Now(), Rule: rule}
		b.Ending()
		b.Event(stream(r.Manifest), EventRemoved, access.Person{}, removed{id, rule})
		return r, true
	})
	if err != nil {
		return err
	}
	if err := a.files.Remove(id); err != nil {
		return err
	}
	return a.change(ctx, id, func(b *ledger.Batch, r Recording) (Recording, bool) {
		done := *r.Removed
		done.Done = true
		r.Removed = &done
		b.Ending()
		return r, true
	})
}

// Renew seals the keys of recordings anew that are sealed with another key than
// now, and returns of how many. What it cannot is opened as it was, and is tried
// at the next call.
func (a *Archive) Renew(ctx context.Context, by record.Renewer) (n int, err error) {
	var failed []error
	var all []Recording
	for _, index := range []string{IndexOpen, IndexKept} {
		some, err := a.listed(ctx, access.Query{Index: index})
		if err != nil {
			return 0, err
		}
		all = append(all, some...)
	}
	for _, r := range all {
		done, err := a.files.Renew(r.Manifest.ID, by, func(keys map[record.Stream]string) error {
			b := ledger.NewBatch(a.Clock.Now())
			b.Event(stream(r.Manifest), EventRenewed, access.Person{}, renewed{r.Manifest.ID, keys})
			_, err := b.Commit(ctx, a.Store)
			return err
		})
		if done {
			n++
		}
		if failed = append(failed, err); ctx.Err() != nil {
			break
		}
	}
	return n, errors.Join(failed...)
}
