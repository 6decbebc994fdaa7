package record

import "testing"

// Flush writes what is recorded, as the store does by itself.
func (r *Recording) Flush() error { return r.flush() }

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
