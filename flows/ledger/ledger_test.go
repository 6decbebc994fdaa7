package ledger_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/store/memory"
	"sesame/store/storetest"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// granted commits a grant of n for the objects, and returns it.
func granted(t *testing.T, s access.Store, n int, keys ...access.ObjectKey) access.Grant {
	t.Helper()
	b := ledger.NewBatch(noon)
	r, p := request(n), plan(keys...)
	b.Put(r, 0)
	if err := b.Grant(t.Context(), s, r, p); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	g, _ := grant(t, s, r.ID.Grant())
	return g
}

func request(n int) access.Request {
	return access.Request{
		ID: access.RequestIDFrom(fmt.Sprint(n)), State: access.Approved, Duration: time.Hour,
		By: access.Person{ID: "p-alice", Name: "alice"}, Target: access.Target{Name: "ec2"}, AskedAt: noon,
	}
}

func plan(keys ...access.ObjectKey) (p access.Plan) {
	for _, k := range keys {
		p.Objects = append(p.Objects, access.Spec{Key: k, Way: "test", Lane: "1", Budget: "aws"})
	}
	return p
}

func grant(t *testing.T, s access.Store, id access.GrantID) (access.Grant, access.Version) {
	t.Helper()
	g, v, err := access.Load[access.Grant](t.Context(), s, access.Grant{ID: id}.Key())
	if err != nil {
		t.Fatal(err)
	}
	return g, v
}

func object(t *testing.T, s access.Store, k access.ObjectKey) access.Object {
	t.Helper()
	o, _, err := access.Load[access.Object](t.Context(), s, k.Record())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func types(t *testing.T, s access.Store, id access.RequestID) (all []access.EventType) {
	t.Helper()
	events, err := s.Stream(t.Context(), id, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		all = append(all, e.Type)
	}
	return all
}

func TestGrantLeasesEveryObject(t *testing.T) {
	s := memory.New()
	first := granted(t, s, 1, "role", "user")
	second := granted(t, s, 2, "role")
	if o := object(t, s, "role"); !slices.Equal(o.Holders(), []access.GrantID{first.ID, second.ID}) || o.Spec.Way != "test" {
		t.Errorf("role is held by %v: %+v", o.Holders(), o.Spec)
	}
	o := object(t, s, "user")
	if !slices.Equal(o.Holders(), []access.GrantID{first.ID}) || !o.NextAt.Equal(noon) || !o.Leases[0].Until.Equal(first.CloseBy) {
		t.Errorf("user is held by %v, due %v", o.Leases, o.NextAt)
	}
	if got := types(t, s, first.Request); !slices.Equal(got, []access.EventType{access.EventGranted}) {
		t.Errorf("events %v", got)
	}
}

func TestGrantRefuses(t *testing.T) {
	s := memory.New()
	pending := request(1)
	pending.State = access.Pending
	if err := ledger.NewBatch(noon).Grant(t.Context(), s, pending, plan("a")); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("a pending request: %v", err)
	}
	g := granted(t, s, 1, "a")
	b := ledger.NewBatch(noon)
	if err := b.Grant(t.Context(), s, request(1), plan("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), s); !errors.Is(err, access.ErrConflict) {
		t.Errorf("granted twice: %v", err)
	}
	if o := object(t, s, "a"); len(o.Leases) != 1 || !o.LeasedBy(g.ID) {
		t.Errorf("leases %v", o.Leases)
	}
}

// A close and an approval on one object cannot miss each other.
func TestLeaseAndReleaseConflict(t *testing.T) {
	s := memory.New()
	g := granted(t, s, 1, "a")
	_, v := grant(t, s, g.ID)
	end, lease := ledger.NewBatch(noon), ledger.NewBatch(noon)
	if _, err := end.End(t.Context(), s, g, v, access.End{At: noon, Cause: access.EndedDue}); err != nil {
		t.Fatal(err)
	}
	if err := lease.Grant(t.Context(), s, request(2), plan("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := end.Commit(t.Context(), s); !errors.Is(err, access.ErrConflict) {
		t.Errorf("both succeeded: %v", err)
	}
}

func TestEndReleasesTheLastObject(t *testing.T) {
	s := memory.New()
	g := granted(t, s, 1, "role", "user")
	_, v := grant(t, s, g.ID)
	b := ledger.NewBatch(noon)
	ended, err := b.End(t.Context(), s, g, v, access.End{At: noon, By: "p-bob", Name: "bob", Cause: access.EndedEarly})
	if err != nil || ended.State != access.Closing {
		t.Fatalf("%s, %v", ended.State, err)
	}
	var ending bool
	if _, err := b.Commit(t.Context(), storetest.Hooked{Store: s, Before: func(c access.Commit) error { ending = c.Ending; return nil }}); err != nil || !ending {
		t.Fatalf("ending %v, %v", ending, err)
	}
	user, role := object(t, s, "user"), object(t, s, "role")
	if user.Wanted() || !user.Urgent || !slices.Equal(user.Closing, []access.GrantID{g.ID}) || !role.LeasedBy(g.ID) {
		t.Errorf("user %+v, role held by %v", user, role.Holders())
	}
	closing, v := grant(t, s, g.ID)
	again := ledger.NewBatch(noon)
	if _, err := again.End(t.Context(), s, closing, v, access.End{Cause: access.EndedDue}); !errors.Is(err, access.ErrDecided) {
		t.Errorf("ended twice: %v", err)
	}
	release := ledger.NewBatch(noon)
	if err := release.Release(t.Context(), s, closing, "role"); err != nil {
		t.Fatal(err)
	}
	if _, err := release.Commit(t.Context(), s); err != nil || object(t, s, "role").Wanted() {
		t.Errorf("role is wanted still, %v", err)
	}
	if err := ledger.NewBatch(noon).Release(t.Context(), s, closing, "nothing"); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("an object that has no record: %v", err)
	}
}

func TestABatchRemembersItsFirstError(t *testing.T) {
	s := memory.New()
	b := ledger.NewBatch(noon)
	b.Put(access.Request{ID: "r-0123456789"}, 0)
	b.Event("r-0123456789", access.EventAsked, access.Person{}, math.Inf(1))
	b.Tell(access.NoticeAsked, "r-0123456789", "")
	if _, err := b.Commit(t.Context(), s); err == nil {
		t.Error("an event that cannot be encoded was committed")
	}
	if _, err := s.Get(t.Context(), access.Request{ID: "r-0123456789"}.Key()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("half of it was committed: %v", err)
	}
}

func TestABatchIsOneCommit(t *testing.T) {
	s := memory.New()
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := ledger.NewBatch(noon).Under(epoch).Ending()
	b.Put(access.Request{ID: "r-0123456789", AskedAt: noon}, 0)
	b.Event("r-0123456789", access.EventLapsed, access.Person{ID: "p-bob", Name: "bob"}, nil)
	b.Tell(access.NoticeOutcome, "r-0123456789", "words")
	var got access.Commit
	if _, err := b.Commit(t.Context(), storetest.Hooked{Store: s, Before: func(c access.Commit) error { got = c; return nil }}); err != nil {
		t.Fatal(err)
	}
	e, n := got.Events[0], got.Notices[0]
	if got.Epoch != epoch || !got.Ending || e.Actor != "p-bob" || !e.At.Equal(noon) || n.Text != "words" || !n.At.Equal(noon) {
		t.Errorf("%+v", got)
	}
	if _, err := s.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := ledger.NewBatch(noon).Under(epoch)
	late.Put(access.Request{ID: "r-0123456780"}, 0)
	if _, err := late.Commit(t.Context(), s); !errors.Is(err, access.ErrDeposed) {
		t.Errorf("under a leadership that is over: %v", err)
	}
}

func TestRetry(t *testing.T) {
	other := errors.New("other")
	for name, c := range map[string]struct {
		errs []error // the last one is repeated
		runs int
		want error
	}{
		"at once":         {[]error{nil}, 1, nil},
		"overtaken twice": {[]error{access.ErrConflict, fmt.Errorf("wrapped: %w", access.ErrConflict), nil}, 3, nil},
		"another error":   {[]error{access.ErrConflict, other}, 2, other},
		"always":          {[]error{access.ErrConflict}, 16, access.ErrConflict},
	} {
		runs := 0
		err := ledger.Retry(func() error {
			runs++
			return c.errs[min(runs, len(c.errs))-1]
		})
		if runs != c.runs || !errors.Is(err, c.want) {
			t.Errorf("%s: %d runs, %v", name, runs, err)
		}
	}
}
