package record

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"testing"
)

// Flush writes what is recorded, as the store does by itself.
func (r *Recording) Flush() error { return r.flush() }

// Size is how many bytes the recordings take.
func (s *Store) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Manifest is as far as the recording has come.
func (r *Recording) Manifest() Manifest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.manifest
}

// WriteManifest puts a manifest into a folder.
func WriteManifest(t testing.TB, dir string, m Manifest) {
	t.Helper()
	if err := writeManifest(dir, m); err != nil {
		t.Fatal(err)
	}
}

// Seal makes a segment of what there is, without bringing it to the disk.
func (r *Recording) Seal() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.output.seal()
}

// CheckText checks the text of a manifest, as Verify does.
func CheckText(b []byte, folder string, key ed25519.PublicKey) (Manifest, error) {
	return checkText(b, folder, key)
}

// CheckSegments checks the chain of segments, as Verify does.
func CheckSegments(id string, name Stream, text []byte) (Sum, error) {
	c, err := check(bytes.NewReader(text), int64(len(text)), origin(id, name), func(uint64, chain) error { return nil })
	return c.sum, err
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// ReadSegments reads segments in place of those of a recording, from a moment on.
func (s *Store) ReadSegments(t testing.TB, id string, name Stream, text []byte) (all []byte, err error) {
	t.Helper()
	l, err := readKey(s.dir(id), id, name, s.Sealer)
	if err != nil {
		t.Fatal(err)
	}
	r := &Reader{file: inMemory{bytes.NewReader(text)}, lock: l}
	r.w = newWalker(r.file, int64(len(text)))
	if err := r.Seek(1, 100); err != nil {
		return nil, err
	}
	r.Resume(Position{})
	for {
		seg, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all = append(all, seg.Text...)
	}
}

// SearchBy has so many bytes searched at a time.
func (s *Store) SearchBy(chunk int64) { s.chunk = chunk }
