package keeper

import (
	"testing"
	"time"

	"sesame/flows/access"
)

func TestPace(t *testing.T) {
	p := newPace(time.Second)
	spec := access.Spec{Budget: "aws"}
	op := access.Operation{Kind: access.Removal, StartedAt: start}
	at := func(d time.Duration) time.Time { return start.Add(d) }
	check := func(what string, now time.Duration, awaited bool, want time.Duration) {
		t.Helper()
		if got := p.next(spec, op, at(now), awaited); !got.Equal(at(want)) {
			t.Errorf("%s: asked at %v, want %v", what, got.Sub(start), want)
		}
	}
	check("nothing is known", 0, true, time.Second)
	for range 20 {
		p.took(spec, op, at(9*time.Second))
	}
	p.took(spec, op, at(8*time.Second))
	check("before it is likely", time.Second, true, 7*time.Second)
	check("when it is", 7*time.Second, false, 7250*time.Millisecond)
	check("when it is, and somebody waits", 7200*time.Millisecond, true, 7200*time.Millisecond+time.Second/12)
	check("when it takes twice as long", 14*time.Second, true, 15*time.Second)
	op.Kind = access.Creation
	check("of another kind", 0, true, time.Second)
	op.Kind = access.Removal
	for range paced {
		p.took(spec, op, at(2*time.Second))
	}
	check("since they got faster", 0, true, 1750*time.Millisecond)
}
