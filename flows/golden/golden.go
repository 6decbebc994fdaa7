// Package golden compares text with files that tests keep beside them. With
// -update a test writes what it got in their place: read the diff before it is
// committed.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Equal fails the test where got is not what file holds. The file is named from
// the package's folder on, with slashes.
func Equal(t testing.TB, file, got string) {
	t.Helper()
	path := filepath.FromSlash(file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", file, diff)
	}
}
