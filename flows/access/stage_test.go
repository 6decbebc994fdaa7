package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

// staged returns alice's request, which either two leads or the owner decide
// on, and then security.
func staged() access.Request {
	leads, owner, security := need(2, "leads"), need(1, "owner"), need(1, "security")
	leads.Choice, owner.Choice, security.Stage = 1, 1, 1
	return asked(leads, owner, security)
}

func TestStages(t *testing.T) {
	r := staged()
	if got := r.Asked(); got != "2 of leads or owner" || r.Missing() != 2 {
		t.Errorf("at first %d of %q are missing", r.Missing(), got)
	}
	err := access.Authorize(access.Approve, member("dave", "security"), r)
	if err == nil || !strings.Contains(err.Error(), "2 of leads or owner decide first") {
		t.Errorf("security first: %v", err)
	}
	_, err = r.Approve(member("dave", "security"), access.Decision{At: noon})
	wantErr(t, "security first", err, access.ErrNotNeeded)
	r = approve(t, r, member("bob", "leads", "security"))
	if got := r.Asked(); got != "leads or owner" || r.Missing() != 2 {
		t.Errorf("after one lead %d of %q are missing", r.Missing(), got)
	}
	r = approve(t, r, member("erin", "owner"))
	if got := r.Asked(); got != "security" || r.Missing() != 1 || r.Counted() != 2 {
		t.Errorf("after the owner %d of %q are missing", r.Missing(), got)
	}
	_, err = r.Approve(member("bob", "leads", "security"), access.Decision{At: noon})
	wantErr(t, "the same person in the next stage", err, access.ErrCountedAlready)
	r = approve(t, r, member("dave", "security"))
	if r.State != access.Approved || r.Outstanding() != nil {
		t.Errorf("after both stages it is %s and lacks %v", r.State, r.Outstanding())
	}
}

func TestApprovalsInTheChatAlone(t *testing.T) {
	r := asked(need(1, "leads"))
	lead := member("bob", "leads")
	lead.Via = access.FromCLI
	if err := access.Authorize(access.Approve, lead, r); err != nil {
		t.Errorf("where the route says nothing: %v", err)
	}
	r.Verdict.Route.InChat = true
	err := access.Authorize(access.Approve, lead, r)
	if refusal, ok := errors.AsType[*access.Refusal](err); !ok || refusal.Code != access.RefusedElsewhere {
		t.Errorf("by command: %v", err)
	}
	if err := access.Authorize(access.Deny, lead, r); err != nil {
		t.Errorf("who cannot approve by command cannot deny: %v", err)
	}
	lead.Via = access.FromButton
	if err := access.Authorize(access.Approve, lead, r); err != nil {
		t.Errorf("in the chat: %v", err)
	}
}

func TestApproveWhen(t *testing.T) {
	r := asked(need(1, "leads"))
	r.Verdict.Route.ApproveWhen = `approver.email != "x"`
	lead := member("bob", "leads")
	if err := access.Authorize(access.Approve, lead, r); err == nil || !strings.Contains(err.Error(), r.Verdict.Route.ApproveWhen) {
		t.Errorf("somebody who does not fit: %v", err)
	}
	if err := access.Authorize(access.Deny, lead, r); err != nil {
		t.Errorf("who does not fit cannot deny: %v", err)
	}
	lead.Unfit = "Nobody can tell; tell an admin."
	if err := access.Authorize(access.Approve, lead, r); err == nil || err.Error() != lead.Unfit {
		t.Errorf("where nobody can tell: %v", err)
	}
	lead.Fit = true
	if err := access.Authorize(access.Approve, lead, r); err != nil {
		t.Errorf("somebody who fits: %v", err)
	}
	other := member("mallory")
	other.Fit = true
	if access.Authorize(access.Approve, other, r) == nil {
		t.Error("whoever fits is an approver")
	}
}

// What was approved counts for the route by which people were asked, and for
// no other.
func TestApprovalsOfAnotherRoute(t *testing.T) {
	r := asked(need(2, "leads"))
	r.Verdict.Route.Silence = []access.Escalation{{In: time.Hour, Needs: []access.Need{need(1, "security")}}}
	r = approve(t, r, member("bob", "leads"))
	later, _, err := r.Escalate(after(time.Hour))
	if err != nil || later.Counted() != 0 || later.Missing() != 1 || later.Counts(r.Decisions[0]) || !r.Counts(r.Decisions[0]) {
		t.Fatalf("%d approvals count, %d are missing, %v", later.Counted(), later.Missing(), err)
	}
	if again := later.Judged(r.Verdict); again.Agreed() != later.Agreed() {
		t.Error("a fresh verdict of the same rules undoes a step that was taken")
	}
	// Somebody who approved before may do so again, by the route of now.
	r = approve(t, later, member("bob", "leads", "security"))
	if r.State != access.Approved {
		t.Errorf("it is %s", r.State)
	}
}

func TestAfterSilence(t *testing.T) {
	first, second := access.Channel{Name: "a", ID: "C1"}, access.Channel{Name: "b", ID: "C2"}
	r := access.Route{
		Needs: []access.Need{need(1, "leads")}, Notify: []access.Channel{first}, Tell: access.Audience{Groups: []string{"g"}},
		Silence: []access.Escalation{
			{In: time.Hour, Notify: []access.Channel{first, second}, Tell: access.Audience{Groups: []string{"g"}, People: []string{"x@example.com"}}},
			{In: 2 * time.Hour, Needs: []access.Need{need(1, "security")}},
		},
	}
	at := r.After(time.Hour)
	if !slices.Equal(at.Notify, []access.Channel{first, second}) || !slices.Equal(at.Tell.People, []string{"x@example.com"}) || len(at.Tell.Groups) != 1 || at.Needs[0].Groups[0] != "leads" {
		t.Errorf("after an hour: %+v", at)
	}
	if at := r.After(3 * time.Hour); at.Needs[0].Groups[0] != "security" || !slices.Equal(at.Groups(), []string{"security"}) {
		t.Errorf("after three: %+v", at)
	}
	if at := r.After(time.Minute); len(at.Notify) != 1 || len(r.Notify) != 1 {
		t.Errorf("before: %+v", at)
	}
}

func TestSpell(t *testing.T) {
	a, b, c, d := need(2, "leads"), need(1, "owner"), need(1, "duty"), need(1, "security")
	a.Choice, b.Choice, d.Stage = 1, 1, 1
	if got, want := access.Spell([]access.Need{a, b, c, d}), "2 of leads or owner and duty, then security"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestExtended(t *testing.T) {
	g := opened(t, granted(t, time.Hour, "a"), noon).Reminder()
	r := asked(need(1, "leads"))
	r.ID, r.State, r.Extends, r.Duration = "r-9876543210", access.Approved, g.ID, 30*time.Minute
	longer, err := g.Extended(r, after(55*time.Minute))
	if err != nil || !longer.EndsAt.Equal(after(90*time.Minute)) || !longer.CloseBy.Equal(g.CloseBy.Add(30*time.Minute)) {
		t.Fatalf("ends %v, closed by %v, %v", longer.EndsAt, longer.CloseBy, err)
	}
	if longer.Reminded || !longer.Due().Equal(after(80*time.Minute)) || longer.Duration != 90*time.Minute || len(g.Extensions) != 0 {
		t.Errorf("due %v, reminded %v, for %v", longer.Due(), longer.Reminded, longer.Duration)
	}
	_, err = longer.Extended(r, after(56*time.Minute))
	wantErr(t, "by one request twice", err, access.ErrCountedAlready)
	_, err = g.Extended(r, g.EndsAt)
	wantErr(t, "at its end", err, access.ErrDecided)
	ended, err := g.Ended(access.End{At: after(time.Minute), Cause: access.EndedEarly})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ended.Extended(r, after(2*time.Minute))
	wantErr(t, "once ended", err, access.ErrDecided)
	_, err = access.NewGrant(r, planned("a"), noon)
	wantErr(t, "as a grant of its own", err, access.ErrForbidden)
	for what, change := range map[string]func(*access.Request){
		"pending":            func(r *access.Request) { r.State = access.Pending },
		"of another grant":   func(r *access.Request) { r.Extends = "g-0000000000" },
		"of somebody else":   func(r *access.Request) { r.By = person("bob") },
		"for another target": func(r *access.Request) { r.Target.Name = "billing" },
		"by nothing":         func(r *access.Request) { r.Duration = 0 },
		"backwards":          func(r *access.Request) { r.Duration = -time.Minute },
	} {
		other := r
		change(&other)
		_, err := g.Extended(other, after(time.Minute))
		wantErr(t, what, err, access.ErrForbidden)
	}
}
