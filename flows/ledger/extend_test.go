package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/store/memory"
)

// opened opens a grant as the Keeper would.
func opened(t *testing.T, s access.Store, id access.GrantID) access.Grant {
	t.Helper()
	g, v := grant(t, s, id)
	g, err := g.Opened(noon)
	if err != nil {
		t.Fatal(err)
	}
	b := ledger.NewBatch(noon)
	b.Put(g, v)
	if _, err := b.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return g
}

// extension returns a request by which g would last half an hour longer.
func extension(n int, g access.Grant, as access.RequestState) access.Request {
	r := request(n)
	r.State, r.Extends, r.Duration, r.LapsesAt = as, g.ID, 30*time.Minute, g.EndsAt
	return r
}

func TestExtendMovesTheGrantAndItsLeases(t *testing.T) {
	s := memory.New()
	g := opened(t, s, granted(t, s, 1, "role", "user").ID)
	b := ledger.NewBatch(noon.Add(time.Minute))
	longer, err := b.Extend(t.Context(), s, extension(2, g, access.Approved))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := noon.Add(90 * time.Minute)
	stored, _ := grant(t, s, g.ID)
	if !longer.EndsAt.Equal(want) || !stored.EndsAt.Equal(want) {
		t.Errorf("ends at %v and %v, want %v", longer.EndsAt, stored.EndsAt, want)
	}
	for _, key := range []access.ObjectKey{"role", "user"} {
		if o := object(t, s, key); !o.Leases[0].Until.Equal(want) {
			t.Errorf("the lease on %s ends at %v", key, o.Leases[0].Until)
		}
	}
	if got := types(t, s, g.Request); !slices.Contains(got, access.EventExtended) {
		t.Errorf("events of the grant %v", got)
	}
}

// The end of a timed object is in AWS, where an extension would not move it.
func TestExtendRefusesWhatIsTimed(t *testing.T) {
	s := memory.New()
	r := request(1)
	b := ledger.NewBatch(noon)
	plan := access.Plan{Objects: []access.Spec{{Key: "tags", Name: "the tags"}, {Key: "policy", Name: "the policy", Timed: true}}}
	if err := b.Grant(t.Context(), s, r, plan); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	g, _ := grant(t, s, r.ID.Grant())
	o := object(t, s, g.Objects[1])
	if want := (access.Term{Of: g.ID, From: noon, Until: g.CloseBy}); o.Spec.Term != want || o.Spec.Key != "policy@"+access.ObjectKey(g.ID) {
		t.Errorf("%s holds for %+v, want %+v", o.Spec.Key, o.Spec.Term, want)
	}
	opened(t, s, g.ID)
	g, _ = grant(t, s, g.ID)
	_, err := ledger.NewBatch(noon).Extend(t.Context(), s, extension(2, g, access.Approved))
	if _, refused := errors.AsType[*access.Refusal](err); !refused {
		t.Errorf("extended: %v", err)
	}
}

func TestExtendRefusesWhatIsOver(t *testing.T) {
	s := memory.New()
	g := opened(t, s, granted(t, s, 1, "a").ID)
	late := ledger.NewBatch(g.EndsAt)
	if _, err := late.Extend(t.Context(), s, extension(2, g, access.Approved)); !errors.Is(err, access.ErrDecided) {
		t.Errorf("at its end: %v", err)
	}
	pending := ledger.NewBatch(noon)
	if _, err := pending.Extend(t.Context(), s, extension(2, g, access.Pending)); !errors.Is(err, access.ErrForbidden) {
		t.Errorf("by what nobody approved: %v", err)
	}
	none := ledger.NewBatch(noon)
	if _, err := none.Extend(t.Context(), s, extension(2, access.Grant{ID: "g-none"}, access.Approved)); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("of no grant: %v", err)
	}
}

// An end and an extension cannot miss each other.
func TestExtensionAndEndConflict(t *testing.T) {
	s := memory.New()
	g := opened(t, s, granted(t, s, 1, "a").ID)
	_, v := grant(t, s, g.ID)
	end, extend := ledger.NewBatch(noon), ledger.NewBatch(noon)
	if _, err := end.End(t.Context(), s, g, v, access.End{At: noon, Cause: access.EndedEarly}); err != nil {
		t.Fatal(err)
	}
	if _, err := extend.Extend(t.Context(), s, extension(2, g, access.Approved)); err != nil {
		t.Fatal(err)
	}
	if _, err := extend.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := end.Commit(t.Context(), s); !errors.Is(err, access.ErrConflict) {
		t.Errorf("both succeeded: %v", err)
	}
}

// unlisted is a store in which nothing can be looked for.
type unlisted struct{ access.Store }

func (unlisted) List(context.Context, access.Query) (access.Page, error) {
	return access.Page{}, access.ErrUnavailable
}

func TestAnEndDismissesTheExtension(t *testing.T) {
	s := memory.New()
	g := opened(t, s, granted(t, s, 1, "a").ID)
	ask := ledger.NewBatch(noon)
	waiting, other := extension(2, g, access.Pending), request(3)
	other.State = access.Pending
	ask.Put(waiting, 0)
	ask.Put(other, 0)
	if _, err := ask.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, v := grant(t, s, g.ID)
	if _, err := ledger.NewBatch(noon).End(t.Context(), unlisted{s}, g, v, access.End{At: noon, Cause: access.EndedDue}); err != nil {
		t.Errorf("an end waits for what it does not need: %v", err)
	}
	end := ledger.NewBatch(noon)
	if _, err := end.End(t.Context(), s, g, v, access.End{At: noon, Cause: access.EndedDue}); err != nil {
		t.Fatal(err)
	}
	if _, err := end.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[access.RequestID]access.RequestState{waiting.ID: access.Denied, other.ID: access.Pending} {
		r, _, err := access.Load[access.Request](t.Context(), s, access.Request{ID: id}.Key())
		if err != nil || r.State != want {
			t.Errorf("%s is %s, %v, want %s", id, r.State, err, want)
		}
	}
}

// Of two who counted at the same moment, one has to count again.
func TestCount(t *testing.T) {
	s := memory.New()
	first, second := ledger.NewBatch(noon), ledger.NewBatch(noon)
	first.Count(access.Tally{Of: "person/p-alice"}, 0)
	second.Count(access.Tally{Of: "person/p-alice"}, 0)
	if _, err := first.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Commit(t.Context(), s); !errors.Is(err, access.ErrConflict) {
		t.Errorf("both counted: %v", err)
	}
}
