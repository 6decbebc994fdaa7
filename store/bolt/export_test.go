package bolt

import (
	"os"
	"sync/atomic"
	"syscall"
)

// OnDisk returns o with a file that finds the disk full once it is larger
// than size.
func OnDisk(o Options, size *atomic.Int64) Options {
	o.write = func(f *os.File, p []byte, off int64) (int, error) {
		if off+int64(len(p)) > size.Load() {
			return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
		}
		return f.WriteAt(p, off)
	}
	return o
}

// NoSync lets s leave its commits to the system, for filling a store whose
// durability nobody asks about.
func (s *Store) NoSync() { s.db.NoSync = true }
