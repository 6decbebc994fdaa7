package access

import (
	"fmt"
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
	AskedAt  time.Time         `json:"asked_at"`
	LapsesAt time.Time         `json:"lapses_at"`
	Verdict  Verdict           `json:"verdict"` // the latest
	// Decisions are in the order in which they were made, approvals that did
	// not complete the quorum included.
	Decisions []Decision `json:"decisions,omitempty"`
	EndedAt   time.Time  `json:"ended_at,omitzero"` // when it left Pending
}

// A Source is the way by which a request or decision came in.
type Source string

// The sources.
const (
	FromCommand Source = "command" // a complete request line in chat
	FromForm    Source = "form"
	FromButton  Source = "button"
	FromCLI     Source = "cli"
	FromRoute   Source = "route" // an automatic route
	FromKeeper  Source = "keeper"
)

// A Decision is what one person, or an automatic route, said.
type Decision struct {
	By      PersonID `json:"by"` // empty for an automatic route
	Name    string   `json:"name"`
	Approve bool     `json:"approve"`
	Need    int      `json:"need"` // the route's need that it counts towards
	// Digest is of what was approved: the terms, and who had to.
	Digest Digest    `json:"digest,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Source Source    `json:"source"`
	Route  string    `json:"route"`
}

// Key is where the request is stored.
func (r Request) Key() Key { return Key{KindRequest, string(r.ID)} }

// Index lists the request by time and by person for ever, and as due and as
// pending only while it is.
func (r Request) Index(Version) []Index {
	x := []Index{
		{IndexRequests, TimeKey(r.AskedAt)},
		{IndexPerson, string(r.By.ID) + "/" + TimeKey(r.AskedAt)},
	}
	if r.State == Pending {
		x = append(x, Index{IndexDue, TimeKey(r.LapsesAt)}, Index{IndexPending, string(r.By.ID)})
	}
	return x
}

// Terms returns what an approver of r agrees to.
func (r Request) Terms() Terms {
	return Terms{
		Request: r.ID, Who: r.By.ID, As: r.By.Principal, Target: r.Target,
		Duration: r.Duration, Reason: r.Reason, Fields: r.Fields,
	}
}

// Agreed returns the digest of what an approval of r agrees to: its terms, and
// the route by which people were asked.
func (r Request) Agreed() Digest {
	return digest(struct {
		Terms Terms
		Route string
		Needs []Need `json:",omitempty"`
	}{r.Terms(), r.Verdict.Route.Name, r.Verdict.Route.Needs})
}

// approvals returns how many people have approved towards the route's need n.
// What was approved before the terms or the route changed does not count.
func (r Request) approvals(n int) int {
	people, agreed := map[PersonID]bool{}, r.Agreed()
	for _, d := range r.Decisions {
		if d.Approve && d.Need == n && d.Digest == agreed {
			people[d.By] = true
		}
	}
	return len(people)
}

// Missing returns how many approvals the request still needs.
func (r Request) Missing() int {
	route := r.Verdict.Route
	if route.Auto || r.State == Approved {
		return 0
	}
	missing := 0
	for i, n := range route.Needs {
		missing += max(0, n.Count-r.approvals(i))
	}
	if len(route.Needs) == 0 {
		missing = max(0, 1-r.approvals(0))
	}
	return missing
}

// needFor returns the first need that is not met and that s may count towards,
// and whether there is one.
func (r Request) needFor(s Standing) (int, bool) {
	route := r.Verdict.Route
	for i, n := range route.Needs {
		if r.approvals(i) < n.Count && (n.eligible(s) || route.Self && s.is(r.By)) {
			return i, true
		}
	}
	return 0, len(route.Needs) == 0
}

// Overdue reports whether the time to decide r is over, whoever has noticed.
func (r Request) Overdue(now time.Time) bool { return !now.Before(r.LapsesAt) }

// Approve returns r with s's approval. It is Approved once nothing is missing,
// and stays Pending before. The caller has asked Authorize first.
func (r Request) Approve(s Standing, d Decision) (Request, error) {
	if r.State != Pending || r.Overdue(d.At) {
		return Request{}, fmt.Errorf("approve %s request %s: %w", r.State, r.ID, ErrDecided)
	}
	agreed := r.Agreed()
	for _, was := range r.Decisions {
		if was.By == s.Person.ID && was.Digest == agreed {
			return Request{}, fmt.Errorf("approve request %s: %w", r.ID, ErrCountedAlready)
		}
	}
	need, ok := r.needFor(s)
	if !ok {
		return Request{}, fmt.Errorf("approve request %s: %w", r.ID, ErrNotNeeded)
	}
	d.By, d.Name, d.Approve = s.Person.ID, s.Person.Name, true
	d.Need, d.Digest, d.Route = need, agreed, r.Verdict.Route.Name
	r.Decisions = append(r.Decisions[:len(r.Decisions):len(r.Decisions)], d)
	if r.Missing() == 0 {
		r.State, r.EndedAt = Approved, d.At
	}
	return r, nil
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
	r.State, r.EndedAt = Approved, at
	return r, nil
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
	if !r.Overdue(now) {
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
