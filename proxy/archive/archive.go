package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/proxy/record"
)

// People say who somebody is.
type People interface {
	// Identify returns the person behind an account, or a *access.Refusal.
	Identify(ctx context.Context, a access.Account) (access.Person, error)
	// Standing returns what p counts as, with membership in each of the groups.
	Standing(ctx context.Context, p access.Person, groups []flowfile.Group) (access.Standing, error)
}

// Config is what an Archive works with. All of it is required, but for what says
// otherwise.
type Config struct {
	Store  access.Store
	People People
	// Rules returns the rules in force, nil when there are none.
	Rules func() *flowfile.Set
	// Auditors and Keystrokes are people by account, id of their Slack user, or
	// e-mail address. Optional.
	Auditors, Keystrokes []string
	// Keep is how long recordings are kept once they have ended. Zero keeps
	// them.
	Keep time.Duration
	// Files says where and how recordings are kept. Its Journal is the archive's.
	Files record.Config
	Clock clock.Clock
	// Failed is told what went wrong where nobody waits for it.
	Failed func(error)
}

// An Archive keeps recordings. It is safe for concurrent use. Open makes one,
// Close ends it.
type Archive struct {
	Config
	files *record.Store

	mu    sync.Mutex // guards what follows
	views map[string]*view
}

// Open opens an archive.
func Open(c Config) (*Archive, error) {
	a := &Archive{Config: c, views: map[string]*view{}}
	c.Files.Journal, c.Files.Failed = journal{a}, c.Failed
	files, err := record.Open(c.Files)
	a.files = files
	return a, err
}

// Files is where sessions are recorded.
func (a *Archive) Files() *record.Store { return a.files }

// Close ends the recordings that are open.
func (a *Archive) Close() error { return a.files.Close() }

// A journal has the store take note of recordings.
type journal struct{ *Archive }

// Begun implements record.Journal.
func (j journal) Begun(ctx context.Context, m record.Manifest) error {
	b := ledger.NewBatch(j.Clock.Now())
	b.Put(Recording{Manifest: m}, 0)
	b.Event(stream(m), EventBegun, holder(m), begun{m.About})
	tell(b, m, fmt.Sprintf("A session began on %s: recording %s.", place(m), m.ID))
	_, err := b.Commit(ctx, j.Store)
	return err
}

// Stood implements record.Journal.
func (j journal) Stood(ctx context.Context, m record.Manifest) error {
	return j.change(ctx, m.ID, func(b *ledger.Batch, r Recording) (Recording, bool) {
		if r.Manifest.State != record.StateOpen {
			return r, false
		}
		r.Manifest = m
		b.Event(stream(m), EventStood, access.Person{}, stood{m.ID, m.Output, m.Input})
		return r, true
	})
}

// Ended implements record.Journal.
func (j journal) Ended(ctx context.Context, m record.Manifest) error {
	return j.change(ctx, m.ID, func(b *ledger.Batch, r Recording) (Recording, bool) {
		if r.Manifest.State == record.StateEnded {
			return r, false
		}
		r.Manifest = m
		b.Ending()
		b.Event(stream(m), EventEnded, access.Person{}, ended{m.ID, m.Why, m.EndedAt, m.Digest(), m.Output, m.Input})
		tell(b, m, fmt.Sprintf("The session on %s ended after %s: recording %s.", place(m), lasted(m), m.ID))
		return r, true
	})
}

// tell has the thread of a request say something.
func tell(b *ledger.Batch, m record.Manifest, text string) {
	// Commands run by the hundred; the record has them all.
	if m.Request != "" && m.Kind != record.Command {
		b.Tell(access.NoticeChanged, access.RequestID(m.Request), text)
	}
}

// change changes the record of a recording, against what others change.
func (a *Archive) change(ctx context.Context, id string, f func(*ledger.Batch, Recording) (Recording, bool)) error {
	return ledger.Retry(func() error {
		r, v, err := access.Load[Recording](ctx, a.Store, keyOf(id))
		if err != nil {
			return fmt.Errorf("recording %s: %w", id, err)
		}
		b := ledger.NewBatch(a.Clock.Now())
		r, ok := f(b, r)
		if !ok {
			return nil
		}
		b.Put(r, v)
		_, err = b.Commit(ctx, a.Store)
		return err
	})
}

func holder(m record.Manifest) access.Person {
	return access.Person{ID: access.PersonID(m.Person), Name: m.PersonName}
}

// place is where a session is, for people.
func place(m record.Manifest) string {
	if m.Instance == "" || m.Instance == m.Target {
		return m.Target
	}
	return m.Target + " (" + m.Instance + ")"
}

func lasted(m record.Manifest) time.Duration {
	return max(m.EndedAt.Sub(m.Began), 0).Round(time.Second)
}

// find returns a recording, or a refusal.
func (a *Archive) find(ctx context.Context, id string) (Recording, error) {
	r, _, err := access.Load[Recording](ctx, a.Store, keyOf(id))
	if errors.Is(err, access.ErrNotFound) {
		return r, &access.Refusal{Code: access.RefusedUnknown, Text: fmt.Sprintf("There is no recording %.60q: sesame recordings list shows what there is.", id)}
	}
	return r, err
}
