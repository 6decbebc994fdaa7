package record_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

var (
	publicKey, privateKey, _ = ed25519.GenerateKey(strings.NewReader(strings.Repeat("seed", 16)))
	errUnread                = errors.New("nobody reads this")
)

func sign(text []byte) []byte { return ed25519.Sign(privateKey, text) }

// A notebook is a journal in memory.
type notebook struct {
	begun, stood, ended []record.Manifest
	err                 error
}

func (n *notebook) Begun(_ context.Context, m record.Manifest) error {
	n.begun = append(n.begun, m)
	return n.err
}

func (n *notebook) Stood(_ context.Context, m record.Manifest) error {
	n.stood = append(n.stood, m)
	return n.err
}

func (n *notebook) Ended(_ context.Context, m record.Manifest) error {
	n.ended = append(n.ended, m)
	return n.err
}

// sizes are how much is shown between segments.
const segments = 5

// recorded makes a recording of several segments in both streams, and returns
// its folder and manifest.
func recorded(t testing.TB, dir, id string) record.Manifest {
	t.Helper()
	var book notebook
	s := openStore(t, record.Config{Dir: dir, Journal: &book, Sign: sign})
	r, err := s.Begin(t.Context(), record.About{ID: id, Began: noon, Kind: record.Shell, Grant: "g-1", Target: "ec2-frontend"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range segments {
		text := fmt.Sprintf("%s line %d\r\n", id, i)
		for _, k := range []ssm.Kind{ssm.Typed, ssm.Shown} {
			if err := r.Take(noon.Add(time.Duration(i)*time.Second), ssm.Event{Kind: k, Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.End(noon.Add(time.Minute), "done"); err != nil {
		t.Fatal(err)
	}
	return book.ended[0]
}

const id1, id2 = "rec-0000000001", "rec-0000000002"

func broken(t *testing.T, what, dir string, says ...string) {
	t.Helper()
	_, err := record.Verify(dir, publicKey)
	if !errors.Is(err, access.ErrBroken) {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %v, and not %q", what, err, s)
		}
	}
}

func TestVerifyHolds(t *testing.T) {
	dir := t.TempDir()
	m := recorded(t, dir, id1)
	got, err := record.Verify(filepath.Join(dir, id1), publicKey)
	if err != nil || got.Digest() != m.Digest() {
		t.Errorf("%+v, %v", got, err)
	}
	if m.Output.Segments < segments || m.Input.Segments < segments || m.Output.Ends != 4*time.Second {
		t.Errorf("%+v, %+v", m.Output, m.Input)
	}
}

// TestEveryChangedByteIsNamed changes each byte of each file.
func TestEveryChangedByteIsNamed(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, id1)
	folder := filepath.Join(dir, id1)
	for _, name := range []string{"output.seg", "input.seg", "output.key", "input.key", "manifest.json"} {
		file := filepath.Join(folder, name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		put := func(i int, b byte) {
			if _, err := f.WriteAt([]byte{b}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i, b := range text {
			if i > 400 && i%3 > 0 {
				continue // further segments are like the first two
			}
			put(i, b^0x10)
			broken(t, fmt.Sprintf("byte %d of %s", i, name), folder, id1)
			put(i, b)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := record.Verify(folder, publicKey); err != nil {
		t.Fatal(err)
	}
}

// cut takes a stream apart.
func cut(t *testing.T, file string) (parts [][]byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range bytes.Split(text, []byte("SEG1")) {
		if i > 0 {
			parts = append(parts, append([]byte("SEG1"), p...))
		}
	}
	return parts
}

func TestWhatWasDoneToSegmentsIsNamed(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, id1)
	recorded(t, dir, id2)
	folder := filepath.Join(dir, id1)
	file := filepath.Join(folder, "output.seg")
	s, other := cut(t, file), cut(t, filepath.Join(dir, id2, "output.seg"))
	if len(s) != segments {
		t.Fatalf("%d segments", len(s))
	}
	for _, c := range []struct {
		what  string
		parts [][]byte
		says  string
	}{
		{"one removed", [][]byte{s[0], s[2], s[3], s[4]}, "output of recording rec-0000000001: segment 2 is missing"},
		{"the first removed", s[1:], "segment 1 is missing"},
		{"two removed", [][]byte{s[0], s[3], s[4]}, "segments 2 to 3 are missing, or not in their order"},
		{"two swapped", [][]byte{s[0], s[2], s[1], s[3], s[4]}, "segment 2 is missing"},
		{"one twice", [][]byte{s[0], s[1], s[1], s[2], s[3], s[4]}, "segment 2 comes after segment 2"},
		{"another recording's", [][]byte{s[0], other[1], s[2], s[3], s[4]}, "segment 2 was changed, or does not follow"},
		{"all of another's", other, "segment 1 was changed, or does not follow"},
		{"the tail cut off", s[:3], "it ends after segment 3, and 5 were recorded: its tail was cut off"},
		{"nothing left", nil, "it ends after segment 0, and 5 were recorded"},
		{"half a segment cut off", [][]byte{s[0], s[1], s[2], s[3], s[4][:50]}, "it ends after segment 4, and 5 were recorded"},
		{"something added", append(slices.Clone(s), []byte("SEG1 and more")), "13 bytes follow segment 5 that are no segment"},
		{"something of no form added", append(slices.Clone(s), bytes.Repeat([]byte("x"), 100)), "after segment 5: what follows is no segment"},
	} {
		if err := os.WriteFile(file, bytes.Join(c.parts, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		broken(t, c.what, folder, c.says)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	broken(t, "the file removed", folder, "output of recording rec-0000000001: all of its segments are missing")
}

func TestSwappedAndRemovedFiles(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, id1)
	recorded(t, dir, id2)
	one, two := filepath.Join(dir, id1), filepath.Join(dir, id2)
	swap := func(a, b string) {
		t.Helper()
		for _, move := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
			if err := os.Rename(move[0], move[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap(one, two)
	broken(t, "two recordings swapped", one, "the folder rec-0000000001 holds recording rec-0000000002")
	swap(one, two)
	swap(filepath.Join(one, "output.seg"), filepath.Join(one, "input.seg"))
	broken(t, "two streams swapped", one, "segment 1 was changed")
	swap(filepath.Join(one, "output.seg"), filepath.Join(one, "input.seg"))
	swap(filepath.Join(one, "output.key"), filepath.Join(one, "input.key"))
	broken(t, "two keys swapped", one, "output of recording rec-0000000001: its key was changed")
	if err := os.Remove(filepath.Join(one, "output.key")); err != nil {
		t.Fatal(err)
	}
	broken(t, "the key removed", one, "its key is missing, and nobody can read it any more")
	if err := os.Remove(filepath.Join(one, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	broken(t, "the manifest removed", one, "the manifest of recording rec-0000000001 is missing")
}

// TestStands has a recording that goes on, of which the journal knows how far it
// was.
func TestStands(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, record.Config{Dir: dir, Sign: sign})
	r, err := s.Begin(t.Context(), record.About{ID: id1, Began: noon, Kind: record.Shell})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		show(t, r, 0, "more\r\n")
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	stand := record.Stand{Output: r.Manifest().Output}
	show(t, r, 0, "and more\r\n")
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, id1)
	if _, err := record.Verify(folder, publicKey, stand); err != nil {
		t.Fatal(err)
	}
	parts := cut(t, filepath.Join(folder, "output.seg"))
	if err := os.WriteFile(filepath.Join(folder, "output.seg"), bytes.Join(parts[:2], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Verify(folder, publicKey, stand); err == nil || !strings.Contains(err.Error(), "it ends after segment 2, and 3 were recorded") {
		t.Errorf("%v", err)
	}
}

// TestTheServerIsKilled stops a recording at every byte of what was written.
func TestTheServerIsKilled(t *testing.T) {
	from := t.TempDir()
	whole := recorded(t, from, id1)
	text, err := os.ReadFile(filepath.Join(from, id1, "output.seg"))
	if err != nil {
		t.Fatal(err)
	}
	begun := whole
	begun.State, begun.Sig, begun.Why, begun.Output, begun.Input = record.StateOpen, nil, "", record.Sum{}, record.Sum{}
	for end := 0; end <= len(text); end += 29 {
		dir := t.TempDir()
		folder := filepath.Join(dir, id1)
		if err := os.CopyFS(folder, os.DirFS(filepath.Join(from, id1))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "output.seg"), text[:end], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(folder, "manifest.json")); err != nil {
			t.Fatal(err)
		}
		record.WriteManifest(t, folder, begun)
		var book notebook
		s := openStore(t, record.Config{Dir: dir, Journal: &book, Sign: sign})
		if err := s.Recover(begun); err != nil {
			t.Fatal(err)
		}
		m, err := record.Verify(folder, publicKey)
		if err != nil || len(book.ended) != 1 || book.ended[0].Digest() != m.Digest() {
			t.Fatalf("cut at %d: %v, %v", end, err, book.ended)
		}
		if m.Output.Bytes+m.Torn != int64(end) || m.Why != "the server was stopped in the middle of the session" {
			t.Errorf("cut at %d: %+v", end, m)
		}
		if got := len(lines(t, s, id1, record.Output)); int64(got) != m.Output.Events {
			t.Errorf("cut at %d: %d events, want %d", end, got, m.Output.Events)
		}
	}
}

// TestACrashBeforeTheJournal finds a recording that ended, and of which the
// journal was not told.
func TestACrashBeforeTheJournal(t *testing.T) {
	dir := t.TempDir()
	whole := recorded(t, dir, id1)
	begun := whole
	begun.State, begun.Sig = record.StateOpen, nil
	var book notebook
	s := openStore(t, record.Config{Dir: dir, Journal: &book, Sign: sign})
	if err := s.Recover(begun); err != nil {
		t.Fatal(err)
	}
	if len(book.ended) != 1 || book.ended[0].Digest() != whole.Digest() {
		t.Errorf("%+v", book.ended)
	}
	if err := os.RemoveAll(filepath.Join(dir, id1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(begun); err != nil || !strings.Contains(book.ended[1].Why, "the files of the recording are gone") {
		t.Errorf("%v, %+v", err, book.ended)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, id1)
	s := openStore(t, record.Config{Dir: dir})
	size := s.Size()
	open := session(t, s)
	if err := s.Remove(open.ID()); !errors.Is(err, access.ErrConflict) {
		t.Errorf("removed what is open: %v", err)
	}
	if size == 0 {
		t.Error("nothing takes no room")
	}
	for range 2 { // a crash came before it was known
		if err := s.Remove(id1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, id1)); !errors.Is(err, os.ErrNotExist) || s.Size() >= size {
		t.Errorf("%v, %d bytes", err, s.Size())
	}
	if err := s.Remove("../x"); err == nil {
		t.Error("removed what is no recording")
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	recorded(t, dir, id1)
	recorded(t, dir, id2)
	if err := os.MkdirAll(filepath.Join(dir, "rec-0000000003"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, record.Config{Dir: dir})
	strange, err := s.Sweep(func(id string) (bool, error) { return id == id1, nil })
	if err != nil || !slices.Equal(strange, []string{id2}) {
		t.Errorf("%v, %v", strange, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestTheJournalComesFirst has a journal that takes nothing.
func TestTheJournalComesFirst(t *testing.T) {
	dir := t.TempDir()
	book := notebook{err: errUnread}
	s := openStore(t, record.Config{Dir: dir, Journal: &book})
	if _, err := s.Begin(t.Context(), record.About{Began: noon, Kind: record.Shell}); !errors.Is(err, errUnread) {
		t.Errorf("began unknown to the journal: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
