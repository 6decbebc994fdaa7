package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/flows/access"
)

// waits remembers why objects are not being made and grants do not open, for the
// people whose grants run out of time over it. It is no record: a disk that is full could not take
// one, and whoever starts after a crash finds out anew. Its methods are safe
// for concurrent use.
type waits struct {
	mu  sync.Mutex // guards why
	why map[access.Key]string
}

func newWaits() *waits { return &waits{why: map[access.Key]string{}} }

// note remembers why k waits; empty is that nothing is in its way.
func (w *waits) note(k access.Key, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if why == "" {
		delete(w.why, k)
		return
	}
	w.why[k] = why
}

func (w *waits) of(k access.Key) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.why[k]
}

// An obstacle is an error for the log, with what it means to whoever waited
// until it was too late.
type obstacle struct {
	error
	told string
}

func (o obstacle) Unwrap() error { return o.error }

// errSkewed is that nothing opens while nobody can tell the time.
func errSkewed(skew time.Duration) error {
	return obstacle{
		fmt.Errorf("this machine's clock is %v away from AWS's", skew),
		fmt.Sprintf("The clock of Sesame's server is %s away from AWS's, so nothing was opened: tell an admin, and ask again once it is right.", access.Spoken(skew.Round(time.Second))),
	}
}

// errHeld is that n changes wait for room on the disk.
func errHeld(n int) error {
	return fmt.Errorf("%d changes wait for room on the disk: %w", n, access.ErrNoSpace)
}

// errGate is that the gate lets g pass neither now nor keeps it out for good.
func errGate(err error) error {
	told := "Sesame could not check whether you may still have it, so nothing was opened: ask again, and tell an admin if that goes on."
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		told = r.Text
	}
	return obstacle{err, told}
}

// errUnfinished is that AWS is at an operation for so long that nobody waits
// for it any more.
func errUnfinished(op access.Operation) error {
	told := unfinished
	if op.Kind == access.Removal {
		told = "AWS has not finished removing it from before, so it could not be made again: ask again later."
	}
	return obstacle{fmt.Errorf("AWS does not finish a %s of it", op.Kind), told}
}

const unfinished = "AWS did not finish in time."

// hindered returns what err means to whoever waits for an object; empty if
// that is of no use to them.
func hindered(err error) string {
	if o, ok := errors.AsType[obstacle](err); ok {
		return o.told
	}
	if errors.Is(err, access.ErrNoSpace) {
		return "The disk of Sesame's server is full, so nothing was opened: tell an admin, and ask again once there is room."
	}
	return ""
}

// noteHindrance remembers err if it keeps the object from being made, and
// forgets what was in the way of one that waits for AWS alone, or for which
// nobody waits any more. It does not forget before that: the grant may run out
// of time at any instant, and what was in the way is likely to be there still.
func (s *visit) noteHindrance(err error) {
	over := !s.o.Wanted() || s.o.State == access.Present || errors.Is(err, errParked)
	if told := hindered(err); told != "" || over {
		s.waits.note(s.o.Key(), told)
	}
}

// hindrance says why g did not open in time: what was in the way of itself, or of
// its first object that is not there.
func (k *Keeper) hindrance(ctx context.Context, g access.Grant) string {
	if why := k.waits.of(g.Key()); why != "" {
		return why
	}
	for _, key := range g.Objects {
		o, _, err := access.Load[access.Object](ctx, k.store, key.Record())
		if err != nil || o.State == access.Present && !o.SeenAt.Before(g.DecidedAt) {
			continue
		}
		if why := k.waits.of(key.Record()); why != "" {
			return why
		}
		if o.AttemptAt.Before(g.DecidedAt) && o.Op.IsZero() {
			return "AWS could not be asked for it in time: ask again, and tell an admin if that goes on."
		}
	}
	return unfinished
}
