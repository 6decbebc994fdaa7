package keeper_test

import (
	"context"
	"errors"
	"slices"
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

// holding puts an open grant into a store.
func holding(t *testing.T, store access.Store, id access.GrantID, who access.PersonID) {
	t.Helper()
	keep(t, store, access.Grant{ID: id, State: access.Open, Holder: who, EndsAt: time.Now().Add(time.Hour)})
}

// keep puts a grant into a store.
func keep(t *testing.T, store access.Store, g access.Grant) {
	t.Helper()
	change, err := access.Put(g, 0)
	if err == nil {
		_, err = store.Commit(t.Context(), access.Commit{Changes: []access.Change{change}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestHoldersAreAskedAboutAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		holding(t, store, "g-1", "p-bob")
		holding(t, store, "g-2", "p-alice")
		holding(t, store, "g-3", "p-bob")
		var mu sync.Mutex
		var asked []access.PersonID
		var answer error
		signedIn := func(context.Context) ([]access.PersonID, error) { return []access.PersonID{"p-bob", "p-carol"}, nil }
		h := keeper.Holders{Store: store, Others: signedIn, Clock: clock.System{}, Log: zerolog.Nop(), Recheck: func(_ context.Context, id access.PersonID) error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, id)
			return answer
		}}
		wants := func(after time.Duration, fail error, want ...access.PersonID) {
			t.Helper()
			mu.Lock()
			asked, answer = nil, fail
			mu.Unlock()
			time.Sleep(after)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(asked, want) {
				t.Errorf("asked about %v, want %v", asked, want)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := h.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		wants(14*time.Minute, nil)
		wants(2*time.Minute, nil, "p-alice", "p-bob", "p-carol")
		wants(15*time.Minute, errors.New("one record is broken"), "p-alice", "p-bob", "p-carol")
		// Where one gets no answer, the next would wait for none either.
		wants(15*time.Minute, access.ErrUnavailable, "p-alice")
		wants(30*time.Minute, nil, "p-alice", "p-bob", "p-carol", "p-alice", "p-bob", "p-carol")
		stop()
		running.Wait()
	})
}
