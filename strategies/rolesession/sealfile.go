package rolesession

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A keyFile holds a key a line.
type keyFile struct{ path string }

// OpenSealer reads the keys in a file, and makes it with a fresh one if there is
// none. It refuses a file that others can read, or that lies within dataDir:
// whoever copies the one is not to have the other.
func OpenSealer(path, dataDir string) (*Sealer, error) {
	if err := outside(path, dataDir); err != nil {
		return nil, err
	}
	return openVault(context.Background(), keyFile{path})
}

// outside reports a file that lies within a folder.
func outside(path, dir string) error {
	file, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	if rest, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rest) {
		return fmt.Errorf("sealing key: %s lies in the data directory, and a copy of that would hold both lock and key: put it elsewhere", path)
	}
	return nil
}

// read implements vault.
func (f keyFile) read(context.Context) ([][]byte, error) {
	lines, err := readLines(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		fresh := newKeyText()
		return [][]byte{fresh}, writeLines(f.path, [][]byte{fresh}, os.Link)
	}
	if err != nil {
		return nil, err
	}
	for i, key := range lines {
		if len(key) != sealKeySize {
			return nil, fmt.Errorf("line %d of %s is not %d bytes in base64", i+1, f.path, sealKeySize)
		}
	}
	return lines, nil
}

// add implements vault. The file is read again, since its owner may have changed
// it.
func (f keyFile) add(ctx context.Context) ([][]byte, error) {
	all, err := f.read(ctx)
	if err != nil {
		return nil, err
	}
	all = append([][]byte{newKeyText()}, all...)
	return all, writeLines(f.path, all, os.Rename)
}

// readLines reads a file of lines in base64 that nobody else may read.
func readLines(path string) ([][]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s: make its mode 0600", path)
	}
	var all [][]byte
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("line %d of %s is not base64", len(all)+1, path)
		}
		all = append(all, value)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is empty: restore it, or remove it to begin anew without what was sealed", path)
	}
	return all, nil
}

// writeLines writes such a file as a whole, so that a crash leaves what was
// before or what is to be. put is os.Rename, or os.Link to replace nothing.
func writeLines(path string, all [][]byte, put func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	for _, value := range all {
		if err == nil {
			_, err = f.WriteString(base64.StdEncoding.EncodeToString(value) + "\n")
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = put(f.Name(), path)
	}
	if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) { // where it was renamed
		err = errors.Join(err, gone)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
