package bolt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
	"sesame/store"
)

// Names in the directory.
const (
	fileName   = "sesame.db"
	formatName = "FORMAT"
	ownerName  = "owner"
)

// Defaults of the options.
const (
	DefaultReserve = 32 << 20
	DefaultWait    = time.Second
)

// mapAhead is how much address space is mapped from the start: 16 GiB where
// there is plenty. Mapping more later would wait for every reader, and a
// backup reads for long.
const mapAhead = math.MaxInt >> 29

// ErrLocked says that another process has the store open.
var ErrLocked = errors.New("store in use")

// Options say which store to open and how.
type Options struct {
	// Dir is the data directory. It is made if it does not exist. Required.
	Dir string
	// Reserve is the room in bytes that is kept for ends. Zero means
	// DefaultReserve.
	Reserve int64
	// Wait is how long to wait for a store that is in use. Zero means
	// DefaultWait.
	Wait time.Duration

	// write makes the file larger; tests put a small disk in its place.
	write func(f *os.File, p []byte, off int64) (int, error)
}

func (o Options) withDefaults() Options {
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.write == nil {
		o.write = (*os.File).WriteAt
	}
	return o
}

// A Store is an access.Store in a file. Its methods are safe for concurrent
// use.
type Store struct {
	path  string
	db    *bbolt.DB
	file  *os.File // the one that db has open
	room  *room
	watch store.Watchers
	stats counters

	in      chan *member
	stop    chan struct{}
	closing sync.Once
	running sync.WaitGroup // the committer

	// The committer's own.
	broken  error  // why nothing is committed any more
	version uint64 // of the last commit
}

// Open opens the store in o.Dir, and makes it if there is none. Close it.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	if err := prepareDir(o.Dir); err != nil {
		return nil, err
	}
	fresh, err := isFresh(o.Dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, fileName)
	if !fresh {
		if err := wholeFile(path, o.Wait); err != nil {
			return nil, err
		}
	}
	s, err := openFile(path, o.Wait, false)
	if err != nil {
		return nil, err
	}
	if err := s.start(o, fresh); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// start makes s ready to commit.
func (s *Store) start(o Options, fresh bool) error {
	if fresh {
		if err := s.found(); err != nil {
			return err
		}
	}
	if err := s.checkLayout(); err != nil {
		return err
	}
	if fresh {
		if err := writeFormat(o.Dir); err != nil {
			return err
		}
	}
	room, err := newRoom(s, o)
	if err != nil {
		return err
	}
	s.room = room
	s.stats.space(room)
	s.moved()
	writeOwner(o.Dir)
	s.in, s.stop = make(chan *member), make(chan struct{})
	s.running.Go(s.run)
	return nil
}

// OpenReadOnly opens a backup, or the store of a directory that nobody else
// has open, for reading alone: commits fail. path is a file or a directory.
func OpenReadOnly(path string) (*Store, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if _, err := isFresh(path); err != nil {
			return nil, err
		}
		path = filepath.Join(path, fileName)
	}
	if err := wholeFile(path, DefaultWait); err != nil {
		return nil, err
	}
	s, err := openFile(path, DefaultWait, true)
	if err != nil {
		return nil, err
	}
	if err := s.checkLayout(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openFile opens the bbolt file at path.
func openFile(path string, wait time.Duration, readOnly bool) (*Store, error) {
	s := &Store{path: path}
	o := &bbolt.Options{Timeout: wait, ReadOnly: readOnly, FreelistType: bbolt.FreelistMapType}
	if !readOnly {
		o.InitialMmapSize = mapAhead
	}
	o.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		f, err = os.OpenFile(name, flag, mode)
		s.file = f
		return f, err
	}
	err := s.guard(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	if err != nil {
		return nil, errors.Join(explain(path, err), s.abandon())
	}
	return s, nil
}

// Close ends the store after the commits that are under way. Commits and reads
// that come later fail.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		if s.stop != nil {
			close(s.stop)
			s.running.Wait()
		}
		err = s.close()
	})
	return err
}

func (s *Store) close() error {
	if s.broken != nil {
		// A damaged page can make bbolt panic with its mutexes held, after
		// which its Close would wait for ever.
		return s.abandon()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// abandon gives up the file of a database that bbolt did not or cannot close.
// It stays mapped until the process ends, which would keep its lock.
func (s *Store) abandon() error {
	if s.file == nil {
		return nil
	}
	fd := int(s.file.Fd())
	if fd < 0 {
		return nil // bbolt closed it
	}
	return errors.Join(unlock(fd), s.file.Close())
}

// Lead takes leadership: commits of earlier epochs fail from now on. It may
// use the room that is kept for ends, since ending needs a leader.
func (s *Store) Lead(ctx context.Context) (access.Epoch, error) {
	var epoch access.Epoch
	err := s.submit(ctx, &member{ending: true, do: func(w *writer) error {
		w.state.epoch++
		epoch = access.Epoch(w.state.epoch)
		return nil
	}})
	if err != nil {
		return 0, fmt.Errorf("take leadership: %w", err)
	}
	return epoch, nil
}

// Watch calls seen with the keys of every commit after Watch returned, which
// it does at once, until ctx ends.
func (s *Store) Watch(ctx context.Context, seen func([]access.Key)) { s.watch.Add(ctx, seen) }
