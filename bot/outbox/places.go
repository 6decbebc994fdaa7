package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"sesame/bot/webapi"
	"sesame/flows/access"
	"sesame/flows/ledger"
)

// places remembers where people and channels are.
type places struct {
	looks    singleflight.Group
	mu       sync.Mutex // guards what follows
	dms      map[string]string
	channels map[string]channel
}

type channel struct {
	shared bool // with another company
	at     time.Time
}

// channelAge is how long it is believed that a channel is not shared.
const channelAge = 10 * time.Minute

// shared is the reason for which nothing is posted to a channel that another
// company reads.
const shared = "is_ext_shared"

// address returns where a step posts to, or why it cannot be said yet.
func (o *Outbox) address(ctx context.Context, s scene, st step) (webapi.Place, result) {
	to := st.post.To
	if to.User == "" {
		if r, ok := o.private(ctx, s, st); !ok {
			return webapi.Place{}, r
		}
		return webapi.Place{Channel: to.Channel, Thread: st.post.Place.Thread}, result{}
	}
	if id, ok := o.places.dm(to.User); ok {
		return webapi.Place{Channel: id}, result{}
	}
	if again, ok := o.turn(s.item, "open "+to.User, webapi.Opening()); !ok {
		return webapi.Place{}, result{again: again}
	}
	id, err := o.API.OpenDM(ctx, to.User)
	if err != nil {
		return webapi.Place{}, o.failed(ctx, s, st, notPosted(err))
	}
	o.places.keepDM(to.User, id)
	return webapi.Place{Channel: id}, result{}
}

// notPosted returns the error of a call that comes before a post: whatever
// became of that call, nothing was posted.
func notPosted(err error) error {
	e, ok := errors.AsType[*webapi.Error](err)
	if !ok || e.Outcome != webapi.Unknown {
		return err
	}
	c := *e
	c.Outcome = webapi.NotDone
	return &c
}

// private reports whether a channel is read by our own people only. It is
// checked here as well as when the flow files are loaded, since a channel can
// be shared at any time.
func (o *Outbox) private(ctx context.Context, s scene, st step) (result, bool) {
	id, now := st.post.To.Channel, o.Clock.Now()
	c, known := o.places.channel(id)
	if !known || now.Sub(c.at) >= channelAge {
		var err error
		if c, err = o.look(ctx, id); err != nil {
			return o.failed(ctx, s, st, notPosted(err)), false
		}
	}
	if c.shared {
		return o.drop(ctx, s, st, shared), false
	}
	return result{}, true
}

// look asks what a channel is, once for all who want to know at the moment.
func (o *Outbox) look(ctx context.Context, id string) (channel, error) {
	c, err, _ := o.places.looks.Do(id, func() (any, error) {
		info, err := o.API.Channel(ctx, id)
		if err != nil {
			return channel{}, err
		}
		c := channel{shared: info.IsExtShared || info.IsShared && !info.IsOrgShared, at: o.Clock.Now()}
		o.places.keepChannel(id, c)
		return c, nil
	})
	return c.(channel), err
}

func (p *places) dm(user string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.dms[user]
	return id, ok
}

func (p *places) keepDM(user, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dms[user] = id
}

func (p *places) channel(id string) (channel, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.channels[id]
	return c, ok
}

func (p *places) keepChannel(id string, c channel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.channels[id] = c
}

// forgetChannel has the next post look at the channel again.
func (p *places) forgetChannel(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.channels, id)
}

// blocked remembers which places are on record as taking no messages, as far
// as this process asked.
type blocked struct {
	mu     sync.Mutex // guards places
	places map[string]bool
}

// departed reports whether p was dropped because its reader is deactivated in
// Slack, and was about nothing but their own matters: there is nobody to tell,
// and nothing for admins to do. That an approver has left is for them to know.
func (s scene) departed(p Post) bool {
	own := p.Role == roleLetter || p.To.User == s.subject.Request.By.Account.User
	return p.To.User != "" && own && p.Why == "user_disabled"
}

// block adds to b that the place of p takes no messages, and the report of
// that to admins, unless it was made. The loss of the admin channel itself is
// for the log: there is nobody left to tell.
func (o *Outbox) block(ctx context.Context, b *ledger.Batch, p Post) error {
	mark := blockedAt(p.To, p.Why, p.At)
	_, v, err := access.LoadOrNew[Post](ctx, o.Store, mark.Key())
	if err != nil {
		return fmt.Errorf("read whether %s is blocked: %w", p.To, err)
	}
	o.places.forgetChannel(p.To.Channel)
	if v != 0 {
		return nil
	}
	b.Put(mark, 0)
	o.blocked.set(p.To, true)
	if p.To.Channel == "" || p.To.Channel != o.AdminChannel {
		b.Tell(access.NoticeAlarm, p.Request, blockedText(p))
	}
	return nil
}

// unblock adds to b that the place takes messages again, if it did not.
func (o *Outbox) unblock(ctx context.Context, b *ledger.Batch, to Address) {
	if !o.blocked.maybe(to) {
		return
	}
	mark := blockedAt(to, "", time.Time{})
	_, v, err := access.LoadOrNew[Post](ctx, o.Store, mark.Key())
	if err != nil {
		return // it stays on record as blocked, and is not reported twice
	}
	if v != 0 {
		b.Delete(mark.Key(), v)
	}
	o.blocked.set(to, false)
}

func (b *blocked) set(to Address, is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places[to.String()] = is
}

// maybe reports whether a place may be on record: it is, or nobody looked.
func (b *blocked) maybe(to Address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	is, known := b.places[to.String()]
	return is || !known
}

// remedies say what an admin can do about a place that takes no messages.
var remedies = map[string]string{
	"not_in_channel":                  "invite Sesame into it",
	"channel_not_found":               "correct its id in the flow files, or invite Sesame if it is private",
	"is_archived":                     "unarchive it, or name another one in the flow files",
	"messages_tab_disabled":           "switch on the Messages tab of the app",
	"user_disabled":                   "name somebody else if the person left",
	"user_not_found":                  "check who is meant",
	"invalid_blocks":                  "this is a fault of Sesame: report it with the log",
	"msg_too_long":                    "this is a fault of Sesame: report it with the log",
	"restricted_action":               "let Sesame post there",
	shared:                            "it is shared with another company, and requests are not for them: name another one in the flow files",
	"cannot_dm_bot":                   "name people as approvers, not bots",
	"ekm_access_denied":               "restore the workspace's key",
	"restricted_action_thread_locked": "unlock the thread",
}

func blockedText(p Post) string {
	text := fmt.Sprintf("Slack takes no messages for %s (%s), so nothing is told there", p.To.spoken(), p.Why)
	if p.Request != "" {
		text += fmt.Sprintf(", first of all not request %s", p.Request)
	}
	remedy, ok := remedies[p.Why]
	if !ok {
		remedy = "see what Slack means by that"
	}
	return text + ": " + remedy + "."
}
