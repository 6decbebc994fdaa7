package oncall

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/policies"
)

// A Rotation is an on-call schedule that stands in a flow file.
type Rotation struct {
	// People are e-mail addresses, in the order in which they take turns.
	// Required.
	People []string
	// Handover is the schedule, in the syntax of cron, at which the next one
	// takes over: "0 9 * * MON". Required, unless there is one person.
	Handover string
	// Since is when the first of People begins. Required, unless there is one
	// person.
	Since time.Time
	// Zone is where Handover tells the time. Required.
	Zone *time.Location
	// Overrides take precedence, the last that covers a moment first. Optional.
	Overrides []Override
}

// An Override puts others on call for a while.
type Override struct {
	From, To time.Time
	People   []string // nobody, if empty
}

// maxTurns bounds how many handovers there may be between Since and now.
const maxTurns = 100_000

// handovers is a schedule of cron.
type handovers interface{ Next(time.Time) time.Time }

// A rotation is a checked Rotation.
type rotation struct {
	Rotation
	handover handovers

	mu    sync.Mutex // guards what follows
	at    time.Time  // handovers up to here were counted; as policies.Shown
	turns int
}

// Static returns the source that a rotation is, or what is wrong with it.
func Static(r Rotation) (Source, error) {
	s := &rotation{Rotation: r}
	if len(r.People) == 0 {
		return nil, errors.New("a rotation has people")
	}
	for _, o := range r.Overrides {
		if !o.From.Before(o.To) {
			return nil, fmt.Errorf("the override from %s ends before it begins", o.From.Format(time.RFC3339))
		}
	}
	if len(r.People) == 1 {
		return s, nil
	}
	if r.Since.IsZero() {
		return nil, errors.New("a rotation of several people says since when the first is on call")
	}
	schedule, err := policies.ParseSchedule(r.Handover)
	if err != nil {
		return nil, err
	}
	s.handover, s.at = schedule, s.since()
	return s, nil
}

// OnCall implements Source.
func (s *rotation) OnCall(_ context.Context, now time.Time) ([]Who, error) {
	for i := len(s.Overrides) - 1; i >= 0; i-- {
		if o := s.Overrides[i]; !now.Before(o.From) && now.Before(o.To) {
			return emails(o.People, o.To), nil
		}
	}
	if s.handover == nil {
		return emails(s.People, time.Time{}), nil
	}
	if now.Before(s.Since) {
		return nil, nil
	}
	turns, err := s.count(now)
	if err != nil {
		return nil, err
	}
	return emails(s.People[turns%len(s.People):][:1], time.Time{}), nil
}

// since returns what the clocks showed when the first turn began.
func (s *rotation) since() time.Time { return policies.Shown(s.Since.In(s.Zone)) }

// count returns how many handovers there were up to now. It goes on from where
// it stopped, so that a long rotation is counted once. One at half past two is
// one also in the nights that have two of these, or none.
func (s *rotation) count(now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(policies.Moment(s.at, s.Zone)) {
		s.at, s.turns = s.since(), 0
	}
	for {
		next := s.handover.Next(s.at)
		if next.IsZero() || policies.Moment(next, s.Zone).After(now) {
			return s.turns, nil
		}
		if s.turns++; s.turns > maxTurns {
			return 0, fmt.Errorf("more than %d handovers since %s", maxTurns, s.Since.Format(time.DateOnly))
		}
		s.at = next
	}
}

func emails(addresses []string, until time.Time) []Who {
	all := make([]Who, len(addresses))
	for i, a := range addresses {
		all[i] = Who{Email: a, Until: until}
	}
	return all
}
