package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sesame/flows/access"
)

// writeDurably puts b into the file at path, whole or not at all, so that it is
// there after a crash.
func writeDurably(path string, b []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return noSpace(err)
	}
	_, err = f.Write(b)
	err = errors.Join(noSpace(err), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func manifestPath(dir string) string { return filepath.Join(dir, "manifest.json") }

// maxManifest is more than a manifest takes.
const maxManifest = 256 << 10

// readManifest returns the manifest in a recording's folder, unchecked.
func readManifest(dir string) (m Manifest, err error) {
	b, err := readLimited(manifestPath(dir), maxManifest)
	if err != nil {
		return m, err
	}
	return parseManifest(b)
}

func parseManifest(b []byte) (m Manifest, err error) {
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fmt.Errorf("the manifest cannot be read: %w", access.ErrBroken)
	}
	if err := m.check(); err != nil {
		return Manifest{}, fmt.Errorf("%w: %w", err, access.ErrBroken)
	}
	return m, nil
}

func writeManifest(dir string, m Manifest) error {
	b, err := encodeManifest(m)
	if err != nil {
		return err
	}
	return writeDurably(manifestPath(dir), b)
}
