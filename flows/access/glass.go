package access

import (
	"fmt"
	"time"
)

// An Announcement is one place that took note of broken glass.
type Announcement struct {
	Where string    `json:"where"`
	At    time.Time `json:"at"`
}

// A Reviewing is what becomes of broken glass afterwards. The zero Reviewing
// is that of a request which needs none.
type Reviewing struct {
	DueAt time.Time `json:"due_at,omitzero"`
	// By, Name, At and Text are set once, by somebody else than who used it.
	By   PersonID  `json:"by,omitempty"`
	Name string    `json:"name,omitempty"`
	At   time.Time `json:"at,omitzero"`
	Text string    `json:"text,omitempty"`
	// Overdue says that people were told that nobody reviewed in time.
	Overdue bool `json:"overdue,omitempty"`
}

// Open reports whether a review is wanted and not there.
func (v Reviewing) Open() bool { return !v.DueAt.IsZero() && v.At.IsZero() }

// Late reports whether a review is wanted, not there, and past its time.
func (v Reviewing) Late(now time.Time) bool { return v.Open() && !now.Before(v.DueAt) }

// Reviewed returns r with what s found, when they looked at how it was used.
// The caller has asked Authorize first.
func (r Request) Reviewed(s Standing, text string, at time.Time) (Request, error) {
	if !r.Review.Open() {
		return Request{}, fmt.Errorf("review request %s: %w", r.ID, ErrDecided)
	}
	r.Review.By, r.Review.Name, r.Review.At, r.Review.Text = s.Person.ID, s.Person.Name, at, text
	return r, nil
}

// ReviewOverdue returns r with people told that nobody reviewed it in time.
func (r Request) ReviewOverdue(now time.Time) (Request, error) {
	if !r.Review.Late(now) || r.Review.Overdue {
		return Request{}, fmt.Errorf("call the review of request %s overdue: %w", r.ID, ErrNotDue)
	}
	r.Review.Overdue = true
	return r, nil
}

// Announced returns r with one more place that took note of it.
func (r Request) Announced(where string, at time.Time) (Request, error) {
	if !r.BreakGlass {
		return Request{}, fmt.Errorf("announce request %s, which broke no glass: %w", r.ID, ErrForbidden)
	}
	for _, a := range r.Announcements {
		if a.Where == where {
			return Request{}, fmt.Errorf("announce request %s in %s: %w", r.ID, where, ErrCountedAlready)
		}
	}
	r.Announcements = append(r.Announcements[:len(r.Announcements):len(r.Announcements)], Announcement{where, at})
	return r, nil
}

// A Tally stands for everything that counts against one limit: of a person, or
// of a target. Whatever adds to what is counted writes it over the version that
// was read before counting, so that two who count at once cannot both find room.
type Tally struct {
	Of     string `json:"of"`
	Counts uint64 `json:"counts"`
}

// Key is where the tally is stored.
func (t Tally) Key() Key { return Key{KindTally, t.Of} }

// Index lists the tally nowhere.
func (t Tally) Index(Version) []Index { return nil }

// Counted returns t with one more.
func (t Tally) Counted() Tally {
	t.Counts++
	return t
}
