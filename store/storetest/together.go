package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"sesame/flows/access"
)

func testEpochs(r *rig) {
	t := r.t
	ctx := context.Background()
	r.refused(access.Commit{Epoch: 1}, access.ErrDeposed)
	var epochs [3]access.Epoch
	for i := range epochs {
		e, err := r.s.Lead(ctx)
		if err != nil || e == 0 || i > 0 && e <= epochs[i-1] {
			t.Fatalf("lead = %d, %v", e, err)
		}
		epochs[i] = e
		r.commit(access.Commit{Epoch: e, Changes: []access.Change{write(fmt.Sprint(i), 0, "")}})
	}
	for _, e := range []access.Epoch{epochs[0], epochs[1], epochs[2] + 1} {
		r.refused(access.Commit{Epoch: e, Changes: []access.Change{write("late", 0, "")}}, access.ErrDeposed)
	}
	r.absent(key("late"))
	r.commit(access.Commit{Changes: []access.Change{write("desk", 0, "")}})
}

func testWatch(r *rig) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	hints := make(chan []access.Key, 16)
	var watching sync.WaitGroup
	watching.Go(func() { r.s.Watch(ctx, func(keys []access.Key) { hints <- keys }) })

	// A store may begin to watch a little after it was asked to, so commits go
	// on until one is seen.
	var seen []access.Key
	for v := access.Version(0); seen == nil; {
		v = r.put(write("a", v, "", under("x", "1")))
		select {
		case seen = <-hints:
		default:
		}
	}
	r.same("keys", seen, []access.Key{key("a")})
	cancel()
	watching.Wait()
}

// testContention holds that compare-and-set loses nothing: every increment of
// one counter by many writers is counted, and every event is chained.
func testContention(r *rig) {
	t := r.t
	const writers, rounds = 8, 20
	r.put(write("count", 0, "0"))
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range rounds {
				if err := increment(r.s, access.RequestID(fmt.Sprint("r-", n%3)), w); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := string(r.get(key("count")).Data); got != strconv.Itoa(writers*rounds) {
		t.Errorf("counted to %s, want %d", got, writers*rounds)
	}
	total := 0
	for i := range 3 {
		events := r.stream(access.RequestID(fmt.Sprint("r-", i)), 1, 1000)
		wantChain(r, events, len(events))
		total += len(events)
	}
	if total != writers*rounds {
		t.Errorf("%d events, want %d", total, writers*rounds)
	}
}

// increment adds one to the counter, again and again until nobody else came
// in between.
func increment(s access.Store, id access.RequestID, w int) error {
	ctx := context.Background()
	for {
		rec, err := s.Get(ctx, key("count"))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(rec.Data))
		if err != nil {
			return err
		}
		_, err = s.Commit(ctx, access.Commit{
			Changes: []access.Change{write("count", rec.Version, strconv.Itoa(n+1), under("n", strconv.Itoa(n+1)))},
			Events:  []access.Event{event(id, w)},
		})
		if !errors.Is(err, access.ErrConflict) {
			return err
		}
	}
}

// testReadWhileWriting holds that a reader sees a commit whole or not at all.
func testReadWhileWriting(r *rig) {
	t := r.t
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				p, err := r.s.List(context.Background(), access.Query{Index: "pair"})
				if err != nil {
					t.Error(err)
					return
				}
				if len(p.Records) > 0 && (len(p.Records) != 2 || p.Records[0].Version != p.Records[1].Version) {
					t.Errorf("half a commit: %+v", p.Records)
				}
				if _, err := r.s.Log(context.Background(), 1, 10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var v access.Version
	for i := range 100 {
		at := under("pair", strconv.Itoa(i))
		v = r.commit(access.Commit{
			Changes: []access.Change{write("a", v, "a", at), write("b", v, "b", at)},
			Events:  []access.Event{event("r-1", i)},
		})
	}
	cancel()
	wg.Wait()
}
