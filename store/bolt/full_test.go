package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/store/bolt"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func key(id string) access.Key { return access.Key{Kind: "thing", ID: id} }

func put(id string, size int) access.Commit {
	return access.Commit{Changes: []access.Change{{Key: key(id), Data: make([]byte, size)}}}
}

// A disk is small, and can be given room.
type disk struct {
	options bolt.Options
	relief  func()
}

// disks returns a simulated small disk, and a real one where the test may
// mount a file system.
func disks(t *testing.T) map[string]disk {
	var size atomic.Int64
	size.Store(20 << 20)
	all := map[string]disk{"simulated": {
		bolt.OnDisk(bolt.Options{Dir: filepath.Join(t.TempDir(), "data"), Reserve: 4 << 20}, &size),
		func() { size.Store(32 << 20) },
	}}
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "none", dir).Run(); err != nil {
		t.Logf("mount: %v; the simulated disk has to do", err)
		return all
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", dir).Run(); err != nil {
			t.Errorf("umount: %v", err)
		}
	})
	all["tmpfs"] = disk{
		bolt.Options{Dir: filepath.Join(dir, "data"), Reserve: 4 << 20},
		func() {
			if err := exec.Command("mount", "-o", "remount,size=32m", dir).Run(); err != nil {
				t.Errorf("remount: %v", err)
			}
		},
	}
	return all
}

func open(t *testing.T, o bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// fill commits until there is no space, and returns how many commits it took.
func fill(t *testing.T, s *bolt.Store, name string) int {
	t.Helper()
	for n := range 1000 {
		_, err := s.Commit(t.Context(), put(fmt.Sprint(name, "-", n), 300<<10))
		if errors.Is(err, access.ErrNoSpace) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the disk is never full")
	return 0
}

func TestFullDisk(t *testing.T) {
	for name, d := range disks(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, d.options)
			if n := fill(t, s, "fill"); n < 10 {
				t.Errorf("full after %d commits", n)
			}
			if !s.Stats().NoSpace {
				t.Error("the stats do not say that there is no space")
			}
			wantOnlyEnds(t, s)

			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, d.options)
			wantOnlyEnds(t, s)

			d.relief()
			if _, err := s.Commit(t.Context(), put("after", 1<<20-1000)); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if s.Stats().NoSpace {
				t.Error("the stats say that there is no space still")
			}
			fill(t, s, "more")
			wantOnlyEnds(t, s)
		})
	}
}

// wantOnlyEnds wants s to refuse whatever needs room, to change nothing by it,
// and to take ends and leadership.
func wantOnlyEnds(t *testing.T, s *bolt.Store) {
	t.Helper()
	c := put("late", 900<<10)
	c.Events = []access.Event{{Stream: "r-1", At: noon}}
	if _, err := s.Commit(t.Context(), c); !errors.Is(err, access.ErrNoSpace) {
		t.Errorf("commit = %v, want no space", err)
	}
	if _, err := s.Get(t.Context(), key("late")); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("a refused record: %v", err)
	}
	if _, err := s.Get(t.Context(), key("fill-1")); err != nil {
		t.Errorf("a record from before: %v", err)
	}
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Errorf("lead: %v", err)
	}
	end := c
	end.Epoch, end.Ending, end.Changes = epoch, true, nil
	for range 5 {
		if _, err := s.Commit(t.Context(), end); err != nil {
			t.Errorf("ending: %v", err)
		}
	}
}

// TestReserveTakesAThousandEnds is where the number in the package's promise
// comes from: on a full disk, grants go through every commit from open to
// their receipt, and a quarter of the reserve takes a quarter of a thousand.
func TestReserveTakesAThousandEnds(t *testing.T) {
	const grants, workers = 250, 50
	var size atomic.Int64
	size.Store(1 << 40)
	s := open(t, bolt.OnDisk(bolt.Options{Dir: t.TempDir(), Reserve: bolt.DefaultReserve / 4}, &size))
	s.NoSync()
	each(workers, grants, func(n int) {
		if err := live(t.Context(), s, n); err != nil {
			t.Error(err)
		}
	})
	size.Store(0)
	fill(t, s, "fill")
	each(workers, grants, func(n int) {
		if err := end(t.Context(), s, n); err != nil {
			t.Error(err)
		}
	})
}

// each calls f for 0 to n-1 from some workers at once.
func each(workers, n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

func grant(n int) (access.Grant, access.Object) {
	id := access.RequestID(fmt.Sprintf("r-%010d", n))
	spec := access.Spec{
		Key: access.ObjectKey(fmt.Sprintf("assignment/ssoins-1234567890abcdef/%012d/ps-1234567890abcdef/user", n)),
		Way: "aws_sso", Lane: fmt.Sprintf("%012d", n), Budget: "ssoins-1234567890abcdef",
		Params: map[string]string{
			"account": fmt.Sprintf("%012d", n), "region": "us-east-1",
			"permission_set": "arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef",
		},
	}
	return access.Grant{
			ID: id.Grant(), Request: id, State: access.Open, Holder: "p-0123456789", Target: "billing-readonly",
			Duration: time.Hour, Objects: []access.ObjectKey{spec.Key}, DecidedAt: noon, EndsAt: noon.Add(time.Hour),
		}, access.Object{
			Spec: spec, State: access.Present, AttemptAt: noon,
			Leases: []access.Lease{{Grant: id.Grant(), Until: noon.Add(time.Hour)}},
		}
}

// live puts the nth grant and its object into the store.
func live(ctx context.Context, s access.Store, n int) error {
	g, o := grant(n)
	_, err := commit(ctx, s, access.Commit{}, g, o)
	return err
}

// end takes the nth grant from open to closed, with the commits that a Keeper
// makes on the way.
func end(ctx context.Context, s access.Store, n int) error {
	g, o := grant(n)
	g, err := g.Ended(access.End{At: noon, Cause: access.EndedDue})
	if err != nil {
		return err
	}
	closed := g
	if closed, err = closed.Sealed([]access.ObjectReceipt{{Object: o.Spec.Key, AbsentAt: noon, Reads: 2}}); err != nil {
		return err
	}
	steps := []struct {
		what   access.EventType
		grant  access.Grant
		object access.Object
	}{
		{access.EventEnding, g, access.Object{Spec: o.Spec, State: access.Present, NextAt: noon}},
		{access.EventAttempt, g, access.Object{Spec: o.Spec, State: access.Deleting, NextAt: noon}},
		{access.EventAnswer, g, access.Object{Spec: o.Spec, State: access.Leaving, NextAt: noon}},
		{access.EventClosed, closed, access.Object{Spec: o.Spec, State: access.Gone, WatchUntil: noon}},
	}
	for _, st := range steps {
		e, err := access.NewEvent(g.Request, st.what, noon, st.object)
		if err != nil {
			return err
		}
		notice := access.Notice{Kind: access.NoticeChanged, Request: g.Request, At: noon, Text: "what happened, in a sentence"}
		c := access.Commit{Ending: true, Events: []access.Event{e}, Notices: []access.Notice{notice}}
		if _, err := commit(ctx, s, c, st.grant, st.object); err != nil {
			return fmt.Errorf("%s of grant %d: %w", st.what, n, err)
		}
	}
	return nil
}

// commit adds the nouns, over whatever version is stored, to c.
func commit(ctx context.Context, s access.Store, c access.Commit, nouns ...access.Stored) (access.Version, error) {
	for _, n := range nouns {
		rec, err := s.Get(ctx, n.Key())
		if err != nil && !errors.Is(err, access.ErrNotFound) {
			return 0, err
		}
		ch, err := access.Put(n, rec.Version)
		if err != nil {
			return 0, err
		}
		c.Changes = append(c.Changes, ch)
	}
	return s.Commit(ctx, c)
}

func TestBackupWhileWriting(t *testing.T) {
	s := open(t, bolt.Options{Dir: t.TempDir(), Reserve: 1 << 20})
	if err := live(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			if err := live(t.Context(), s, n); err != nil {
				t.Error(err)
			}
		}
	})
	file := filepath.Join(t.TempDir(), "backup")
	for range 5 {
		var b bytes.Buffer
		if err := s.Backup(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		wantConsistent(t, file)
	}
	cancel()
	wg.Wait()
	if err := s.Backup(ctx, new(bytes.Buffer)); !errors.Is(err, context.Canceled) {
		t.Errorf("backup with a context that is over: %v", err)
	}
}

// wantConsistent wants as many grants as objects in a backup, and no commits.
func wantConsistent(t *testing.T, file string) {
	t.Helper()
	b, err := bolt.OpenReadOnly(file)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	grants, err := b.List(t.Context(), access.Query{Index: access.IndexGrants})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := b.List(t.Context(), access.Query{Index: access.IndexObjects})
	if err != nil || len(grants.Records) == 0 || len(grants.Records) != len(objects.Records) {
		t.Errorf("%d grants and %d objects, %v", len(grants.Records), len(objects.Records), err)
	}
	if _, err := b.Commit(t.Context(), put("a", 1)); err == nil {
		t.Error("a backup took a commit")
	}
	if _, err := b.Lead(t.Context()); err == nil {
		t.Error("a backup took a leader")
	}
}
