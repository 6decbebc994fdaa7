package access

import (
	"fmt"
	"slices"
	"time"
)

// A RequestState is where a request stands. The zero state is none, and
// nothing can be done with it.
type RequestState string

// The states of a request. It leaves Pending exactly once.
const (
	Pending   RequestState = "pending"
	Approved  RequestState = "approved"
	Denied    RequestState = "denied"
	Withdrawn RequestState = "withdrawn"
	Lapsed    RequestState = "lapsed"
)

// A Request is one person asking for one target.
type Request struct {
	ID       RequestID         `json:"id"`
	State    RequestState      `json:"state"`
	By       Person            `json:"by"` // as linked when asking
	Target   Target            `json:"target"`
	Duration time.Duration     `json:"duration"`
	Reason   string            `json:"reason"`
	Fields   map[string]string `json:"fields,omitempty"`
	Source   Source            `json:"source"`
	// Extends is the grant that would last longer by Duration; empty for a
	// request of access that is not there yet.
	Extends GrantID `json:"extends,omitempty"`
	// BeginsAt is when an extension would begin: where its grant ended when
	// this was last judged.
	BeginsAt time.Time `json:"begins_at,omitzero"`
	// BreakGlass says that the requester opens this themselves, for Incident,
	// and answers for it.
	BreakGlass bool      `json:"break_glass,omitempty"`
	Incident   string    `json:"incident,omitempty"`
	AskedAt    time.Time `json:"asked_at"`
	LapsesAt   time.Time `json:"lapses_at"`
	// SilentFor is the In of the last step that was taken because nobody
	// answered.
	SilentFor time.Duration `json:"silent_for,omitempty"`
	// Verdict is the latest, with the route as it is after those steps.
	Verdict Verdict `json:"verdict"`
	// Decisions are in the order in which they were made, approvals that did
	// not complete the quorum included.
	Decisions []Decision `json:"decisions,omitempty"`
	EndedAt   time.Time  `json:"ended_at,omitzero"` // when it left Pending
	// Announcements and Review are of broken glass only.
	Announcements []Announcement `json:"announcements,omitempty"`
	Review        Reviewing      `json:"review,omitzero"`
}

// A Source is the way by which a request or decision came in.
type Source string

// The sources.
const (
	FromCommand Source = "command" // a complete request line in chat
	FromForm    Source = "form"
	FromButton  Source = "button"
	FromCLI     Source = "cli"
	FromOutside Source = "outside" // a partner's person, who proved who they are
	FromRoute   Source = "route"   // an automatic route
	FromKeeper  Source = "keeper"
)

// A Decision is what one person, or an automatic route, said.
type Decision struct {
	By      PersonID `json:"by"` // empty for an automatic route
	Name    string   `json:"name"`
	Approve bool     `json:"approve"`
	Needs   []int    `json:"needs,omitempty"` // those of the route that it may count towards
	// Digest is of what was approved: the terms, and who had to.
	Digest Digest `json:"digest,omitempty"`
	// Left says that whoever made it has left before enough people had said the
	// same, so that it does not count.
	Left   bool      `json:"left,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Source Source    `json:"source"`
	Route  string    `json:"route"`
}

// Key is where the request is stored.
func (r Request) Key() Key { return Key{KindRequest, string(r.ID)} }

// Index lists the request by time, by person and by target for ever, and as due
// and as pending only while it is.
func (r Request) Index(Version) []Index {
	x := []Index{
		{IndexRequests, TimeKey(r.AskedAt)},
		{IndexPerson, string(r.By.ID) + "/" + TimeKey(r.AskedAt)},
		{IndexTarget, r.Target.Name + "/" + TimeKey(r.AskedAt)},
	}
	if r.State == Pending {
		x = append(x, Index{IndexPending, string(r.By.ID)})
	}
	if r.Review.Open() {
		x = append(x, Index{IndexReview, string(r.By.ID)})
	}
	if due := r.Due(); !due.IsZero() {
		x = append(x, Index{IndexDue, TimeKey(due)})
	}
	return x
}

// Due returns when the request next needs attention of its own accord: the
// next step of its route, its lapse, or the moment when its review is late. The
// zero time is never.
func (r Request) Due() time.Time {
	switch {
	case r.State != Pending && r.Review.Open() && !r.Review.Overdue:
		return r.Review.DueAt
	case r.State != Pending:
		return time.Time{}
	}
	if step, ok := r.next(); ok && r.AskedAt.Add(step.In).Before(r.LapsesAt) {
		return r.AskedAt.Add(step.In)
	}
	return r.LapsesAt
}

// next returns the first step for silence that was not taken.
func (r Request) next() (Escalation, bool) {
	for _, step := range r.Verdict.Route.Silence {
		if step.In > r.SilentFor {
			return step, true
		}
	}
	return Escalation{}, false
}

// Judged returns r with a fresh verdict. Steps that were taken for silence
// stay taken.
func (r Request) Judged(v Verdict) Request {
	r.Verdict = v
	r.Verdict.Route = v.Route.After(r.SilentFor)
	return r
}

// Escalate returns r after the next step for silence, and that step. It refuses
// before its time.
func (r Request) Escalate(now time.Time) (Request, Escalation, error) {
	step, ok := r.next()
	switch {
	case r.State != Pending:
		return Request{}, step, fmt.Errorf("escalate %s request %s: %w", r.State, r.ID, ErrDecided)
	case !ok || now.Before(r.AskedAt.Add(step.In)):
		return Request{}, step, fmt.Errorf("escalate request %s: %w", r.ID, ErrNotDue)
	}
	r.SilentFor = step.In
	if step.Deny {
		r, err := r.Dismiss("Nobody decided in "+Spoken(step.In)+".", now)
		return r, step, err
	}
	return r.Judged(r.Verdict), step, nil
}

// Terms returns what an approver of r agrees to.
func (r Request) Terms() Terms {
	return Terms{
		Request: r.ID, Who: r.By.ID, As: r.By.Principal, Target: r.Target,
		Duration: r.Duration, Reason: r.Reason, Fields: r.Fields,
		Extends: r.Extends, BreakGlass: r.BreakGlass, Incident: r.Incident,
	}
}

// Agreed returns the digest of what an approval of r agrees to: its terms, and
// the route by which people were asked.
func (r Request) Agreed() Digest {
	return digest(struct {
		Terms Terms
		Route string
		Needs []Need `json:",omitempty"`
		When  string `json:",omitempty"`
	}{r.Terms(), r.Verdict.Route.Name, r.Verdict.Route.Needs, r.Verdict.Route.ApproveWhen})
}

// Overdue reports whether the time to decide r is over, whoever has noticed:
// it lapses, or its route denies it.
func (r Request) Overdue(now time.Time) bool {
	denies := func(step Escalation) bool { return step.Deny && !now.Before(r.AskedAt.Add(step.In)) }
	return !now.Before(r.LapsesAt) || slices.ContainsFunc(r.Verdict.Route.Silence, denies)
}

// Approve returns r with s's approval. It is Approved once nothing is missing,
// and stays Pending before. The caller has asked Authorize first.
func (r Request) Approve(s Standing, d Decision) (Request, error) {
	if r.State != Pending || r.Overdue(d.At) {
		return Request{}, fmt.Errorf("approve %s request %s: %w", r.State, r.ID, ErrDecided)
	}
	agreed := r.Agreed()
	for _, was := range r.Decisions {
		if was.By == s.Person.ID && was.Digest == agreed && !was.Left {
			return Request{}, fmt.Errorf("approve request %s: %w", r.ID, ErrCountedAlready)
		}
	}
	q := r.quorum()
	stage, _ := q.stage()
	needs := r.towards(s, stage)
	if !q.helps(stage, needs) {
		return Request{}, fmt.Errorf("approve request %s: %w", r.ID, ErrNotNeeded)
	}
	d.By, d.Name, d.Approve = s.Person.ID, s.Person.Name, true
	d.Needs, d.Digest, d.Route = needs, agreed, r.Verdict.Route.Name
	r.Decisions = append(r.Decisions[:len(r.Decisions):len(r.Decisions)], d)
	if r.Missing() == 0 {
		r = r.approved(d.At)
	}
	return r, nil
}

// approved returns r approved. Broken glass is to be reviewed from then on.
func (r Request) approved(at time.Time) Request {
	r.State, r.EndedAt = Approved, at
	if glass := r.Verdict.Route.Glass; r.BreakGlass && glass != nil {
		r.Review.DueAt = at.Add(glass.ReviewWithin)
	}
	return r
}

// ApproveByRoute returns r approved by its automatic route.
func (r Request) ApproveByRoute(at time.Time) (Request, error) {
	if r.State != Pending || !r.Verdict.Allow || !r.Verdict.Route.Auto {
		return Request{}, fmt.Errorf("approve request %s by route: %w", r.ID, ErrForbidden)
	}
	r.Decisions = []Decision{{
		Approve: true, Name: "route " + r.Verdict.Route.Name, At: at, Source: FromRoute, Route: r.Verdict.Route.Name,
		Digest: r.Agreed(),
	}}
	return r.approved(at), nil
}

// Deny returns r denied by s. One person who may decide is enough to deny.
func (r Request) Deny(s Standing, d Decision) (Request, error) {
	d.By, d.Name, d.Approve, d.Route = s.Person.ID, s.Person.Name, false, r.Verdict.Route.Name
	r.Decisions = append(r.Decisions[:len(r.Decisions):len(r.Decisions)], d)
	return r.end(Denied, d.At)
}

// Dismiss returns r denied by Sesame itself, for a reason that no person has
// to confirm.
func (r Request) Dismiss(reason string, at time.Time) (Request, error) {
	d := Decision{Name: "Sesame", Reason: reason, At: at, Source: FromKeeper, Route: r.Verdict.Route.Name}
	r.Decisions = append(r.Decisions[:len(r.Decisions):len(r.Decisions)], d)
	return r.end(Denied, at)
}

// Withdraw returns r taken back by the person who asked.
func (r Request) Withdraw(at time.Time) (Request, error) { return r.end(Withdrawn, at) }

// Lapse returns r ended by silence. It refuses before the time is over.
func (r Request) Lapse(now time.Time) (Request, error) {
	if now.Before(r.LapsesAt) {
		return Request{}, fmt.Errorf("lapse request %s: %w", r.ID, ErrNotDue)
	}
	return r.end(Lapsed, now)
}

func (r Request) end(as RequestState, at time.Time) (Request, error) {
	if r.State != Pending {
		return Request{}, fmt.Errorf("%s request %s is to be %s: %w", r.State, r.ID, as, ErrDecided)
	}
	r.State, r.EndedAt = as, at
	return r, nil
}
