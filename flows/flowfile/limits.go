package flowfile

import (
	"slices"
	"time"
)

// An Extend says how grants of a flow can be extended. The zero Extend is that
// they cannot be.
type Extend struct {
	Choices []time.Duration // by how much at a time, in the order of the file
	Default time.Duration
	Count   int           // how often one grant can be
	Total   time.Duration // by how much altogether
}

// Limits are caps of a flow. What is zero sets no limit.
type Limits struct {
	// PerDay is how much time one person may be granted over the targets of
	// the flow in one calendar day of its zone.
	PerDay time.Duration
	// CoolDown is how long a person waits after their access to a target ended
	// until they may ask for it again.
	CoolDown time.Duration
	// PerPerson is how many grants of the flow one person may have at once, and
	// PerTarget how many there may be of one target, everybody's.
	PerPerson, PerTarget int
}

// Durations returns for how long one may ask for a target: the choices of its
// flow that fit it. It is empty for an unknown target.
func (s *Set) Durations(target string) []time.Duration {
	f, ok := s.flows[target]
	if !ok {
		return nil
	}
	return fitting(f.Durations, s.targets[target].MaxDuration)
}

// fitting returns the durations that are at most most; 0 is no limit.
func fitting(all []time.Duration, most time.Duration) []time.Duration {
	return slices.DeleteFunc(slices.Clone(all), func(d time.Duration) bool { return most > 0 && d > most })
}
