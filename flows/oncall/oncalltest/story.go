package oncalltest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The ids of what Shifts belong to.
const (
	Schedule = "ROTATION1"
	Policy   = "POLICY1"
)

// Shifts puts people on call for ever, each on one level more of Policy, and
// takes everybody else off. With nobody, there is a shift that is over.
func (s *Service) Shifts(people ...string) {
	shifts := []Shift{{Email: "nobody@example.com", Schedule: Schedule, Policy: Policy, Level: 1, End: s.clock.Now().Add(-time.Hour)}}
	for i, email := range people {
		shifts = append(shifts, Shift{Email: email, Schedule: Schedule, Policy: Policy, Level: i + 1})
	}
	s.Put(shifts...)
}

// Change does what the words of a story say: "is" and names, whose addresses
// are at example.com, or "nobody"; a Fault; or "answers", which ends it.
func (s *Service) Change(words []string) error {
	if len(words) > 1 && words[0] == "is" {
		var people []string
		for _, name := range words[1:] {
			if name != "nobody" {
				people = append(people, name+"@example.com")
			}
		}
		s.Shifts(people...)
		return nil
	}
	fault := Fault(strings.Join(words, " "))
	faults := []Fault{Hangs, Throttle, Lies, Stale, Future, Garbage, Empty, Redirect, Down}
	switch {
	case fault == "answers":
		s.Misbehave(None)
	case slices.Contains(faults, fault):
		s.Misbehave(fault)
	default:
		return fmt.Errorf("an on-call service cannot %q", fault)
	}
	return nil
}
