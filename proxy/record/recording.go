package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"sesame/proxy/ssm"
)

// A Recording is one that is being written. It is safe for concurrent use.
// Store.Begin makes one, End ends it. After an error all its methods but End
// return that error: the session is to end, since it is not recorded any more.
type Recording struct {
	store *Store
	dir   string
	room  func(int64) error

	mu       sync.Mutex // guards what follows
	manifest Manifest
	output   *stream
	input    *stream // nil where nothing that passes is kept
	mask     mask    // between what is typed and input
	port     port    // what passes where nothing is kept
	stood    time.Time
	told     string // output's head when the journal was told last
	late     bool
	sealed   bool
	marks    int
	err      error
}

// errOver answers what comes after the end.
var errOver = errors.New("the recording has ended")

// maxMarks bounds how many marks a session may cause itself.
const maxMarks = 10000

func (r *Recording) opaque() bool {
	return r.manifest.Kind.opaque() || r.manifest.MetadataOnly != ""
}

// introduce says at the beginning why nothing else follows.
func (r *Recording) introduce() error {
	m := r.manifest
	switch {
	case m.MetadataOnly != "":
		return r.markLocked(m.Began, "what passes is counted, and not recorded: "+m.MetadataOnly)
	case m.Kind.opaque():
		return r.markLocked(m.Began, fmt.Sprintf("what passes is counted, and not recorded: it is a %s session", m.Kind))
	}
	return nil
}

// ID names the recording.
func (r *Recording) ID() string { return r.manifest.ID }

// Take records what passed at a moment, before it is passed on. Its error means
// that it was not recorded, and must not be passed on.
func (r *Recording) Take(at time.Time, e ssm.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if err := r.takeLocked(at, e); err != nil {
		r.err = fmt.Errorf("the session cannot be recorded: %w", err)
	}
	return r.err
}

// Mark records something that happened around the session, for whoever plays it.
func (r *Recording) Mark(at time.Time, label string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if err := r.markLocked(at, label); err != nil {
		r.err = fmt.Errorf("the session cannot be recorded: %w", err)
	}
	return r.err
}

func (r *Recording) markLocked(at time.Time, label string) error {
	return r.output.cast.Mark(at, label)
}

func (r *Recording) takeLocked(at time.Time, e ssm.Event) error {
	if e.Late != r.late {
		r.late = e.Late
		if e.Late {
			if err := r.markLocked(at, "what follows came late, and was missing before"); err != nil {
				return err
			}
		}
	}
	switch e.Kind {
	case ssm.Shown:
		return r.shown(at, e.Data)
	case ssm.Typed:
		return r.typed(at, e.Data)
	case ssm.Resized:
		return r.output.cast.Resize(at, int(e.Size.Cols), int(e.Size.Rows))
	case ssm.Exited:
		code := e.Code
		r.manifest.Exit = &code
		return r.shown(at, e.Data)
	}
	return r.around(at, e)
}

// around takes what is neither shown nor typed.
func (r *Recording) around(at time.Time, e ssm.Event) error {
	switch e.Kind {
	case ssm.Sealed:
		r.manifest.Sealed += int64(len(e.Data))
		if r.sealed {
			return nil
		}
		r.sealed = true
		return r.markLocked(at, "what passes from here on is sealed, and there is no key to record it with")
	case ssm.Lost:
		return r.lost(at, e)
	case ssm.Odd:
		r.manifest.Odd++
		return r.oddLocked(at, fmt.Sprintf("the %v sent what it should not: %s", e.From, e.Text))
	case ssm.Ended:
		return r.markLocked(at, "the service closed the session: "+e.Text)
	case ssm.Flagged:
		return r.oddLocked(at, fmt.Sprintf("the %v sent flag %d", e.From, e.Flag))
	case ssm.Told:
		return r.markLocked(at, "the client shows: "+e.Text)
	case ssm.Agreed:
		return r.agreed(at, e.Handshake)
	}
	return nil
}

// oddLocked marks what the person could cause for ever.
func (r *Recording) oddLocked(at time.Time, label string) error {
	switch r.marks++; {
	case r.marks < maxMarks:
		return r.markLocked(at, label)
	case r.marks == maxMarks:
		return r.markLocked(at, "more of these are counted, and not marked")
	}
	return nil
}

func (r *Recording) lost(at time.Time, e ssm.Event) error {
	m := &r.manifest
	m.Lost += e.Last - e.First + 1
	if len(m.Holes) < maxHoles {
		m.Holes = append(m.Holes, Hole{at.UTC().Round(0), e.From.String(), e.First, e.Last})
	}
	return r.oddLocked(at, fmt.Sprintf("messages %d to %d of the %v are missing", e.First, e.Last, e.From))
}

func (r *Recording) agreed(at time.Time, h *ssm.Handshake) error {
	label := "the session is a " + h.SessionType
	if h.Sealed {
		label += ", sealed with " + h.KMSKeyID
	}
	return r.markLocked(at, label)
}

func (r *Recording) shown(at time.Time, p []byte) error {
	r.manifest.Shown += int64(len(p))
	if r.opaque() {
		return r.passed(at, 1, p)
	}
	if err := r.output.cast.Output(at, p); err != nil {
		return err
	}
	return r.mask.shown(at, p)
}

func (r *Recording) typed(at time.Time, p []byte) error {
	if r.opaque() {
		r.manifest.Typed += int64(len(p))
		return r.passed(at, 0, p)
	}
	return r.mask.typed(at, p)
}

// passed takes what is not kept.
func (r *Recording) passed(at time.Time, side int, p []byte) error {
	if r.manifest.Kind != Port {
		return nil
	}
	return r.port.pass(at, side, p)
}

// keep records what was typed. Only that is counted: else the sum would tell how
// long a password is.
func (r *Recording) keep(at time.Time, p []byte) error {
	r.manifest.Typed += int64(len(p))
	return r.input.cast.Input(at, p)
}

// hide records that something was typed which nobody saw.
func (r *Recording) hide(at time.Time) error {
	r.manifest.Masked++
	return r.input.cast.Mark(at, "hidden: it was typed, and not shown")
}

// End ends the recording: everything is brought to the disk, and the journal
// is told. Whatever the error, nothing more is recorded; what the journal could
// not be told, it is told later.
func (r *Recording) End(at time.Time, why string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.manifest.State != StateOpen {
		return nil
	}
	broken := r.err
	if broken != nil && !strings.Contains(why, broken.Error()) {
		why += "; " + broken.Error()
	}
	r.err = errOver
	err := r.closeLocked(at, broken == nil)
	m := &r.manifest
	m.State, m.EndedAt, m.Why = StateEnded, at.UTC().Round(0), why
	r.sumLocked()
	if r.output.ring != nil {
		r.output.ring.wake()
	}
	m.sign(r.store.Config)
	return errors.Join(err, writeManifest(r.dir, *m), r.store.ended(*m))
}

// closeLocked writes what is left of the streams. What was taken already is
// written beyond the quota: it is a second's worth at most.
func (r *Recording) closeLocked(at time.Time, whole bool) (err error) {
	for _, s := range []*stream{r.output, r.input} {
		if s == nil {
			continue
		}
		s.room = func(n int64) error { r.store.release(-n); return nil }
		if finished := r.finish(at, s); whole {
			err = errors.Join(err, finished)
		}
		err = errors.Join(err, s.seal(), s.file.Sync(), s.file.Close())
	}
	return err
}

func (r *Recording) finish(at time.Time, s *stream) error {
	if s == r.input {
		if err := r.mask.flush(at); err != nil {
			return err
		}
	}
	if s == r.output {
		if err := r.port.close(at); err != nil {
			return err
		}
	}
	if s == r.output && r.manifest.Exit != nil {
		return s.cast.Exit(at, *r.manifest.Exit)
	}
	return s.cast.Close(at)
}

func (r *Recording) sumLocked() {
	r.manifest.Output = r.output.sum
	if r.input != nil {
		r.manifest.Input = r.input.sum
	}
}

// ended forgets a recording, and tells the journal.
func (s *Store) ended(m Manifest) error {
	s.forget(m.ID)
	if s.Journal == nil {
		return nil
	}
	err := s.Journal.Ended(context.Background(), m)
	if err != nil {
		s.mu.Lock()
		s.unsaid[m.ID] = m
		s.mu.Unlock()
	}
	return err
}

// flush writes what was recorded, and brings it to the disk without holding
// the session up.
func (r *Recording) flush() error {
	r.mu.Lock()
	if r.manifest.State != StateOpen || r.err != nil {
		r.mu.Unlock()
		return nil
	}
	r.err = r.mask.settle(r.store.Clock.Now())
	var moved []*os.File
	for _, s := range []*stream{r.output, r.input} {
		if s == nil || r.err != nil {
			continue
		}
		if r.err = s.seal(); r.err != nil {
			break
		}
		if s.unsynced {
			moved = append(moved, s.file)
			s.unsynced = false
		}
	}
	r.sumLocked()
	r.tireLocked(r.store.Wall.Now())
	err := r.err
	r.mu.Unlock()
	for _, f := range moved {
		// A file that was closed meanwhile was brought to the disk before.
		if failed := f.Sync(); failed != nil && !errors.Is(failed, os.ErrClosed) {
			err = errors.Join(err, r.fail(fmt.Errorf("the recording does not reach the disk: %w", failed)))
		}
	}
	return err
}

func (r *Recording) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	return err
}

// stands returns the manifest when the journal is to be told how far it is.
func (r *Recording) stands(now time.Time) (Manifest, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stood.IsZero() {
		r.stood = now
	}
	if head := r.manifest.Output.Head + r.manifest.Input.Head; r.manifest.State == StateOpen && head != r.told && now.Sub(r.stood) >= standEvery {
		r.stood, r.told = now, head
		return r.manifest, true
	}
	return Manifest{}, false
}

// abandon removes a recording of which nobody knows yet.
func (r *Recording) abandon() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.abandonLocked()
}

func (r *Recording) abandonLocked() error {
	r.manifest.State, r.err = "", errOver
	for _, s := range []*stream{r.output, r.input} {
		if s != nil {
			_ = s.file.Close() // it is removed
		}
	}
	defer r.store.forget(r.manifest.ID)
	return os.RemoveAll(r.dir)
}
