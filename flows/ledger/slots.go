package ledger

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
)

// Room refuses, with a *access.Refusal, a plan for which there is no place at
// the moment. Granting asks again.
func Room(ctx context.Context, read access.Reader, p access.Plan) error {
	for _, spec := range p.Objects {
		if spec.Pool.Size == 0 {
			continue
		}
		if _, err := find(ctx, read, spec); err != nil {
			return err
		}
	}
	return nil
}

// place gives spec a place of its pool, if it takes one.
func (b *Batch) place(ctx context.Context, read access.Reader, spec access.Spec) (access.Spec, error) {
	if spec.Pool.Size == 0 {
		return spec, nil
	}
	f, err := find(ctx, read, spec)
	if err != nil {
		return spec, err
	}
	b.Put(f.slots.Given(f.slot, spec.Key, b.at), f.version)
	if f.left != nil {
		// As it was: should somebody want that object again meanwhile, or AWS
		// show it again, one of the two commits finds a changed record.
		b.Put(*f.left, f.leftVersion)
	}
	spec.Slot = f.slot
	return spec, nil
}

// A finding is a place of a pool, and what it was read from.
type finding struct {
	slot        int
	slots       access.Slots
	version     access.Version
	left        *access.Object // who had the place, if there is a record of it
	leftVersion access.Version
}

// find returns the place that the object has, or the free one that nobody has
// had for longest: one that somebody else's tags occupy is met once in a round.
func find(ctx context.Context, read access.Reader, spec access.Spec) (finding, error) {
	var f finding
	var err error
	f.slots, f.version, err = access.LoadOrNew[access.Slots](ctx, read, spec.Pool.Record())
	if err != nil {
		return f, fmt.Errorf("find a place of %s: %w", spec.Pool.ID, err)
	}
	f.slots.Pool = spec.Pool.ID
	own, _, err := access.LoadOrNew[access.Object](ctx, read, spec.Key.Record())
	if err != nil {
		return f, fmt.Errorf("find a place for %s: %w", spec.Key, err)
	}
	if n := f.slots.Of(spec.Key); n > 0 && own.Spec.Key == spec.Key && own.Holds() {
		f.slot = n
		return f, nil
	}
	for n := 1; n <= spec.Pool.Size; n++ {
		if err := f.consider(ctx, read, n, spec.Key); err != nil {
			return f, err
		}
	}
	if f.slot == 0 {
		return f, full(spec.Pool)
	}
	return f, nil
}

// consider takes place n if it is free, and for longer than what was found.
func (f *finding) consider(ctx context.Context, read access.Reader, n int, taker access.ObjectKey) error {
	p := f.slots.Places[n]
	if f.slot > 0 && !p.Since.Before(f.slots.Places[f.slot].Since) {
		return nil
	}
	if p.Object == "" || p.Object == taker {
		f.slot, f.left = n, nil
		return nil
	}
	o, v, err := access.Load[access.Object](ctx, read, p.Object.Record())
	switch {
	case errors.Is(err, access.ErrNotFound):
		f.slot, f.left = n, nil
	case err != nil:
		return fmt.Errorf("find out who has place %d: %w", n, err)
	case !o.Holds():
		f.slot, f.left, f.leftVersion = n, &o, v
	}
	return nil
}

func full(p access.Pool) error {
	return &access.Refusal{
		Code: access.RefusedCap,
		Text: fmt.Sprintf("Nothing can be granted, because all %d tag slots of %s are in use: end a grant that has one, or wait until one is over.", p.Size, p.Name),
	}
}
