package slacktest

import (
	"context"
	"errors"
	"time"

	"sesame/flows/clock"
)

// AwaitMessage blocks until a channel shows a message that want accepts, and
// returns the first. A user id stands for direct messages with the bot.
func (w *Workspace) AwaitMessage(ctx context.Context, channel string, want func(Message) bool) (Message, error) {
	return first(ctx, w, func() []Message { return w.Messages(channel) }, want)
}

// AwaitReply is AwaitMessage for the thread under a message.
func (w *Workspace) AwaitReply(ctx context.Context, parent Message, want func(Message) bool) (Message, error) {
	return first(ctx, w, func() []Message { return w.Thread(parent.Channel, parent.TS) }, want)
}

// AwaitEphemeral is AwaitMessage for what one user alone sees.
func (w *Workspace) AwaitEphemeral(ctx context.Context, user string, want func(Message) bool) (Message, error) {
	return first(ctx, w, func() []Message { return w.Ephemerals(user) }, want)
}

// AwaitView blocks until the user's topmost modal is one that want accepts.
func (w *Workspace) AwaitView(ctx context.Context, user string, want func(View) bool) (View, error) {
	return first(ctx, w, func() []View {
		open := w.Views(user)
		return open[max(0, len(open)-1):]
	}, want)
}

// AwaitMoving is Await that moves a clock on by a second wherever nothing comes
// of waiting. It gives up after half an hour of that clock.
func (w *Workspace) AwaitMoving(ctx context.Context, c *clock.Movable, done func() bool) error {
	for range 2000 {
		soon, cancel := context.WithTimeout(ctx, 2*time.Millisecond)
		err := w.Await(soon, done)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		c.Advance(time.Second)
	}
	return errors.New("nothing came of waiting")
}

func first[T any](ctx context.Context, w *Workspace, list func() []T, want func(T) bool) (T, error) {
	var found T
	err := w.Await(ctx, func() bool {
		for _, v := range list() {
			if want(v) {
				found = v
				return true
			}
		}
		return false
	})
	return found, err
}
