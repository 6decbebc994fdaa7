package partner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
)

// A Sealer keeps secrets at rest under a name. Current reports whether what it
// sealed is sealed as it would be now.
type Sealer interface {
	Seal(name string, secret []byte) []byte
	Open(name string, sealed []byte) ([]byte, error)
	Current(sealed []byte) bool
}

// A Store is where external ids are kept.
type Store interface {
	access.Reader
	access.Committer
}

// KindPartner is the kind of the records.
const KindPartner access.Kind = "partner"

// IndexPartners lists the partners that have an external id, by name.
const IndexPartners = "partners"

// externalIDSize is how many random bytes an external id has.
const externalIDSize = 16

// A partnerRecord is a partner's external id, sealed.
type partnerRecord struct {
	Name string `json:"name"`
	// Account is that of the company it was made for: another one may come to
	// have the name.
	Account string    `json:"account"`
	Sealed  []byte    `json:"sealed"`
	MadeAt  time.Time `json:"made_at"`
}

// Key is where the record is stored.
func (r partnerRecord) Key() access.Key { return access.Key{Kind: KindPartner, ID: r.Name} }

// Index lists every partner that has one.
func (r partnerRecord) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexPartners, Value: r.Name}}
}

// sealedAs is what an external id is sealed as.
func (r partnerRecord) sealedAs() string { return "external id of " + r.Name }

// ExternalIDs are those of partners. Each is made once for a name and account,
// at random, the first time that somebody asks for it, and is in no file. It is
// safe for concurrent use.
type ExternalIDs struct {
	store  Store
	sealer Sealer
	clock  clock.Clock
}

// NewExternalIDs returns the external ids in a store.
func NewExternalIDs(store Store, s Sealer, c clock.Clock) *ExternalIDs {
	return &ExternalIDs{store, s, c}
}

// Of returns the external id of a partner. Two who ask first at once get the
// same.
func (x *ExternalIDs) Of(ctx context.Context, p flowfile.Partner) (string, error) {
	r, err := x.record(ctx, p)
	if errors.Is(err, access.ErrConflict) { // somebody else has just made it
		r, err = x.record(ctx, p)
	}
	if err != nil {
		return "", fmt.Errorf("external id of %s: %w", p.Name, err)
	}
	secret, err := x.sealer.Open(r.sealedAs(), r.Sealed)
	if err != nil {
		return "", fmt.Errorf("external id of %s: %w", p.Name, err)
	}
	return string(secret), nil
}

// record returns what is stored of a partner, which is made if there is
// nothing, or if it was made for another company of that name.
func (x *ExternalIDs) record(ctx context.Context, p flowfile.Partner) (partnerRecord, error) {
	r, version, err := access.Load[partnerRecord](ctx, x.store, partnerRecord{Name: p.Name}.Key())
	switch {
	case err != nil && !errors.Is(err, access.ErrNotFound):
		return r, err
	case err == nil && r.Account == p.Account():
		return r, nil
	default:
		r = x.made(p)
	}
	change, err := access.Put(r, version)
	if err != nil {
		return r, err
	}
	_, err = x.store.Commit(ctx, access.Commit{Changes: []access.Change{change}})
	return r, err
}

func (x *ExternalIDs) made(p flowfile.Partner) partnerRecord {
	random := make([]byte, externalIDSize)
	_, _ = rand.Read(random) // never fails
	r := partnerRecord{Name: p.Name, Account: p.Account(), MadeAt: x.clock.Now()}
	r.Sealed = x.sealer.Seal(r.sealedAs(), []byte("sesame-"+hex.EncodeToString(random)))
	return r
}

// Reseal seals those anew that are sealed with another key than now, and
// returns how many there were.
func (x *ExternalIDs) Reseal(ctx context.Context) (resealed int, err error) {
	err = access.Each(ctx, x.store, access.Query{Index: IndexPartners}, func(rec access.Record) error {
		r, err := access.Decode[partnerRecord](rec)
		if err != nil || x.sealer.Current(r.Sealed) {
			return err
		}
		secret, err := x.sealer.Open(r.sealedAs(), r.Sealed)
		if err != nil {
			return err
		}
		r.Sealed = x.sealer.Seal(r.sealedAs(), secret)
		change, err := access.Put(r, rec.Version)
		if err != nil {
			return err
		}
		if _, err = x.store.Commit(ctx, access.Commit{Changes: []access.Change{change}}); errors.Is(err, access.ErrConflict) {
			return nil // somebody else has just done it
		}
		resealed++
		return err
	})
	return resealed, err
}
