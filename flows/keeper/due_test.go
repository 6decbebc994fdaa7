package keeper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sesame/flows/access"
	"sesame/flows/keeper"
	"sesame/store/storetest"
)

// Before its time, nothing is done about an object, whoever wakes it; after
// the time to open is over, nothing is made.
func TestInItsTime(t *testing.T) {
	for name, play := range timely() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, newBench(t)) })
		})
	}
}

func timely() map[string]func(*testing.T, *bench) {
	return map[string]func(*testing.T, *bench){
		"an attempt is made again when AWS wants it to be": func(t *testing.T, b *bench) {
			var asked []time.Time
			b.twist(twisted{apply: func() (access.Operation, error) {
				asked = append(asked, time.Now())
				return access.Operation{}, &access.WayError{Class: access.Throttled, After: time.Minute, Err: errors.New("slow down")}
			}})
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(10 * time.Minute)
			b.stop()
			b.spaced(asked, time.Minute)
		},
		"an attempt with no answer is looked at in its time": func(t *testing.T, b *bench) {
			var seen []time.Time
			b.twist(twisted{
				apply: func() (access.Operation, error) {
					return access.Operation{}, &access.WayError{Class: access.Ambiguous, After: time.Minute, Err: errors.New("connection lost")}
				},
				observe: func(o access.Observation) access.Observation {
					seen = append(seen, time.Now())
					return o
				},
			})
			b.start()
			b.grant("a", time.Hour)
			time.Sleep(30 * time.Second)
			b.stop()
			b.spaced(seen, time.Minute)
		},
		"an attempt with no answer keeps its place": func(t *testing.T, b *bench) {
			b.conf = func(c *keeper.Config) { c.Limits.Outstanding = 1 }
			b.cloud.latency = 2 * time.Minute
			b.twist(twisted{apply: b.losesAnswer("a", time.Minute)})
			b.start()
			defer b.stop()
			b.grant("a", time.Hour)
			time.Sleep(time.Second)
			last := b.grant("b", time.Hour)
			time.Sleep(5 * time.Minute)
			b.want(last, access.Open, true)
			if b.cloud.most > 1 {
				t.Errorf("%d operations were in progress at once, want 1", b.cloud.most)
			}
		},
		"an operation that was begun before a restart is known as ours": func(t *testing.T, b *bench) {
			b.cloud.latency = time.Minute
			b.twist(twisted{observe: func(o access.Observation) access.Observation {
				o.Made = false
				return o
			}})
			b.cutDuringCreation()
			b.start()
			defer b.stop()
			time.Sleep(2 * time.Minute)
			if there := b.cloud.there(); len(there) != 1 || len(b.alarms()) != 0 {
				t.Errorf("there is %v, and alarms %q", there, b.alarms())
			}
		},
		"operations that are never finished give their places back": func(t *testing.T, b *bench) {
			b.conf = func(c *keeper.Config) { c.Limits.Outstanding = 1 }
			b.start()
			defer b.stop()
			b.grant("a", time.Hour)
			time.Sleep(10 * time.Second)
			b.cloud.takes(100 * time.Hour)
			time.Sleep(time.Hour) // the removal of a begins
			b.cloud.takes(time.Second)
			made := b.grant("b", time.Hour)
			time.Sleep(9 * time.Minute)
			b.want(made, access.Opening, false)
			time.Sleep(2 * time.Minute)
			b.want(made, access.Open, true)
			b.cloud.takes(100 * time.Hour)
			stuck := b.grant("c", time.Hour)
			time.Sleep(time.Second)
			b.cloud.takes(time.Second)
			next := b.grant("d", time.Hour)
			time.Sleep(11 * time.Minute)
			b.want(stuck, access.Opening, false)
			b.want(next, access.Open, true)
			time.Sleep(10 * time.Minute)
			b.want(stuck, access.Closed, false)
		},
		"what is being made for hours is watched for as long": func(t *testing.T, b *bench) {
			b.cloud.latency = 3 * time.Hour
			b.start()
			defer b.stop()
			id := b.grant("a", time.Hour)
			time.Sleep(time.Minute)
			b.cloud.takes(time.Second)
			time.Sleep(2 * time.Hour)
			b.want(id, access.Closed, false)
			time.Sleep(2 * time.Hour)
			b.want(id, access.Closed, false)
			if n := b.cloud.operations(); n != 2 {
				t.Errorf("%d operations, want the creation, and the removal of what came of it", n)
			}
			time.Sleep(2 * time.Hour)
			if page, _ := b.store.List(t.Context(), access.Query{Index: access.IndexObjects}); len(page.Records) != 0 {
				t.Errorf("%d objects are still kept after the watch", len(page.Records))
			}
		},
		"nothing is made late, although the end cannot be recorded": func(t *testing.T, b *bench) {
			b.gate = func(_ context.Context, g access.Grant) error {
				if time.Now().Before(g.OpenBy) {
					return errors.New("not now")
				}
				return nil
			}
			b.withoutEvents(access.EventEnding)
			b.start()
			defer b.stop()
			id := b.grant("a", time.Hour)
			time.Sleep(time.Hour)
			b.want(id, access.Opening, false)
			if n := b.cloud.operations(); n != 0 {
				t.Errorf("%d operations for a grant whose time to open is over", n)
			}
		},
		"nothing is made late, although the gate was passed in time": func(t *testing.T, b *bench) {
			b.gate = func(_ context.Context, g access.Grant) error {
				time.Sleep(time.Until(g.OpenBy) + time.Second)
				return nil
			}
			b.start()
			defer b.stop()
			id := b.grant("a", time.Hour)
			time.Sleep(time.Hour)
			b.want(id, access.Closed, false)
			if n := b.cloud.operations(); n != 0 {
				t.Errorf("%d operations for a grant whose time to open is over", n)
			}
		},
	}
}

// spaced wants at least d between one moment and the next.
func (b *bench) spaced(moments []time.Time, d time.Duration) {
	b.t.Helper()
	if len(moments) == 0 {
		b.t.Error("it never happened")
	}
	for i := 1; i < len(moments); i++ {
		if gap := moments[i].Sub(moments[i-1]); gap < d {
			b.t.Errorf("it happened again after %v, want %v at least", gap, d)
		}
	}
}

// losesAnswer creates, and says the first time that nobody knows, and when to
// ask again.
func (b *bench) losesAnswer(key access.ObjectKey, after time.Duration) func() (access.Operation, error) {
	lost := false
	return func() (access.Operation, error) {
		if lost {
			return b.cloud.Apply(b.t.Context(), access.Spec{Key: "b"})
		}
		lost = true
		_, err := b.cloud.Apply(b.t.Context(), access.Spec{Key: key})
		return access.Operation{}, &access.WayError{Class: access.Ambiguous, After: after, Err: errors.Join(err, errors.New("connection lost"))}
	}
}

// withoutEvents has no commit with an event of that type succeed.
func (b *bench) withoutEvents(unwanted access.EventType) {
	conf := b.conf
	b.conf = func(c *keeper.Config) {
		conf(c)
		c.Store = storetest.Hooked{Store: b.store, Before: func(commit access.Commit) error {
			for _, e := range commit.Events {
				if e.Type == unwanted {
					return errors.New("the store is out of reach")
				}
			}
			return nil
		}}
	}
}
