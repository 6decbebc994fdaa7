package access_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sesame/flows/access"
)

// TestRandomTransitions takes random steps with a request and its grant,
// wanted or not, and checks that each stays in the states of the package
// documentation, whatever comes in whatever order.
func TestRandomTransitions(t *testing.T) {
	requestMay := map[access.RequestState][]access.RequestState{
		access.Pending: {access.Pending, access.Approved, access.Denied, access.Withdrawn, access.Lapsed},
	}
	grantMay := map[access.GrantState][]access.GrantState{
		access.Opening: {access.Open, access.Closing},
		access.Open:    {access.Closing},
		access.Closing: {access.Closed},
	}
	for seed := range uint64(500) {
		w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 0)), now: noon}
		w.r = asked(need(1+w.rng.IntN(2), "leads"), need(1, "security"))
		if w.rng.IntN(4) == 0 {
			w.r.Verdict.Route = access.Route{Name: "automatic", Auto: true}
		}
		for range 30 {
			r, g := w.r, w.g
			w.step()
			if w.r.State != r.State && !slices.Contains(requestMay[r.State], w.r.State) {
				t.Fatalf("seed %d: request went from %s to %s", seed, r.State, w.r.State)
			}
			if w.g.State != g.State && !slices.Contains(grantMay[g.State], w.g.State) && (g.State != "" || w.g.State != access.Opening) {
				t.Fatalf("seed %d: grant went from %q to %q", seed, g.State, w.g.State)
			}
			w.invariants(seed)
		}
	}
}

// A walk is one random history.
type walk struct {
	t   *testing.T
	rng *rand.Rand
	now time.Time
	r   access.Request
	g   access.Grant
}

func (w *walk) step() {
	w.now = w.now.Add(time.Duration(w.rng.Int64N(int64(30 * time.Minute))))
	who := []access.Standing{
		member("bob", "leads"), member("carol", "leads", "security"), member("dave", "security"), member("alice"), member("mallory"),
	}[w.rng.IntN(5)]
	said := access.Decision{At: w.now}
	switch w.rng.IntN(11) {
	case 0, 1, 2:
		if access.Authorize(access.Approve, who, w.r) == nil {
			w.request(w.r.Approve(who, said))
		}
	case 3:
		w.request(w.r.ApproveByRoute(w.now))
	case 4:
		if w.rng.IntN(4) == 0 {
			w.request(w.r.Deny(who, said))
		}
	case 5:
		if w.rng.IntN(4) == 0 {
			w.request(w.r.Withdraw(w.now))
		}
	case 6:
		w.request(w.r.Lapse(w.now))
	case 7:
		if w.g.State == "" {
			w.grant(access.NewGrant(w.r, planned("a"), w.now))
		}
	case 8:
		w.grant(w.g.Opened(w.now))
	case 9:
		w.grant(w.g.Ended(access.End{At: w.now, Cause: access.EndedEarly}))
	case 10:
		w.grant(w.g.Sealed([]access.ObjectReceipt{gone("a", w.now)}))
	}
}

// request takes what a transition returned, if it did not refuse.
func (w *walk) request(r access.Request, err error) {
	if err == nil {
		w.r = r
	}
}

func (w *walk) grant(g access.Grant, err error) {
	if err == nil {
		w.g = g
	}
}

func (w *walk) invariants(seed uint64) {
	w.t.Helper()
	r, g := w.r, w.g
	if (r.State == access.Pending) != r.EndedAt.IsZero() {
		w.t.Fatalf("seed %d: %s and ended at %v", seed, r.State, r.EndedAt)
	}
	if r.State == access.Approved && !r.Verdict.Route.Auto {
		people := map[access.PersonID]bool{}
		for _, d := range r.Decisions {
			if people[d.By] || d.By == r.By.ID || d.By == "p-mallory" {
				w.t.Fatalf("seed %d: %s counts among %v", seed, d.By, r.Decisions)
			}
			people[d.By] = true
		}
		if want := r.Verdict.Route.Needs[0].Count + 1; len(people) != want {
			w.t.Fatalf("seed %d: approved by %d, want %d", seed, len(people), want)
		}
	}
	if g.State != "" && r.State != access.Approved {
		w.t.Fatalf("seed %d: a grant of a request that is %s", seed, r.State)
	}
	if g.State == access.Open && (g.EndsAt.After(g.CloseBy) || !g.EndsAt.After(g.OpenedAt)) {
		w.t.Fatalf("seed %d: open from %v to %v, to be closed by %v", seed, g.OpenedAt, g.EndsAt, g.CloseBy)
	}
	if g.State == access.Closed && g.Receipt.RemovedAt.IsZero() {
		w.t.Fatalf("seed %d: closed with no proof", seed)
	}
}
