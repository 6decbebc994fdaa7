package bolt

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"go.etcd.io/bbolt"
)

// growStep is by how much the file grows at least.
const growStep = 2 << 20

// A room is the space in the file: how large the file is, and how much of its
// end is kept for ends. It belongs to the committer.
//
// bbolt allocates pages from those that were freed, and else at the end of
// what is used, for as long as that stays below its MaxSize. The file is made
// larger here, ahead of need and with zeros, so that a full disk shows before
// a commit has begun; and a commit that overwrites what is there already need
// not wait for the file system to record where the file's new blocks are.
type room struct {
	db      *bbolt.DB
	file    *os.File
	size    int64 // of the file, all of it written
	reserve int64
	short   bool // the reserve is not whole, or could not grow when it was tried
	write   func(f *os.File, p []byte, off int64) (int, error)
}

// newRoom makes the file as large as it has to be. That the disk has no room
// for the reserve is no error: then only ends proceed.
func newRoom(s *Store, o Options) (*room, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", s.path, err)
	}
	// With an AllocSize, bbolt would ask for more than it needs each time.
	s.db.AllocSize = 0
	r := &room{db: s.db, file: s.file, size: info.Size(), reserve: o.Reserve, write: o.write}
	used, err := r.used()
	if err != nil {
		return nil, err
	}
	if r.size < used+r.reserve {
		if err := r.grow(growStep); err != nil && !noSpace(err) {
			return nil, fmt.Errorf("make room in store %s: %w", s.path, err)
		}
	}
	return r, nil
}

// used returns how much of the file has been used.
func (r *room) used() (int64, error) {
	var used int64
	err := r.db.View(func(tx *bbolt.Tx) error {
		used = tx.Size()
		return nil
	})
	return used, err
}

// limit sets how far the next commit may fill the file.
func (r *room) limit(ending bool) {
	most := r.size
	if !ending {
		most -= r.reserve
	}
	// Zero would be no limit at all.
	r.db.MaxSize = int(max(1, most))
}

// grow makes room for by more bytes before the reserve, or leaves the file as
// it is.
func (r *room) grow(by int64) error {
	used, err := r.used()
	if err != nil {
		return err
	}
	to := max(r.size, used+r.reserve) + by
	if err := r.fill(to); err != nil {
		r.short = true
		// What was written before the disk was full goes back to whoever needs it.
		return errors.Join(err, r.file.Truncate(r.size))
	}
	r.size, r.short = to, false
	return nil
}

func (r *room) fill(to int64) error {
	zeros := make([]byte, 1<<20)
	for at := r.size; at < to; {
		n, err := r.write(r.file, zeros[:min(int64(len(zeros)), to-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return r.file.Sync()
}

// noSpace reports whether err means that the disk, the quota or the file's
// limit is reached.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
