package slacktest

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sesame/bot/slacktest/blockkit"
)

const (
	maxPost   = 40_000 // characters, over which a new message is refused
	maxUpdate = 4_000
)

// visible returns a conversation that the bot may know of. A private channel
// without the bot looks like none at all.
func (t *team) visible(id string) (*channel, error) {
	c := t.channels[id]
	if c == nil && t.people[id] != nil {
		c = t.dm(id)
	}
	if c == nil || (c.Private && !c.has(t.bot)) {
		return nil, refuse("channel_not_found")
	}
	return c, nil
}

// writable returns a conversation that the bot may post to.
func (t *team) writable(id string) (*channel, error) {
	c, err := t.visible(id)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Archived:
		return nil, refuse("is_archived")
	case c.im != "" && t.cfg.NoMessagesTab:
		return nil, refuse("messages_tab_disabled")
	case c.im != "" && t.people[c.im].Deleted:
		return nil, refuse("user_disabled")
	case c.has(t.bot):
		return c, nil
	case slices.Contains(t.cfg.Scopes, "chat:write.public"):
		return c, nil
	}
	return nil, refuse("not_in_channel")
}

// content is what a message is to say. What was not sent is not set.
type content struct {
	text              string
	blocks            []any
	setText, setBlock bool
}

func (c content) nothing() bool { return c.text == "" && len(c.blocks) == 0 }

// content reads and checks text and blocks.
func (t *team) content(a args, most int) (content, error) {
	c := content{text: a.str("text"), setText: a.has("text"), setBlock: a.has("blocks")}
	if utf8.RuneCountInString(c.text) > most {
		return content{}, refuse("msg_too_long")
	}
	if !c.setBlock {
		return c, nil
	}
	v, err := a.structure("blocks")
	list, ok := v.([]any)
	if err != nil || !ok {
		return content{}, refuse("invalid_blocks_format")
	}
	if err := t.refuseBlocks("invalid_blocks", blockkit.Blocks(v, blockkit.Message, "/blocks")); err != nil {
		return content{}, err
	}
	c.blocks = blockkit.IDs(list, t.shortID)
	return c, nil
}

// shortID is what Slack gives to a block or an element that came without one.
func (t *team) shortID() string { return t.newID("")[1:6] }

func (t *team) postMessage(a args) (map[string]any, error) {
	c, err := t.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	said, err := t.content(a, maxPost)
	if err != nil {
		return nil, err
	}
	if said.nothing() {
		return nil, refuse("no_text")
	}
	if err := t.pace(c.ID); err != nil {
		return nil, err
	}
	metadata, err := a.structure("metadata")
	if err != nil {
		return nil, refuse("invalid_metadata_format")
	}
	m := &Message{
		Author: t.bot, Fallback: said.text, Blocks: said.blocks, Metadata: metadata,
		broadcast: a.truth("reply_broadcast"),
	}
	t.thread(c, m, a.str("thread_ts"))
	t.append(c, m)
	return map[string]any{"channel": c.ID, "ts": m.TS, "message": t.messageJSON(m)}, nil
}

// pace holds a channel to about one message a second.
func (t *team) pace(channel string) error {
	if t.cfg.NoRateLimits {
		return nil
	}
	return t.window(t.paces, channel, t.cfg.PostBurst, time.Duration(t.cfg.PostBurst)*time.Second)
}

// thread puts m under a message. Slack posts a reply in the open when the
// message that it answers is gone.
func (t *team) thread(c *channel, m *Message, ts string) {
	if ts == "" {
		return
	}
	parent := c.find(ts)
	switch {
	case parent == nil:
		t.violate("chat.postMessage: thread_ts %q is no message of %s", ts, c.ID)
	case parent.ThreadTS != "" && parent.ThreadTS != ts:
		t.violate("chat.postMessage: thread_ts %q is itself a reply", ts)
		m.ThreadTS = parent.ThreadTS
	default:
		m.ThreadTS, parent.ThreadTS = ts, ts
	}
}

func (t *team) append(c *channel, m *Message) {
	m.Channel, m.TS = c.ID, t.newTS()
	c.messages = append(c.messages, m)
}

func (t *team) updateMessage(a args) (map[string]any, error) {
	c, m, err := t.own(a.str("channel"), a.str("ts"), "cant_update_message")
	if err != nil {
		return nil, err
	}
	said, err := t.content(a, maxUpdate)
	if err != nil {
		return nil, err
	}
	if said.text == "" && !said.setBlock {
		return nil, refuse("no_text")
	}
	t.rewrite(m, said)
	if a.has("metadata") {
		if m.Metadata, err = a.structure("metadata"); err != nil {
			return nil, refuse("invalid_metadata_format")
		}
	}
	return map[string]any{"channel": c.ID, "ts": m.TS, "text": m.Fallback, "message": t.messageJSON(m)}, nil
}

// rewrite changes a message. What was not sent stays.
func (t *team) rewrite(m *Message, said content) {
	if said.setText {
		m.Fallback = said.text
	}
	if said.setBlock {
		for user, s := range m.states {
			m.states[user] = s.kept(m.Blocks, said.blocks)
		}
		m.Blocks = said.blocks
	}
	m.Edited = t.now
}

// own returns one of the bot's own messages.
func (t *team) own(channel, ts, otherwise string) (*channel, *Message, error) {
	c, err := t.visible(channel)
	if err != nil {
		return nil, nil, err
	}
	m := c.find(ts)
	if m == nil {
		return nil, nil, refuse("message_not_found")
	}
	if m.Author != t.bot {
		return nil, nil, refuse(otherwise)
	}
	if c.Archived {
		return nil, nil, refuse("is_archived")
	}
	return c, m, nil
}

func (t *team) deleteMessage(a args) (map[string]any, error) {
	c, m, err := t.own(a.str("channel"), a.str("ts"), "cant_delete_message")
	if err != nil {
		return nil, err
	}
	c.messages = slices.DeleteFunc(slices.Clone(c.messages), func(other *Message) bool { return other == m })
	return map[string]any{"channel": c.ID, "ts": m.TS}, nil
}

func (t *team) postEphemeral(a args) (map[string]any, error) {
	c, err := t.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if u := t.people[a.str("user")]; u == nil || !c.has(u.ID) || u.Deleted {
		return nil, refuse("user_not_in_channel")
	}
	said, err := t.content(a, maxPost)
	if err != nil {
		return nil, err
	}
	if said.nothing() {
		return nil, refuse("no_text")
	}
	m := t.whisper(a.str("user"), &Message{
		Channel: c.ID, ThreadTS: a.str("thread_ts"), Fallback: said.text, Blocks: said.blocks,
	})
	return map[string]any{"message_ts": m.TS}, nil
}

// whisper shows m to one user.
func (t *team) whisper(user string, m *Message) *Message {
	m.For, m.Author, m.TS = user, t.bot, t.newTS()
	t.ephemerals[user] = append(t.ephemerals[user], m)
	return m
}

func (t *team) permalink(a args) (map[string]any, error) {
	c, err := t.visible(a.str("channel"))
	if err != nil {
		return nil, err
	}
	ts := a.str("message_ts")
	m := c.find(ts)
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := fmt.Sprintf("%s/archives/%s/p%s", t.base, c.ID, strings.ReplaceAll(ts, ".", ""))
	if m.ThreadTS != "" && m.ThreadTS != ts {
		link += fmt.Sprintf("?thread_ts=%s&cid=%s", m.ThreadTS, c.ID)
	}
	return map[string]any{"channel": c.ID, "permalink": link}, nil
}

// stamp prints a moment as Slack's timestamps.
func stamp(at time.Time) string {
	return fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000)
}
