package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"sesame/flows/access"
)

// listed is one entry of an index.
type listed struct {
	Value string
	Key   access.Key
}

func (l listed) compare(m listed) int {
	return cmp.Or(
		cmp.Compare(l.Value, m.Value), cmp.Compare(l.Key.Kind, m.Key.Kind), cmp.Compare(l.Key.ID, m.Key.ID),
	)
}

func (s *Store) listLocked(w stored) {
	for _, x := range w.index {
		entry := listed{x.Value, w.Key}
		if i, found := slices.BinarySearchFunc(s.index[x.Name], entry, listed.compare); !found {
			s.index[x.Name] = slices.Insert(s.index[x.Name], i, entry)
		}
	}
}

func (s *Store) unlistLocked(w stored) {
	for _, x := range w.index {
		entry := listed{x.Value, w.Key}
		if i, found := slices.BinarySearchFunc(s.index[x.Name], entry, listed.compare); found {
			s.index[x.Name] = slices.Delete(s.index[x.Name], i, i+1)
		}
	}
}

// Get returns a record, or ErrNotFound.
func (s *Store) Get(ctx context.Context, k access.Key) (access.Record, error) {
	if ctx.Err() != nil {
		return access.Record{}, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok := s.records[k]
	if !ok {
		return access.Record{}, fmt.Errorf("%s: %w", k, access.ErrNotFound)
	}
	return w.copied(), nil
}

func (w stored) copied() access.Record {
	w.Data = slices.Clone(w.Data)
	return w.Record
}

// List returns a page of the records under an index.
func (s *Store) List(ctx context.Context, q access.Query) (access.Page, error) {
	if ctx.Err() != nil {
		return access.Page{}, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	part, err := s.rangeLocked(q)
	if err != nil {
		return access.Page{}, err
	}
	var p access.Page
	n := min(len(part), atMost(q.Limit))
	for i := range n {
		entry := part[i]
		if q.Descending {
			entry = part[len(part)-1-i]
		}
		p.Records = append(p.Records, s.records[entry.Key].copied())
		if i == n-1 && n < len(part) {
			p.Next = cursor(q.Index, entry)
		}
	}
	return p, nil
}

// rangeLocked returns the entries that q asks for, in ascending order.
func (s *Store) rangeLocked(q access.Query) ([]listed, error) {
	all := s.index[q.Index]
	from := firstAt(all, listed{Value: q.From})
	to := len(all)
	if q.To != "" {
		to = firstAt(all, listed{Value: q.To})
	}
	if q.After != "" {
		last, err := parseCursor(q.Index, q.After)
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(all, last, listed.compare)
		switch {
		case q.Descending:
			to = min(to, i)
		case found:
			from = max(from, i+1)
		default:
			from = max(from, i)
		}
	}
	if from >= to {
		return nil, nil
	}
	return all[from:to], nil
}

func firstAt(all []listed, at listed) int {
	i, _ := slices.BinarySearchFunc(all, at, listed.compare)
	return i
}

// A place is what a cursor says: the index, and the last entry of the page.
// It holds bytes, since a name need not be text and JSON keeps only text.
type place struct{ Index, Value, Kind, ID []byte }

func cursor(index string, last listed) string {
	// Bytes always encode, so the error cannot happen.
	b, err := json.Marshal(place{[]byte(index), []byte(last.Value), []byte(last.Key.Kind), []byte(last.Key.ID)})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func parseCursor(index, s string) (listed, error) {
	var p place
	if err := json.Unmarshal([]byte(s), &p); err != nil || string(p.Index) != index {
		return listed{}, fmt.Errorf("list %s after %q: not a cursor of this index", index, s)
	}
	return listed{string(p.Value), access.Key{Kind: access.Kind(p.Kind), ID: string(p.ID)}}, nil
}

// Stream returns the events of one request.
func (s *Store) Stream(ctx context.Context, id access.RequestID, seq uint64, limit int) ([]access.Event, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	at := s.streams[id]
	at = at[min(max(seq, 1)-1, uint64(len(at))):]
	return s.eventsLocked(at[:min(len(at), atMost(limit))])
}

// Log returns the events of all requests.
func (s *Store) Log(ctx context.Context, pos uint64, limit int) ([]access.Event, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var at []uint64
	for p := max(pos, 1); p <= uint64(len(s.log)) && len(at) < atMost(limit); p++ {
		at = append(at, p)
	}
	return s.eventsLocked(at)
}

func (s *Store) eventsLocked(at []uint64) ([]access.Event, error) {
	var events []access.Event
	for _, pos := range at {
		e, err := s.eventLocked(pos)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// eventLocked decodes the event at pos: as from a disk, so that what the
// caller gets shares no memory with the store and lost what JSON does not keep.
func (s *Store) eventLocked(pos uint64) (access.Event, error) {
	var e access.Event
	if err := json.Unmarshal(s.log[pos-1], &e); err != nil {
		return e, fmt.Errorf("decode event at %d: %w", pos, err)
	}
	return e, nil
}

func atMost(limit int) int {
	if limit <= 0 || limit > pageMax {
		return pageMax
	}
	return limit
}
