package bolt

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
)

// The buckets, and the keys of the first.
var (
	metaBucket    = []byte("meta")
	recordsBucket = []byte("records")
	indexBucket   = []byte("index")
	eventsBucket  = []byte("events")
	streamsBucket = []byte("streams")

	formatKey = []byte("format")
	stateKey  = []byte("state")
)

// A state is how far the store has counted.
type state struct {
	version, pos, notices, epoch uint64
}

func (st state) encode() []byte {
	var b []byte
	for _, n := range []uint64{st.version, st.pos, st.notices, st.epoch} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func readState(tx *bbolt.Tx) (state, error) {
	b := tx.Bucket(metaBucket).Get(stateKey)
	if len(b) != 32 {
		return state{}, fmt.Errorf("store %s has lost count; restore a backup: %w", tx.DB().Path(), access.ErrBroken)
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return state{n(0), n(1), n(2), n(3)}, nil
}

// found lays out an empty store. A crash in between leaves a file that is
// laid out the next time.
func (s *Store) found() error {
	return s.guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{metaBucket, recordsBucket, indexBucket, eventsBucket, streamsBucket} {
				if _, err := tx.CreateBucketIfNotExists(name); err != nil {
					return err
				}
			}
			meta := tx.Bucket(metaBucket)
			if meta.Get(formatKey) != nil {
				return nil
			}
			if err := meta.Put(formatKey, []byte(strconv.Itoa(layout))); err != nil {
				return err
			}
			return meta.Put(stateKey, state{}.encode())
		})
	})
}

// checkLayout refuses a file that is not laid out as this program knows it.
func (s *Store) checkLayout() error {
	return s.view(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			return fmt.Errorf("file %s is no store of sesame: %w", s.path, access.ErrBroken)
		}
		if err := knownLayout(s.path, string(meta.Get(formatKey))); err != nil {
			return err
		}
		for _, name := range [][]byte{recordsBucket, indexBucket, eventsBucket, streamsBucket} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("store %s has lost its %s; restore a backup: %w", s.path, name, access.ErrBroken)
			}
		}
		_, err := readState(tx)
		return err
	})
}
