// Package ledger makes the changes that touch several records at once: what a
// decision grants, what an end releases, and the events and notices that go
// with them.
//
// It promises that each such change is one commit, made against the versions
// that were read, so that two of them at once cannot both succeed on the same
// record. It decides nothing: whether something may happen was asked before.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
)

// attempts bounds how often Retry runs a change that others keep overtaking.
const attempts = 16

// Retry runs change until it does not lose against another commit. change
// reads anew each time.
func Retry(change func() error) error {
	var err error
	for range attempts {
		if err = change(); !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
	return err
}

// A Batch collects one commit. Its methods remember the first error, which
// Commit returns.
type Batch struct {
	at     time.Time
	commit access.Commit
	err    error
}

// NewBatch returns an empty batch; now is the time of its events and notices.
func NewBatch(now time.Time) *Batch { return &Batch{at: now} }

// Ending marks the commit as one that ends something.
func (b *Batch) Ending() *Batch {
	b.commit.Ending = true
	return b
}

// Under sets the leadership that the commit depends on.
func (b *Batch) Under(e access.Epoch) *Batch {
	b.commit.Epoch = e
	return b
}

// Put stores v over the version that was read.
func (b *Batch) Put(v access.Stored, expect access.Version) {
	c, err := access.Put(v, expect)
	b.fail(err)
	b.commit.Changes = append(b.commit.Changes, c)
}

// Delete deletes the record k of the version that was read.
func (b *Batch) Delete(k access.Key, expect access.Version) {
	b.commit.Changes = append(b.commit.Changes, access.Delete(k, expect))
}

// Event records what happened to request id by who, the zero Person being
// Sesame itself.
func (b *Batch) Event(id access.RequestID, t access.EventType, who access.Person, data any) {
	e, err := access.NewEvent(id, t, b.at, data)
	b.fail(err)
	b.commit.Events = append(b.commit.Events, e.By(who))
}

// Tell puts a notice into the outbox.
func (b *Batch) Tell(kind access.NoticeKind, id access.RequestID, text string) {
	b.commit.Notices = append(b.commit.Notices, access.Notice{Kind: kind, Request: id, At: b.at, Text: text})
}

// Commit carries the batch out and returns its version.
func (b *Batch) Commit(ctx context.Context, c access.Committer) (access.Version, error) {
	if b.err != nil {
		return 0, b.err
	}
	return c.Commit(ctx, b.commit)
}

func (b *Batch) fail(err error) { b.err = errors.Join(b.err, err) }

// Grant adds to b the grant that r becomes: the intent with its deadlines, and
// a lease on each object of p.
func (b *Batch) Grant(ctx context.Context, read access.Reader, r access.Request, p access.Plan) error {
	g, err := access.NewGrant(r, p, b.at)
	if err != nil {
		return err
	}
	b.Put(g, 0)
	p.Objects = slices.Clone(p.Objects)
	for i, spec := range p.Objects {
		spec = spec.Over(g)
		o, v, err := access.LoadOrNew[access.Object](ctx, read, access.Object{Spec: spec}.Key())
		if err != nil {
			return fmt.Errorf("lease %s: %w", spec.Key, err)
		}
		if spec, err = b.place(ctx, read, spec); err != nil {
			return err
		}
		spec.ID, spec.SessionName = o.Spec.ID, o.Spec.SessionName
		o.Spec, p.Objects[i] = spec, spec
		b.Put(o.Leased(g.ID, g.Until(), b.at), v)
	}
	b.Event(r.ID, access.EventGranted, access.Person{}, granted{g.ID, g.OpenBy, g.CloseBy, p.Objects})
	return nil
}

// granted is the data of EventGranted: all that closing needs.
type granted struct {
	Grant   access.GrantID `json:"grant"`
	OpenBy  time.Time      `json:"open_by"`
	CloseBy time.Time      `json:"close_by"`
	Objects []access.Spec  `json:"objects"`
}

// Extend adds to b that the grant which r extends lasts longer, with its leases.
func (b *Batch) Extend(ctx context.Context, read access.Reader, r access.Request) (access.Grant, error) {
	g, v, err := access.Load[access.Grant](ctx, read, access.Grant{ID: r.Extends}.Key())
	if err != nil {
		return g, fmt.Errorf("extend %s: %w", r.Extends, err)
	}
	longer, err := g.Extended(r, b.at)
	if err != nil {
		return g, err
	}
	b.Put(longer, v)
	for _, key := range g.Objects {
		o, v, err := access.Load[access.Object](ctx, read, key.Record())
		if err != nil {
			return g, fmt.Errorf("extend %s: %w", key, err)
		}
		if o.Spec.Timed {
			return g, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("The access to %s cannot be extended, because its end is written into AWS: ask for it anew.", g.Target)}
		}
		b.Put(o.Extended(g.ID, longer.EndsAt), v)
	}
	b.Event(g.Request, access.EventExtended, r.By, extended{longer.Extensions[len(longer.Extensions)-1], longer.EndsAt})
	return longer, nil
}

// extended is the data of EventExtended.
type extended struct {
	access.Extension
	EndsAt time.Time `json:"ends_at"`
}

// Count adds to b that something counts against a limit, whose tally was read
// as version v before counting.
func (b *Batch) Count(t access.Tally, v access.Version) { b.Put(t.Counted(), v) }

// End adds to b the end of grant g, read as version v: from now on it is
// closing, and no longer leases the object that it opened last. The Keeper
// releases the others, in reverse order, as each comes to rest.
func (b *Batch) End(ctx context.Context, read access.Reader, g access.Grant, v access.Version, e access.End) (access.Grant, error) {
	g, err := g.Ended(e)
	if err != nil {
		return access.Grant{}, err
	}
	b.Ending()
	b.Put(g, v)
	if err := b.Release(ctx, read, g, g.Objects[len(g.Objects)-1]); err != nil {
		return access.Grant{}, err
	}
	b.Event(g.Request, access.EventEnding, access.Person{ID: e.By, Name: e.Name}, e)
	b.dismissExtension(ctx, read, g)
	return g, nil
}

// NothingToExtend is why Sesame denies an extension by itself.
const NothingToExtend = "The access that it was to extend is over."

// dismissExtension adds to b the end of a request to extend g, which is over.
// An end needs nothing that it could have to wait for: should the request not
// be found now, it lapses, and whoever approves it is told.
func (b *Batch) dismissExtension(ctx context.Context, read access.Reader, g access.Grant) {
	page, err := read.List(ctx, access.Exactly(access.IndexPending, string(g.Holder)))
	if err != nil {
		return
	}
	for _, rec := range page.Records {
		r, v, err := access.Load[access.Request](ctx, read, rec.Key)
		if err == nil && r.Extends == g.ID && r.State == access.Pending {
			_, err := b.Dismiss(r, v, NothingToExtend)
			b.fail(err)
		}
	}
}

// Dismiss adds to b that Sesame denies r, read as version v, by itself.
func (b *Batch) Dismiss(r access.Request, v access.Version, why string) (access.Request, error) {
	r, err := r.Dismiss(why, b.at)
	if err != nil {
		return access.Request{}, err
	}
	b.Ending()
	b.Put(r, v)
	b.Event(r.ID, access.EventDenied, access.Person{}, r.Decisions[len(r.Decisions)-1])
	b.Tell(access.NoticeChanged, r.ID, "Sesame denied the request: "+why)
	b.Tell(access.NoticeOutcome, r.ID, "")
	return r, nil
}

// Release adds to b the end of g's lease on the object key.
func (b *Batch) Release(ctx context.Context, read access.Reader, g access.Grant, key access.ObjectKey) error {
	o, v, err := access.Load[access.Object](ctx, read, key.Record())
	if err != nil {
		return fmt.Errorf("release %s: %w", key, err)
	}
	b.Ending()
	b.Put(o.Released(g.ID, b.at, g.End.Cause == access.EndedEarly), v)
	return nil
}
