package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/proxy/api"
	"sesame/proxy/client"
	"sesame/store/memory"
)

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	alice = access.Person{
		ID: "p-alice", Name: "Alice", Email: "alice@example.com", Principal: "user-alice",
		Account: access.Account{Workspace: "T012ABCDEF", User: "U0ALICE"},
	}
)

// A desk remembers what it was asked, and answers what it was told to.
type desk struct {
	store access.Store
	asked []flows.Ending
	err   error
}

func (d *desk) End(ctx context.Context, e flows.Ending) (access.Grant, error) {
	d.asked = append(d.asked, e)
	if d.err != nil {
		return access.Grant{}, d.err
	}
	g, _, err := access.Load[access.Grant](ctx, d.store, access.Grant{ID: e.Grant}.Key())
	return g, err
}

// A rig is a server on a socket with a client of it.
type rig struct {
	*client.Client
	desk   *desk
	config api.Config
	store  *memory.Store
	dir    string
	log    strings.Builder
}

func newRig(t *testing.T, change ...func(*rig)) *rig {
	t.Helper()
	// Not t.TempDir: its path is longer than that of a socket may be.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{store: memory.New(), dir: dir}
	r.desk = &desk{store: r.store}
	r.config = api.Config{
		Desk: r.desk, Store: r.store, Log: zerolog.New(&r.log),
		Person: func(uid uint32) (access.Account, bool) { return alice.Account, uid == uint32(os.Getuid()) },
		Status: func(context.Context) (api.Status, error) { return api.Status{Version: "test", Started: noon}, nil },
		Verify: func(_ context.Context, head string) (api.Proof, error) { return api.Proof{Head: head}, nil },
		Backup: func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, "snapshot"); return err },
	}
	for _, c := range change {
		c(r)
	}
	l, err := api.Listen(r.socket())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- api.New(r.config).Serve(ctx, l) }()
	r.Client = client.New(r.socket())
	t.Cleanup(func() {
		r.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) socket() string { return filepath.Join(r.dir, "s") }

// grant stores Alice's request number n with its grant.
func (r *rig) grant(t *testing.T, n int) access.Grant {
	t.Helper()
	at := noon.Add(time.Duration(n) * time.Minute)
	req := access.Request{
		ID: access.RequestID(fmt.Sprintf("r-%d", n)), State: access.Approved, By: alice,
		Target:   access.Target{Name: "ec2-frontend", Label: "EC2"},
		Duration: time.Hour, Reason: "disk full", AskedAt: at, LapsesAt: at.Add(24 * time.Hour),
	}
	b := ledger.NewBatch(at)
	b.Put(req, 0)
	b.Event(req.ID, access.EventAsked, alice, nil)
	plan := access.Plan{Objects: []access.Spec{{Key: access.ObjectKey(fmt.Sprintf("o-%d", n)), Way: "aws_sso"}}}
	if err := b.Grant(t.Context(), r.store, req, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), r.store); err != nil {
		t.Fatal(err)
	}
	g, _, err := access.Load[access.Grant](t.Context(), r.store, access.Grant{ID: req.ID.Grant()}.Key())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAnEndIsThatOfTheRecordedPerson(t *testing.T) {
	r := newRig(t)
	g := r.grant(t, 1)
	ended, err := r.End(t.Context(), string(g.ID))
	if err != nil {
		t.Fatal(err)
	}
	if ended.ID != "g-1" || ended.Holder.Name != "Alice" {
		t.Errorf("ended %+v, want Alice's g-1", ended)
	}
	want := []flows.Ending{{From: alice.Account, Grant: g.ID, Source: access.FromCLI}}
	if diff := cmp.Diff(want, r.desk.asked); diff != "" {
		t.Errorf("the Desk was asked (-want +got):\n%s", diff)
	}
}

func TestNobodyRecordedChangesNothing(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.Person = func(uint32) (access.Account, bool) { return access.Account{}, false }
	})
	_, err := r.End(t.Context(), string(r.grant(t, 1).ID))
	want := fmt.Sprintf("Nobody is recorded for user %d of this machine, so this would be done by no one: add them under operators in sesame.yaml.", os.Getuid())
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Text != want {
		t.Errorf("End: %v, want %q", err, want)
	}
	if len(r.desk.asked) > 0 {
		t.Errorf("the Desk was asked: %v", r.desk.asked)
	}
}

func TestWhatTheDeskSaysArrives(t *testing.T) {
	r := newRig(t)
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"a refusal is told", &access.Refusal{Code: access.RefusedDecided, Text: "This access is closed already."}, "This access is closed already."},
		{"an internal error is not", errors.New("page 17 of /var/db"), "The server met an error, which its log describes."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r.desk.err = tt.err
			_, err := r.End(t.Context(), "g-1")
			if err == nil || err.Error() != tt.want {
				t.Errorf("End: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestListingsComeInPagesNewestFirst(t *testing.T) {
	r := newRig(t)
	for n := range 5 {
		r.grant(t, n)
	}
	var ids []string
	for l := (client.Listing{Limit: 2}); ; {
		page, err := r.Grants(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Grants {
			ids = append(ids, g.ID)
		}
		if l.After = page.Next; l.After == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"g-4", "g-3", "g-2", "g-1", "g-0"}, ids); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
	open, err := r.Requests(t.Context(), client.Listing{Open: true})
	if err != nil || len(open.Requests) != 0 {
		t.Errorf("pending requests: %v, %v, want none", open.Requests, err)
	}
}

func TestAStoryHasTheGrantAndTheRecord(t *testing.T) {
	r := newRig(t)
	r.grant(t, 1)
	story, err := r.Request(t.Context(), "r-1")
	if err != nil {
		t.Fatal(err)
	}
	if story.Grant == nil || story.Grant.ID != "g-1" || len(story.Events) != 2 {
		t.Fatalf("story %+v, want the grant g-1 and two events", story)
	}
	for i, e := range story.Events {
		prev := access.Event{}
		if i > 0 {
			prev = story.Events[i-1]
		}
		if err := e.Follows(prev); err != nil {
			t.Errorf("the events that arrive can not be checked: %v", err)
		}
	}
	_, err = r.Request(t.Context(), "r-9")
	if want := `There is no request "r-9": sesame requests list shows what there is.`; err == nil || err.Error() != want {
		t.Errorf("Request: %v, want %q", err, want)
	}
}

func TestTheRecordComesInPages(t *testing.T) {
	r := newRig(t)
	r.grant(t, 1)
	first, err := r.Events(t.Context(), 1, 1)
	if err != nil || len(first.Events) != 1 || first.Next != 2 {
		t.Fatalf("Events = %+v, %v, want one event, and position 2 next", first, err)
	}
	if _, err := r.Events(t.Context(), 1, 2000); err == nil {
		t.Error("2000 events at once are not refused")
	}
}

func TestABackupIsWholeOrNotThere(t *testing.T) {
	path := func(r *rig) string { return filepath.Join(r.dir, "backup") }
	t.Run("whole", func(t *testing.T) {
		r := newRig(t)
		size, err := r.Backup(t.Context(), path(r))
		if err != nil || size != int64(len("snapshot")) {
			t.Fatalf("Backup = %d, %v", size, err)
		}
		info, err := os.Stat(path(r))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
		if _, err := r.Backup(t.Context(), path(r)); err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("a second backup in the same place: %v, want a refusal", err)
		}
	})
	t.Run("broken off", func(t *testing.T) {
		r := newRig(t, func(r *rig) {
			r.config.Backup = func(_ context.Context, w io.Writer) error {
				_, err := io.WriteString(w, strings.Repeat("x", 1<<20))
				return errors.Join(err, errors.New("disk"))
			}
		})
		if _, err := r.Backup(t.Context(), path(r)); err == nil {
			t.Error("a backup that broke off is taken for whole")
		}
		left, err := os.ReadDir(r.dir)
		if err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v, want the socket alone", left, err)
		}
	})
}

func TestNoServerIsAnErrorOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	if _, err := client.New(filepath.Join(dir, "s")).Status(t.Context()); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("without a socket: %v, want ErrNotRunning", err)
	}
}

func TestTheSocketIsItsOwners(t *testing.T) {
	r := newRig(t)
	info, err := os.Stat(r.socket())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := api.Listen(r.socket()); err == nil || !strings.Contains(err.Error(), "answers on") {
		t.Errorf("a second server on the socket: %v, want a refusal", err)
	}
}

func TestADeadServersSocketIsReplaced(t *testing.T) {
	path := filepath.Join(newRig(t).dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := client.New(path).Status(t.Context()); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("on a dead socket: %v, want ErrNotRunning", err)
	}
	again, err := api.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays after it was closed: %v", err)
	}
}

func TestAFileIsNotReplacedByASocket(t *testing.T) {
	path := filepath.Join(newRig(t).dir, "file")
	if err := os.WriteFile(path, []byte("notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("Listen: %v, want a refusal", err)
	}
}
