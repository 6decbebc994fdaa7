package bolt

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Stats are numbers for the health of a store, since it was opened.
type Stats struct {
	Commits  int // that succeeded
	Groups   int // transactions that they shared
	Largest  int // the most commits in one group
	Size     int64
	NoSpace  bool          // the disk is full: only ends are recorded
	Writing  time.Duration // spent writing groups to the disk, syncs included
	LastSync time.Duration // what the last group of that took
}

// counters keep the stats.
type counters struct {
	mu sync.Mutex // guards is
	is Stats
}

// group counts a group of n commits, after which bbolt has the given stats.
func (c *counters) group(n int, b bbolt.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	writing := b.TxStats.GetWriteTime()
	c.is.Commits += n
	c.is.Groups++
	c.is.Largest = max(c.is.Largest, n)
	c.is.LastSync, c.is.Writing = writing-c.is.Writing, writing
}

// space notes the size of the file and whether there is room for more.
func (c *counters) space(r *room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.is.Size, c.is.NoSpace = r.size, r.short
}

// Stats returns numbers for the health of the store.
func (s *Store) Stats() Stats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	return s.stats.is
}

// Backup writes the store to w as it is at one moment, in the form that
// OpenReadOnly opens and that can take the file's place. Commits go on
// meanwhile; the file grows by what they replace.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	untilDone := writerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return w.Write(p)
	})
	err := s.view(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(untilDone)
		return err
	})
	if ctx.Err() != nil {
		// bbolt's own errors do not wrap what the writer said.
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("back up store %s: %w", s.path, err)
	}
	return nil
}

type writerFunc func([]byte) (int, error)

// Write calls f.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
