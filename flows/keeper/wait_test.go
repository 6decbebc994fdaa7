package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/golden"
	"sesame/flows/keeper"
	"sesame/store/storetest"
)

// hindering are things that keep a grant from opening until it is too late.
func hindering() map[string]func(b *bench) {
	return map[string]func(b *bench){
		"the gate says not now": func(b *bench) {
			b.gate = func(context.Context, access.Grant) error { return errors.New("directory: bad gateway") }
		},
		"the gate says why not now": func(b *bench) {
			b.gate = func(context.Context, access.Grant) error {
				return &access.Refusal{Code: access.RefusedUnable, Text: "Sesame could not ask Slack who is in a group, so nothing was done: try again in a minute."}
			}
		},
		"the clock is wrong": func(b *bench) {
			b.conf = func(c *keeper.Config) { c.Skew = func() time.Duration { return -123456 * time.Millisecond } }
		},
		"the disk is full": func(b *bench) {
			b.conf = func(c *keeper.Config) {
				c.Store = storetest.Hooked{Store: b.store, Before: func(c access.Commit) error {
					if c.Epoch == 0 || c.Ending {
						return nil
					}
					return access.ErrNoSpace
				}}
			}
		},
		"AWS takes no request": func(b *bench) { b.twist(twisted{apply: fails(access.Throttled, "slow down")}) },
		"AWS does not finish":  func(b *bench) { b.cloud.latency = 3 * time.Hour },
		"AWS does not finish removing it": func(b *bench) {
			b.twist(twisted{observe: func(seen access.Observation) access.Observation {
				seen.Present = seen.Present && seen.Running.Kind != access.Removal
				return seen
			}})
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(30 * time.Second)
			b.cloud.takes(3 * time.Hour)
			time.Sleep(time.Hour)
			b.stop()
		},
		"the gate said not now at first, and AWS does not finish": func(b *bench) {
			b.cloud.latency = 3 * time.Hour
			late := time.Now().Add(5 * time.Minute)
			b.gate = func(context.Context, access.Grant) error {
				if time.Now().Before(late) {
					return errors.New("directory: bad gateway")
				}
				return nil
			}
		},
	}
}

// TestWhoWaitedInVainIsToldWhy holds every such sentence.
func TestWhoWaitedInVainIsToldWhy(t *testing.T) {
	said := map[string]string{}
	for name, hinder := range hindering() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				hinder(b)
				b.start()
				id := b.grant("a", time.Hour)
				time.Sleep(20 * time.Minute)
				b.stop()
				said[name] = fmt.Sprintf("\t%s: %s\n", b.state(id).End.Cause, b.state(id).End.Detail)
			})
		})
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		text.WriteString(name + "\n" + said[name])
	}
	golden.Equal(t, "testdata/hindrances.golden", text.String())
}
