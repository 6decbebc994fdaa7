package facts

import (
	"context"
	"strconv"

	"sesame/flows/clock"
)

// MostKept asks a cache about n different things, calls after each, and
// returns the most answers that it kept.
func MostKept(c clock.Clock, n int, after func()) int {
	most := 0
	kept := newCache[string, int](c, MaxAge, 0)
	for i := range n {
		kept.get(context.Background(), strconv.Itoa(i), func(context.Context) (int, error) { return i, nil })
		most = max(most, len(kept.kept))
		after()
	}
	return most
}
