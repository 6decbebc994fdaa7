//go:build unix

package load_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
)

// machine is the clock of everything here.
var machine clock.System

// at does n things at a rate a second, each at its own moment whether the ones
// before it are done or not, and returns once all are done, with the rate at
// which they were begun.
func at(ctx context.Context, rate, n int, do func(i int) error) (float64, error) {
	var doing errgroup.Group
	start := machine.Now()
	for i := range n {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if err := clock.Wait(ctx, machine, due); err != nil {
			return 0, err
		}
		doing.Go(func() error { return do(i) })
	}
	took := machine.Now().Sub(start)
	return float64(n) / took.Seconds(), doing.Wait()
}

// look is how often something is looked at that is waited for, and patience
// for how long nothing may change about it.
const (
	look     = 100 * time.Millisecond
	patience = 30 * time.Second
)

// settle blocks until count comes to want, or does not change any more, and
// returns what it came to.
func settle(ctx context.Context, want int, count func() int) int {
	last, since := -1, machine.Now()
	for {
		now := count()
		if now != last {
			last, since = now, machine.Now()
		}
		if now == want || machine.Now().Sub(since) > patience {
			return now
		}
		if clock.Wait(ctx, machine, machine.Now().Add(look)) != nil {
			return now
		}
	}
}

// report reports the median, the 99th of a hundred and the worst of times, in
// milliseconds.
func report(b *testing.B, what string, took []time.Duration) {
	b.Helper()
	if len(took) == 0 {
		b.Errorf("nothing was measured: %s", what)
		return
	}
	took = slices.Sorted(slices.Values(took))
	b.ReportMetric(millis(took[len(took)/2]), what+"-p50-ms")
	b.ReportMetric(millis(took[len(took)*99/100]), what+"-p99-ms")
	b.ReportMetric(millis(took[len(took)-1]), what+"-max-ms")
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
