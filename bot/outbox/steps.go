package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"sesame/bot/blocks"
	"sesame/bot/webapi"
	"sesame/flows/access"
)

// steps returns what is left to do for an item, as things are now.
func (o *Outbox) steps(ctx context.Context, s scene) ([]step, error) {
	n := s.item.notice
	switch n.Kind {
	case access.NoticeAlarm, access.NoticeRelief:
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
		asks, err := o.next(ctx, s)
		return append(append(steps, o.trail(s)...), asks...), err
	case access.NoticeAnnounce:
		return o.announce(ctx, s)
	case access.NoticeOutcome:
		return append(steps, o.outcome(s)...), nil
	case access.NoticeReminder:
		return append(steps, o.reminder(s)...), nil
	default:
		o.Log.Error().Str("notice", string(n.Kind)).Msg("notice of an unknown kind is dropped")
		return nil, nil
	}
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
		if s.item.notice.Text == "" || p.Role != RoleDecide && p.Role != RoleAnnounce || p.State != posted || p.To.User != "" || p.Notice == 0 {
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
		if m := draw(p.Post, s.subject, s.now); identity(m) != p.Shown {
			steps = append(steps, step{post: p, shows: m, update: true})
		}
	}
	return steps
}

// view returns the step that posts a view, if it is not done.
func (o *Outbox) view(s scene, r Role, to Address) []step {
	p := newPost(s.item.notice, r, to)
	p.Names = s.item.names
	return o.unless(s, p, draw(p, s.subject, s.now))
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

// draw returns what a message shows of a case.
func draw(p Post, c blocks.Case, now time.Time) webapi.Message {
	switch p.Role {
	case RoleDecide:
		return webapi.Message(blocks.ForApprovers(c, now))
	case RoleTold:
		return webapi.Message(blocks.ForTold(c, now))
	case RoleAnnounce:
		return webapi.Message(blocks.Announcement(c, p.Names, now))
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
