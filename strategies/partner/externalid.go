package partner

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
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

// A partnerRecord is a partner's external id, sealed, with those before it that
// AWS may take still.
type partnerRecord struct {
	Name string `json:"name"`
	// Account is that of the company it was made for: another one may come to
	// have the name.
	Account string     `json:"account"`
	Sealed  []byte     `json:"sealed"`
	MadeAt  time.Time  `json:"made_at"`
	Former  []formerID `json:"former,omitempty"` // the oldest first
	// Roles are those that may take the former ones, with how to get to them: no
	// flow file is needed to find out.
	Roles []Role `json:"roles,omitempty"`
	// RefusedAt is the first of the agreeing reads, up to the last, that showed
	// that no role takes what it is not to take.
	RefusedAt time.Time `json:"refused_at,omitzero"`
	ToldAt    time.Time `json:"told_at,omitzero"` // when people last heard that something is to be done
}

// A formerID is an external id that another one replaced.
type formerID struct {
	Sealed     []byte    `json:"sealed"`
	MadeAt     time.Time `json:"made_at"`
	ReplacedAt time.Time `json:"replaced_at"`
	Until      time.Time `json:"until"`             // when it is to be over
	EndedAt    time.Time `json:"ended_at,omitzero"` // since when roles are not to take it
}

// A Role is one that the people of a partner assume. Params say how Sesame gets
// to its account.
type Role struct {
	ARN    string            `json:"arn"`
	Params map[string]string `json:"params"`
}

// Key is where the record is stored.
func (r partnerRecord) Key() access.Key { return access.Key{Kind: KindPartner, ID: r.Name} }

// Index lists every partner that has one.
func (r partnerRecord) Index(access.Version) []access.Index {
	return []access.Index{{Name: IndexPartners, Value: r.Name}}
}

// sealedAs is what an external id is sealed as.
func (r partnerRecord) sealedAs() string { return "external id of " + r.Name }

// stream is where the events of the partner are.
func (r partnerRecord) stream() access.RequestID {
	return access.RequestIDFrom("partner\x00" + r.Name)
}

// ExternalIDs are those of partners. The first is made for a name and account, at
// random, when somebody asks for it, and others when it is replaced; none is in a
// file. It is safe for concurrent use.
type ExternalIDs struct {
	store  Store
	sealer Sealer
	clock  clock.Clock
}

// NewExternalIDs returns the external ids in a store.
func NewExternalIDs(store Store, s Sealer, c clock.Clock) *ExternalIDs {
	return &ExternalIDs{store, s, c}
}

// IDs are the external ids of one partner.
type IDs struct {
	// Now is the one that the partner is sent.
	Now string
	// Former are those before it that AWS may take still, the oldest first.
	Former []Former
	// Refused says that no role took those that have ended when they were last
	// looked at. One such look is not enough to forget them.
	Refused bool
}

// A Former is an external id that another one replaced.
type Former struct {
	ID string
	// ReplacedAt is when it was, and Until when it is to be over.
	ReplacedAt, Until time.Time
	// Ended says that roles are not to take it any more.
	Ended bool
}

// Taken are the ids that roles are to take.
func (ids IDs) Taken() []string {
	all := []string{ids.Now}
	for _, f := range ids.Former {
		if !f.Ended {
			all = append(all, f.ID)
		}
	}
	return all
}

// Until is when the last of the former ids that roles are to take is to be over;
// zero if there is none.
func (ids IDs) Until() (last time.Time) {
	for _, f := range ids.Former {
		if !f.Ended && f.Until.After(last) {
			last = f.Until
		}
	}
	return last
}

// Of returns the external ids of a partner. Two who ask first at once get the
// same.
func (x *ExternalIDs) Of(ctx context.Context, p flowfile.Partner) (IDs, error) {
	r, _, err := x.record(ctx, p)
	if errors.Is(err, access.ErrConflict) { // somebody else has just made it
		r, _, err = x.record(ctx, p)
	}
	if err != nil {
		return IDs{}, fmt.Errorf("external id of %s: %w", p.Name, err)
	}
	return x.opened(r)
}

// opened returns what is sealed in a record.
func (x *ExternalIDs) opened(r partnerRecord) (ids IDs, err error) {
	open := func(sealed []byte) string {
		secret, failed := x.sealer.Open(r.sealedAs(), sealed)
		err = errors.Join(err, failed)
		return string(secret)
	}
	ids.Now, ids.Refused = open(r.Sealed), !r.RefusedAt.IsZero()
	for _, f := range r.Former {
		ids.Former = append(ids.Former, Former{open(f.Sealed), f.ReplacedAt, f.Until, !f.EndedAt.IsZero()})
	}
	if err != nil {
		return IDs{}, fmt.Errorf("external id of %s: %w", r.Name, err)
	}
	return ids, nil
}

// record returns what is stored of a partner, which is made if there is
// nothing, or if it was made for another company of that name.
func (x *ExternalIDs) record(ctx context.Context, p flowfile.Partner) (partnerRecord, access.Version, error) {
	r, version, err := access.Load[partnerRecord](ctx, x.store, partnerRecord{Name: p.Name}.Key())
	switch {
	case err != nil && !errors.Is(err, access.ErrNotFound):
		return r, version, err
	case err == nil && r.Account == p.Account():
		return r, version, nil
	}
	now, left := x.clock.Now(), leftText(r)
	r = partnerRecord{Name: p.Name, Account: p.Account(), MadeAt: now}
	id, sealed := x.fresh(r)
	r.Sealed = sealed
	version, err = x.commit(ctx, change{r, version, now, access.Person{}, EventMade, changed{Partner: r.Name, Account: r.Account, ID: fingerprint(id)}, left})
	return r, version, err
}

// fresh makes an external id, and seals it for a partner.
func (x *ExternalIDs) fresh(r partnerRecord) (id string, sealed []byte) {
	random := make([]byte, externalIDSize)
	_, _ = rand.Read(random) // never fails
	id = "sesame-" + hex.EncodeToString(random)
	return id, x.sealer.Seal(r.sealedAs(), []byte(id))
}

// fingerprint tells external ids apart in the record, which many people read.
func fingerprint(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// Reseal seals those anew that are sealed with another key than now, and
// returns how many partners there were of whom something was.
func (x *ExternalIDs) Reseal(ctx context.Context) (resealed int, err error) {
	err = access.Each(ctx, x.store, access.Query{Index: IndexPartners}, func(rec access.Record) error {
		r, err := access.Decode[partnerRecord](rec)
		if err != nil {
			return err
		}
		done, err := x.reseal(&r)
		if err != nil || !done {
			return err
		}
		change, err := access.Put(r, rec.Version)
		if err != nil {
			return err
		}
		if _, err = x.store.Commit(ctx, access.Commit{Changes: []access.Change{change}}); errors.Is(err, access.ErrConflict) {
			return nil // somebody else has just changed it, and the next start does this
		}
		resealed++
		return err
	})
	return resealed, err
}

// reseal seals what is in r as it would be now, and reports whether any of it was
// not.
func (x *ExternalIDs) reseal(r *partnerRecord) (done bool, err error) {
	r.Former = slices.Clone(r.Former)
	all := []*[]byte{&r.Sealed}
	for i := range r.Former {
		all = append(all, &r.Former[i].Sealed)
	}
	for _, sealed := range all {
		if x.sealer.Current(*sealed) {
			continue
		}
		secret, err := x.sealer.Open(r.sealedAs(), *sealed)
		if err != nil {
			return false, fmt.Errorf("external id of %s: %w", r.Name, err)
		}
		*sealed, done = x.sealer.Seal(r.sealedAs(), secret), true
	}
	return done, nil
}
