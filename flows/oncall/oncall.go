package oncall

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// The bounds of a Schedule.
const (
	MaxAge  = time.Minute     // of an answer that gives authority
	Timeout = 5 * time.Second // of one question
)

// A Who is somebody on call, by what the source knows of them.
type Who struct {
	Email   string         // in lower case; empty if the source has none
	Account access.Account // zero if the source has none
	Until   time.Time      // zero if the source does not say
}

// is reports whether w is p at now. An account that the source knows counts
// before an address, which somebody else may have been given since.
func (w Who) is(p access.Person, now time.Time) bool {
	if w.over(now) {
		return false
	}
	if !w.Account.IsZero() {
		return w.Account == p.Account
	}
	return w.Email != "" && w.Email == p.Email
}

// over reports whether w is on call no more at now.
func (w Who) over(now time.Time) bool { return !w.Until.IsZero() && !now.Before(w.Until) }

// A Source knows who is on call on one schedule. OnCall is safe for concurrent
// use; its context ends once it takes too long.
type Source interface {
	OnCall(ctx context.Context, now time.Time) ([]Who, error)
}

// An Answer is what a source said, as of the moment before it was asked.
type Answer struct {
	People []Who
	AsOf   time.Time
}

// An Unreachable is a source that gave no usable answer. It is
// access.ErrUnavailable to those who ask with errors.Is.
type Unreachable struct {
	Schedule string
	Err      error
}

// Error names the schedule and says what is wrong.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("on-call schedule %s: %v", u.Schedule, u.Err)
}

// Source names what gave no answer, for a sentence.
func (u *Unreachable) Source() string { return "the on-call schedule " + u.Schedule }

// Unwrap returns the cause, and that something is not available.
func (u *Unreachable) Unwrap() []error { return []error{u.Err, access.ErrUnavailable} }

// A Schedule says who is on call. Its methods are safe for concurrent use.
type Schedule struct {
	name   string
	source Source
	clock  clock.Clock
	asked  singleflight.Group // one question at a time, for all who wait

	mu      sync.Mutex // guards what follows
	last    Answer
	known   bool
	waitFor time.Time // the source asked not to be asked before
}

// New returns the schedule called name, which source knows.
func New(name string, source Source, c clock.Clock) *Schedule {
	return &Schedule{name: name, source: source, clock: c}
}

// Name returns the name of the schedule.
func (s *Schedule) Name() string { return s.name }

// Is reports whether p is on call, from an answer that is a minute old at most.
func (s *Schedule) Is(ctx context.Context, p access.Person) (bool, error) {
	a, err := s.Now(ctx)
	if err != nil {
		return false, err
	}
	return a.has(p, s.clock.Now()), nil
}

// has reports whether p is among those on call at now.
func (a Answer) has(p access.Person, now time.Time) bool {
	return slices.ContainsFunc(a.People, func(w Who) bool { return w.is(p, now) })
}

// Seen reports whether p was on call when the source last answered, and whether
// that is known and no longer ago than most. It is for people to look at, and
// gives no authority.
func (s *Schedule) Seen(p access.Person, most time.Duration) (on, known bool) {
	a, known := s.Last()
	now := s.clock.Now()
	if age := now.Sub(a.AsOf); !known || age < 0 || age > most {
		return false, false
	}
	return a.has(p, now), true
}

// Now returns an answer that is a minute old at most, or an Unreachable.
func (s *Schedule) Now(ctx context.Context) (Answer, error) {
	now := s.clock.Now()
	a, fresh, wait := s.remembered(now)
	if fresh {
		return a, nil
	}
	if now.Before(wait) {
		return Answer{}, &Unreachable{s.name, fmt.Errorf("it asked to be left alone until %s", wait.UTC().Format(time.RFC3339))}
	}
	return s.ask(ctx, now)
}

// ask asks the source, or waits with those who have done so already. The
// question outlives the caller who asked it, since others may wait for it;
// Timeout bounds it.
func (s *Schedule) ask(ctx context.Context, now time.Time) (Answer, error) {
	asked := s.asked.DoChan("", func() (any, error) { return s.question(context.WithoutCancel(ctx), now) })
	select {
	case got := <-asked:
		a, _ := got.Val.(Answer)
		return a, got.Err
	case <-ctx.Done():
		return Answer{}, &Unreachable{s.name, context.Cause(ctx)}
	}
}

// question asks the source and remembers what it says.
func (s *Schedule) question(ctx context.Context, now time.Time) (Answer, error) {
	ctx, stop := s.patiently(ctx, now)
	defer stop()
	people, err := s.source.OnCall(ctx, now)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		s.leaveAlone(err, now)
		return Answer{}, &Unreachable{s.name, err}
	}
	a := Answer{People: tidied(people), AsOf: now}
	s.keep(a)
	return a, nil
}

// patiently returns a context that ends when a question takes too long, by the
// clock of the schedule.
func (s *Schedule) patiently(ctx context.Context, now time.Time) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := s.clock.Timer(now.Add(Timeout))
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-timer.C:
			cancel(fmt.Errorf("no answer within %v", Timeout))
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		timer.Stop()
		cancel(nil)
		watch.Wait()
	}
}

// Last returns the latest answer, however old it is, and whether there ever
// was one. It is for people to look at, and gives no authority.
func (s *Schedule) Last() (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.known
}

// remembered returns the last answer, whether it is fresh at now, and until
// when the source wants no question.
func (s *Schedule) remembered(now time.Time) (a Answer, fresh bool, wait time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := now.Sub(s.last.AsOf)
	return s.last, s.known && age >= 0 && age < MaxAge, s.waitFor
}

// keep remembers an answer, unless a later one came in meanwhile.
func (s *Schedule) keep(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known || a.AsOf.After(s.last.AsOf) {
		s.last, s.known = a, true
	}
}

// leaveAlone remembers how long a source wants no question.
func (s *Schedule) leaveAlone(err error, now time.Time) {
	after := retryAfter(err)
	if after <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitFor = now.Add(after)
}

// tidied returns people with their addresses as they compare.
func tidied(people []Who) []Who {
	all := make([]Who, len(people))
	for i, w := range people {
		w.Email = strings.ToLower(strings.TrimSpace(w.Email))
		all[i] = w
	}
	return all
}
