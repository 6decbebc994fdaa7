package access_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
)

func TestQuorumCountsPeople(t *testing.T) {
	r := approve(t, asked(need(2, "leads")), member("bob", "leads"))
	if r.State != access.Pending || r.Missing() != 1 {
		t.Fatalf("after one of two: %s, %d missing", r.State, r.Missing())
	}
	_, err := r.Approve(member("bob", "leads"), access.Decision{At: noon})
	wantErr(t, "the same person again", err, access.ErrCountedAlready)
	r = approve(t, r, member("carol", "leads"))
	if r.State != access.Approved || !r.EndedAt.Equal(noon) {
		t.Errorf("after two of two: %s, ended %v", r.State, r.EndedAt)
	}
}

func TestEveryNeedIsMet(t *testing.T) {
	both := asked(need(1, "leads"), need(1, "security"))
	t.Run("one person who is in both counts for one", func(t *testing.T) {
		r := approve(t, both, member("carol", "leads", "security"))
		if r.State != access.Pending || r.Missing() != 1 {
			t.Fatalf("%s, %d missing", r.State, r.Missing())
		}
		if r = approve(t, r, member("dave", "security")); r.State != access.Approved {
			t.Errorf("with the other need met: %s", r.State)
		}
	})
	t.Run("nobody counts for a need that is not theirs", func(t *testing.T) {
		r := approve(t, both, member("carol", "security"))
		_, err := r.Approve(member("dave", "security"), access.Decision{At: noon})
		wantErr(t, "a second of security", err, access.ErrNotNeeded)
		if r.Missing() != 1 {
			t.Errorf("%d missing, want the lead", r.Missing())
		}
	})
	t.Run("named by address", func(t *testing.T) {
		r := asked(access.Need{Count: 1, People: []string{"bob@example.com"}})
		if r = approve(t, r, member("bob")); r.State != access.Approved {
			t.Errorf("%s", r.State)
		}
	})
}

// What was approved is the terms and the route; where they change, it has to be
// approved anew, by the same people if they like.
func TestOldApprovalsDoNotCount(t *testing.T) {
	changes := map[string]func(*access.Request){
		"another route":     func(r *access.Request) { r.Verdict.Route.Name = "four-eyes" },
		"other approvers":   func(r *access.Request) { r.Verdict.Route.Needs = []access.Need{need(2, "security")} },
		"another account":   func(r *access.Request) { r.Target.Params = map[string]string{"account": "2"} },
		"a longer duration": func(r *access.Request) { r.Duration = 2 * time.Hour },
	}
	for name, change := range changes {
		r := approve(t, asked(need(2, "leads")), member("bob", "leads", "security"))
		change(&r)
		if r.Missing() != 2 {
			t.Errorf("%s: %d missing, want 2", name, r.Missing())
		}
		r = approve(t, r, member("carol", "leads", "security"))
		if r.State != access.Pending {
			t.Errorf("%s: %s with one approval of it", name, r.State)
		}
		if r = approve(t, r, member("bob", "leads", "security")); r.State != access.Approved {
			t.Errorf("%s: %s with two approvals of it", name, r.State)
		}
	}
}

func TestSelfApproval(t *testing.T) {
	alone := asked()
	alone.Verdict.Route.Self = true
	if r := approve(t, alone, member("alice")); r.State != access.Approved {
		t.Errorf("a route of the requester's own: %s", r.State)
	}
	with := asked(need(2, "leads"))
	with.Verdict.Route.Self = true
	r := approve(t, with, member("alice"))
	if r.Missing() != 1 || r.State != access.Pending {
		t.Errorf("the requester and one lead: %s, %d missing", r.State, r.Missing())
	}
}

func TestATransitionLeavesItsReceiverAlone(t *testing.T) {
	r := approve(t, asked(need(3, "leads")), member("bob", "leads"))
	r.Decisions = slices.Grow(r.Decisions, 4)
	carol := approve(t, r, member("carol", "leads"))
	dave := approve(t, r, member("dave", "leads"))
	if len(r.Decisions) != 1 || carol.Decisions[1].Name != "carol" || dave.Decisions[1].Name != "dave" {
		t.Errorf("decisions %v, %v, %v share memory", r.Decisions, carol.Decisions, dave.Decisions)
	}
}

// endings are the ways out of Pending.
var endings = map[access.RequestState]func(access.Request) (access.Request, error){
	access.Approved: func(r access.Request) (access.Request, error) {
		return r.Approve(member("bob", "leads"), access.Decision{At: noon})
	},
	access.Denied: func(r access.Request) (access.Request, error) {
		return r.Deny(member("bob", "leads"), access.Decision{At: noon})
	},
	access.Withdrawn: func(r access.Request) (access.Request, error) { return r.Withdraw(noon) },
	access.Lapsed:    func(r access.Request) (access.Request, error) { return r.Lapse(r.LapsesAt) },
}

func TestARequestEndsOnce(t *testing.T) {
	for first, end := range endings {
		r, err := end(asked(need(1, "leads")))
		if err != nil || r.State != first || r.EndedAt.IsZero() {
			t.Fatalf("%s: %s at %v, %v", first, r.State, r.EndedAt, err)
		}
		for second, again := range endings {
			got, err := again(r)
			wantErr(t, string(first)+" then "+string(second), err, access.ErrDecided)
			if diff := cmp.Diff(access.Request{}, got); diff != "" {
				t.Errorf("%s then %s returned something: %s", first, second, diff)
			}
		}
	}
	for name, end := range endings {
		_, err := end(access.Request{Verdict: access.Verdict{Route: access.Route{Needs: []access.Need{need(1, "leads")}}}})
		wantErr(t, "the zero request "+string(name), err, access.ErrDecided)
	}
}

func TestDismiss(t *testing.T) {
	r, err := asked(need(1, "leads")).Dismiss("Alice is no longer an active member.", noon)
	if err != nil || r.State != access.Denied || !r.EndedAt.Equal(noon) {
		t.Fatalf("%s at %v, %v", r.State, r.EndedAt, err)
	}
	if d := r.Decisions[0]; d.By != "" || d.Name != "Sesame" || d.Approve || d.Source != access.FromKeeper {
		t.Errorf("decision %+v, want a denial by Sesame", d)
	}
	_, err = r.Dismiss("again", noon)
	wantErr(t, "dismissed twice", err, access.ErrDecided)
}

func TestLapse(t *testing.T) {
	r := asked(need(1, "leads"))
	_, err := r.Lapse(r.LapsesAt.Add(-1))
	wantErr(t, "a moment too early", err, access.ErrNotDue)
	_, err = r.Approve(member("bob", "leads"), access.Decision{At: r.LapsesAt})
	wantErr(t, "approved when its time was over", err, access.ErrDecided)
}

func TestApproveByRoute(t *testing.T) {
	auto := asked()
	auto.Verdict.Route = access.Route{Name: "automatic", Auto: true}
	r, err := auto.ApproveByRoute(noon)
	if err != nil || r.State != access.Approved || len(r.Decisions) != 1 || r.Decisions[0].By != "" {
		t.Errorf("%s, %v, %v", r.State, r.Decisions, err)
	}
	for name, change := range map[string]func(*access.Request){
		"a route of people": func(r *access.Request) { r.Verdict.Route.Auto = false },
		"refused by rules":  func(r *access.Request) { r.Verdict.Allow = false },
		"withdrawn before":  func(r *access.Request) { r.State = access.Withdrawn },
	} {
		r := auto
		change(&r)
		_, err := r.ApproveByRoute(noon)
		wantErr(t, name, err, access.ErrForbidden)
	}
}

func TestRequestIndex(t *testing.T) {
	names := func(r access.Request) (all []string) {
		for _, x := range r.Index(1) {
			all = append(all, x.Name)
		}
		return all
	}
	r := asked()
	if got := names(r); !slices.Contains(got, access.IndexDue) || !slices.Contains(got, access.IndexPending) {
		t.Errorf("pending is listed in %v", got)
	}
	for _, end := range endings {
		over, err := end(asked(need(1, "leads")))
		if err != nil {
			t.Fatal(err)
		}
		if got := names(over); slices.Contains(got, access.IndexDue) || slices.Contains(got, access.IndexPending) {
			t.Errorf("%s is listed in %v", over.State, got)
		}
	}
}

// A route that denies when nobody answers leaves no time after that, whoever
// has noticed, and a lapse is not what it is called then.
func TestDeniedBySilence(t *testing.T) {
	r := asked(need(1, "leads"))
	r.Verdict.Route.Silence = []access.Escalation{{In: time.Hour, Needs: []access.Need{need(1, "security")}}, {In: 2 * time.Hour, Deny: true}}
	at := after(2 * time.Hour)
	if r.Overdue(at.Add(-1)) || !r.Overdue(at) {
		t.Errorf("overdue a moment before: %v, and then: %v", r.Overdue(at.Add(-1)), r.Overdue(at))
	}
	_, err := r.Approve(member("bob", "leads"), access.Decision{At: at})
	wantErr(t, "approved too late", err, access.ErrDecided)
	_, err = r.Lapse(at)
	wantErr(t, "lapsed", err, access.ErrNotDue)
	first, _, err := r.Escalate(at)
	if err != nil || first.State != access.Pending || first.SilentFor != time.Hour {
		t.Fatalf("the first step: %s after %v, %v", first.State, first.SilentFor, err)
	}
	denied, step, err := first.Escalate(at)
	if err != nil || denied.State != access.Denied || !step.Deny {
		t.Errorf("the second step: %s, %+v, %v", denied.State, step, err)
	}
	_, _, err = denied.Escalate(at)
	wantErr(t, "a third step", err, access.ErrDecided)
}
