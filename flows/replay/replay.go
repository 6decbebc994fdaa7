package replay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Options say what is replayed.
type Options struct {
	Record access.Reader
	Set    *flowfile.Set // the proposed rules
	// Since leaves out what was asked before. Zero leaves out nothing.
	Since time.Time
	// Keep is how many requests of each list the report names, the latest
	// ones; it bounds the memory that Run takes. Zero means DefaultKeep.
	Keep int
}

// DefaultKeep is how many requests a list of a report names by default.
const DefaultKeep = 200

// pageSize is how many events are read at once.
const pageSize = 500

// Run judges every request of the record, and reports what would be otherwise.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	from, end, err := bounds(ctx, o.Record, o.Since)
	if err != nil {
		return Report{}, fmt.Errorf("read the record: %w", err)
	}
	j := newJudge(o.Record, o.Set)
	t := newTally(o)
	var page atomic.Uint64
	group, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			for {
				pos := from + (page.Add(1)-1)*pageSize
				if pos >= end {
					return nil
				}
				if err := j.page(ctx, pos, t.add); err != nil {
					return fmt.Errorf("replay from position %d: %w", pos, err)
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return Report{}, err
	}
	return t.report(), nil
}

// page judges the requests among the events from pos on.
func (j *judge) page(ctx context.Context, pos uint64, done func(result)) error {
	events, err := j.record.Log(ctx, pos, pageSize)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Pos >= pos+pageSize {
			break
		}
		if e.Type != access.EventAsked && e.Type != access.EventRefused {
			continue
		}
		r, err := j.event(ctx, e)
		if err != nil {
			return err
		}
		done(r)
	}
	return nil
}

// bounds returns the first position at or after since, and the one after the
// last. Positions are dense, and time never goes back in the record.
func bounds(ctx context.Context, r access.Reader, since time.Time) (from, end uint64, err error) {
	there := func(pos uint64) (at time.Time, ok bool) {
		var events []access.Event
		if err == nil {
			events, err = r.Log(ctx, pos, 1)
		}
		if err != nil || len(events) == 0 {
			return at, false
		}
		return events[0].At, true
	}
	high := uint64(1)
	for {
		if _, ok := there(high); !ok {
			break
		}
		high *= 2
	}
	end = search(high, func(pos uint64) bool { _, ok := there(pos); return !ok })
	from = search(end, func(pos uint64) bool { at, ok := there(pos); return !ok || !at.Before(since) })
	return from, end, err
}

// search returns the first position below most for which is holds, or most.
func search(most uint64, is func(uint64) bool) uint64 {
	low, high := uint64(1), most
	for low < high {
		if middle := low + (high-low)/2; is(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// errNoPerson: nobody is recorded under the id.
var errNoPerson = errors.New("nobody of that id is recorded")
