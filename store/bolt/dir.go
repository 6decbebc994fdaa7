package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
)

// layout is the number of the layout that this program writes.
const layout = 1

// prepareDir makes the data directory, or looks at the one that is there.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at data directory: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("data directory %s can be written by others than its owner (mode %v); run chmod 700 on it", dir, info.Mode().Perm())
	}
	return nil
}

// isFresh reports whether dir has no store yet. It refuses a directory of a
// newer layout, and one that had a store which is not there any more: to
// start with an empty one would be to forget what is granted.
func isFresh(dir string) (bool, error) {
	b, err := os.ReadFile(filepath.Join(dir, formatName))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read format of data directory: %w", err)
	}
	if err := knownLayout(dir, strings.TrimSpace(string(b))); err != nil {
		return false, err
	}
	path := filepath.Join(dir, fileName)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return false, fmt.Errorf("store %s is gone or empty; restore a backup, or remove %s to begin with nothing: %w",
			path, filepath.Join(dir, formatName), access.ErrBroken)
	}
	return false, nil
}

func knownLayout(where, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return fmt.Errorf("store %s has the format %q, which is none; restore a backup: %w", where, number, access.ErrBroken)
	}
	if n > layout {
		return fmt.Errorf("store %s has format %d and this sesame knows %d; start the sesame that wrote it, or a later one: %w",
			where, n, layout, access.ErrNewer)
	}
	return nil
}

// wholeFile refuses a file that is shorter than its own header says: bbolt
// would fault on the missing pages. Opening for reading touches the header
// only.
func wholeFile(path string, wait time.Duration) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open store: there is no %s", path)
	}
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if info.Size() == 0 {
		return fmt.Errorf("store %s is empty; restore a backup: %w", path, access.ErrBroken)
	}
	s, err := openFile(path, wait, true)
	if err != nil {
		return err
	}
	var need int64
	err = s.view(func(tx *bbolt.Tx) error {
		need = tx.Size()
		return nil
	})
	if err == nil && info.Size() < need {
		err = fmt.Errorf("store %s is cut short: %d of %d bytes are there; restore a backup: %w",
			path, info.Size(), need, access.ErrBroken)
	}
	return errors.Join(err, s.close())
}

// writeFormat marks dir as holding a store, for good.
func writeFormat(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, formatName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("mark data directory: %w", err)
	}
	_, err = fmt.Fprintln(f, layout)
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return fmt.Errorf("mark data directory: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeOwner says who has the store open. It is for people alone, so that a
// full disk or a read-only directory is no reason not to start.
func writeOwner(dir string) {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	who := fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
	_ = os.WriteFile(filepath.Join(dir, ownerName), []byte(who), 0o600)
}

// owner returns who has the store at path open, as far as is known.
func owner(path string) string {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(path), ownerName))
	if who := strings.TrimSpace(string(b)); err == nil && who != "" {
		return who
	}
	return "another process"
}
