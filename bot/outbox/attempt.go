package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/bot/blocks"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// A scene is the records that a notice is about, as they were read for one
// round, and what else waits to be told about the same thing.
type scene struct {
	item    *item
	later   []*item
	now     time.Time
	subject blocks.Case
	known   bool // the request exists
	posts   []held
}

// A held post is one with the version that was read.
type held struct {
	Post
	version access.Version
}

// find returns the post with that id, or the zero Post at version 0.
func (s scene) find(id string) held {
	for _, p := range s.posts {
		if p.ID == id {
			return p
		}
	}
	return held{}
}

// attempt tells the first of items, as far as that can be done now.
func (o *Outbox) attempt(ctx context.Context, items []*item) result {
	var sum result
	for ctx.Err() == nil {
		s, err := o.read(ctx, items)
		if err != nil {
			return o.postpone(items[0], sum, err)
		}
		steps, err := o.steps(ctx, s)
		if err != nil {
			return o.postpone(items[0], sum, err)
		}
		if len(steps) == 0 {
			if err := o.finish(ctx, s); err != nil {
				return o.postpone(items[0], sum, err)
			}
			sum.finished, sum.again, sum.failed = true, time.Time{}, false
			return sum
		}
		round := o.round(ctx, s, steps)
		sum.reached = sum.reached || round.reached
		sum.outage = round.outage && !sum.reached
		sum.failed, sum.again = round.failed, round.again
		if round.failed || !round.again.IsZero() {
			return sum
		}
	}
	return sum
}

// round takes every step that can be taken now. One that cannot holds up no
// other.
func (o *Outbox) round(ctx context.Context, s scene, steps []step) result {
	var sum result
	for _, st := range steps {
		r := o.take(ctx, s, st)
		sum.reached = sum.reached || r.reached
		sum.outage = sum.outage || r.outage
		sum.failed = sum.failed || r.failed
		if !r.again.IsZero() && (sum.again.IsZero() || r.again.Before(sum.again)) {
			sum.again = r.again
		}
		if r.outage || ctx.Err() != nil {
			sum.failed = true
			return sum
		}
	}
	return sum
}

// postpone says that an item has to wait since something other than a post
// failed.
func (o *Outbox) postpone(i *item, sum result, err error) result {
	if !errors.Is(err, context.Canceled) {
		o.Log.Warn().Err(err).Str("request", string(i.notice.Request)).Str("notice", string(i.notice.Kind)).Msg("tell later")
	}
	sum.failed = true
	return sum
}

// read returns the records that an item is about.
func (o *Outbox) read(ctx context.Context, items []*item) (scene, error) {
	s := scene{item: items[0], later: items[1:], now: o.Clock.Now()}
	n := s.item.notice
	var err error
	if n.Request != "" {
		s.subject.Request, _, err = access.Load[access.Request](ctx, o.Store, access.Request{ID: n.Request}.Key())
		s.known = err == nil
		if err != nil && !errors.Is(err, access.ErrNotFound) {
			return s, fmt.Errorf("read request %s: %w", n.Request, err)
		}
		if err := o.readGrant(ctx, n.Request, &s.subject); err != nil {
			return s, err
		}
	}
	if n.Kind == noticeLetter {
		s.posts, err = o.letterOf(ctx, n)
		return s, err
	}
	s.posts, err = o.postsAbout(ctx, stream(n))
	return s, err
}

// readGrant adds to c the grant that it is about: what it became, or extends.
func (o *Outbox) readGrant(ctx context.Context, id access.RequestID, c *blocks.Case) (err error) {
	about := id.Grant()
	if c.Request.Extends != "" {
		about = c.Request.Extends
	}
	if c.Grant, _, err = access.LoadOrNew[access.Grant](ctx, o.Store, access.Grant{ID: about}.Key()); err != nil {
		return fmt.Errorf("read grant of %s: %w", id, err)
	}
	c.Labels, c.Longer = o.Labels(c.Request.Target.Name), o.Longer(c.Grant)
	return nil
}

// postsAbout returns the posts about something.
func (o *Outbox) postsAbout(ctx context.Context, about string) ([]held, error) {
	var posts []held
	q := access.Query{Index: IndexPosts, From: about, To: about + "\x00"}
	err := access.Each(ctx, o.Store, q, func(rec access.Record) error {
		p, err := access.Decode[Post](rec)
		posts = append(posts, held{p, rec.Version})
		return err
	})
	return posts, err
}

// finish deletes a notice that was told, with the posts that only kept count
// of the telling.
func (o *Outbox) finish(ctx context.Context, s scene) error {
	n := s.item.notice
	if s.item.version == 0 {
		return nil
	}
	b := ledger.NewBatch(s.now)
	b.Delete(n.Key(), s.item.version)
	for _, p := range s.posts {
		if p.Role == roleLetter || p.Notice == n.Seq && !p.Role.isView() {
			b.Delete(p.Key(), p.version)
		}
	}
	if _, err := b.Commit(ctx, o.Store); err != nil {
		return fmt.Errorf("delete notice %d: %w", n.Seq, err)
	}
	return nil
}

// superseded reports whether a later notice of the same kind will say the
// same, as things are now, so that saying it twice would only annoy.
func (s scene) superseded() bool {
	return slices.ContainsFunc(s.later, func(i *item) bool { return i.notice.Kind == s.item.notice.Kind })
}

// A step is one message that is to be posted or updated.
type step struct {
	post   held
	shows  webapi.Message
	update bool
}
