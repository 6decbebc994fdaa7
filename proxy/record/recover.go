package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sesame/flows/access"
)

// Recover ends a recording that the journal knows as open, and nobody writes any
// more: a crash came between. It cuts off what was not finished, keeps the rest
// as it is, and tells the journal.
func (s *Store) Recover(m Manifest) error {
	if s.Writing(m.ID) {
		return fmt.Errorf("recording %s is being written: %w", m.ID, access.ErrConflict)
	}
	if err := m.check(); err != nil {
		return err
	}
	dir := s.dir(m.ID)
	found, err := readManifest(dir)
	switch {
	case err == nil && found.ID == m.ID && found.State == StateEnded:
		m = found // the crash came before the journal was told
	case errors.Is(err, os.ErrNotExist):
		m.State, m.EndedAt, m.Why = StateEnded, m.Began, "the server was stopped, and the files of the recording are gone"
		m.sign(s.Config)
	default:
		if m, err = s.mend(dir, m); err != nil {
			return fmt.Errorf("recover recording %s: %w", m.ID, err)
		}
	}
	return s.ended(m)
}

// mend makes a whole recording of what a crash left.
func (s *Store) mend(dir string, m Manifest) (Manifest, error) {
	m.State, m.Why, m.EndedAt, m.Torn = StateEnded, "the server was stopped in the middle of the session", m.Began, 0
	m.Shown, m.Typed = -1, -1
	for _, name := range m.streams() {
		c, err := s.mendStream(dir, m.ID, name)
		if err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
		if m.Torn += c.torn; name == Output {
			m.Output = c.sum
		} else {
			m.Input = c.sum
		}
		if end := m.Began.Add(c.sum.Ends); end.After(m.EndedAt) {
			m.EndedAt = end
		}
	}
	m.sign(s.Config)
	return m, writeManifest(dir, m)
}

// mendStream cuts off what follows the last whole segment.
func (s *Store) mendStream(dir, id string, name Stream) (checked, error) {
	f, err := os.OpenFile(streamPath(dir, name), os.O_RDWR, 0)
	if err != nil {
		return checked{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return checked{}, err
	}
	c, err := check(f, info.Size(), origin(id, name), func(uint64, chain) error { return nil })
	if err != nil || c.torn == 0 {
		return c, err
	}
	s.release(c.torn)
	return c, errors.Join(f.Truncate(c.sum.Bytes), f.Sync())
}

func (m *Manifest) sign(c Config) {
	m.Sig = nil
	if c.Sign != nil {
		m.Sig = c.Sign(m.body())
	}
}

// Writing reports whether a recording is being written.
func (s *Store) Writing(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[id] != nil
}

// Remove removes a recording: its keys first, so that from then on nobody can
// read it, and then the rest. It can be done again after a crash. It refuses one
// that is open.
func (s *Store) Remove(id string) error {
	if !idForm.MatchString(id) {
		return fmt.Errorf("%q is no id of a recording", id)
	}
	if s.Writing(id) {
		return fmt.Errorf("recording %s is being written: %w", id, access.ErrConflict)
	}
	dir := s.dir(id)
	size, err := sizeOf(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	// With those that a crash left half written.
	keys, err := filepath.Glob(filepath.Join(dir, "*.key*"))
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := os.Remove(key); err != nil {
			return fmt.Errorf("remove the key of recording %s: %w", id, err)
		}
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove recording %s: %w", id, err)
	}
	s.release(size)
	return syncDir(s.Dir)
}

// Sweep removes what a crash left of recordings that never began: folders that
// the journal does not know and that hold no segment. It returns the ids of
// those that it does not know and that hold something.
func (s *Store) Sweep(known func(id string) (bool, error)) (strange []string, err error) {
	folders, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		if !f.IsDir() || !idForm.MatchString(f.Name()) || s.Writing(f.Name()) {
			continue
		}
		ok, err := known(f.Name())
		switch {
		case err != nil:
			return strange, err
		case ok:
		case s.begun(f.Name()):
			strange = append(strange, f.Name())
		default:
			if err := s.Remove(f.Name()); err != nil {
				return strange, err
			}
		}
	}
	return strange, nil
}

// begun reports whether a folder holds any segment.
func (s *Store) begun(id string) bool {
	for _, name := range []Stream{Output, Input} {
		if info, err := os.Stat(streamPath(s.dir(id), name)); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
