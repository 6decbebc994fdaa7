package outbox

import (
	"context"
	"errors"
	"fmt"

	"sesame/bot/blocks"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// noticeLetter is a notice about a letter, whose post Text names.
const noticeLetter access.NoticeKind = "letter"

// Letter adds to b a message to one user. id makes it the only one of its
// kind: a second letter of the same id fails with ErrConflict.
func Letter(b *ledger.Batch, id, user, text string) {
	p := Post{ID: "letter/" + id, About: "letters", Role: roleLetter, To: Address{User: user}, Text: text}
	b.Put(p, 0)
	b.Tell(noticeLetter, "", p.ID)
}

// letterOf returns the letter that a notice is about.
func (o *Outbox) letterOf(ctx context.Context, n access.Notice) ([]held, error) {
	p, v, err := access.Load[Post](ctx, o.Store, access.Key{Kind: access.KindPost, ID: n.Text})
	if errors.Is(err, access.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a letter: %w", err)
	}
	return []held{{p, v}}, nil
}

// letter returns the step that posts a letter, if it is not done.
func (o *Outbox) letter(s scene) []step {
	var steps []step
	for _, p := range s.posts {
		steps = append(steps, o.unless(s, p.Post, webapi.Message(blocks.Refused(p.Text)))...)
	}
	return steps
}

// Adopt lets the outbox know of a message about a request that somebody
// clicked and that it has no record of, so that it is redrawn like the others.
func (o *Outbox) Adopt(ctx context.Context, id access.RequestID, r Role, at webapi.Place) error {
	posts, err := o.postsAbout(ctx, string(id))
	if err != nil {
		return fmt.Errorf("adopt a message about %s: %w", id, err)
	}
	if samePlace(posts, at) {
		return nil
	}
	p := Post{
		ID: fmt.Sprintf("%s/adopted/%s/%s", id, at.Channel, at.TS), About: string(id), Request: id, Role: r,
		To: Address{Channel: at.Channel}, State: posted, Place: at, At: o.Clock.Now(),
	}
	b := ledger.NewBatch(p.At)
	b.Put(p, 0)
	b.Tell(access.NoticeChanged, id, "")
	if _, err := b.Commit(ctx, o.Store); err != nil && !errors.Is(err, access.ErrConflict) {
		return fmt.Errorf("adopt a message about %s: %w", id, err)
	}
	return nil
}
