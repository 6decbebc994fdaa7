package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"sesame/flows/access"
)

// The limits of a group of commits that share one write to the disk: so much
// that two hundred at once are one group, so little that a group always fits
// into the reserve.
const (
	groupMembers = 512
	groupBytes   = 4 << 20
)

var (
	errClosed = errors.New("store is closed")
	// errNothing ends a transaction in which no member changed anything.
	errNothing = errors.New("nothing to commit")
)

// A member is a commit on its way. Its do may be called more than once, since
// a transaction that does not fit is made again.
type member struct {
	ending bool
	size   int
	do     func(*writer) error
	keys   []access.Key // that do changed
	err    error
	done   chan struct{}
}

// Commit carries out c. Once it has begun it is not interrupted by the end of
// ctx, so that an error always means that nothing was changed.
func (s *Store) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	size, err := c.Size()
	if err != nil {
		return 0, err
	}
	var v access.Version
	m := &member{ending: c.Ending, size: size}
	m.do = func(w *writer) (err error) {
		v, m.keys, err = w.commit(c)
		return err
	}
	if err := s.submit(ctx, m); err != nil {
		return 0, err
	}
	return v, nil
}

// submit hands m to the committer and waits for its outcome.
func (s *Store) submit(ctx context.Context, m *member) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.in == nil {
		return fmt.Errorf("store %s is open for reading only", s.path)
	}
	m.done = make(chan struct{})
	select {
	case s.in <- m:
		<-m.done
		return m.err
	case <-s.stop:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run is the committer. Whoever comes while a group is being written waits on
// s.in and is in the next group: there is no delay to wait for company, and
// none without company.
func (s *Store) run() {
	for {
		select {
		case m := <-s.in:
			s.carryOut(s.gather(m))
		case <-s.stop:
			return
		}
	}
}

// gather returns first and those who wait already.
func (s *Store) gather(first *member) []*member {
	group := []*member{first}
	for size := first.size; len(group) < groupMembers && size < groupBytes; {
		select {
		case m := <-s.in:
			group = append(group, m)
			size += m.size
		default:
			return group
		}
	}
	return group
}

// carryOut gives every member of the group its outcome.
func (s *Store) carryOut(group []*member) {
	err := s.write(group)
	s.stats.space(s.room)
	for _, m := range group {
		if err != nil {
			m.err = err
		}
		close(m.done)
		if m.err == nil && len(m.keys) > 0 {
			s.watch.Tell(m.keys)
		}
	}
}

// write commits the group. An error is everybody's; those that concern one
// member are in the member.
func (s *Store) write(group []*member) error {
	if s.broken != nil {
		return s.broken
	}
	if s.room.short {
		// Whether there is room again shows in the attempt to take it. That
		// there is none is dealt with where room is needed.
		_ = s.room.grow(growStep)
	}
	err := s.attempt(group, false)
	for by := int64(growStep); errors.Is(err, berrors.ErrMaxSizeReached); by *= 2 {
		if full := s.room.grow(by); full != nil {
			err = full
			break
		}
		err = s.attempt(group, false)
	}
	if noSpace(err) {
		err = s.writeEnds(group)
	}
	return s.outcome(err)
}

// writeEnds commits those members of the group that end something into the
// reserve. The others find no space.
func (s *Store) writeEnds(group []*member) error {
	s.room.short = true
	ends := slices.DeleteFunc(slices.Clone(group), func(m *member) bool { return !m.ending })
	for _, m := range group {
		m.err = fmt.Errorf("store %s: %w", s.path, access.ErrNoSpace)
	}
	err := s.attempt(ends, true)
	if errors.Is(err, berrors.ErrMaxSizeReached) || noSpace(err) {
		for _, m := range ends {
			m.err = fmt.Errorf("store %s, with its reserve: %w", s.path, access.ErrNoSpace)
		}
		return nil
	}
	return err
}

// outcome decides whether the store can be used on after err.
func (s *Store) outcome(err error) error {
	if err == nil {
		return nil
	}
	// bbolt rolled back. But after a failed sync nobody knows what is on the
	// disk, and after a panic what is in memory; only opening anew tells.
	s.broken = fmt.Errorf("store %s takes no commits since one went wrong, start sesame again: %w", s.path, err)
	return s.broken
}

// attempt makes one transaction of the group.
func (s *Store) attempt(group []*member, ending bool) error {
	if len(group) == 0 {
		return nil
	}
	s.room.limit(ending)
	good := 0
	err := s.guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) (err error) {
			good, err = s.doAll(tx, group)
			return err
		})
	})
	switch {
	case errors.Is(err, errNothing):
		return nil
	case noSpace(err) && s.moved():
		return fmt.Errorf("commit is visible, but may not be on the disk: %v", err)
	case err == nil:
		s.stats.group(good, s.db.Stats())
		s.moved()
	}
	return err
}

// moved reports whether the store's last version is another than when it was
// called before.
func (s *Store) moved() bool {
	before := s.version
	err := s.view(func(tx *bbolt.Tx) error {
		st, err := readState(tx)
		s.version = st.version
		return err
	})
	return err != nil || s.version != before
}

// doAll lets every member make its changes, and returns how many did.
func (s *Store) doAll(tx *bbolt.Tx, group []*member) (int, error) {
	w, err := s.writer(tx)
	if err != nil {
		return 0, err
	}
	good := 0
	for _, m := range group {
		if m.err = m.do(w); m.err == nil {
			good++
		}
		if w.err != nil {
			return 0, w.err
		}
	}
	if good == 0 {
		return 0, errNothing
	}
	return good, w.finish()
}
