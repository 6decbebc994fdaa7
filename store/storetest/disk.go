package storetest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sesame/flows/clock"
)

// DiskSync returns the median time to overwrite and sync one page of a file,
// which is the least that a commit can take: figures mean nothing without it.
func DiskSync(t testing.TB) time.Duration {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "page"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var machine clock.System
	took := make([]time.Duration, 101)
	for i := range took {
		began := machine.Now()
		if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		took[i] = machine.Now().Sub(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
