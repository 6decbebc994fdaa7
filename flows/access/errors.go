package access

import "errors"

// What callers branch on.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody changed the record since it was read.
	ErrConflict = errors.New("changed since it was read")
	// ErrDeposed: another leader has taken over.
	ErrDeposed = errors.New("leadership is over")
	// ErrNoSpace: the disk is full.
	ErrNoSpace = errors.New("no space to record")
	// ErrTooLarge: a commit exceeds MaxChanges or MaxCommitBytes.
	ErrTooLarge = errors.New("commit too large")
	// ErrNewer: written by a later version of Sesame than this.
	ErrNewer = errors.New("written by a newer version of sesame")
	// ErrBroken: the chain of events or checkpoints does not hold.
	ErrBroken = errors.New("record broken")

	// ErrDecided: the request or grant has ended, or is ending, already.
	ErrDecided = errors.New("decided already")
	// ErrCountedAlready: this person's decision counts already.
	ErrCountedAlready = errors.New("counted already")
	// ErrNotNeeded: what this person's approval could count towards is complete.
	ErrNotNeeded = errors.New("not needed any more")
	// ErrForbidden: this may not happen.
	ErrForbidden = errors.New("not allowed")
	// ErrNotDue: its time has not come.
	ErrNotDue = errors.New("not due")
	// ErrUnavailable: a fact or service that is needed could not be reached.
	ErrUnavailable = errors.New("not available")
)

// A Refusal is a no that a person sees: one sentence that says what, why and
// what to do next. Errors that are not refusals are never shown to people.
type Refusal struct {
	// Code is what programs branch on; it is fixed.
	Code RefusalCode
	// Text is the sentence.
	Text string
	// Verdict is what the rules said, when it was they who refused.
	Verdict Verdict
	// Fields are sentences about single fields of a form, by field name.
	Fields map[string]string
}

// A RefusalCode says which refusal it is.
type RefusalCode string

// The refusals.
const (
	RefusedStranger RefusalCode = "stranger"  // not a full, active, linked member
	RefusedUnknown  RefusalCode = "unknown"   // no such target, request or grant
	RefusedInput    RefusalCode = "input"     // what was typed cannot be used
	RefusedRules    RefusalCode = "rules"     // the rules said no
	RefusedSelf     RefusalCode = "self"      // own request
	RefusedNotYours RefusalCode = "not-yours" // somebody else's to do
	RefusedDecided  RefusalCode = "decided"   // ended already
	RefusedChanged  RefusalCode = "changed"   // the terms changed since they were shown
	// RefusedElsewhere: to be said in the chat, and not by command.
	RefusedElsewhere RefusalCode = "elsewhere"
	// RefusedLate: sent so long ago that nobody counts on it any more.
	RefusedLate    RefusalCode = "late"
	RefusedTwice   RefusalCode = "twice"        // this person's approval counts already, or is one too many
	RefusedTooMany RefusalCode = "too-many"     // this person has too much open already
	RefusedCap     RefusalCode = "cap"          // the flow's limits are used up
	RefusedUnable  RefusalCode = "unable"       // a record or fact is out of reach: try again
	RefusedClosing RefusalCode = "closing-only" // the server only ends grants at present
)

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Text }
