package access

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Session is one that somebody started by an object: a shell on a machine. It
// goes on when the object is gone, until somebody ends it.
type Session struct {
	ID        string    `json:"id"`
	Machine   string    `json:"machine"`
	Region    string    `json:"region"`
	StartedAt time.Time `json:"started_at"`
	// Elsewhere says that the machine is none that the object is about, as things
	// are now: it may have been when the session began.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Grant is for which grant AWS knows it, where it does: it is ended with that
	// one alone.
	Grant GrantID `json:"grant,omitempty"`
	// CutAt is when Sesame last asked for its end, zero if it did not.
	CutAt time.Time `json:"cut_at,omitzero"`
}

// A Cutter finds and ends the sessions of those whom objects let in. Its methods
// may be called again after a crash, and classify errors as a Way's do.
type Cutter interface {
	// Sessions returns those that are open now, of whom s lets in, whatever let
	// them start and wherever s reaches. It returns all of them or an error, which
	// is an *UndecidedError if AWS does not tell which are to be ended.
	Sessions(ctx context.Context, s Spec) ([]Session, error)
	// Cut ends one of them. Ending one that is over succeeds.
	Cut(ctx context.Context, s Spec, one Session) error
}

// An UndecidedError is that nobody can tell which sessions are to be ended, now
// or later: none is.
type UndecidedError struct{ Why string } // for people, without a period

// Error returns why.
func (e *UndecidedError) Error() string { return e.Why }

// Sessions is how far the end of those is that were started by an object.
type Sessions struct {
	// From is since when there may be some: durable before the object's creation
	// is requested. It is zero for an object that lets nobody start any.
	From time.Time `json:"from,omitzero"`
	// Inherited are the ids of some that were started by other objects, which are
	// gone: this one let them go on, so they end with it.
	Inherited []string `json:"inherited,omitempty"`
	// Cutting is since when they are looked for and ended.
	Cutting time.Time `json:"cutting,omitzero"`
	// Cut are those whose end Sesame asked for, and More says that there were
	// others besides. Left is how many went on, since another object lets them.
	Cut  []Session `json:"cut,omitempty"`
	More bool      `json:"more,omitempty"`
	Left int       `json:"left,omitempty"`
	// Elsewhere are some that the last look showed on machines that the object is
	// not about, and that nothing says were started by it: they are left alone.
	Elsewhere []Session `json:"elsewhere,omitempty"`
	// Reads are agreeing ones, up to the last, that showed none; with enough of
	// them, ClearAt is when it was proven that none is left.
	Reads   int       `json:"reads,omitempty"`
	ClearAt time.Time `json:"clear_at,omitzero"`
	// Undecided says why, at ClearAt, they were left alone in place of that.
	Undecided string `json:"undecided,omitempty"`
}

// maxNamed bounds how many sessions are named in a record.
const maxNamed = 200

// Pending reports whether there may be sessions that nobody has proven to be
// over.
func (s Sessions) Pending() bool { return !s.From.IsZero() && s.ClearAt.IsZero() }

// Since returns s with sessions that may begin from now on. Some that may have
// begun before, and are not over, stay among them.
func (s Sessions) Since(now time.Time) Sessions {
	if s.Pending() {
		s.Cutting, s.Reads = time.Time{}, 0
		return s
	}
	return Sessions{From: now}
}

// Has reports whether one is among them: it began when they did, give or take
// the clocks, or later, or it was inherited.
func (s Sessions) Has(one Session, skew time.Duration) bool {
	return !one.StartedAt.Before(s.From.Add(-skew)) || slices.Contains(s.Inherited, one.ID)
}

// Inheriting returns s with the sessions all, which end with it from now on.
func (s Sessions) Inheriting(all []Session) Sessions {
	s.Inherited = slices.Clone(s.Inherited)
	for _, one := range all {
		if !slices.Contains(s.Inherited, one.ID) {
			s.Inherited = append(s.Inherited, one.ID)
		}
	}
	return s
}

// Apart returns s with the sessions all left alone, the first of which it names.
func (s Sessions) Apart(all []Session) Sessions {
	s.Elsewhere = slices.Clone(all[:min(len(all), maxNamed)])
	return s
}

// LeftAlone returns s with nobody being able to tell, at now, which sessions are
// to be ended.
func (s Sessions) LeftAlone(why string, now time.Time) Sessions {
	s.Undecided, s.ClearAt = why, now
	return s
}

// Asked returns s with the end of the sessions all asked for at now.
func (s Sessions) Asked(all []Session, now time.Time) Sessions {
	s.Cut, s.Reads = slices.Clone(s.Cut), 0
	for _, one := range all {
		one.CutAt = now
		i := slices.IndexFunc(s.Cut, func(other Session) bool { return other.ID == one.ID })
		switch {
		case i >= 0:
			s.Cut[i] = one
		case len(s.Cut) < maxNamed:
			s.Cut = append(s.Cut, one)
		default:
			s.More = true
		}
	}
	return s
}

// WasAsked reports whether the end of one was asked for before, as far as it is
// named.
func (s Sessions) WasAsked(one Session) bool {
	return slices.ContainsFunc(s.Cut, func(other Session) bool { return other.ID == one.ID })
}

// Unasked says for people where the object may be still, as a sentence without a
// period; empty if nowhere.
func (o ObjectReceipt) Unasked() string {
	if len(o.Silent) == 0 {
		return ""
	}
	return "Not removed yet on " + firstOf(o.Silent) + ", which could not be reached: Sesame does it there once that is back"
}

// Uncut reports whether o lets nobody in any more, and sessions that were
// started by it may go on. It is not at rest before they are over.
func (o Object) Uncut() bool {
	return !o.Wanted() && (o.State == Gone || o.State == Foreign) && o.Sessions.Pending()
}

// spokenNames is how many are named in a sentence.
const spokenNames = 5

// firstOf names the first of several, and says how many more there are.
func firstOf(names []string) string {
	text := strings.Join(names[:min(len(names), spokenNames)], ", ")
	if more := len(names) - spokenNames; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// Sessions says for people what became of the sessions that were started by the
// object, one sentence each without a period; none if nobody starts any by it,
// or another grant keeps it.
func (o ObjectReceipt) Sessions() []string {
	if o.ClearAt.IsZero() {
		return nil
	}
	if o.Undecided != "" {
		return []string{"Sesame did not end the sessions that had been started with it, since " + o.Undecided}
	}
	all := []string{"No session that had been started with it was left"}
	if len(o.Cut) > 0 {
		var names []string
		for _, one := range o.Cut {
			names = append(names, one.ID+" on "+one.Machine)
		}
		many, which := Counted(len(o.Cut), "session"), firstOf(names)
		if o.CutMore {
			many, which = "more than "+many, firstOf(names[:min(len(names), spokenNames)])+", and others"
		}
		all[0] = "Sesame had AWS end " + many + " that had been started with it, and none is left: " + which
	}
	if o.LeftCount > 0 {
		all = append(all, Counted(o.LeftCount, "session")+" may go on, since another grant of the same person is open there")
	}
	if n := len(o.Elsewhere); n > 0 {
		one := o.Elsewhere[0]
		all = append(all, Counted(n, "session")+" of the same person may go on, on machines that it is not about ("+one.ID+" on "+one.Machine+", say): end them by hand if they were started with it")
	}
	return all
}
