package outbox

import (
	"context"
	"errors"
	"time"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// unsureFor is how long a post whose answer was lost waits before it is made
// again: most of what loses answers is over by then.
const unsureFor = 10 * time.Second

// take carries out one step, unless its turn has not come.
func (o *Outbox) take(ctx context.Context, s scene, st step) result {
	// What was begun is finished and recorded, even while we are told to stop:
	// half a post is a message that nobody knows of.
	whole := context.WithoutCancel(ctx)
	if st.update {
		return o.update(whole, s, st)
	}
	if place, ok := s.item.landed[st.post.ID]; ok {
		return o.record(whole, s, st, place)
	}
	if st.post.State == sending && !s.item.sure[st.post.ID] {
		if at := st.post.At.Add(unsureFor); at.After(o.Clock.Now()) {
			return result{again: at}
		}
	}
	place, r := o.address(ctx, s, st)
	if place.Channel == "" {
		return r
	}
	if again, ok := o.turn(s.item, "post "+st.post.ID, webapi.Posting(place.Channel)); !ok {
		return result{again: again}
	}
	return o.post(whole, s, st, place)
}

// turn reports whether the turn of an act has come, and else when to ask
// again. What the act is for tells it from others of the same item.
func (o *Outbox) turn(i *item, forWhat string, act webapi.Act) (again time.Time, ok bool) {
	at, waiting := i.turns[forWhat]
	if !waiting {
		at = o.API.Turn(act)
	}
	if !at.After(o.Clock.Now()) {
		ok, at = o.API.Admit(act)
	}
	if ok {
		delete(i.turns, forWhat)
		return time.Time{}, true
	}
	i.turns[forWhat] = at
	return at, false
}

// post records the intent, posts, and records where the message stands.
func (o *Outbox) post(ctx context.Context, s scene, st step, at webapi.Place) result {
	st.post.State, st.post.At = sending, o.Clock.Now()
	delete(s.item.sure, st.post.ID)
	b := ledger.NewBatch(s.now)
	b.Put(st.post.Post, st.post.version)
	v, err := b.Commit(ctx, o.Store)
	if err != nil {
		return o.postpone(s.item, result{}, err)
	}
	st.post.version = v
	place, err := o.API.Post(ctx, at, st.shows)
	if err != nil {
		return o.failed(ctx, s, st, err)
	}
	s.item.landed[st.post.ID] = place
	return o.record(ctx, s, st, place)
}

// record makes durable where a message stands.
func (o *Outbox) record(ctx context.Context, s scene, st step, place webapi.Place) result {
	st.post.State, st.post.Place, st.post.At = posted, place, o.Clock.Now()
	st.post.Shown = identity(st.shows)
	b := ledger.NewBatch(st.post.At)
	b.Put(st.post.Post, st.post.version)
	o.unblock(ctx, b, st.post.To)
	if _, err := b.Commit(ctx, o.Store); err != nil {
		return o.postpone(s.item, result{reached: true}, err)
	}
	delete(s.item.landed, st.post.ID)
	s.item.redrawn[st.post.ID] = true // it shows what is so now
	return result{reached: true}
}

func (o *Outbox) update(ctx context.Context, s scene, st step) result {
	if again, ok := o.turn(s.item, "update "+st.post.ID, webapi.Updating()); !ok {
		return result{again: again}
	}
	if err := o.API.Update(ctx, st.post.Place, st.shows); err != nil {
		return o.failed(ctx, s, st, err)
	}
	s.item.redrawn[st.post.ID] = true
	st.post.Shown = identity(st.shows)
	b := ledger.NewBatch(s.now)
	b.Put(st.post.Post, st.post.version)
	if _, err := b.Commit(ctx, o.Store); err != nil {
		return o.postpone(s.item, result{reached: true}, err)
	}
	return result{reached: true}
}

// failed decides what comes after a call that failed.
func (o *Outbox) failed(ctx context.Context, s scene, st step, err error) result {
	now := o.Clock.Now()
	s.item.sure[st.post.ID] = webapi.OutcomeOf(err) != webapi.Unknown
	log := o.Log.With().Str("request", string(st.post.Request)).Str("to", st.post.To.String()).Str("role", string(st.post.Role)).Logger()
	switch e, _ := errors.AsType[*webapi.Error](err); {
	case e == nil:
		log.Error().Err(err).Msg("post")
		return result{failed: true}
	case e.Outcome == webapi.Refused:
		log.Warn().Err(err).Msg("drop a message that slack does not take")
		return o.drop(ctx, s, st, e.Code)
	case e.Outcome == webapi.Barred:
		log.Error().Err(err).Msg("slack does not let us post")
		return result{failed: true, outage: true}
	case e.After > 0:
		log.Info().Err(err).Msg("post later")
		return result{again: now.Add(e.After)}
	case e.Outcome == webapi.Unknown && !st.update:
		log.Warn().Err(err).Msg("nobody knows whether the message is there; post it again")
		return result{failed: true, outage: true}
	default:
		log.Warn().Err(err).Msg("post later")
		return result{failed: true, outage: true}
	}
}

// drop gives up on a post, and reports a place that takes none, unless that is
// because somebody left whom alone it would have told.
func (o *Outbox) drop(ctx context.Context, s scene, st step, why string) result {
	now := o.Clock.Now()
	st.post.State, st.post.Why, st.post.At = dropped, why, now
	b := ledger.NewBatch(now)
	b.Put(st.post.Post, st.post.version)
	if !st.update && !s.departed(st.post.Post) {
		if err := o.block(ctx, b, st.post.Post); err != nil {
			return o.postpone(s.item, result{}, err)
		}
	}
	if _, err := b.Commit(ctx, o.Store); err != nil && !errors.Is(err, access.ErrConflict) {
		return o.postpone(s.item, result{}, err)
	}
	return result{}
}
