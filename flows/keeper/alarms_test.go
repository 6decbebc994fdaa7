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

// A twisted way is a cloud with one answer replaced.
type twisted struct {
	*cloud
	apply, remove func() (access.Operation, error)
	poll          func() (access.Operation, error)
	observe       func(access.Observation) access.Observation
}

func (w *twisted) Poll(ctx context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	if w.poll != nil {
		return w.poll()
	}
	return w.cloud.Poll(ctx, s, op)
}

func (w *twisted) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	if w.apply != nil {
		return w.apply()
	}
	return w.cloud.Apply(ctx, s)
}

func (w *twisted) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	if w.remove != nil {
		return w.remove()
	}
	return w.cloud.Remove(ctx, s)
}

func (w *twisted) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	seen, err := w.cloud.Observe(ctx, s, since)
	if w.observe != nil {
		seen = w.observe(seen)
	}
	return seen, err
}

// twist has the Keeper work with a twisted way.
func (b *bench) twist(w twisted) {
	w.cloud = b.cloud
	before := b.conf
	b.conf = func(c *keeper.Config) {
		before(c)
		c.Ways = map[string]access.Way{"test": &w}
	}
}

func fails(class access.Class, why string) func() (access.Operation, error) {
	return func() (access.Operation, error) {
		return access.Operation{}, &access.WayError{Class: class, Err: errors.New(why)}
	}
}

// cutDuringCreation has a creation be requested, and the process end before it
// hears the answer.
func (b *bench) cutDuringCreation() {
	cut := false
	conf := b.conf
	b.conf = func(c *keeper.Config) {
		conf(c)
		c.Store = storetest.Hooked{Store: b.store, Before: func(commit access.Commit) error {
			for _, e := range commit.Events {
				cut = cut || e.Type == access.EventAnswer
			}
			if cut {
				return errCut
			}
			return nil
		}}
	}
	b.start()
	b.grant("a", time.Hour)
	time.Sleep(10 * time.Second)
	b.stop()
	b.conf = conf
}

// alarming are stories that admins are told of.
func alarming() map[string]func(b *bench) {
	unclaimed := func(seen access.Observation) access.Observation {
		seen.Made = false
		return seen
	}
	return map[string]func(b *bench){
		"AWS refuses to create": func(b *bench) {
			b.twist(twisted{apply: fails(access.Refused, "access denied")})
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(time.Minute)
		},
		"made by somebody else after it was removed": func(b *bench) {
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(80 * time.Second)
			b.cloud.byHand("a", true)
			time.Sleep(time.Hour)
		},
		"finished late": func(b *bench) {
			b.twist(twisted{apply: fails(access.Ambiguous, "connection lost"), observe: func(seen access.Observation) access.Observation {
				seen.Made = seen.Present
				return seen
			}})
			b.start()
			id := b.grant("a", time.Hour)
			time.Sleep(time.Second)
			b.endEarly(id)
			time.Sleep(time.Minute)
			b.cloud.byHand("a", true)
			time.Sleep(time.Hour)
		},
		"unsure, and removed": func(b *bench) {
			b.twist(twisted{observe: unclaimed})
			b.cutDuringCreation()
			b.start()
			time.Sleep(2 * time.Hour)
		},
		"unsure, and reported": func(b *bench) {
			b.twist(twisted{observe: unclaimed})
			b.cutDuringCreation()
			conf := b.conf
			b.conf = func(c *keeper.Config) { conf(c); c.Unsure = keeper.Report }
			b.start()
			time.Sleep(2 * time.Hour)
		},
		"removed by somebody else": func(b *bench) {
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(time.Minute)
			b.cloud.byHand("a", false)
			time.Sleep(20 * time.Minute)
		},
		"removed and made by somebody else": func(b *bench) {
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(time.Minute)
			b.cloud.byHand("a", false)
			time.Sleep(16 * time.Minute)
			b.cloud.byHand("a", true)
			time.Sleep(time.Hour)
		},
		"cannot be removed": func(b *bench) {
			b.twist(twisted{remove: fails(access.Refused, "access denied")})
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(70 * time.Minute)
		},
		"seen long after its removal": func(b *bench) {
			until := time.Now().Add(10 * time.Minute)
			b.twist(twisted{observe: func(seen access.Observation) access.Observation {
				seen.Present = seen.Present || b.cloud.operations() > 0 && time.Now().Before(until)
				return seen
			}})
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(time.Hour)
		},
		"its creation is never finished": func(b *bench) {
			b.cloud.latency = 100 * time.Hour
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(3 * time.Hour)
		},
		"its removal is never finished": func(b *bench) {
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(30 * time.Second)
			b.cloud.takes(100 * time.Hour)
			time.Sleep(30 * time.Minute)
		},
		"its strategy is gone": func(b *bench) {
			b.start()
			b.grant("a", time.Minute)
			time.Sleep(30 * time.Second)
			b.stop()
			b.conf = func(c *keeper.Config) { c.Ways = nil }
			b.start()
			time.Sleep(10 * time.Minute)
		},
	}
}

// TestAlarms holds every sentence that the Keeper has for admins, and what is
// in AWS at the end: what somebody else made is still there.
func TestAlarms(t *testing.T) {
	said := map[string]string{}
	for name, play := range alarming() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				play(b)
				b.stop()
				there := "nothing"
				if byHand, ok := b.cloud.there()["a"]; ok {
					there = map[bool]string{true: "what somebody else made", false: "what Sesame made"}[byHand]
				}
				said[name] = fmt.Sprintf("\t%s\n\tin AWS: %s\n", strings.Join(b.alarms(), "\n\t"), there)
			})
		})
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(said)) {
		text.WriteString(name + "\n" + said[name])
	}
	golden.Equal(t, "testdata/alarms.golden", text.String())
}
