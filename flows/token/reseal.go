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
	sealer := ts.sealer()
	if sealer == nil {
		return 0, nil
	}
	err = access.Each(ctx, ts.Store, access.Query{Index: IndexTokens}, func(rec access.Record) error {
		done, err := ts.reseal(ctx, sealer, rec)
		if done {
			resealed++
		}
		return err
	})
	return resealed, err
}

func (ts *Tokens) reseal(ctx context.Context, sealer Sealer, rec access.Record) (done bool, err error) {
	t, err := access.Decode[Token](rec)
	if err != nil || sealer.Current(t.Sealed) {
		return false, err
	}
	secret, err := sealer.Open(sealedAs(t.ID), t.Sealed)
	if err != nil {
		return false, fmt.Errorf("token %s: %w", t.ID, err)
	}
	t.Sealed = sealer.Seal(sealedAs(t.ID), secret)
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
