package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Kind is a sort of record.
type Kind string

// The kinds of record. Adapters may keep records of kinds of their own.
const (
	KindRequest    Kind = "request"
	KindGrant      Kind = "grant"
	KindObject     Kind = "object"
	KindPerson     Kind = "person"
	KindLink       Kind = "link"
	KindNotice     Kind = "notice"
	KindCheckpoint Kind = "checkpoint"
	KindInbox      Kind = "inbox" // received from chat and not dealt with yet
	KindPost       Kind = "post"  // where a message was posted
	KindTally      Kind = "tally" // compared by whatever counts against a limit
)

// A Key names a record.
type Key struct {
	Kind Kind
	ID   string
}

// String returns "kind/id".
func (k Key) String() string { return string(k.Kind) + "/" + k.ID }

// A Version is the number of the commit that last wrote a record. Versions
// grow over the whole store and are never used twice; 0 means "does not exist".
type Version uint64

// An Epoch numbers leaderships. A commit under an epoch that is over fails.
// Epoch 0 is for commits that need no leadership: those of the Desk.
type Epoch uint64

// An Index is one entry under which a record is listed: records come in the
// order of Value, and among equals in the order of their keys.
type Index struct {
	Name  string
	Value string
}

// The indexes. IndexDue holds everything that waits for a moment, of whatever
// kind, which is how the Keeper finds its work after a restart; IndexLive,
// IndexHeld and IndexPending hold what has not ended, so that history costs nothing.
const (
	IndexDue      = "due"
	IndexLive     = "live"     // grants not closed, by holder
	IndexHeld     = "held"     // grants not closed, by target
	IndexPending  = "pending"  // requests not decided, by requester
	IndexPerson   = "person"   // all requests, by "requester/time"
	IndexReview   = "review"   // broken glass that nobody has reviewed, by requester
	IndexTarget   = "target"   // all requests, by "target/time"
	IndexRequests = "requests" // all requests, by time
	IndexGrants   = "grants"   // all grants, by time
	// IndexUncounted holds closed grants of which nobody has counted the calls.
	IndexUncounted = "uncounted"
	IndexObjects   = "objects" // objects that have a record, by lane
	IndexNotices   = "notices" // the outbox, in the order of its commits
)

// TimeKey returns t as an index value: later times sort later.
func TimeKey(t time.Time) string { return t.UTC().Format("20060102T150405.000000000Z") }

// A Record is a stored value with its version.
type Record struct {
	Key     Key
	Version Version
	Data    []byte
}

// A Query asks for records listed under an index, with From <= value < To; an
// empty To means no end. Descending starts at the other end.
type Query struct {
	Index      string
	From, To   string
	Descending bool
	After      string // Page.Next of the page before; empty for the first
	Limit      int    // at most 1000, which is also what 0 means
}

// Exactly asks for the records that are listed under an index with one value.
func Exactly(index, value string) Query {
	return Query{Index: index, From: value, To: value + "\x00"}
}

// Since asks for the records that are listed under an index by "of/time", from
// a time on.
func Since(index, of string, at time.Time) Query {
	return Query{Index: index, From: of + "/" + TimeKey(at), To: of + "0"}
}

// A Page is a part of a listing. Next is empty on the last one.
type Page struct {
	Records []Record
	Next    string
}

// A Change writes or deletes one record, if its version is still Expect.
type Change struct {
	Key    Key
	Expect Version
	Data   []byte // nil deletes
	// Index is computed when the commit's version is known, since it may
	// order records by it; nil lists nothing.
	Index func(Version) []Index
}

// The limits of a commit.
const (
	MaxChanges     = 100
	MaxCommitBytes = 1 << 20
)

// A Commit is one atomic step: all of it is durable when Commit returns, or
// none of it ever is.
type Commit struct {
	Epoch   Epoch
	Changes []Change
	Events  []Event  // appended to their streams; Seq, Prev and Hash are set by the store
	Notices []Notice // appended to the outbox; Seq is set by the store
	// Ending says that this ends something. Such a commit may use the space
	// that is reserved for when the disk is full.
	Ending bool
}

// overhead is what an event or notice takes beside its data, generously.
const overhead = 256

// Size returns about how many bytes c takes, with ErrTooLarge if it is over the
// limits. Every store measures alike, so that what one takes the others do.
func (c Commit) Size() (int, error) {
	size := 0
	for _, ch := range c.Changes {
		size += len(ch.Data) + len(ch.Key.ID)
	}
	for _, e := range c.Events {
		size += len(e.Data) + len(e.Stream) + overhead
	}
	for _, n := range c.Notices {
		size += len(n.Text) + overhead
	}
	if len(c.Changes) > MaxChanges || size > MaxCommitBytes {
		return 0, fmt.Errorf("commit of %d changes and %d bytes: %w", len(c.Changes), size, ErrTooLarge)
	}
	return size, nil
}

// A Reader reads what is committed. Its methods are safe for concurrent use.
type Reader interface {
	// Get returns a record, or ErrNotFound.
	Get(ctx context.Context, k Key) (Record, error)
	// List returns a page of the records under an index.
	List(ctx context.Context, q Query) (Page, error)
	// Stream returns the events of one request in order, from seq on, at
	// most limit of them.
	Stream(ctx context.Context, id RequestID, seq uint64, limit int) ([]Event, error)
	// Log returns the events of all requests in the order of their commits,
	// from position pos on, at most limit of them.
	Log(ctx context.Context, pos uint64, limit int) ([]Event, error)
}

// A Committer changes what is stored.
type Committer interface {
	// Commit carries out c and returns the version of everything it wrote.
	// It fails with ErrConflict when a version differs, ErrDeposed when the
	// epoch is over, ErrNoSpace when the disk is full, and ErrTooLarge;
	// whatever the error, nothing was changed.
	Commit(ctx context.Context, c Commit) (Version, error)
}

// A Store keeps records, events and the outbox.
type Store interface {
	Reader
	Committer
	// Lead takes leadership: commits of earlier epochs fail from now on.
	Lead(ctx context.Context) (Epoch, error)
	// Watch calls seen with the keys of each later commit, until ctx ends. It
	// is a hint: keys may be missed or repeated, and seen must not block.
	Watch(ctx context.Context, seen func([]Key))
}

// Stored is a noun that can be put into a store.
type Stored interface {
	Key() Key
	// Index returns where the record is listed, when written as version v.
	Index(v Version) []Index
}

// Format is the number that new records carry. A reader knows it and the one
// before.
const Format = 1

type envelope struct {
	Format int             `json:"format"`
	Value  json.RawMessage `json:"value"`
}

// Put returns the change that stores v over version expect.
func Put(v Stored, expect Version) (Change, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return Change{}, fmt.Errorf("encode %s: %w", v.Key(), err)
	}
	data, err := json.Marshal(envelope{Format, value})
	if err != nil {
		return Change{}, fmt.Errorf("encode %s: %w", v.Key(), err)
	}
	return Change{Key: v.Key(), Expect: expect, Data: data, Index: v.Index}, nil
}

// Delete returns the change that deletes the record k of version expect.
func Delete(k Key, expect Version) Change { return Change{Key: k, Expect: expect} }

// Decode returns the noun in a record. A record of a later format than this
// program knows is an error, ErrNewer.
func Decode[T any](r Record) (T, error) {
	var v T
	var e envelope
	if err := json.Unmarshal(r.Data, &e); err != nil {
		return v, fmt.Errorf("decode %s: %w", r.Key, err)
	}
	switch {
	case e.Format > Format:
		return v, fmt.Errorf("decode %s of format %d: %w", r.Key, e.Format, ErrNewer)
	case e.Format < 1:
		return v, fmt.Errorf("decode %s, which names no format: %w", r.Key, ErrBroken)
	}
	if err := json.Unmarshal(e.Value, &v); err != nil {
		return v, fmt.Errorf("decode %s: %w", r.Key, err)
	}
	return v, nil
}

// Load reads and decodes the record k, or returns ErrNotFound.
func Load[T any](ctx context.Context, r Reader, k Key) (T, Version, error) {
	rec, err := r.Get(ctx, k)
	if err != nil {
		var zero T
		return zero, 0, err
	}
	v, err := Decode[T](rec)
	return v, rec.Version, err
}

// LoadOrNew is Load, except that a record which does not exist is the zero
// value at version 0.
func LoadOrNew[T any](ctx context.Context, r Reader, k Key) (T, Version, error) {
	v, version, err := Load[T](ctx, r, k)
	if errors.Is(err, ErrNotFound) {
		return v, 0, nil
	}
	return v, version, err
}

// Each calls f for every record under q, page after page, until f returns an
// error.
func Each(ctx context.Context, r Reader, q Query, f func(Record) error) error {
	for {
		page, err := r.List(ctx, q)
		if err != nil {
			return fmt.Errorf("list %s: %w", q.Index, err)
		}
		for _, rec := range page.Records {
			if err := f(rec); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}
