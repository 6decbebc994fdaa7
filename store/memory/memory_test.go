package memory_test

import (
	"errors"
	"testing"

	"sesame/flows/access"
	"sesame/store/memory"
	"sesame/store/storetest"
)

func TestContract(t *testing.T) {
	stores := map[string]*memory.Store{}
	storetest.Run(t, func(dir string) (storetest.Store, error) {
		if stores[dir] == nil {
			stores[dir] = memory.New()
		}
		return stores[dir], nil
	})
}

func TestHookedFailsOnEitherSide(t *testing.T) {
	s := memory.New()
	put := access.Commit{Changes: []access.Change{{Key: access.Key{Kind: "thing", ID: "a"}, Data: []byte("x")}}}
	crash := errors.New("crash")
	fail := func(access.Commit) error { return crash }

	_, err := storetest.Hooked{Store: s, Before: fail}.Commit(t.Context(), put)
	if _, gone := s.Get(t.Context(), put.Changes[0].Key); !errors.Is(err, crash) || !errors.Is(gone, access.ErrNotFound) {
		t.Errorf("before: commit = %v, then get = %v", err, gone)
	}
	v, err := storetest.Hooked{Store: s, After: fail}.Commit(t.Context(), put)
	if _, there := s.Get(t.Context(), put.Changes[0].Key); v != 0 || !errors.Is(err, crash) || there != nil {
		t.Errorf("after: commit = %d, %v, then get = %v", v, err, there)
	}
	if _, err := (storetest.Hooked{Store: s}).Commit(t.Context(), put); !errors.Is(err, access.ErrConflict) {
		t.Errorf("without hooks: commit = %v", err)
	}
}
