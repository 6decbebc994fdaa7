package slacktest

import (
	"slices"
	"time"

	"sesame/bot/slacktest/blockkit"
)

// A Message is what stands in a channel, a direct message or a thread, or what
// one person alone sees. Its blocks are generic JSON and must not be changed.
type Message struct {
	Channel, TS string
	// ThreadTS is the timestamp of the thread's first message, or empty.
	ThreadTS string
	// Author is the user id of who said it.
	Author string
	// Fallback is the text that goes with the blocks, for notifications and
	// screen readers; without blocks it is the message.
	Fallback string
	Blocks   []any
	// Metadata is what the app hid in the message, or nil.
	Metadata any
	// For is the only user who sees an ephemeral message.
	For string
	// Edited is when the message was last updated.
	Edited time.Time

	broadcast bool             // a reply that the channel shows too
	states    map[string]state // what each user chose in the message's controls
	names     *names
}

// Text returns the message as a person reads it: names for ids, buttons as
// [Approve Request], links as [label](url).
func (m Message) Text() string {
	if len(m.Blocks) == 0 {
		return blockkit.Mrkdwn(m.Fallback, m.names)
	}
	return blockkit.Text(m.Blocks, m.names)
}

// Notifies returns whom the message would notify by mentioning them: user ids,
// user group ids, and "channel", "here" or "everyone". The fallback text
// counts too, since notifications show it. Plain text notifies nobody.
func (m Message) Notifies() []string {
	all := append(blockkit.MentionsInMrkdwn(m.Fallback, true), blockkit.Mentions(m.Blocks)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Messages returns what a channel shows, in order: threads are folded, save
// for replies that were also sent to the channel. A user id stands for that
// user's direct messages with the bot.
func (w *Workspace) Messages(channel string) []Message {
	return w.messages(channel, func(m *Message) bool { return m.ThreadTS == "" || m.ThreadTS == m.TS || m.broadcast })
}

// Thread returns the replies to a message, in order.
func (w *Workspace) Thread(channel, ts string) []Message {
	return w.messages(channel, func(m *Message) bool { return m.ThreadTS == ts && m.TS != ts })
}

func (w *Workspace) messages(id string, want func(m *Message) bool) []Message {
	var some []Message
	w.read(func(t *team) {
		c := t.channels[id]
		if c == nil {
			c = t.channels[t.dms[id]]
		}
		if c == nil {
			return
		}
		for _, m := range c.messages {
			if want(m) {
				some = append(some, t.shown(m))
			}
		}
	})
	return some
}

// Ephemerals returns the messages that one user alone sees, in order, until a
// Reload.
func (w *Workspace) Ephemerals(user string) []Message {
	var some []Message
	w.read(func(t *team) {
		for _, m := range t.ephemerals[user] {
			some = append(some, t.shown(m))
		}
	})
	return some
}

// shown copies m for a reader.
func (t *team) shown(m *Message) Message {
	copied := *m
	copied.names, copied.states = t.directory(), nil
	return copied
}

// messageJSON is a message as the Web API and payloads print it.
func (t *team) messageJSON(m *Message) map[string]any {
	out := map[string]any{
		"type": "message", "user": m.Author, "team": t.id, "ts": m.TS, "text": m.Fallback,
	}
	if m.Author == t.bot {
		out["bot_id"], out["app_id"] = t.botID, t.app
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if !m.Edited.IsZero() {
		out["edited"] = map[string]any{"user": m.Author, "ts": stamp(m.Edited)}
	}
	if m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	return out
}
