package oncall

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies"
)

// A Roster is the on-call schedules of the flow files in force. Its methods are
// safe for concurrent use.
type Roster struct {
	world World
	clock clock.Clock

	mu     sync.Mutex // guards listed
	listed map[string]listed
}

// A listed schedule is one with the words that it was made from.
type listed struct {
	from     flowfile.OnCall
	schedule *Schedule
}

// NewRoster returns a roster without schedules.
func NewRoster(w World, c clock.Clock) *Roster { return &Roster{world: w, clock: c} }

// Use puts the schedules of set in the place of those there were, or changes
// nothing and says why. A schedule that stays as it was is not asked anew, and
// a service that wants no question is still left alone.
func (r *Roster) Use(set *flowfile.Set) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[string]listed{}
	for _, o := range set.Schedules() {
		from := o
		from.Pos = policies.Position{} // a line further down is no other schedule
		if was, ok := r.listed[o.Name]; ok && reflect.DeepEqual(was.from, from) {
			next[o.Name] = was
			continue
		}
		source, err := FromFile(o, r.world)
		if err != nil {
			return err
		}
		next[o.Name] = listed{from, New(o.Name, source, r.clock)}
	}
	r.listed = next
	return nil
}

// On reports whether p is on call on a schedule, from an answer that is a
// minute old at most, or returns an Unreachable.
func (r *Roster) On(ctx context.Context, schedule string, p access.Person) (bool, error) {
	s, err := r.schedule(schedule)
	if err != nil {
		return false, err
	}
	return s.Is(ctx, p)
}

// People returns who is on call on a schedule, as On would have it.
func (r *Roster) People(ctx context.Context, schedule string) ([]Who, error) {
	s, err := r.schedule(schedule)
	if err != nil {
		return nil, err
	}
	a, err := s.Now(ctx)
	now := r.clock.Now()
	return slices.DeleteFunc(slices.Clone(a.People), func(w Who) bool { return w.over(now) }), err
}

// Seen is Schedule.Seen of a schedule.
func (r *Roster) Seen(schedule string, p access.Person, most time.Duration) (on, known bool) {
	s, err := r.schedule(schedule)
	if err != nil {
		return false, false
	}
	return s.Seen(p, most)
}

func (r *Roster) schedule(name string) (*Schedule, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.listed[name]
	if !ok {
		return nil, &Unreachable{name, errors.New("the flow files in force do not have it")}
	}
	return l.schedule, nil
}
