package record

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// A Journal is where it stands for good that there is a recording, outside of
// its own files. Its methods return once that is durable, and are safe for
// concurrent use.
type Journal interface {
	// Begun is told of a recording before anything is recorded.
	Begun(ctx context.Context, m Manifest) error
	// Stood is told, from time to time, how far one has come.
	Stood(ctx context.Context, m Manifest) error
	// Ended is told of a recording that is whole, and may be told again.
	Ended(ctx context.Context, m Manifest) error
}

// Config says where recordings are kept, and how much of them.
type Config struct {
	// Dir is the folder of all recordings. Required.
	Dir string
	// Sealer keeps their keys. Required.
	Sealer Sealer
	// Journal takes note of them. Optional: without it, only the files do.
	Journal Journal
	// Sign signs a manifest. Optional: without it, manifests are unsigned.
	Sign func(text []byte) []byte
	// Quota is how many bytes all recordings may take. Default 10 GiB.
	Quota int64
	// Clock is the one that events carry the time of. Required.
	Clock clock.Clock
	// Wall paces the writes to the disk. Default clock.System.
	Wall clock.Clock
	// Failed is told what went wrong where nobody waits for it. Optional.
	Failed func(error)
}

const (
	defaultQuota = 10 << 30
	// reserve is what the recordings that are open may take when no more are
	// begun.
	reserve = 64 << 20
	// flushEvery is how long an event may wait to be written and brought to
	// the disk.
	flushEvery = 250 * time.Millisecond
	// standEvery is how long an open recording may move before the journal is
	// told.
	standEvery = 5 * time.Minute
)

// A Store keeps recordings. It is safe for concurrent use. Open makes one,
// Close ends it.
type Store struct {
	Config
	chunk int64 // that is searched at a time
	stop  context.CancelFunc
	wg    sync.WaitGroup

	mu     sync.Mutex // guards what follows
	used   int64
	open   map[string]*Recording
	unsaid map[string]Manifest // ended, and the journal does not know
}

// Open opens the recordings in a folder, which is made if there is none.
func Open(c Config) (*Store, error) {
	c.Quota = cmp.Or(c.Quota, defaultQuota)
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	if c.Sealer == nil || c.Clock == nil {
		return nil, errors.New("open the recordings: there is no sealer, or no clock")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the recordings: %w", err)
	}
	s := &Store{Config: c, chunk: chunkSize, open: map[string]*Recording{}, unsaid: map[string]Manifest{}}
	used, err := sizeOf(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the recordings: %w", err)
	}
	s.used = used
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.wg.Go(func() { s.flush(ctx) })
	return s, nil
}

// sizeOf is how many bytes the segments below a folder have.
func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(d.Name()) != segmentExt {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, os.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func (s *Store) dir(id string) string { return filepath.Join(s.Dir, id) }

// NewID returns an id that no recording has.
func NewID() string { return "rec-" + strings.ToLower(rand.Text()) }

// Begin begins a recording. When it returns, the recording is in the journal
// and on the disk, and nothing of the session has passed yet.
func (s *Store) Begin(ctx context.Context, a About) (*Recording, error) {
	a.ID = cmp.Or(a.ID, NewID())
	a.Began = a.Began.UTC().Round(0)
	if err := a.check(); err != nil {
		return nil, err
	}
	if err := s.Room(); err != nil {
		return nil, err
	}
	r, err := s.create(a)
	if err != nil {
		return nil, fmt.Errorf("begin recording %s: %w", a.ID, err)
	}
	if s.Journal != nil {
		err = s.Journal.Begun(ctx, r.manifest)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin recording %s: %w", a.ID, err), r.abandon())
	}
	return r, nil
}

// create makes the folder of a recording with all that it begins with.
func (s *Store) create(a About) (*Recording, error) {
	dir := s.dir(a.ID)
	r := &Recording{store: s, dir: dir, manifest: Manifest{About: a, State: StateOpen, Keys: map[Stream]string{}}}
	r.mu.Lock()
	defer r.mu.Unlock()
	// It counts as open from here on: nobody takes it for what a crash left.
	if err := s.enter(r); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.forget(a.ID)
		return nil, noSpace(err)
	}
	r.room, r.port.mark = s.take, r.oddLocked
	for _, name := range r.manifest.streams() {
		st, err := newStream(dir, a, name, s.Config)
		if err != nil {
			return nil, errors.Join(err, r.abandonLocked())
		}
		st.room = r.room
		r.manifest.Keys[name] = st.key
		if name == Output {
			r.output = st
		} else {
			r.input = st
			r.mask.pass, r.mask.hide = r.keep, r.hide
		}
	}
	r.sumLocked()
	if err := errors.Join(r.introduce(), writeManifest(dir, r.manifest), syncDir(s.Dir)); err != nil {
		return nil, errors.Join(err, r.abandonLocked())
	}
	return r, nil
}

// enter counts a recording among those that are open, once.
func (s *Store) enter(r *Recording) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[r.manifest.ID] != nil {
		return fmt.Errorf("it is open already: %w", access.ErrConflict)
	}
	s.open[r.manifest.ID] = r
	return nil
}

func (s *Store) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, id)
}

// take takes bytes of the quota.
func (s *Store) take(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+n > s.Quota {
		return fmt.Errorf("the recordings have reached their quota of %d MiB: %w", s.Quota>>20, access.ErrNoSpace)
	}
	s.used += n
	return nil
}

func (s *Store) release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

// Room reports why a session that begins now could not be recorded, or nil.
func (s *Store) Room() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+min(reserve, s.Quota/8) > s.Quota {
		return fmt.Errorf("the recordings have reached their quota of %d MiB: %w", s.Quota>>20, access.ErrNoSpace)
	}
	return nil
}

// live returns the recordings that are open.
func (s *Store) live() []*Recording {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Recording, 0, len(s.open))
	for _, r := range s.open {
		all = append(all, r)
	}
	return all
}

// flush brings what is recorded to the disk, until ctx ends.
func (s *Store) flush(ctx context.Context) {
	for clock.Wait(ctx, s.Wall, s.Wall.Now().Add(flushEvery)) == nil {
		for _, r := range s.live() {
			// Whoever records next is told, and the session ends.
			if err := r.flush(); err != nil {
				s.Failed(err)
				continue
			}
			s.stand(ctx, r)
		}
		s.say(ctx)
	}
}

// stand tells the journal of a recording that has moved for long enough. It may
// be told later: the session does not wait for it.
func (s *Store) stand(ctx context.Context, r *Recording) {
	m, due := r.stands(s.Wall.Now())
	if !due || s.Journal == nil {
		return
	}
	if err := s.Journal.Stood(ctx, m); err != nil {
		s.Failed(fmt.Errorf("record how far recording %s is: %w", m.ID, err))
	}
}

// say tells the journal of recordings that ended when it could not be told.
func (s *Store) say(ctx context.Context) {
	s.mu.Lock()
	var waiting []Manifest
	for _, m := range s.unsaid {
		waiting = append(waiting, m)
	}
	s.mu.Unlock()
	for _, m := range waiting {
		if err := s.Journal.Ended(ctx, m); err != nil {
			s.Failed(fmt.Errorf("record the end of recording %s: %w", m.ID, err))
			return
		}
		s.mu.Lock()
		delete(s.unsaid, m.ID)
		s.mu.Unlock()
	}
}

// Close ends all recordings that are open, and brings them to the disk.
func (s *Store) Close() error {
	s.stop()
	s.wg.Wait()
	var errs []error
	for _, r := range s.live() {
		errs = append(errs, r.End(s.Clock.Now(), "the server stopped"))
	}
	return errors.Join(errs...)
}
