package keeper_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/keeper"
	"sesame/store/memory"
)

// closedGrant puts a grant into a store whose calls were recorded, with the
// first event of its request.
func closedGrant(t *testing.T, store access.Store, id access.GrantID) {
	t.Helper()
	keep(t, store, access.Grant{ID: id, Request: access.RequestID("r" + id[1:]), State: access.Closed, Recorded: true, OpenedAt: time.Now()})
}

func TestCallsAreCountedWhenAGrantIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		closedGrant(t, store, "g-before")
		var mu sync.Mutex
		asked := map[access.GrantID]int{}
		c := keeper.Counter{Store: store, Clock: clock.System{}, Log: zerolog.Nop(), Count: func(_ context.Context, g access.Grant) (access.Calls, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[g.ID]++
			if g.ID == "g-lost" {
				return access.Calls{}, errors.New("line 7 is damaged")
			}
			return access.Calls{Reads: 3, Refused: 1}, nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		closedGrant(t, store, "g-now")
		closedGrant(t, store, "g-lost")
		holding(t, store, "g-open", "p-bob")
		synctest.Wait()
		stop()
		running.Wait()
		for id, want := range map[access.GrantID]string{
			"g-before": "3 calls of AWS: 3 to read, 0 to write. 1 call refused.",
			"g-now":    "3 calls of AWS: 3 to read, 0 to write. 1 call refused.",
			"g-lost":   "How often AWS was called could not be counted, because the record of calls could not be read.",
		} {
			g, _, err := access.Load[access.Grant](t.Context(), store, access.Grant{ID: id}.Key())
			if got := strings.Join(g.Receipt.Calls.Sentences(), ". ") + "."; err != nil || got != want || asked[id] != 1 {
				t.Errorf("%s: %q, %v, asked %d times; want %q once", id, got, err, asked[id], want)
			}
		}
		notices := 0
		err := access.Each(t.Context(), store, access.Query{Index: access.IndexNotices}, func(rec access.Record) error {
			n, err := access.Decode[access.Notice](rec)
			if notices++; n.Kind != access.NoticeChanged || n.Text == "" {
				t.Errorf("notice %+v", n)
			}
			return err
		})
		if err != nil || notices != 3 || asked["g-open"] != 0 {
			t.Errorf("%d notices, %v; an open grant was counted %d times", notices, err, asked["g-open"])
		}
	})
}

// TestACountThatCannotBeWrittenIsTriedAgain has a disk that is full for a while.
func TestACountThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		closedGrant(t, inner, "g-1")
		store := &fullStore{Store: inner, full: true}
		c := keeper.Counter{Store: store, Clock: clock.System{}, Log: zerolog.Nop(), Count: func(context.Context, access.Grant) (access.Calls, error) {
			return access.Calls{Reads: 1}, nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = c.Run(ctx) })
		counted := func() bool {
			g, _, err := access.Load[access.Grant](t.Context(), inner, access.Grant{ID: "g-1"}.Key())
			return err == nil && !g.Uncounted()
		}
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if counted() {
			t.Error("counted on a full disk")
		}
		store.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !counted() {
			t.Error("not counted once there is room")
		}
		stop()
		running.Wait()
	})
}

// A fullStore takes no commits while its disk is full.
type fullStore struct {
	access.Store
	mu   sync.Mutex // guards full
	full bool
}

func (s *fullStore) set(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Commit implements access.Store.
func (s *fullStore) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return 0, access.ErrNoSpace
	}
	return s.Store.Commit(ctx, c)
}
