package proxy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/proxy"
)

// TestCallsGoOnWithAnExtendedGrant has a grant extended while a call is under way,
// once, twice, or not at all.
func TestCallsGoOnWithAnExtendedGrant(t *testing.T) {
	for name, c := range map[string]struct {
		extensions []time.Duration // for how long in all, each before the end that was known
		open       bool            // at the last end
		lasts      time.Duration
	}{
		"not extended":            {nil, true, time.Minute},
		"once":                    {[]time.Duration{time.Hour}, true, time.Hour},
		"twice":                   {[]time.Duration{time.Hour, 2 * time.Hour}, true, 2 * time.Hour},
		"extended, and then shut": {[]time.Duration{time.Hour}, false, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				g := access.Grant{ID: "g-1", EndsAt: began.Add(time.Minute)}
				asked := 0
				lasts := func(access.GrantID) (ends, at time.Time, open bool) {
					ends = g.EndsAt
					if len(c.extensions) > 0 {
						ends = began.Add(c.extensions[min(asked, len(c.extensions)-1)])
					}
					asked++
					return ends, ends, c.open
				}
				ctx, cut := context.WithCancelCause(t.Context())
				leave := proxy.UnderWayForTest(lasts, g, cut)
				defer leave()
				<-ctx.Done()
				if took := time.Since(began); took != c.lasts {
					t.Errorf("the call was broken off after %v, want %v", took, c.lasts)
				}
			})
		})
	}
}
