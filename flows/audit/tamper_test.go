package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/store/bolt"
)

// A recorded store is a closed one on disk: three checkpoints of four events
// each over two requests, and one event that none covers.
type recorded struct {
	file string
	pub  ed25519.PublicKey
	head audit.Head
}

func record(t *testing.T) recorded {
	t.Helper()
	dir := t.TempDir()
	s := openBolt(t, dir)
	a := open(t, audit.Options{Store: s, Dir: dir})
	for range 3 {
		happen(t, s, "r-1", "r-2", "r-1", "r-2")
		checkpoint(t, a)
	}
	happen(t, s, "r-1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return recorded{filepath.Join(dir, "sesame.db"), a.PublicKey(), a.Head()}
}

func openBolt(t testing.TB, dir string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(bolt.Options{Dir: dir, Reserve: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A forger has the database open and knows its layout.
type forger struct {
	t                        *testing.T
	events, streams, records *bbolt.Bucket
	index                    *bbolt.Bucket
}

func (r recorded) tamper(t *testing.T, how func(forger)) {
	t.Helper()
	db, err := bbolt.Open(r.file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := func(name string) *bbolt.Bucket { return tx.Bucket([]byte(name)) }
		how(forger{t, b("events"), b("streams"), b("records"), b("index")})
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func n64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (f forger) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f forger) line(pos uint64) []byte { return bytes.Clone(f.events.Get(n64(pos))) }

func (f forger) event(pos uint64) (e access.Event) {
	f.must(json.Unmarshal(f.line(pos), &e))
	return e
}

func (f forger) put(pos uint64, e access.Event) {
	line, err := json.Marshal(e)
	f.must(err)
	f.must(f.events.Put(n64(pos), line))
}

// replace changes a part of the event at pos, byte for byte.
func (f forger) replace(pos uint64, old, new string) {
	line := f.line(pos)
	if !bytes.Contains(line, []byte(old)) {
		f.t.Fatalf("no %q in %s", old, line)
	}
	f.must(f.events.Put(n64(pos), bytes.Replace(line, []byte(old), []byte(new), 1)))
}

// rewrite changes an event of a request and makes its chain hold again.
func (f forger) rewrite(pos uint64) {
	first := f.event(pos)
	first.Data = []byte(`{"what":"nothing"}`)
	f.put(pos, first)
	prev := access.Event{Seq: first.Seq - 1, Hash: first.Prev}
	for ; f.line(pos) != nil; pos++ {
		if e := f.event(pos); e.Stream == first.Stream {
			prev = e.Chain(prev, pos)
			f.put(pos, prev)
		}
	}
}

func checkpointID(n int) string { return fmt.Sprintf("%016x", n) }

func (f forger) recordKey(n int) []byte { return []byte("checkpoint\x00\x01" + checkpointID(n)) }

// drop removes the nth checkpoint as the store itself would.
func (f forger) drop(n int) {
	if f.records.Get(f.recordKey(n)) == nil {
		f.t.Fatalf("no checkpoint %d", n)
	}
	f.must(f.records.Delete(f.recordKey(n)))
	f.must(f.index.Delete([]byte("checkpoints\x00\x01" + checkpointID(n) + "\x00\x01checkpoint\x00\x01" + checkpointID(n))))
}

// edit changes the nth checkpoint.
func (f forger) edit(n int, how func(*audit.Checkpoint)) {
	b := bytes.Clone(f.records.Get(f.recordKey(n)))
	at := bytes.IndexByte(b, '{')
	c, err := access.Decode[audit.Checkpoint](access.Record{Data: b[at:]})
	f.must(err)
	how(&c)
	ch, err := access.Put(c, 0)
	f.must(err)
	f.must(f.records.Put(f.recordKey(n), append(b[:at], ch.Data...)))
}

// cut removes everything from position pos on.
func (f forger) cut(pos uint64) {
	for ; f.events.Get(n64(pos)) != nil; pos++ {
		e := f.event(pos)
		f.must(f.events.Delete(n64(pos)))
		f.must(f.streams.Delete(append([]byte(string(e.Stream)+"\x00\x01"), n64(e.Seq)...)))
	}
}

// TestTampering does to a real file what one would do to hide something, and
// wants the first record that does not hold to be named.
func TestTampering(t *testing.T) {
	_, otherKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		how  func(forger)
		says string
	}{
		{"one byte of an event", func(f forger) { f.replace(6, "attempt of", "Attempt of") }, "event r-2/3 was changed"},
		{"who it was", func(f forger) { f.replace(5, `"data"`, `"actor":"p-bob","data"`) }, "event r-1/3 was changed"},
		{"an event made unreadable", func(f forger) { f.replace(7, "{", "[") }, "event at position 7 cannot be read"},
		{"an event removed", func(f forger) { f.must(f.events.Delete(n64(6))) }, "event at position 6 is missing"},
		{"two events swapped", func(f forger) {
			a, b := f.line(5), f.line(7)
			f.must(f.events.Put(n64(5), b))
			f.must(f.events.Put(n64(7), a))
		}, "event at position 5 says that it is r-1/4 at 7"},
		{"two events swapped with their positions", func(f forger) {
			a, b := f.event(5), f.event(7)
			a.Pos, b.Pos = 7, 5
			f.put(5, b)
			f.put(7, a)
		}, "event r-1/4"},
		{"an event put in", func(f forger) {
			e := f.event(13)
			f.put(14, e.Chain(f.event(11), 14))
		}, "event r-1/7 at position 14 is not a part of its stream"},
		{"a chain made anew", func(f forger) { f.rewrite(5) }, "event r-1/4 is not the one that checkpoint 2 signed"},
		{"a stream shortened", func(f forger) {
			f.must(f.streams.Delete(append([]byte("r-1\x00\x01"), n64(6)...)))
		}, "event r-1/6 at position 11 is not a part of its stream"},
		{"a tail cut off without its checkpoint", func(f forger) { f.cut(11) },
			"event at position 11 is missing: checkpoint 3 covers it"},
		{"a checkpoint changed", func(f forger) {
			f.edit(2, func(c *audit.Checkpoint) { c.Heads[0].Hash = strings.Repeat("00", 32) })
		}, "checkpoint 2 is not signed with this key, or was changed"},
		{"a checkpoint of another key", func(f forger) {
			f.edit(3, func(c *audit.Checkpoint) { *c = c.SignedBy(otherKey) })
		}, "checkpoint 3 is not signed with this key"},
		{"a checkpoint made unreadable", func(f forger) {
			f.must(f.records.Put(f.recordKey(2), []byte("soup")))
		}, "record checkpoint/0000000000000002 cannot be read"},
		{"a checkpoint removed", func(f forger) { f.drop(2) }, "checkpoint 2 is missing"},
		{"the first checkpoint removed", func(f forger) { f.drop(1) }, "checkpoint 1 is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := record(t)
			r.tamper(t, c.how)
			_, err := r.verify(t, audit.Head{})
			if !errors.Is(err, access.ErrBroken) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("verify = %v, want broken: %s", err, c.says)
			}
		})
	}
}

func (r recorded) verify(t *testing.T, head audit.Head) (audit.Report, error) {
	t.Helper()
	s, err := bolt.OpenReadOnly(r.file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return audit.Verify(t.Context(), s, r.pub, audit.VerifyOptions{Head: head})
}

func TestNotTamperedWith(t *testing.T) {
	r := record(t)
	got, err := r.verify(t, r.head)
	if want := (audit.Report{Events: 13, Checkpoints: 3, Head: r.head, Uncovered: 1}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestCutTailNeedsAHead holds what a head is for: a record whose newest part is
// gone with its checkpoints looks whole from within.
func TestCutTailNeedsAHead(t *testing.T) {
	r := record(t)
	r.tamper(t, func(f forger) {
		f.cut(9)
		f.drop(3)
	})
	if got, err := r.verify(t, audit.Head{}); err != nil || got.Events != 8 || got.Checkpoints != 2 {
		t.Errorf("from within: %+v, %v", got, err)
	}
	_, err := r.verify(t, r.head)
	if want := "the record ends with checkpoint 2, and the head of checkpoint 3 was taken away"; !errors.Is(err, access.ErrBroken) || !strings.Contains(err.Error(), want) {
		t.Errorf("with the head: %v, want broken: %s", err, want)
	}
	other := audit.Head{Number: 2, Hash: strings.Repeat("ab", 32)}
	_, err = r.verify(t, other)
	if want := "checkpoint 2 is not the one whose head was taken away"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("with another head: %v, want broken: %s", err, want)
	}
}

// TestOlderCopyIsNotStartedOn puts a backup in the place of the store.
func TestOlderCopyIsNotStartedOn(t *testing.T) {
	dir := t.TempDir()
	s := openBolt(t, dir)
	a := open(t, audit.Options{Store: s, Dir: dir})
	happen(t, s, "r-1")
	checkpoint(t, a)
	var older bytes.Buffer
	if err := s.Backup(t.Context(), &older); err != nil {
		t.Fatal(err)
	}
	happen(t, s, "r-1")
	checkpoint(t, a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sesame.db"), older.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	o := audit.Options{Store: openBolt(t, dir), Dir: dir, Clock: clock.Frozen(noon)}
	_, err := audit.Open(t.Context(), o)
	if !errors.Is(err, audit.ErrRolledBack) {
		t.Errorf("started on an older copy: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "audit.head")); err != nil {
		t.Fatal(err)
	}
	if a := open(t, o); a.Head().Number != 1 {
		t.Errorf("told to go on with the older copy, it is at %v", a.Head())
	}
}
