package bolt

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"sesame/flows/access"
)

// guard runs f and turns what bbolt does on damaged pages, a panic or a fault
// on memory beyond the end of the file, into access.ErrBroken.
func (s *Store) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store %s is damaged (%v); restore a backup: %w", s.path, p, access.ErrBroken)
		}
	}()
	return f()
}

// view runs f in a read transaction.
func (s *Store) view(f func(*bbolt.Tx) error) error {
	return s.guard(func() error {
		err := s.db.View(f)
		if errors.Is(err, berrors.ErrDatabaseNotOpen) {
			return errClosed
		}
		return err
	})
}

// explain turns an error of opening path into a sentence.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("store %s is in use by %s; stop that first, or ask it over its socket: %w", path, owner(path), ErrLocked)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("store %s is no store, or its beginning is damaged (%v); restore a backup: %w", path, err, access.ErrBroken)
	case errors.Is(err, access.ErrBroken):
		return err
	default:
		return fmt.Errorf("open store %s: %w", path, err)
	}
}
