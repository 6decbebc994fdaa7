package rolesession

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// A Store is where rings are kept.
type Store interface {
	// Get returns a record, or access.ErrNotFound.
	Get(ctx context.Context, k access.Key) (access.Record, error)
	access.Committer
}

// kindRing is the kind of the records.
const kindRing access.Kind = "proxy-ring"

// A ring is what proxy keys are derived from: the object of a grant.
type ring struct {
	Name   string      `json:"name"`
	Spec   access.Spec `json:"spec"`
	Sealed []byte      `json:"sealed"`
	MadeAt time.Time   `json:"made_at,omitzero"`
}

// Key is where the ring is stored.
func (r ring) Key() access.Key { return access.Key{Kind: kindRing, ID: r.Name} }

// Index lists nothing: rings are found by name.
func (r ring) Index(access.Version) []access.Index { return nil }

// A Way makes, observes and removes rings. It is safe for concurrent use.
type Way struct {
	store  Store
	sealer *Sealer
	clock  clock.Clock
}

// New returns a Way that keeps rings in store, sealed by s. Without a Sealer it
// makes none, and removes those that there are.
func New(store Store, s *Sealer, c clock.Clock) *Way { return &Way{store, s, c} }

// nearby is how far apart an attempt and the ring that came of it may be.
const nearby = time.Minute

// Observe implements access.Way.
func (w *Way) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	rec, err := w.store.Get(ctx, ringKey(s.Key))
	if errors.Is(err, access.ErrNotFound) {
		return access.Observation{}, nil
	}
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, classify(err))
	}
	r, err := access.Decode[ring](rec)
	if err != nil {
		return access.Observation{}, classify(err)
	}
	made := !since.IsZero() && !r.MadeAt.IsZero() && r.MadeAt.Sub(since).Abs() <= nearby
	return access.Observation{Present: true, Made: made}, nil
}

// Apply implements access.Way. A ring that is there stays as it is, and with it
// the keys that were derived from it.
func (w *Way) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	op := access.Operation{Kind: access.Creation, StartedAt: w.clock.Now()}
	key := ringKey(s.Key)
	switch _, err := w.store.Get(ctx, key); {
	case err == nil:
		op.State = access.OpSucceeded
		return op, nil
	case !errors.Is(err, access.ErrNotFound):
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, classify(err))
	}
	if w.sealer == nil {
		return access.Operation{}, &access.WayError{Class: access.Refused, Err: fmt.Errorf("%s: no proxy is configured, so nothing could be done with a key", s.Key)}
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails
	change, err := access.Put(ring{key.ID, s, w.sealer.Seal(key.ID, secret), op.StartedAt}, 0)
	if err != nil {
		return access.Operation{}, &access.WayError{Class: access.Refused, Err: err}
	}
	return w.commit(ctx, op, access.Commit{Changes: []access.Change{change}})
}

// Remove implements access.Way. Every key of the ring is dead when it returns.
func (w *Way) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	op := access.Operation{Kind: access.Removal, StartedAt: w.clock.Now()}
	rec, err := w.store.Get(ctx, ringKey(s.Key))
	switch {
	case errors.Is(err, access.ErrNotFound):
		op.State = access.OpSucceeded
		return op, nil
	case err != nil:
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, classify(err))
	}
	return w.commit(ctx, op, access.Commit{Changes: []access.Change{access.Delete(rec.Key, rec.Version)}, Ending: true})
}

// commit carries out c. What the store cannot do for a reason of its own is an
// operation that failed: nothing was changed then.
func (w *Way) commit(ctx context.Context, op access.Operation, c access.Commit) (access.Operation, error) {
	_, err := w.store.Commit(ctx, c)
	op.State = access.OpSucceeded
	if err == nil {
		return op, nil
	}
	if err = classify(err); !final(err) {
		return access.Operation{}, err
	}
	op.State, op.Reason = access.OpFailed, err.Error()
	return op, nil
}

// Poll implements access.Way. Operations are over when they return, so that
// there is none to ask for.
func (w *Way) Poll(_ context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	return op, &access.WayError{Class: access.Refused, Err: fmt.Errorf("%s: no operation %q", s.Key, op.ID)}
}

// classify gives an error of the store its class, but for one that is final.
func classify(err error) error {
	var class access.Class
	switch {
	case errors.Is(err, access.ErrConflict):
		class = access.Busy
	case errors.Is(err, access.ErrUnavailable):
		class = access.Ambiguous
	case errors.Is(err, access.ErrTooLarge), errors.Is(err, access.ErrForbidden), errors.Is(err, access.ErrNewer), errors.Is(err, access.ErrBroken):
		class = access.Refused
	case errors.Is(err, access.ErrNoSpace), errors.Is(err, access.ErrDeposed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		class = access.Throttled
	default:
		return err
	}
	return &access.WayError{Class: class, Err: err}
}

// final reports whether an error has no class.
func final(err error) bool {
	_, classified := errors.AsType[*access.WayError](err)
	return !classified
}
