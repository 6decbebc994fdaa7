package rolesession

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Reseal seals the rings in a store with the key that seals now, one after the
// other, and returns how many it did. A ring that somebody changes or removes
// meanwhile is left to them, and what a crash leaves undone is done the next
// time. Proxy keys stay what they are.
func (w *Way) Reseal(ctx context.Context, objects access.Reader) (resealed int, err error) {
	if w.sealer == nil {
		return 0, nil
	}
	err = access.Each(ctx, objects, access.Query{Index: access.IndexObjects}, func(rec access.Record) error {
		o, err := access.Decode[access.Object](rec)
		if err != nil || o.Spec.Way != flowfile.WayRole {
			return err
		}
		done, err := w.reseal(ctx, o.Spec.Key)
		if done {
			resealed++
		}
		return err
	})
	return resealed, err
}

func (w *Way) reseal(ctx context.Context, object access.ObjectKey) (done bool, err error) {
	rec, err := w.store.Get(ctx, ringKey(object))
	if errors.Is(err, access.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r, err := access.Decode[ring](rec)
	if err != nil || w.sealer.Current(r.Sealed) {
		return false, err
	}
	secret, err := w.sealer.Open(r.Name, r.Sealed)
	if err != nil {
		return false, err
	}
	r.Sealed = w.sealer.Seal(r.Name, secret)
	change, err := access.Put(r, rec.Version)
	if err != nil {
		return false, err
	}
	_, err = w.store.Commit(ctx, access.Commit{Changes: []access.Change{change}})
	if errors.Is(err, access.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("seal the ring of %s anew: %w", object, err)
	}
	return true, nil
}
