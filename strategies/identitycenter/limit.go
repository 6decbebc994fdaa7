package identitycenter

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sesame/flows/clock"
)

// recovery is how long a limit stays halved before it doubles again.
const recovery = 10 * time.Second

// A limiter keeps calls to a rate. The quota is shared with whoever else uses
// the instance, so it halves when AWS throttles although we are within ours.
type limiter struct {
	clock clock.Clock
	full  rate.Limit

	mu      sync.Mutex // guards what follows
	bucket  *rate.Limiter
	changed time.Time // when the rate was last halved or doubled
	resume  time.Time // AWS asked to wait until then
}

func newLimiter(c clock.Clock, perSecond float64) *limiter {
	full := rate.Limit(perSecond)
	if perSecond < 0 {
		full = rate.Inf
	}
	// Half a second's worth at once: AWS's bucket is not ours, and calls that
	// leave in order may arrive together.
	return &limiter{clock: c, full: full, bucket: rate.NewLimiter(full, max(1, int(perSecond/2)))}
}

// wait blocks until the next call may be sent.
func (l *limiter) wait(ctx context.Context) error {
	now := l.clock.Now()
	l.mu.Lock()
	l.recoverLocked(now)
	from := now
	if l.resume.After(now) {
		from = l.resume
	}
	place := l.bucket.ReserveN(from, 1)
	at := from.Add(place.DelayFrom(from))
	l.mu.Unlock()
	if !at.After(now) {
		return ctx.Err()
	}
	if err := clock.Wait(ctx, l.clock, at); err != nil {
		place.CancelAt(l.clock.Now())
		return err
	}
	return nil
}

func (l *limiter) recoverLocked(now time.Time) {
	for l.bucket.Limit() < l.full && now.Sub(l.changed) >= recovery {
		l.bucket.SetLimitAt(now, min(l.full, 2*l.bucket.Limit()))
		l.changed = l.changed.Add(recovery)
	}
}

// slow halves the rate, once a second at most, and holds calls back for after.
func (l *limiter) slow(after time.Duration) {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := now.Add(after); until.After(l.resume) {
		l.resume = until
	}
	if l.full == rate.Inf || now.Sub(l.changed) < time.Second {
		return
	}
	l.bucket.SetLimitAt(now, max(1, l.bucket.Limit()/2))
	l.changed = now
}
