package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sesame/bot/blocks"
	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// mostDeciders is how many people are told directly when there is no channel.
const mostDeciders = 10

// steps returns what is left to do for an item, as things are now.
func (o *Outbox) steps(ctx context.Context, s scene) ([]step, error) {
	n := s.item.notice
	switch n.Kind {
	case access.NoticeAlarm:
		return o.warn(s), nil
	case noticeLetter:
		return o.letter(s), nil
	}
	if !s.known {
		return nil, nil
	}
	steps := o.redraws(s)
	switch n.Kind {
	case access.NoticeAsked:
		asks, err := o.asks(ctx, s)
		return append(asks, steps...), err
	case access.NoticeChanged:
		return append(steps, o.trail(s)...), nil
	case access.NoticeOutcome:
		return append(steps, o.outcome(s)...), nil
	case access.NoticeReminder:
		return append(steps, o.reminder(s)...), nil
	default:
		o.Log.Error().Str("notice", string(n.Kind)).Msg("notice of an unknown kind is dropped")
		return nil, nil
	}
}

// asks returns the first messages about a request: to the channels of its
// route, or else to the people who may decide, and a copy for the requester if
// nothing else shows them what they sent.
func (o *Outbox) asks(ctx context.Context, s scene) ([]step, error) {
	r := s.subject.Request
	var steps []step
	heard := false
	for _, c := range r.Verdict.Route.Notify {
		to := Address{Channel: c.ID, Name: c.Name}
		if s.find(newPost(s.item.notice, RoleDecide, to).ID).State != dropped {
			heard = true
		}
		steps = append(steps, o.view(s, RoleDecide, to)...)
	}
	if r.Source == access.FromForm && !r.Verdict.Route.Auto {
		steps = append(steps, o.view(s, RoleOwn, Address{User: r.By.Account.User})...)
	}
	if heard || r.State != access.Pending {
		return steps, nil
	}
	if s.item.deciders == nil {
		users, err := o.Deciders(ctx, r, mostDeciders)
		if err != nil {
			return nil, fmt.Errorf("find who decides on %s: %w", r.ID, err)
		}
		if len(users) == 0 {
			if err := o.unheard(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		s.item.deciders = append([]string{}, users...)
	}
	for _, user := range s.item.deciders {
		steps = append(steps, o.view(s, RoleDecide, Address{User: user})...)
	}
	return steps, nil
}

// unheard tells admins of a request that waits for people who cannot be told.
func (o *Outbox) unheard(ctx context.Context, id access.RequestID) error {
	b := ledger.NewBatch(o.Clock.Now())
	b.Tell(access.NoticeAlarm, id, fmt.Sprintf("Nobody could be told of request %s, since no channel and none of its approvers can be reached in Slack: tell them, or name a channel under notify.", id))
	if _, err := b.Commit(ctx, o.Store); err != nil {
		return fmt.Errorf("record that nobody hears of %s: %w", id, err)
	}
	return nil
}

// outcome returns the message to the requester about what became of it.
func (o *Outbox) outcome(s scene) []step {
	if s.superseded() {
		return nil
	}
	return o.view(s, RoleOutcome, Address{User: s.subject.Request.By.Account.User})
}

// reminder returns the message that the end is near, unless it is past.
func (o *Outbox) reminder(s scene) []step {
	if s.subject.Grant.State != access.Open {
		return nil
	}
	return o.view(s, RoleReminder, Address{User: s.subject.Request.By.Account.User})
}

// trail returns the line that goes under every message in a channel.
func (o *Outbox) trail(s scene) []step {
	var steps []step
	for _, p := range s.posts {
		// Where a message was adopted there is another one of ours.
		if s.item.notice.Text == "" || p.Role != RoleDecide || p.State != posted || p.To.User != "" || p.Notice == 0 {
			continue
		}
		line := newPost(s.item.notice, roleTrail, p.To)
		line.Place.Thread = p.Place.TS
		steps = append(steps, o.unless(s, line, webapi.Message(blocks.Trail(s.item.notice)))...)
	}
	return steps
}

// redraws returns the updates of messages that do not show what is so now.
func (o *Outbox) redraws(s scene) []step {
	var steps []step
	for _, p := range s.posts {
		if p.State != posted || !p.Role.isView() || s.item.redrawn[p.ID] {
			continue
		}
		if m := draw(p.Role, s.subject, s.now); identity(m) != p.Shown {
			steps = append(steps, step{post: p, shows: m, update: true})
		}
	}
	return steps
}

// view returns the step that posts a view, if it is not done.
func (o *Outbox) view(s scene, r Role, to Address) []step {
	return o.unless(s, newPost(s.item.notice, r, to), draw(r, s.subject, s.now))
}

// warn returns the message to the admin channel.
func (o *Outbox) warn(s scene) []step {
	if o.AdminChannel == "" {
		o.Log.Error().Str("request", string(s.item.notice.Request)).Msg("an alarm has no admin channel to go to: " + s.item.notice.Text)
		return nil
	}
	p := newPost(s.item.notice, roleAlarm, Address{Channel: o.AdminChannel, Name: "admin"})
	return o.unless(s, p, webapi.Message(blocks.Alarm(s.item.notice)))
}

// unless returns the step that posts p, unless that was done or given up.
func (o *Outbox) unless(s scene, p Post, m webapi.Message) []step {
	was := s.find(p.ID)
	if was.State == posted || was.State == dropped {
		return nil
	}
	if was.version != 0 {
		return []step{{post: was, shows: m}}
	}
	return []step{{post: held{Post: p}, shows: m}}
}

// draw returns what a message of a role shows of a case.
func draw(r Role, c blocks.Case, now time.Time) webapi.Message {
	switch r {
	case RoleDecide:
		return webapi.Message(blocks.ForApprovers(c, now))
	case RoleReminder:
		if c.Grant.State != access.Open {
			over := "Your access to " + c.Request.Target.Name + " is over."
			return webapi.Message(blocks.Trail(access.Notice{Text: over}))
		}
		return webapi.Message(blocks.Reminder(c, now))
	default:
		return webapi.Message(blocks.ForRequester(c, now))
	}
}

// identity returns the same for messages that show the same.
func identity(m webapi.Message) string {
	b, err := json.Marshal(m)
	if err != nil {
		return "" // never equal to what is shown, so it is drawn again
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// samePlace reports whether a post stands at p.
func samePlace(posts []held, p webapi.Place) bool {
	return slices.ContainsFunc(posts, func(h held) bool {
		return h.Place.Channel == p.Channel && h.Place.TS == p.TS
	})
}
