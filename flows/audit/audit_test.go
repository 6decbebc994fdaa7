package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/flows/clock"
	"sesame/store/memory"
	"sesame/store/storetest"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// happen commits an event to each stream.
func happen(t *testing.T, s access.Store, streams ...access.RequestID) {
	t.Helper()
	var all []access.Event
	for _, id := range streams {
		e, err := access.NewEvent(id, access.EventAttempt, noon, map[string]string{"what": "attempt of " + string(id)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	if _, err := s.Commit(t.Context(), access.Commit{Events: all}); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o audit.Options) *audit.Auditor {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.Frozen(noon)
	}
	a, err := audit.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func checkpoint(t testing.TB, a *audit.Auditor) audit.Head {
	t.Helper()
	if err := a.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.Head()
}

func TestVerifyHoldsWhatWasCheckpointed(t *testing.T) {
	s, dir := memory.New(), t.TempDir()
	a := open(t, audit.Options{Store: s, Dir: dir})
	if h := checkpoint(t, a); h != (audit.Head{}) {
		t.Errorf("a checkpoint of nothing: %v", h)
	}
	happen(t, s, "r-1", "r-2", "r-1")
	first := checkpoint(t, a)
	if again := checkpoint(t, a); again != first {
		t.Errorf("without news the head went from %v to %v", first, again)
	}
	a = open(t, audit.Options{Store: s, Dir: dir})
	if a.Head() != first {
		t.Errorf("started again at %v, want %v", a.Head(), first)
	}
	happen(t, s, "r-2")
	second := checkpoint(t, a)
	happen(t, s, "r-3", "r-1")

	pub, err := audit.LoadPublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []audit.Head{{}, first, second} {
		got, err := audit.Verify(t.Context(), s, pub, audit.VerifyOptions{Head: head})
		want := audit.Report{Events: 6, Checkpoints: 2, Head: second, Uncovered: 2}
		if err != nil || got != want {
			t.Errorf("with head %v: %+v, %v, want %+v", head, got, err, want)
		}
	}
}

func TestManyEventsMakeManyCheckpoints(t *testing.T) {
	s := memory.New()
	for n := range 25 {
		var c access.Commit
		for i := range 100 {
			c.Events = append(c.Events, access.Event{Stream: access.RequestID(fmt.Sprint("r-", n*100+i)), At: noon})
		}
		if _, err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, audit.Options{Store: s, Dir: t.TempDir()})
	checkpoint(t, a)
	got, err := audit.Verify(t.Context(), s, a.PublicKey(), audit.VerifyOptions{Head: a.Head()})
	if want := (audit.Report{Events: 2500, Checkpoints: 3, Head: a.Head()}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestRun holds that a second after news there is a checkpoint, that there is
// none without news, and one at the end.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		var sent []uint64
		a := open(t, audit.Options{
			Store: s, Dir: dir, Clock: clock.System{},
			Sink:   func(c audit.Checkpoint) error { sent = append(sent, c.Number); return nil },
			Failed: func(err error) { t.Error(err) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := a.Run(ctx); err != nil {
				t.Error(err)
			}
		})

		time.Sleep(5 * time.Second)
		happen(t, s, "r-1", "r-2")
		time.Sleep(1100 * time.Millisecond)
		happen(t, s, "r-1", "r-2")
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if d := cmp.Diff([]uint64{1, 2}, sent); d != "" {
			t.Errorf("sent (-want +got):\n%s", d)
		}
		time.Sleep(time.Hour)
		happen(t, s, "r-1")
		cancel()
		running.Wait()
		r, err := audit.Verify(t.Context(), s, a.PublicKey(), audit.VerifyOptions{})
		if err != nil || r.Checkpoints != 3 || r.Uncovered != 0 {
			t.Errorf("at the end: %+v, %v", r, err)
		}
	})
}

func TestFailuresAreToldAndMadeGood(t *testing.T) {
	s, dir := memory.New(), t.TempDir()
	full := true
	hooked := storetest.Hooked{Store: s, Before: func(access.Commit) error {
		if full {
			return access.ErrNoSpace
		}
		return nil
	}}
	sinkDown := errors.New("no network")
	var sent []uint64
	a := open(t, audit.Options{Store: hooked, Dir: dir, Sink: func(c audit.Checkpoint) error {
		sent = append(sent, c.Number)
		return sinkDown
	}})
	happen(t, s, "r-1")
	if err := a.Checkpoint(t.Context()); !errors.Is(err, access.ErrNoSpace) || a.Head().Number != 0 {
		t.Errorf("on a full disk: %v, at %v", err, a.Head())
	}
	full = false
	if err := a.Checkpoint(t.Context()); !errors.Is(err, sinkDown) || a.Head().Number != 1 {
		t.Errorf("without network: %v, at %v", err, a.Head())
	}
	sinkDown = nil
	checkpoint(t, a)
	checkpoint(t, a)
	if d := cmp.Diff([]uint64{1, 1}, sent); d != "" {
		t.Errorf("sent (-want +got):\n%s", d)
	}
}

func TestFailuresAreTriedAgainMoreAndMoreSlowly(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		var failures atomic.Int64
		a := open(t, audit.Options{
			Store: s, Dir: dir, Clock: clock.System{},
			Sink: func(audit.Checkpoint) error {
				if failures.Load() < 70 {
					return errors.New("no network")
				}
				return nil
			},
			Failed: func(error) { failures.Add(1) },
		})
		happen(t, s, "r-1")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := a.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := failures.Load(); n < 60 || n > 66 {
			t.Errorf("failed %d times in an hour, want once a minute", n)
		}
		time.Sleep(10 * time.Minute)
		cancel()
		running.Wait()
	})
}

func TestAuditorDoesNotSignWhatDoesNotHold(t *testing.T) {
	s := memory.New()
	happen(t, s, "r-1")
	forged := changedLog{s}
	a := open(t, audit.Options{Store: forged, Dir: t.TempDir()})
	if err := a.Checkpoint(t.Context()); !errors.Is(err, access.ErrBroken) {
		t.Errorf("checkpoint = %v, want it refused", err)
	}
}

// changedLog is a store whose events were changed after they were committed.
type changedLog struct{ access.Store }

func (c changedLog) Log(ctx context.Context, pos uint64, limit int) ([]access.Event, error) {
	events, err := c.Store.Log(ctx, pos, limit)
	for i := range events {
		events[i].Actor = "p-somebody"
	}
	return events, err
}

// TestStartRefusals holds the sentences in which Open refuses.
func TestStartRefusals(t *testing.T) {
	key := func(dir string) string { return filepath.Join(dir, "audit.key") }
	for _, c := range []struct {
		name string
		harm func(dir string) error
		want error
		says string
	}{
		{"store rolled back", func(dir string) error {
			head := "7:" + strings.Repeat("ab", 32) + "\n"
			return os.WriteFile(filepath.Join(dir, "audit.head"), []byte(head), 0o600)
		}, audit.ErrRolledBack, "the store has come to checkpoint 1, and "},
		{"store of another history", func(dir string) error {
			head := "1:" + strings.Repeat("ab", 32) + "\n"
			return os.WriteFile(filepath.Join(dir, "audit.head"), []byte(head), 0o600)
		}, audit.ErrRolledBack, "put the newer store back, or remove that file"},
		{"head unreadable", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "audit.head"), []byte("soup"), 0o600)
		}, nil, `"soup" is not a head`},
		{"key gone", func(dir string) error { return os.Remove(key(dir)) }, os.ErrNotExist, "is gone; restore it"},
		{"key open to others", func(dir string) error { return os.Chmod(key(dir), 0o640) }, nil, "run chmod 600 on it"},
		{"key damaged", func(dir string) error { return os.WriteFile(key(dir), []byte("soup"), 0o600) }, nil, "is no PEM file"},
		{"another key", func(dir string) error {
			if err := os.Remove(key(dir)); err != nil {
				return err
			}
			other := t.TempDir()
			if _, err := audit.Open(context.Background(), audit.Options{Store: memory.New(), Dir: other}); err != nil {
				return err
			}
			return os.Rename(key(other), key(dir))
		}, access.ErrBroken, "checkpoint 1 is not signed with the key in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := audit.Options{Store: memory.New(), Dir: t.TempDir(), Clock: clock.Frozen(noon)}
			a := open(t, o)
			happen(t, o.Store, "r-1")
			checkpoint(t, a)
			if err := c.harm(o.Dir); err != nil {
				t.Fatal(err)
			}
			_, err := audit.Open(t.Context(), o)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	a := open(t, audit.Options{Store: memory.New(), Dir: dir})
	info, err := os.Stat(filepath.Join(dir, "audit.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info.Mode(), err)
	}
	pub, err := audit.LoadPublicKey(filepath.Join(dir, "audit.pub"))
	if err != nil || !pub.Equal(a.PublicKey()) {
		t.Errorf("public key file: %v, %v", pub, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.key.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHeadRoundTrip(t *testing.T) {
	h := audit.Head{Number: 12, Hash: strings.Repeat("0f", 32)}
	if got, err := audit.ParseHead(h.String() + "\n"); err != nil || got != h {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "12", "x:" + h.Hash, "12:ab", "0:" + h.Hash, "-1:" + h.Hash} {
		if got, err := audit.ParseHead(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}
