package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
)

// A Store is a store that can be closed, after which its directory can be
// opened again.
type Store interface {
	access.Store
	Close() error
}

// An Open opens the store that lives in dir, which exists. The first call for
// a directory makes the store; later ones find what earlier ones committed.
type Open func(dir string) (Store, error)

// Run holds the store that open opens to the contract.
func Run(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		test func(*rig)
	}{
		{"get what was put", testGet},
		{"compare and set", testCompareAndSet},
		{"a deleted record does not come back as itself", testNoABA},
		{"all or nothing", testAtomic},
		{"limits", testLimits},
		{"awkward names", testNames},
		{"listing in order", testOrder},
		{"listing a range", testRange},
		{"pages", testPages},
		{"pages under change", testPagesUnderChange},
		{"a foreign cursor is refused", testForeignCursor},
		{"index entries follow the record", testIndexFollows},
		{"index by version", testIndexByVersion},
		{"chains of events", testChains},
		{"pages of events", testEventPages},
		{"a commit of events alone", testEventsAlone},
		{"an event that is not JSON", testBadEvent},
		{"notices", testNotices},
		{"epochs", testEpochs},
		{"watching", testWatch},
		{"one counter, many writers", testContention},
		{"reading while writing", testReadWhileWriting},
		{"a context that is over", testContext},
		{"opened again", testReopen},
		{"what was handed out stays", testNoAliasing},
		{"random commits against a model", testModel},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(newRig(t, open)) })
	}
}

// A rig is one store under test.
type rig struct {
	t    *testing.T
	dir  string
	open Open
	s    Store
}

func newRig(t *testing.T, open Open) *rig {
	r := &rig{t: t, dir: t.TempDir(), open: open}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	s, err := r.open(r.dir)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	r.s = s
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.s.Close(); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

func (r *rig) commit(c access.Commit) access.Version {
	r.t.Helper()
	v, err := r.s.Commit(context.Background(), c)
	if err != nil {
		r.t.Fatalf("commit: %v", err)
	}
	return v
}

// put commits the changes alone.
func (r *rig) put(changes ...access.Change) access.Version {
	r.t.Helper()
	return r.commit(access.Commit{Changes: changes})
}

// refused wants c to fail with the given error.
func (r *rig) refused(c access.Commit, want error) {
	r.t.Helper()
	if v, err := r.s.Commit(context.Background(), c); !errors.Is(err, want) || v != 0 {
		r.t.Errorf("commit = %d, %v, want 0, %v", v, err, want)
	}
}

func (r *rig) get(k access.Key) access.Record {
	r.t.Helper()
	rec, err := r.s.Get(context.Background(), k)
	if err != nil {
		r.t.Fatalf("get %v: %v", k, err)
	}
	return rec
}

func (r *rig) absent(k access.Key) {
	r.t.Helper()
	if rec, err := r.s.Get(context.Background(), k); !errors.Is(err, access.ErrNotFound) {
		r.t.Errorf("get %v = %+v, %v, want not found", k, rec, err)
	}
}

func (r *rig) page(q access.Query) access.Page {
	r.t.Helper()
	p, err := r.s.List(context.Background(), q)
	if err != nil {
		r.t.Fatalf("list %+v: %v", q, err)
	}
	return p
}

// ids returns the ids of all records under q, page after page.
func (r *rig) ids(q access.Query) []string {
	r.t.Helper()
	var ids []string
	err := access.Each(context.Background(), r.s, q, func(rec access.Record) error {
		ids = append(ids, rec.Key.ID)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return ids
}

func (r *rig) stream(id access.RequestID, seq uint64, limit int) []access.Event {
	r.t.Helper()
	events, err := r.s.Stream(context.Background(), id, seq, limit)
	if err != nil {
		r.t.Fatalf("stream %s: %v", id, err)
	}
	return events
}

func (r *rig) log(pos uint64, limit int) []access.Event {
	r.t.Helper()
	events, err := r.s.Log(context.Background(), pos, limit)
	if err != nil {
		r.t.Fatalf("log: %v", err)
	}
	return events
}

func (r *rig) same(what string, got, want any) {
	r.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

const things access.Kind = "thing"

func key(id string) access.Key { return access.Key{Kind: things, ID: id} }

// write returns the change that puts data, listed under the given entries.
func write(id string, expect access.Version, data string, under ...access.Index) access.Change {
	return access.Change{
		Key: key(id), Expect: expect, Data: []byte(data),
		Index: func(access.Version) []access.Index { return under },
	}
}

func under(name, value string) access.Index { return access.Index{Name: name, Value: value} }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// event returns the nth thing that happened to a request.
func event(id access.RequestID, n int) access.Event {
	return access.Event{
		Stream: id, Type: access.EventAttempt, At: noon.Add(time.Duration(n) * time.Second),
		Data: fmt.Appendf(nil, `{"n":%d,"html":"<&>"}`, n),
	}
}
