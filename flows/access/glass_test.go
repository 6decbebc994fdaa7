package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

// broken returns alice's request, by which she broke the glass in place of
// leads.
func broken(t *testing.T) access.Request {
	t.Helper()
	r := asked()
	r.BreakGlass, r.Incident = true, "INC-7"
	r.Verdict.Route = access.Route{
		Name: "glass", Self: true, Skipped: []access.Need{need(1, "leads")},
		Glass: &access.Glass{Announce: access.Channel{Name: "security", ID: "C1"}, ReviewWithin: 24 * time.Hour},
	}
	return approve(t, r, member("alice"))
}

func TestOnlyWhoAskedBreaksTheGlass(t *testing.T) {
	r := broken(t)
	if r.State != access.Approved || !r.Review.DueAt.Equal(after(24*time.Hour)) || len(r.Decisions) != 1 {
		t.Errorf("%s, to be reviewed by %v, decided by %v", r.State, r.Review.DueAt, r.Decisions)
	}
	pending := r
	pending.State, pending.Decisions = access.Pending, nil
	for name, s := range standings() {
		self := slices.Contains([]string{"requester", "requester-admin", "requester-lead", "second-account"}, name)
		if err := access.Authorize(access.Approve, s, pending); (err == nil) != self {
			t.Errorf("%s: %v", name, err)
		}
	}
	// An ordinary request never takes the route, nor the other way round.
	for _, mixed := range []func(*access.Request){
		func(r *access.Request) { r.BreakGlass = false },
		func(r *access.Request) { r.Verdict.Route.Glass = nil },
	} {
		other := pending
		mixed(&other)
		for _, action := range []access.Action{access.Ask, access.Approve, access.Receive} {
			if access.Authorize(action, member("alice"), other) == nil {
				t.Errorf("%s: broken %v by a route with glass %v", action, other.BreakGlass, other.Verdict.Route.Glass != nil)
			}
		}
	}
}

// TestAuthorizeReview says who may look at it afterwards: those who were
// skipped, or whom the route names instead, and admins; never who used it.
func TestAuthorizeReview(t *testing.T) {
	r, named := broken(t), broken(t)
	named.Verdict.Route.Reviewers = []access.Need{{Count: 1, People: []string{"carol@example.com"}}}
	for name, s := range standings() {
		if err := access.Authorize(access.Review, s, r); (err == nil) != slices.Contains([]string{"lead", "admin"}, name) {
			t.Errorf("%s: %v", name, err)
		}
		if err := access.Authorize(access.Review, s, named); (err == nil) != slices.Contains([]string{"named", "admin"}, name) {
			t.Errorf("%s, where carol reviews: %v", name, err)
		}
	}
	done, err := r.Reviewed(member("bob", "leads"), "fine", after(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := access.Authorize(access.Review, member("root"), done); err == nil || !strings.Contains(err.Error(), "bob did already") {
		t.Errorf("twice: %v", err)
	}
	r.Verdict.Route.Skipped = nil
	if err := access.Authorize(access.Review, member("bob", "leads"), r); err == nil || !strings.Contains(err.Error(), "that is for an admin") {
		t.Errorf("where nobody was skipped: %v", err)
	}
}

// Who was skipped can end what somebody opened without them.
func TestAuthorizeTheEndOfBrokenGlass(t *testing.T) {
	r := broken(t)
	for name, s := range standings() {
		want := !slices.Contains([]string{"nobody", "other", "named", "decider", "inactive-lead", "unlinked-lead"}, name)
		if err := access.Authorize(access.EndGrant, s, r); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReviewing(t *testing.T) {
	r := broken(t)
	due := r.Review.DueAt
	if !r.Due().Equal(due) || r.Review.Late(due.Add(-1)) || !r.Review.Late(due) {
		t.Errorf("due %v, late before its time %v", r.Due(), r.Review.Late(due.Add(-1)))
	}
	if !slices.Contains(r.Index(1), access.Index{Name: access.IndexReview, Value: "p-alice"}) {
		t.Errorf("listed under %v", r.Index(1))
	}
	_, err := r.ReviewOverdue(due.Add(-1))
	wantErr(t, "overdue before its time", err, access.ErrNotDue)
	late, err := r.ReviewOverdue(due)
	if err != nil || !late.Due().IsZero() || !late.Review.Open() {
		t.Fatalf("overdue: due %v, open %v, %v", late.Due(), late.Review.Open(), err)
	}
	_, err = late.ReviewOverdue(due.Add(time.Hour))
	wantErr(t, "said twice", err, access.ErrNotDue)
	done, err := late.Reviewed(member("bob"), "late, and fine", after(30*time.Hour))
	if err != nil || done.Review.Name != "bob" || done.Review.Text != "late, and fine" || done.Review.Open() {
		t.Errorf("reviewed: %+v, %v", done.Review, err)
	}
	_, err = done.Reviewed(member("carol"), "again", after(31*time.Hour))
	wantErr(t, "reviewed twice", err, access.ErrDecided)
	_, err = asked(need(1, "leads")).Reviewed(member("bob"), "fine", noon)
	wantErr(t, "what needs no review", err, access.ErrDecided)
}

func TestAnnounced(t *testing.T) {
	r := broken(t)
	once, err := r.Announced("slack", noon)
	if err != nil || len(r.Announcements) != 0 {
		t.Fatalf("%v; the one before has %v", err, r.Announcements)
	}
	_, err = once.Announced("slack", after(time.Minute))
	wantErr(t, "in one place twice", err, access.ErrCountedAlready)
	twice, err := once.Announced("log", after(time.Minute))
	if err != nil || len(twice.Announcements) != 2 {
		t.Errorf("in two places: %v, %v", twice.Announcements, err)
	}
	_, err = asked(need(1, "leads")).Announced("slack", noon)
	wantErr(t, "what was not broken", err, access.ErrForbidden)
}

func TestTally(t *testing.T) {
	tally := access.Tally{Of: "person/p-alice"}
	if got := tally.Counted().Counted(); got.Counts != 2 || got.Key() != tally.Key() || got.Index(1) != nil {
		t.Errorf("%+v at %v", got, got.Key())
	}
}
