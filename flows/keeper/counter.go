package keeper

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/ledger"
)

// A Counter has people told what was called with a grant, once it is closed.
// Closing neither knows nor waits for it: what could not be counted is told of
// as that. All but Every is required.
type Counter struct {
	Store access.Store
	// Count counts the calls of a grant, in the record that is kept of them.
	Count func(ctx context.Context, g access.Grant) (access.Calls, error)
	Clock clock.Clock
	Every time.Duration // how soon what could not be written is tried again; default 1m
	Log   zerolog.Logger
}

// Run counts until ctx ends: what is left from before, and then whatever is
// closed. It returns nil: what fails is tried again.
func (c Counter) Run(ctx context.Context) error {
	def(&c.Every, time.Minute)
	changed := make(chan struct{}, 1)
	c.Store.Watch(ctx, func(keys []access.Key) {
		if !slices.ContainsFunc(keys, func(k access.Key) bool { return k.Kind == access.KindGrant }) {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // somebody was told already
		}
	})
	for ctx.Err() == nil {
		err := c.round(ctx)
		if err != nil && ctx.Err() == nil {
			c.Log.Warn().Err(err).Msg("count calls")
		}
		c.rest(ctx, changed, err != nil)
	}
	return nil
}

// rest waits until a grant has changed, or until what failed is to be tried
// again.
func (c Counter) rest(ctx context.Context, changed <-chan struct{}, failed bool) {
	var again <-chan time.Time
	if failed {
		timer := c.Clock.Timer(c.Clock.Now().Add(c.Every))
		defer timer.Stop()
		again = timer.C
	}
	select {
	case <-changed:
	case <-again:
	case <-ctx.Done():
	}
}

// round counts what is to be counted now.
func (c Counter) round(ctx context.Context) error {
	var all []access.Record
	err := access.Each(ctx, c.Store, access.Query{Index: access.IndexUncounted}, func(rec access.Record) error {
		all = append(all, rec)
		return nil
	})
	for _, rec := range all {
		if ctx.Err() != nil {
			return err
		}
		// A grant that somebody else counted meanwhile is no error.
		if failed := c.count(ctx, rec); !errors.Is(failed, access.ErrConflict) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// count counts the calls of one grant, and has that told.
func (c Counter) count(ctx context.Context, rec access.Record) error {
	g, err := access.Decode[access.Grant](rec)
	if err != nil {
		return err
	}
	found, err := c.Count(ctx, g)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		c.Log.Error().Err(err).Str("grant", string(g.ID)).Msg("count the calls of a grant")
		found = access.Calls{Unknown: "because the record of calls could not be read"}
	}
	found.At = c.Clock.Now()
	counted, err := g.Counted(found)
	if err != nil {
		return err
	}
	b := ledger.NewBatch(found.At)
	b.Put(counted, rec.Version)
	b.Event(g.Request, access.EventCounted, access.Person{}, found)
	b.Tell(access.NoticeChanged, g.Request, strings.Join(found.Sentences(), ". ")+".")
	_, err = b.Commit(ctx, c.Store)
	return err
}
