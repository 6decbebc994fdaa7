package slacktest

import "slices"

// A Channel is a conversation of several people.
type Channel struct {
	// ID is assigned when it is empty.
	ID   string
	Name string
	// Members are user ids, the bot's among them if it was invited.
	Members   []string
	Private   bool
	Archived  bool
	ExtShared bool // shared with another workspace
}

// A channel is a Channel, or a direct message with the bot, and what was said
// in it.
type channel struct {
	Channel
	im       string // the user of a direct message; empty for a Channel
	messages []*Message
}

// AddChannel adds a channel and returns its id.
func (w *Workspace) AddChannel(c Channel) string {
	w.change(func(t *team) {
		if c.ID == "" {
			c.ID = t.newID("C")
		}
		c.Members = slices.Clone(c.Members)
		t.channels[c.ID] = &channel{Channel: c}
		t.rooms = append(t.rooms, c.ID)
		t.names = nil
	})
	return c.ID
}

// EditChannel changes a channel: archives it, shares it with another
// workspace, renames it.
func (w *Workspace) EditChannel(id string, edit func(c *Channel)) {
	w.change(func(t *team) {
		edit(&t.channels[id].Channel)
		t.names = nil
	})
}

// Invite adds a user or the bot to a channel.
func (w *Workspace) Invite(channel, user string) {
	w.change(func(t *team) {
		c := t.channels[channel]
		if slices.Contains(c.Members, user) {
			return
		}
		c.Members = append(c.Members, user)
		t.raise("member_joined_channel", map[string]any{"user": user, "channel": channel, "channel_type": "C", "team": t.id})
	})
}

// Remove takes a user or the bot out of a channel.
func (w *Workspace) Remove(channel, user string) {
	w.change(func(t *team) {
		c := t.channels[channel]
		c.Members = minus(c.Members, []string{user})
		t.raise("member_left_channel", map[string]any{"user": user, "channel": channel, "channel_type": "C", "team": t.id})
	})
}

// Channels returns the channels, in the order in which they came. Direct
// messages are not among them.
func (w *Workspace) Channels() []Channel {
	return w.roomsThat(func(*team, *channel) bool { return true })
}

// Channels returns the channels that the user can look at.
func (a Actor) Channels() []Channel {
	return a.w.roomsThat(func(t *team, c *channel) bool { return t.seenBy(c, a.user) })
}

func (w *Workspace) roomsThat(want func(*team, *channel) bool) []Channel {
	var some []Channel
	w.read(func(t *team) {
		for _, id := range t.rooms {
			if c := t.channels[id]; c.im == "" && want(t, c) {
				room := c.Channel
				room.Members = slices.Clone(room.Members)
				some = append(some, room)
			}
		}
	})
	return some
}

// DM returns the channel of the direct messages between the bot and a user. It
// is there from the start, though only conversations.open tells the app.
func (w *Workspace) DM(user string) string {
	var id string
	w.change(func(t *team) { id = t.dm(user).ID })
	return id
}

func (t *team) dm(user string) *channel {
	if id, ok := t.dms[user]; ok {
		return t.channels[id]
	}
	c := &channel{Channel: Channel{ID: t.newID("D"), Members: []string{user, t.bot}}, im: user}
	t.channels[c.ID], t.dms[user] = c, c.ID
	t.rooms = append(t.rooms, c.ID)
	t.names = nil
	return c
}

func (c *channel) has(user string) bool { return slices.Contains(c.Members, user) }

// seenBy reports whether a user can look at the channel: members can, and full
// members of the workspace can read its public channels.
func (t *team) seenBy(c *channel, user string) bool {
	if c.has(user) {
		return true
	}
	u := t.people[user]
	return u != nil && !c.Private && c.im == "" && u.Team == t.id && !u.Restricted && !u.UltraRestricted
}

// find returns the message with a timestamp, or nil.
func (c *channel) find(ts string) *Message {
	i, ok := slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return compareTS(m.TS, ts) })
	if !ok {
		return nil
	}
	return c.messages[i]
}

// compareTS orders timestamps, whose digits before the dot may differ in
// number only in a far future or in a test.
func compareTS(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
