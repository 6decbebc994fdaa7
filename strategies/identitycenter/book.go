package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"golang.org/x/sync/singleflight"

	"sesame/flows/clock"
)

const (
	// hurry is the least time between two lists, for operations that are
	// likely to have ended.
	hurry = 300 * time.Millisecond
	// bulk is from how many operations on that end at once it is cheaper to
	// list what failed than to ask for each.
	bulk = 2
	// failedPages is how much of that list is read before giving up.
	failedPages = 2
	// samples is how many durations are remembered.
	samples = 16
)

// errTooLong ends the reading of a list.
var errTooLong = errors.New("the list is too long")

// A lister returns the ids of operations with a status, from at most so many
// pages; zero means all.
type lister func(ctx context.Context, status sso.StatusValues, most int) (map[string]bool, error)

// A book is what is known about the operations of one kind as a whole.
type book struct {
	clock  clock.Clock
	list   lister
	flight singleflight.Group

	mu      sync.Mutex      // guards what follows
	open    map[string]bool // in progress; true if a list showed it
	done    map[string]bool // left the list, and did not fail
	taken   time.Time       // when open was listed
	suspect bool            // an operation may have started that is not in open
	round   int             // of fetching: whoever asks in one round shares the answer
	lasted  []time.Duration // how long the last operations took
}

func newBook(c clock.Clock, l lister) *book {
	return &book{clock: c, list: l, done: map[string]bool{}, suspect: true}
}

// ageFor returns how old a list may be that answers for an operation that
// began at start: one that was taken before the operation could be over says
// little once it could.
func (b *book) ageFor(start time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var soonest time.Duration
	if len(b.lasted) > 0 {
		soonest = slices.Min(b.lasted)
	}
	over := start.Add(soonest)
	if b.taken.Before(over) && !b.clock.Now().Before(over) {
		return hurry
	}
	return pollAge
}

// took remembers how long an operation took.
func (b *book) took(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lasted = append(b.lasted, d)
	if len(b.lasted) > samples {
		b.lasted = b.lasted[1:]
	}
}

// inProgress returns the ids in progress, from a list that is younger than
// age.
func (b *book) inProgress(ctx context.Context, age time.Duration) (map[string]bool, error) {
	b.mu.Lock()
	fresh := !b.suspect && b.clock.Now().Sub(b.taken) < age
	open, round := ids(b.open), b.round
	b.mu.Unlock()
	if fresh {
		return open, nil
	}
	v, err, _ := b.flight.Do(fmt.Sprint(round), func() (any, error) { return b.fetch(ctx, round) })
	if err != nil {
		return nil, err
	}
	return v.(map[string]bool), nil
}

// fetch reads the list. What it returns is shared and must not be changed.
func (b *book) fetch(ctx context.Context, round int) (map[string]bool, error) {
	taken := b.clock.Now()
	open, err := b.list(ctx, sso.StatusValuesInProgress, 0)
	if err != nil {
		return nil, err
	}
	done := b.ended(ctx, open)
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.done, done)
	if b.round == round { // otherwise an operation may have started meanwhile
		b.open, b.taken, b.suspect = maps.Clone(open), taken, false
		b.round++
	}
	return open, nil
}

// ended returns which operations have left the list and did not fail, if
// there are so many that one list of what failed is cheaper than looking at
// each. An operation that no list has shown yet may be missing for another
// reason, so it does not count.
func (b *book) ended(ctx context.Context, open map[string]bool) map[string]bool {
	b.mu.Lock()
	left := map[string]bool{}
	for id, listed := range b.open {
		if listed && !open[id] {
			left[id] = true
		}
	}
	b.mu.Unlock()
	if len(left) < bulk {
		return nil
	}
	failed, err := b.list(ctx, sso.StatusValuesFailed, failedPages)
	if err != nil {
		return nil // each will be asked for
	}
	maps.DeleteFunc(left, func(id string, _ bool) bool { return failed[id] })
	return left
}

// succeeded reports whether the lists showed that an operation succeeded, and
// forgets it.
func (b *book) succeeded(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	ok := b.done[id]
	delete(b.done, id)
	if len(b.done) > remembered {
		clear(b.done)
	}
	return ok
}

// add notes an operation that has just started, and drop one that has ended.
func (b *book) add(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]bool{}
	}
	b.open[id] = false
}

func (b *book) drop(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, id)
}

// distrust makes the next question fetch the list.
func (b *book) distrust() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.suspect = true
	b.round++
}

func ids(open map[string]bool) map[string]bool {
	all := map[string]bool{}
	for id := range open {
		all[id] = true
	}
	return all
}
