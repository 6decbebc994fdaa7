package bolt

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
)

// The most that a read returns at once. A page of records ends early when it
// is large; the next one goes on.
const (
	pageMax   = 1000
	pageBytes = 4 << 20
)

func atMost(limit int) int {
	if limit <= 0 || limit > pageMax {
		return pageMax
	}
	return limit
}

// Get returns a record, or ErrNotFound.
func (s *Store) Get(ctx context.Context, k access.Key) (rec access.Record, err error) {
	if ctx.Err() != nil {
		return rec, context.Cause(ctx)
	}
	err = s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(recordsBucket).Get(recordKey(k))
		if b == nil {
			return fmt.Errorf("%s: %w", k, access.ErrNotFound)
		}
		rec, err = record(k, b)
		return err
	})
	return rec, err
}

// record copies a record out of the transaction's memory.
func record(k access.Key, b []byte) (access.Record, error) {
	e, ok := parseEntry(b)
	if !ok {
		return access.Record{}, fmt.Errorf("record %s cannot be read: %w", k, access.ErrBroken)
	}
	return access.Record{Key: k, Version: e.version, Data: bytes.Clone(e.data)}, nil
}

// List returns a page of the records under an index. A page may be shorter
// than asked for when its records are large; Next says whether there is more.
func (s *Store) List(ctx context.Context, q access.Query) (page access.Page, err error) {
	if ctx.Err() != nil {
		return page, context.Cause(ctx)
	}
	l, err := newListing(q)
	if err != nil {
		return page, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		page, err = l.page(tx)
		return err
	})
	return page, err
}

// A listing is the part of an index that a query asks for.
type listing struct {
	prefix     []byte
	from, to   []byte // from <= key < to
	descending bool
	limit      int
}

func newListing(q access.Query) (listing, error) {
	l := listing{prefix: part(nil, q.Index), descending: q.Descending, limit: atMost(q.Limit)}
	l.from, l.to = part(slices.Clone(l.prefix), q.From), after(l.prefix)
	if q.From == "" {
		l.from = l.prefix
	}
	if q.To != "" {
		l.to = part(slices.Clone(l.prefix), q.To)
	}
	if q.After == "" {
		return l, nil
	}
	last, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil || !bytes.HasPrefix(last, l.prefix) {
		return l, fmt.Errorf("list %s after %q: not a cursor of this index", q.Index, q.After)
	}
	if next := append(last, 0); !q.Descending && bytes.Compare(next, l.from) > 0 {
		l.from = next
	}
	if q.Descending && bytes.Compare(last, l.to) < 0 {
		l.to = last
	}
	return l, nil
}

func (l listing) page(tx *bbolt.Tx) (access.Page, error) {
	var p access.Page
	var last []byte
	c := tx.Bucket(indexBucket).Cursor()
	size := 0
	for k := l.first(c); l.holds(k); k = l.next(c) {
		if len(p.Records) == l.limit || size > pageBytes {
			p.Next = base64.RawURLEncoding.EncodeToString(last)
			break
		}
		rec, err := l.record(tx, k)
		if err != nil {
			return access.Page{}, err
		}
		p.Records = append(p.Records, rec)
		size += len(rec.Data)
		last = k
	}
	return p, nil
}

func (l listing) first(c *bbolt.Cursor) []byte {
	if l.descending {
		k, _ := seekBefore(c, l.to)
		return k
	}
	k, _ := c.Seek(l.from)
	return k
}

func (l listing) next(c *bbolt.Cursor) []byte {
	if l.descending {
		k, _ := c.Prev()
		return k
	}
	k, _ := c.Next()
	return k
}

func (l listing) holds(k []byte) bool {
	return k != nil && bytes.Compare(k, l.from) >= 0 && bytes.Compare(k, l.to) < 0
}

// record returns the record that the index key k lists.
func (l listing) record(tx *bbolt.Tx, k []byte) (access.Record, error) {
	_, stored, err := split(k[len(l.prefix):])
	if err != nil {
		return access.Record{}, err
	}
	key, err := parseRecordKey(stored)
	if err != nil {
		return access.Record{}, err
	}
	b := tx.Bucket(recordsBucket).Get(stored)
	if b == nil {
		return access.Record{}, fmt.Errorf("record %s is listed and not there: %w", key, access.ErrBroken)
	}
	return record(key, b)
}

// seekBefore moves c to the last key before k.
func seekBefore(c *bbolt.Cursor, k []byte) (key, value []byte) {
	if key, _ = c.Seek(k); key == nil {
		return c.Last()
	}
	return c.Prev()
}

// Stream returns the events of one request in order, from seq on.
func (s *Store) Stream(ctx context.Context, id access.RequestID, seq uint64, limit int) (events []access.Event, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	prefix := part(nil, string(id))
	err = s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(streamsBucket).Cursor()
		k, pos := c.Seek(streamKey(id, seq))
		for ; len(k) == len(prefix)+8 && bytes.HasPrefix(k, prefix) && len(events) < atMost(limit); k, pos = c.Next() {
			e, err := streamEvent(tx, id, binary.BigEndian.Uint64(k[len(prefix):]), pos)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, err
}

// streamEvent returns the event that is the seq-th of a stream, according to
// the bucket of streams, and at pos.
func streamEvent(tx *bbolt.Tx, id access.RequestID, seq uint64, pos []byte) (access.Event, error) {
	e, err := event(pos, tx.Bucket(eventsBucket).Get(pos))
	if err != nil {
		return e, fmt.Errorf("event %s/%d: %w", id, seq, err)
	}
	if e.Stream != id || e.Seq != seq {
		return e, fmt.Errorf("event %s/%d is %s/%d where it is stored: %w", id, seq, e.Stream, e.Seq, access.ErrBroken)
	}
	return e, nil
}

// Log returns the events of all requests in the order of their commits, from
// position pos on.
func (s *Store) Log(ctx context.Context, pos uint64, limit int) (events []access.Event, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	err = s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(eventsBucket).Cursor()
		for k, v := c.Seek(n64(pos)); k != nil && len(events) < atMost(limit); k, v = c.Next() {
			e, err := event(k, v)
			if err != nil {
				return err
			}
			events = append(events, e)
		}
		return nil
	})
	return events, err
}

// event decodes the event that is stored at pos.
func event(pos, line []byte) (access.Event, error) {
	var e access.Event
	switch err := json.Unmarshal(line, &e); {
	case len(pos) != 8 || line == nil:
		return e, fmt.Errorf("position %x holds no event: %w", pos, access.ErrBroken)
	case err != nil:
		return e, fmt.Errorf("event at position %d cannot be read: %w", binary.BigEndian.Uint64(pos), access.ErrBroken)
	case e.Pos != binary.BigEndian.Uint64(pos):
		return e, fmt.Errorf("event at position %d says that it is %s/%d at %d: %w",
			binary.BigEndian.Uint64(pos), e.Stream, e.Seq, e.Pos, access.ErrBroken)
	}
	return e, nil
}
