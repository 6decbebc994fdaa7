package channel

import "time"

// What the plugin reckons with.
const (
	firstTrip    = 100 * time.Millisecond
	firstTimeout = 200 * time.Millisecond
	maxTimeout   = time.Second
	granularity  = 10 * time.Millisecond
	minTimeout   = 100 * time.Millisecond // how often the plugin looks
)

// A trip is how long the way to the other end and back takes, smoothed.
type trip struct {
	mean, varies time.Duration
	known        bool
}

func newTrip() trip { return trip{mean: firstTrip} }

// took takes note of one round trip.
func (t *trip) took(d time.Duration) {
	t.varies += ((t.mean - d).Abs() - t.varies) / 4
	t.mean += (d - t.mean) / 8
	t.known = true
}

// timeout is after how long a message counts as lost.
func (t trip) timeout() time.Duration {
	if !t.known {
		return firstTimeout
	}
	return max(minTimeout, min(t.mean+max(granularity, 4*t.varies), maxTimeout))
}
