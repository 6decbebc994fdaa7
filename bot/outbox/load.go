package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
)

// A loader fills the queue from the store. Notices are numbered in the order
// of their commits, so it only ever looks behind the last one that it saw.
type loader struct {
	outbox *Outbox
	redraw bool // open requests are still to be redrawn, once after the start
	more   bool // somebody said that there are more
	full   bool // there are more than are loaded
	last   uint64
	next   time.Time // when to look whether anybody said so or not
	failed bool      // the last time; wait for next
}

// Watching the store is a hint that can be missed, so the loader also looks
// by itself.
const lookEvery = 15 * time.Second

var errFull = errors.New("enough is loaded")

// load adds what is new to q, if it is time, and returns when it next is.
func (l *loader) load(ctx context.Context, q *queue) time.Time {
	now := l.outbox.Clock.Now()
	hint := !l.failed && (l.redraw || l.more || l.full && q.items < mostLoaded/2)
	if !hint && now.Before(l.next) {
		return l.next
	}
	l.more, l.failed, l.next = false, false, now.Add(lookEvery)
	if err := l.fill(ctx, q, now); err != nil && ctx.Err() == nil {
		l.outbox.Log.Error().Err(err).Msg("read what is to be told")
		l.failed, l.next = true, now.Add(time.Second)
	}
	return l.next
}

func (l *loader) fill(ctx context.Context, q *queue, now time.Time) error {
	if l.redraw {
		if err := l.open(ctx, q, now); err != nil {
			return err
		}
		l.redraw = false
	}
	l.full = false
	from := access.Query{Index: access.IndexNotices, From: access.Notice{Seq: l.last + 1}.Key().ID}
	err := access.Each(ctx, l.outbox.Store, from, func(rec access.Record) error {
		if q.items >= mostLoaded {
			return errFull
		}
		n, err := access.Decode[access.Notice](rec)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		q.add(newItem(n, rec.Version), now)
		l.last = n.Seq
		return nil
	})
	if errors.Is(err, errFull) {
		l.full, err = true, nil
	}
	return err
}

// open adds a redraw of everything that can still change, since the program
// may have changed how it looks, or died before it was drawn.
func (l *loader) open(ctx context.Context, q *queue, now time.Time) error {
	seen := map[access.RequestID]bool{}
	add := func(id access.RequestID) {
		if !seen[id] {
			seen[id] = true
			q.add(newItem(access.Notice{Kind: access.NoticeChanged, Request: id}, 0), now)
		}
	}
	err := access.Each(ctx, l.outbox.Store, access.Query{Index: access.IndexPending}, func(rec access.Record) error {
		add(access.RequestID(rec.Key.ID))
		return nil
	})
	if err != nil {
		return err
	}
	err = access.Each(ctx, l.outbox.Store, access.Query{Index: access.IndexReview}, func(rec access.Record) error {
		add(access.RequestID(rec.Key.ID))
		return nil
	})
	if err != nil {
		return err
	}
	return access.Each(ctx, l.outbox.Store, access.Query{Index: access.IndexLive}, func(rec access.Record) error {
		add(access.GrantID(rec.Key.ID).Request())
		return nil
	})
}
