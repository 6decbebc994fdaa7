package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/store/bolt"
	"sesame/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(dir string) (storetest.Store, error) {
		return bolt.Open(bolt.Options{Dir: dir, Reserve: 1 << 20})
	})
}

// TestGroupsShareTheDiskAndNothingElse holds that what is wrong with one
// commit of a group fails that one alone.
func TestGroupsShareTheDiskAndNothingElse(t *testing.T) {
	const n = 200
	s := open(t, bolt.Options{Dir: t.TempDir(), Reserve: 1 << 20})
	if _, err := s.Commit(t.Context(), put("taken", 1)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := s.Commit(t.Context(), put(fmt.Sprint(i), 1)); err != nil {
				t.Errorf("a good commit: %v", err)
			}
		})
		wg.Go(func() {
			if _, err := s.Commit(t.Context(), put("taken", 1)); !errors.Is(err, access.ErrConflict) {
				t.Errorf("a commit over a record that is there: %v", err)
			}
		})
	}
	wg.Wait()
	for i := range n {
		if _, err := s.Get(t.Context(), key(fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	}
	if st := s.Stats(); st.Commits != n+1 || st.Groups >= n || st.Largest < 2 {
		t.Errorf("%d commits in %d groups of at most %d", st.Commits, st.Groups, st.Largest)
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, bolt.Options{Dir: t.TempDir(), Reserve: 1 << 20})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), put("a", 1)); err == nil {
		t.Error("a closed store took a commit")
	}
	if _, err := s.Get(t.Context(), key("a")); err == nil || errors.Is(err, access.ErrNotFound) {
		t.Errorf("get from a closed store: %v", err)
	}
}

// TestKilledProcessLosesNothing opens what is in the files the moment that a
// commit has returned, without the store having been closed.
func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, bolt.Options{Dir: dir, Reserve: 64 << 10})
	for n := range 5 {
		id := fmt.Sprint(n)
		v, err := s.Commit(t.Context(), put(id, 100))
		if err != nil {
			t.Fatal(err)
		}
		found := t.TempDir()
		if err := os.CopyFS(found, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		again := open(t, bolt.Options{Dir: found, Reserve: 64 << 10})
		if rec, err := again.Get(t.Context(), key(id)); err != nil || rec.Version != v {
			t.Errorf("record %s after the crash: version %d, %v, want %d", id, rec.Version, err, v)
		}
		if w, err := again.Commit(t.Context(), put("next", 1)); err != nil || w <= v {
			t.Errorf("the first commit after the crash: %d, %v, want after %d", w, err, v)
		}
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open(t, bolt.Options{Dir: dir, Reserve: 1 << 20})
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// filled makes a closed store with some pages of everything.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, bolt.Options{Dir: dir, Reserve: 64 << 10})
	s.NoSync()
	for n := range 60 {
		if err := errors.Join(live(t.Context(), s, n), end(t.Context(), s, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRefusals holds the sentences in which a directory is refused.
func TestRefusals(t *testing.T) {
	whole := os.DirFS(filled(t))
	for _, c := range []struct {
		name string
		harm func(dir string) error
		want error
		says string
	}{
		{"newer layout", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("2\n"), 0o600)
		}, access.ErrNewer, "has format 2 and this sesame knows 1; start the sesame that wrote it"},
		{"no layout", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("soup"), 0o600)
		}, access.ErrBroken, `has the format "soup", which is none; restore a backup`},
		{"file gone", func(dir string) error {
			return os.Remove(filepath.Join(dir, "sesame.db"))
		}, access.ErrBroken, "is gone or empty; restore a backup, or remove"},
		{"file empty", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "sesame.db"), 0)
		}, access.ErrBroken, "is gone or empty; restore a backup, or remove"},
		{"cut to a stump", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "sesame.db"), 1000)
		}, access.ErrBroken, "is no store, or its beginning is damaged"},
		{"cut short", func(dir string) error {
			return os.Truncate(filepath.Join(dir, "sesame.db"), 40<<10)
		}, access.ErrBroken, "is cut short: 40960 of"},
		{"not a store", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "sesame.db"), []byte(strings.Repeat("text ", 5000)), 0o600)
		}, access.ErrBroken, "is no store, or its beginning is damaged"},
		{"open to others", func(dir string) error {
			return os.Chmod(dir, 0o777)
		}, nil, "run chmod 700 on it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.CopyFS(dir, whole), c.harm(dir)); err != nil {
				t.Fatal(err)
			}
			s, err := bolt.Open(bolt.Options{Dir: dir})
			if err == nil {
				t.Fatal("opened", s.Close())
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

func TestLockedStoreNamesItsOwner(t *testing.T) {
	dir := t.TempDir()
	open(t, bolt.Options{Dir: dir, Reserve: 1 << 20})
	for name, second := range map[string]func() (*bolt.Store, error){
		"to write": func() (*bolt.Store, error) {
			return bolt.Open(bolt.Options{Dir: dir, Wait: time.Millisecond})
		},
		"to read": func() (*bolt.Store, error) { return bolt.OpenReadOnly(dir) },
	} {
		_, err := second()
		want := fmt.Sprintf("is in use by process %d on ", os.Getpid())
		if !errors.Is(err, bolt.ErrLocked) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it %s", name, err, want)
		}
	}
}

// TestDamage damages one page after the other. Whatever is then read or
// written gives an error or the truth, and never ends the process.
func TestDamage(t *testing.T) {
	dir := filled(t)
	path := filepath.Join(dir, "sesame.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const seed = 1
	rnd := rand.New(rand.NewChaCha8([32]byte{seed}))
	found := 0
	for page := 0; page < len(whole)/4096; page += 8 {
		part := whole[page*4096:][:4096]
		if isZero(part) {
			break
		}
		was := string(part)
		damage(rnd, part)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := useAll(t.Context(), dir); err != nil {
			found++
		}
		copy(part, was)
	}
	if found < 5 {
		t.Errorf("damage was found %d times only", found)
	}
}

func isZero(b []byte) bool { return len(strings.Trim(string(b), "\x00")) == 0 }

func damage(rnd *rand.Rand, page []byte) {
	switch rnd.IntN(3) {
	case 0:
		clear(page)
	case 1:
		for i := range page {
			page[i] = byte(rnd.Uint32())
		}
	default:
		// The header stands, so that what follows is believed.
		for i := 16; i < len(page); i++ {
			page[i] = byte(rnd.Uint32())
		}
	}
}

// useAll reads everything there is, and goes on with every grant.
func useAll(ctx context.Context, dir string) error {
	s, err := bolt.Open(bolt.Options{Dir: dir, Reserve: 64 << 10})
	if err != nil {
		return err
	}
	s.NoSync()
	var errs []error
	for _, index := range []string{access.IndexGrants, access.IndexObjects, access.IndexNotices} {
		errs = append(errs, access.Each(ctx, s, access.Query{Index: index}, func(access.Record) error { return nil }))
	}
	_, err = s.Log(ctx, 1, 1000)
	errs = append(errs, err)
	for n := range 5 {
		errs = append(errs, live(ctx, s, 10*n))
	}
	_, err = s.Commit(ctx, access.Commit{Events: []access.Event{{Stream: "r-0000000007", At: noon}}})
	return errors.Join(append(errs, err, s.Close())...)
}
