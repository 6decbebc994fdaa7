package proxy_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/proxy"
	"sesame/proxy/calls"
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

// TestGrantsThatEndAsACallLeaves ends the grant of a write when all was asked and
// the write is recorded, but not yet among those that are broken off.
func TestGrantsThatEndAsACallLeaves(t *testing.T) {
	var end func()
	r := newRig(t, "", func(_ *rig, c *proxy.Config) { c.Calls = &interrupting{c.Calls, func() { end() }} })
	end = func() {
		r.end()
		if err := r.proxy.Cut(t.Context()); err != nil {
			t.Error(err)
		}
	}
	w := r.serve(r.signed(item(`{"TableName":"orders"}`)), home)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "ended at 2026-11-20 12:00:00 UTC") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := len(r.aws.received()); n != 0 {
		t.Errorf("%d calls reached AWS", n)
	}
	if ks := kinds(r.entries()); !slices.Equal(ks, []calls.Kind{calls.Intent, calls.Answer}) {
		t.Errorf("recorded %v", ks)
	}
}

// An interrupting does something once an intent was recorded.
type interrupting struct {
	proxy.Recorder
	then func()
}

// Append implements proxy.Recorder.
func (i *interrupting) Append(e calls.Entry) error {
	err := i.Recorder.Append(e)
	if e.Kind == calls.Intent {
		i.then()
	}
	return err
}
