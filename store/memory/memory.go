// Package memory is a store that lives in memory, for stories and tests that
// start a hundred times and keep nothing.
//
// It promises what every store promises, checked by storetest, and to hold
// what was committed for as long as the value lives: closing it changes
// nothing, so that a test which starts its program again finds its records,
// as it would on disk. All its methods are safe for concurrent use.
//
// It refuses to be more than that: one lock, plain maps, and inserts that
// move what comes after them.
package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sesame/flows/access"
	"sesame/store"
)

// pageMax is the most that any read returns at once.
const pageMax = 1000

// A Store is an access.Store in memory. New makes one.
type Store struct {
	mu      sync.RWMutex // guards what follows
	records map[access.Key]stored
	index   map[string][]listed // by index name, in order
	log     [][]byte            // events as JSON, in order of their positions
	streams map[access.RequestID][]uint64
	version access.Version
	epoch   access.Epoch
	notices uint64

	watch store.Watchers
}

// stored is a record with the entries that list it.
type stored struct {
	access.Record
	index []access.Index
}

// New returns an empty store.
func New() *Store {
	return &Store{
		records: map[access.Key]stored{},
		index:   map[string][]listed{},
		streams: map[access.RequestID][]uint64{},
	}
}

// Close does nothing: the store can be used on.
func (s *Store) Close() error { return nil }

// Lead takes leadership.
func (s *Store) Lead(ctx context.Context) (access.Epoch, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	return s.epoch, nil
}

// Watch calls seen with the keys of every commit after Watch returned, which
// it does at once, until ctx ends.
func (s *Store) Watch(ctx context.Context, seen func([]access.Key)) { s.watch.Add(ctx, seen) }

// Commit carries out c.
func (s *Store) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	step, err := s.commit(c)
	if err != nil {
		return 0, err
	}
	s.watch.Tell(step.keys())
	return step.version, nil
}

func (s *Store) commit(c access.Commit) (*step, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, err := s.planLocked(c)
	if err != nil {
		return nil, err
	}
	s.applyLocked(step)
	return step, nil
}

// A step is a commit that nothing can refuse any more.
type step struct {
	version access.Version
	writes  []stored
	deletes []access.Key
	events  []access.Event
	lines   [][]byte // the events as JSON
	notices uint64   // the last one's number
}

func (st *step) keys() []access.Key {
	keys := slices.Clone(st.deletes)
	for _, w := range st.writes {
		keys = append(keys, w.Key)
	}
	return keys
}

func (s *Store) planLocked(c access.Commit) (*step, error) {
	if c.Epoch != 0 && c.Epoch != s.epoch {
		return nil, fmt.Errorf("commit under leadership %d of %d: %w", c.Epoch, s.epoch, access.ErrDeposed)
	}
	if _, err := c.Size(); err != nil {
		return nil, err
	}
	st := &step{version: s.version + 1, notices: s.notices}
	changes, err := st.withNotices(c)
	if err != nil {
		return nil, err
	}
	if err := s.planChangesLocked(st, changes); err != nil {
		return nil, err
	}
	return st, s.planEventsLocked(st, c.Events)
}

// withNotices returns the changes of c together with those that put its
// notices into the outbox.
func (st *step) withNotices(c access.Commit) ([]access.Change, error) {
	changes := slices.Clone(c.Changes)
	for _, n := range c.Notices {
		st.notices++
		n.Seq = st.notices
		ch, err := access.Put(n, 0)
		if err != nil {
			return nil, err
		}
		changes = append(changes, ch)
	}
	return changes, nil
}

func (s *Store) planChangesLocked(st *step, changes []access.Change) error {
	seen := map[access.Key]bool{}
	for _, ch := range changes {
		if seen[ch.Key] {
			return fmt.Errorf("commit changes %s twice", ch.Key)
		}
		seen[ch.Key] = true
		if is := s.records[ch.Key].Version; is != ch.Expect {
			return fmt.Errorf("%s is at version %d, not %d: %w", ch.Key, is, ch.Expect, access.ErrConflict)
		}
		if ch.Data == nil {
			st.deletes = append(st.deletes, ch.Key)
			continue
		}
		w := stored{Record: access.Record{Key: ch.Key, Version: st.version, Data: slices.Clone(ch.Data)}}
		if ch.Index != nil {
			w.index = slices.Clone(ch.Index(st.version))
		}
		st.writes = append(st.writes, w)
	}
	return nil
}

func (s *Store) planEventsLocked(st *step, events []access.Event) error {
	heads := map[access.RequestID]access.Event{}
	for i, e := range events {
		if e.Stream == "" {
			return errors.New("an event names no request")
		}
		prev, ok := heads[e.Stream]
		if !ok {
			var err error
			if prev, err = s.headLocked(e.Stream); err != nil {
				return err
			}
		}
		e = e.Chain(prev, uint64(len(s.log)+i+1))
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode event %s of %s: %w", e.Type, e.Stream, err)
		}
		heads[e.Stream] = e
		st.events, st.lines = append(st.events, e), append(st.lines, line)
	}
	return nil
}

// headLocked returns the last event of a stream, or the zero event.
func (s *Store) headLocked(id access.RequestID) (access.Event, error) {
	at := s.streams[id]
	if len(at) == 0 {
		return access.Event{}, nil
	}
	return s.eventLocked(at[len(at)-1])
}

func (s *Store) applyLocked(st *step) {
	for _, k := range st.deletes {
		s.unlistLocked(s.records[k])
		delete(s.records, k)
	}
	for _, w := range st.writes {
		s.unlistLocked(s.records[w.Key])
		s.records[w.Key] = w
		s.listLocked(w)
	}
	for i, e := range st.events {
		s.log = append(s.log, st.lines[i])
		s.streams[e.Stream] = append(s.streams[e.Stream], e.Pos)
	}
	s.version, s.notices = st.version, st.notices
}
