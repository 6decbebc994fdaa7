package token

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
)

// Reseal seals the secrets anew that are sealed with another key than now, and
// returns how many there were. Tokens stay what they are.
func (ts *Tokens) Reseal(ctx context.Context) (resealed int, err error) {
	if ts.Sealer == nil {
		return 0, nil
	}
	err = access.Each(ctx, ts.Store, access.Query{Index: IndexTokens}, func(rec access.Record) error {
		done, err := ts.reseal(ctx, rec)
		if done {
			resealed++
		}
		return err
	})
	return resealed, err
}

func (ts *Tokens) reseal(ctx context.Context, rec access.Record) (done bool, err error) {
	t, err := access.Decode[Token](rec)
	if err != nil || ts.Sealer.Current(t.Sealed) {
		return false, err
	}
	secret, err := ts.Sealer.Open(sealedAs(t.ID), t.Sealed)
	if err != nil {
		return false, fmt.Errorf("token %s: %w", t.ID, err)
	}
	t.Sealed = ts.Sealer.Seal(sealedAs(t.ID), secret)
	change, err := access.Put(record{t}, rec.Version)
	if err != nil {
		return false, err
	}
	_, err = ts.Store.Commit(ctx, access.Commit{Changes: []access.Change{change}})
	if errors.Is(err, access.ErrConflict) {
		return false, nil // it was revoked meanwhile
	}
	return err == nil, err
}
