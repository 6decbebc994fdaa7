package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sesame/flows/access"
)

// A spill is the store as the Keeper sees it. An ending that cannot be
// recorded because the disk is full proceeds from memory, and is recorded, in
// the same order, as soon as there is room. A crash before that loses only the
// record: what was open is still open in the store, past its deadline, and is
// closed again by whoever comes after.
type spill struct {
	access.Store
	mu   sync.Mutex // guards what follows
	held []heldCommit
	// records are as the held commits leave them; no data means deleted.
	records map[access.Key]access.Record
	next    access.Version
}

// A heldCommit waits for room. Its version is made up.
type heldCommit struct {
	access.Commit
	version access.Version
}

// madeUp is where made-up versions begin; no store gets that far.
const madeUp = access.Version(1 << 62)

func newSpill(s access.Store) *spill {
	return &spill{Store: s, records: map[access.Key]access.Record{}, next: madeUp}
}

// pending returns how many commits wait for room.
func (s *spill) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// Get returns the record as it is, or as it will be once there is room.
func (s *spill) Get(ctx context.Context, k access.Key) (access.Record, error) {
	s.mu.Lock()
	rec, held := s.records[k]
	s.mu.Unlock()
	if !held {
		return s.Store.Get(ctx, k)
	}
	return rec, missing(rec)
}

// missing returns ErrNotFound for a record that a held commit deletes.
func missing(rec access.Record) error {
	if rec.Data == nil {
		return fmt.Errorf("%s: %w", rec.Key, access.ErrNotFound)
	}
	return nil
}

// Commit commits c, or holds it when it ends something and there is no room.
// What builds on a held record is held as well.
func (s *spill) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	if !s.buildsOnHeld(c) {
		v, err := s.Store.Commit(ctx, c)
		if !c.Ending || !errors.Is(err, access.ErrNoSpace) {
			return v, err
		}
	} else if !c.Ending {
		return 0, access.ErrNoSpace
	}
	return s.hold(ctx, c)
}

func (s *spill) buildsOnHeld(c access.Commit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(c.Changes, func(ch access.Change) bool {
		_, held := s.records[ch.Key]
		return held
	})
}

// hold keeps c in memory if its versions are right. The lock is kept meanwhile,
// so that of two commits on one record only one is held.
func (s *spill) hold(ctx context.Context, c access.Commit) (access.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range c.Changes {
		is, err := s.versionLocked(ctx, ch.Key)
		if err != nil {
			return 0, err
		}
		if is != ch.Expect {
			return 0, fmt.Errorf("%s: %w", ch.Key, access.ErrConflict)
		}
	}
	s.next++
	for _, ch := range c.Changes {
		s.records[ch.Key] = access.Record{Key: ch.Key, Version: s.next, Data: ch.Data}
	}
	c.Changes = slices.Clone(c.Changes)
	s.held = append(s.held, heldCommit{c, s.next})
	return s.next, nil
}

// versionLocked returns the version of a record, 0 if there is none.
func (s *spill) versionLocked(ctx context.Context, k access.Key) (access.Version, error) {
	rec, held := s.records[k]
	if held && rec.Data == nil {
		return 0, nil
	} else if held {
		return rec.Version, nil
	}
	rec, err := s.Store.Get(ctx, k)
	if errors.Is(err, access.ErrNotFound) {
		return 0, nil
	}
	return rec.Version, err
}

// flush records what is held, as far as there is room. The lock is kept
// meanwhile, so that nothing builds on a record whose version is changing.
func (s *spill) flush(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	durable := map[access.Version]access.Version{}
	for len(s.held) > 0 {
		h := s.held[0]
		v, err := s.Store.Commit(ctx, h.Commit)
		if err != nil && (errors.Is(err, access.ErrNoSpace) || ctx.Err() != nil) {
			return
		}
		// Any other failure means that somebody else wrote the record since:
		// what is stored counts, and the Keeper looks at it again.
		if err == nil {
			durable[h.version] = v
		}
		s.held = s.held[1:]
		for k, rec := range s.records {
			if rec.Version == h.version {
				delete(s.records, k)
			}
		}
		s.rebaseLocked(durable)
	}
}

// rebaseLocked gives the held commits the versions that those before them
// have by now.
func (s *spill) rebaseLocked(durable map[access.Version]access.Version) {
	for _, h := range s.held {
		for i, ch := range h.Changes {
			if v, ok := durable[ch.Expect]; ok {
				h.Changes[i].Expect = v
			}
		}
	}
}
