package facts_test

import (
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/flows/facts"
	"sesame/flows/facts/factstest"
)

func TestCacheForgetsThePast(t *testing.T) {
	c := clock.Frozen(noon)
	if most := facts.MostKept(c, 5000, func() { c.Advance(time.Second) }); most > 512 {
		t.Errorf("of 5000 people in as many seconds, %d were remembered at once", most)
	}
}

// A fetch that panics must not leave those who wait for it waiting, nor give
// them nothing.
func TestPanicLeavesNobodyWaiting(t *testing.T) {
	r, alice := everywhere(t, nil)
	r.Invalidate(alice.Account)
	r.world.OnAsk(func(factstest.Source) {
		r.world.OnAsk(func(factstest.Source) {})
		panic("broken source")
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		r.Identify(t.Context(), alice.Account)
	}()
	if got := r.identify(t, alice.Account); got.ID != alice.ID {
		t.Errorf("afterwards: %+v", got)
	}
}
