package access

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// A GrantState is where a grant stands. The zero state is none.
type GrantState string

// The states of a grant, in order.
const (
	Opening GrantState = "opening"
	Open    GrantState = "open"
	Closing GrantState = "closing"
	Closed  GrantState = "closed"
)

// OpenWithin is how long after the decision a grant may take to open before
// it fails.
const OpenWithin = 15 * time.Minute

// RemindBefore is how long before the end the holder is reminded.
const RemindBefore = 10 * time.Minute

// A grant that is not closed LateAfter its end is said out loud, and again
// every LateAgain until it is.
const (
	LateAfter = 5 * time.Minute
	LateAgain = time.Hour
)

// A Grant is an approved request that is being kept.
type Grant struct {
	ID       GrantID       `json:"id"`
	Request  RequestID     `json:"request"`
	State    GrantState    `json:"state"`
	Holder   PersonID      `json:"holder"`
	Target   string        `json:"target"`
	Duration time.Duration `json:"duration"`
	// Objects are in the order of opening; they close in reverse.
	Objects []ObjectKey `json:"objects"`
	Connect []Step      `json:"connect,omitempty"`
	// OpenBy and CloseBy are fixed with the decision, before AWS is called.
	DecidedAt time.Time `json:"decided_at"`
	OpenBy    time.Time `json:"open_by"`
	CloseBy   time.Time `json:"close_by"`
	// OpenedAt and EndsAt are set once, at opening; only an extension moves EndsAt.
	OpenedAt time.Time `json:"opened_at,omitzero"`
	EndsAt   time.Time `json:"ends_at,omitzero"`
	Reminded bool      `json:"reminded,omitempty"`
	// Alarmed is when people were last told that closing takes too long.
	Alarmed time.Time `json:"alarmed,omitzero"`
	// Overhang is how long credentials may outlive the grant: as the target says,
	// and once a grant is ended whose credentials Sesame hands out, how long they
	// do.
	Overhang time.Duration `json:"overhang"`
	// Recorded says that what is called with it is in the record of calls.
	Recorded bool `json:"recorded,omitempty"`
	// Vended is as in the target; VendedUntil is when the last of the credentials
	// runs out that were handed out, if any were.
	Vended      bool      `json:"vended,omitempty"`
	VendedUntil time.Time `json:"vended_until,omitzero"`
	// Extensions are in the order in which they were approved.
	Extensions []Extension `json:"extensions,omitempty"`
	End        End         `json:"end,omitzero"`
	Receipt    Receipt     `json:"receipt,omitzero"`
}

// An End says that a grant is to be closed, since when, by whom and why.
type End struct {
	At     time.Time `json:"at"`
	By     PersonID  `json:"by,omitempty"` // empty when Sesame ended it
	Name   string    `json:"name,omitempty"`
	Cause  EndCause  `json:"cause"`
	Detail string    `json:"detail,omitempty"` // for a person: why it failed
}

// An EndCause says why a grant ended.
type EndCause string

// The causes. EndedFailed means that the access was never there.
const (
	EndedDue    EndCause = "due"
	EndedEarly  EndCause = "early"
	EndedFailed EndCause = "failed"
)

// A Receipt is the evidence that a grant is closed.
type Receipt struct {
	// RemovedAt is when a fresh read showed the last object absent. It is zero
	// when other grants keep an object in place.
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// DeadBy is when the last credential issued under the grant has run out.
	DeadBy  time.Time       `json:"dead_by,omitzero"`
	Objects []ObjectReceipt `json:"objects,omitempty"`
	// Calls is what was called with the grant. It is counted when all else is
	// done, so that nothing waits for it.
	Calls Calls `json:"calls,omitzero"`
}

// An ObjectReceipt is what was proven about one object of a grant.
type ObjectReceipt struct {
	Object    ObjectKey `json:"object"`
	Name      string    `json:"name,omitempty"`      // as in its Spec
	Operation string    `json:"operation,omitempty"` // AWS's id of the removal
	AbsentAt  time.Time `json:"absent_at,omitzero"`
	Reads     int       `json:"reads,omitempty"` // agreeing reads of absence
	// SeenAt is the last read that showed it present, for whatever grant.
	SeenAt    time.Time `json:"seen_at,omitzero"`
	KeptFor   []GrantID `json:"kept_for,omitempty"` // grants that still hold it
	NeverMade bool      `json:"never_made,omitempty"`
	Foreign   bool      `json:"foreign,omitempty"` // there before, and not ours to remove
	// Cut are sessions that were started by it and whose end Sesame asked for;
	// CutMore says that there were others besides, and LeftCount is how many go on,
	// since another grant of the same person has them. ClearAt is when none was
	// left, in agreeing reads; it is zero for an object by which nobody starts any.
	Cut       []Session `json:"cut,omitempty"`
	CutMore   bool      `json:"cut_more,omitempty"`
	LeftCount int       `json:"left_count,omitempty"`
	Elsewhere []Session `json:"elsewhere,omitempty"` // as in Sessions
	Undecided string    `json:"undecided,omitempty"` // as in Sessions
	ClearAt   time.Time `json:"clear_at,omitzero"`
	// Silent are machines that it was on and that could not be asked whether it
	// is, as those that are stopped: there it is removed once they are back.
	Silent []string `json:"silent,omitempty"`
}

// Called returns what to call the object in a sentence for people, as
// Spec.Called does.
func (o ObjectReceipt) Called() string { return cmp.Or(o.Name, string(o.Object)) }

// NewGrant returns the grant that r becomes by a decision at now.
func NewGrant(r Request, p Plan, now time.Time) (Grant, error) {
	if r.State != Approved {
		return Grant{}, fmt.Errorf("grant %s request %s: %w", r.State, r.ID, ErrForbidden)
	}
	if r.Extends != "" {
		return Grant{}, fmt.Errorf("grant request %s, which extends %s: %w", r.ID, r.Extends, ErrForbidden)
	}
	if r.Duration <= 0 || len(p.Objects) == 0 {
		return Grant{}, fmt.Errorf("grant request %s: no duration or no object", r.ID)
	}
	g := Grant{
		ID: r.ID.Grant(), Request: r.ID, State: Opening, Holder: r.By.ID, Target: r.Target.Name,
		Duration: r.Duration, Connect: p.Connect, Overhang: r.Target.Overhang, Recorded: r.Target.Recorded, Vended: r.Target.Vended,
		DecidedAt: now, OpenBy: now.Add(OpenWithin), CloseBy: now.Add(OpenWithin + r.Duration),
	}
	for _, o := range p.Objects {
		g.Objects = append(g.Objects, o.Over(g).Key)
	}
	return g, nil
}

// Key is where the grant is stored.
func (g Grant) Key() Key { return Key{KindGrant, string(g.ID)} }

// Index lists the grant by time for ever, as live and due until closed, and
// then until its calls are counted.
func (g Grant) Index(Version) []Index {
	x := []Index{{IndexGrants, TimeKey(g.DecidedAt)}}
	if g.State == Closed {
		if g.Uncounted() {
			x = append(x, Index{IndexUncounted, string(g.ID)})
		}
		return x
	}
	x = append(x, Index{IndexLive, string(g.Holder)}, Index{IndexHeld, g.Target})
	if due := g.Due(); !due.IsZero() {
		x = append(x, Index{IndexDue, TimeKey(due)})
	}
	return x
}

// Due returns when the grant next needs attention of its own accord: its
// reminder, its end, the moment by which it must be open, or, while it is
// closing, the moment when that is late. A closed one waits for nothing: the
// zero time.
func (g Grant) Due() time.Time {
	switch g.State {
	case Opening:
		return g.OpenBy
	case Open:
		if remind := g.EndsAt.Add(-RemindBefore); !g.Reminded && g.Duration > RemindBefore {
			return remind
		}
		return g.EndsAt
	case Closing:
		if g.Alarmed.IsZero() {
			return g.End.At.Add(LateAfter)
		}
		return g.Alarmed.Add(LateAgain)
	default:
		return time.Time{}
	}
}

// Until returns when a lease of g ends as things stand.
func (g Grant) Until() time.Time {
	if !g.EndsAt.IsZero() {
		return g.EndsAt
	}
	return g.CloseBy
}

// Over returns when the access was to be over: its deadline, or the moment at
// which it was ended before. It is zero while g has no end.
func (g Grant) Over() time.Time {
	if g.End.Cause == EndedDue {
		return g.EndsAt
	}
	return g.End.At
}

// Tolerance is how long after its deadline access may be there and count as
// ended on time.
const Tolerance = time.Minute

// Overrun returns by how much g outlived its deadline, to the moment of its
// removal as far as that is known. It is zero for a grant that was over in
// time, give or take Tolerance, or that was ended before.
func (g Grant) Overrun() time.Duration {
	if g.End.Cause != EndedDue {
		return 0
	}
	late := g.GoneAt().Sub(g.EndsAt)
	if late <= Tolerance {
		return 0
	}
	return late
}

// GoneAt returns when the access was gone from AWS; where other grants keep it
// there, or nothing is proven yet, when this one stopped claiming it.
func (g Grant) GoneAt() time.Time {
	if g.Receipt.RemovedAt.IsZero() {
		return g.End.At
	}
	return g.Receipt.RemovedAt
}

// Opened returns g open from now on. Its end is set here, once, and never
// beyond CloseBy.
func (g Grant) Opened(now time.Time) (Grant, error) {
	if g.State != Opening {
		return Grant{}, fmt.Errorf("open %s grant %s: %w", g.State, g.ID, ErrDecided)
	}
	if !now.Before(g.OpenBy) {
		return Grant{}, fmt.Errorf("open grant %s after %v: %w", g.ID, g.OpenBy, ErrForbidden)
	}
	g.State, g.OpenedAt, g.EndsAt = Open, now, now.Add(g.Duration)
	if g.EndsAt.After(g.CloseBy) {
		g.EndsAt = g.CloseBy
	}
	return g, nil
}

// An Extension is a request by which a grant lasts longer.
type Extension struct {
	Request RequestID     `json:"request"`
	By      time.Duration `json:"by"`
	At      time.Time     `json:"at"`
}

// Extended returns g lasting longer by what the approved request r adds, from
// the end that it had. It refuses a grant whose time is over, and anybody
// else's.
func (g Grant) Extended(r Request, now time.Time) (Grant, error) {
	switch {
	case r.State != Approved || r.Extends != g.ID || r.By.ID != g.Holder || r.Target.Name != g.Target || r.Duration <= 0:
		return Grant{}, fmt.Errorf("extend grant %s by request %s: %w", g.ID, r.ID, ErrForbidden)
	case g.State != Open || !now.Before(g.EndsAt):
		return Grant{}, fmt.Errorf("extend %s grant %s: %w", g.State, g.ID, ErrDecided)
	case slices.ContainsFunc(g.Extensions, func(x Extension) bool { return x.Request == r.ID }):
		return Grant{}, fmt.Errorf("extend grant %s by request %s: %w", g.ID, r.ID, ErrCountedAlready)
	}
	g.Extensions = append(g.Extensions[:len(g.Extensions):len(g.Extensions)], Extension{r.ID, r.Duration, now})
	g.EndsAt, g.CloseBy, g.Duration = g.EndsAt.Add(r.Duration), g.CloseBy.Add(r.Duration), g.Duration+r.Duration
	g.Reminded = false
	return g, nil
}

// Ended returns g closing. It refuses when g is closing already, so that the
// first cause stands.
func (g Grant) Ended(e End) (Grant, error) {
	if g.State != Opening && g.State != Open {
		return Grant{}, fmt.Errorf("end %s grant %s: %w", g.State, g.ID, ErrDecided)
	}
	g.State, g.End = Closing, e
	if g.Vended {
		g.Overhang = max(0, g.VendedUntil.Sub(e.At))
	}
	return g, nil
}

// Vend returns g with credentials handed out that run out at a moment, which is
// no later than its end. It refuses unless g is open, and hands out credentials.
func (g Grant) Vend(now, until time.Time) (Grant, error) {
	switch {
	case !g.Vended:
		return Grant{}, fmt.Errorf("hand out credentials under grant %s, which gives none: %w", g.ID, ErrForbidden)
	case g.State != Open || !now.Before(g.EndsAt):
		return Grant{}, fmt.Errorf("hand out credentials under %s grant %s: %w", g.State, g.ID, ErrDecided)
	case until.After(g.EndsAt):
		return Grant{}, fmt.Errorf("hand out credentials that outlive grant %s: %w", g.ID, ErrForbidden)
	}
	if until.After(g.VendedUntil) {
		g.VendedUntil = until
	}
	return g, nil
}

// Sealed returns g closed with its receipt, one entry for each object.
func (g Grant) Sealed(objects []ObjectReceipt) (Grant, error) {
	if g.State != Closing {
		return Grant{}, fmt.Errorf("close %s grant %s: %w", g.State, g.ID, ErrDecided)
	}
	if len(objects) != len(g.Objects) {
		return Grant{}, fmt.Errorf("close grant %s: evidence for %d of %d objects", g.ID, len(objects), len(g.Objects))
	}
	g.State, g.Receipt = Closed, Receipt{Objects: objects}
	kept, held := false, !g.OpenedAt.IsZero()
	for i, o := range objects {
		if o.Object != g.Objects[i] || !o.proves() {
			return Grant{}, fmt.Errorf("close grant %s: no evidence for %s", g.ID, g.Objects[i])
		}
		kept = kept || len(o.KeptFor) > 0 || o.Foreign
		held = held || !o.SeenAt.Before(g.DecidedAt)
		if o.AbsentAt.After(g.Receipt.RemovedAt) {
			g.Receipt.RemovedAt = o.AbsentAt
		}
	}
	if kept {
		g.Receipt.RemovedAt = time.Time{}
	}
	if g.Vended {
		if g.Overhang > 0 {
			g.Receipt.DeadBy = g.VendedUntil
		}
		return g, nil
	}
	if held && g.Overhang > 0 && !g.Receipt.RemovedAt.IsZero() {
		// Credentials may have been issued until the moment of removal, also
		// under a grant that was ended before anybody said that it is open.
		g.Receipt.DeadBy = g.Receipt.RemovedAt.Add(g.Overhang)
	}
	return g, nil
}

// proves reports whether o says anything about where its object is.
func (o ObjectReceipt) proves() bool {
	return o.NeverMade || o.Foreign || len(o.KeptFor) > 0 || !o.AbsentAt.IsZero() && o.Reads > 0
}

// Late returns g with people told that its closing is late.
func (g Grant) Late(now time.Time) Grant {
	g.Alarmed = now
	return g
}

// Reminder returns g with its reminder sent.
func (g Grant) Reminder() Grant {
	g.Reminded = true
	return g
}
