package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

const (
	helloType      = "hello"
	disconnectType = "disconnect"
)

// A message is any frame that Slack sends.
type message struct {
	Type       string          `json:"type"`
	Reason     string          `json:"reason"`
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
	Accepts    bool            `json:"accepts_response_payload"`
	Attempt    int             `json:"retry_attempt"`
	RetryFor   string          `json:"retry_reason"`
	hello
}

// hello is what Slack tells about a new connection.
type hello struct {
	NumConnections int `json:"num_connections"`
}

// decode reads one frame. With an error the message carries what is needed to
// acknowledge it nevertheless: its envelope_id, where that can be made out.
func decode(data []byte) (message, error) {
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return message{EnvelopeID: salvageID(data)}, errors.New("frame is not what Slack sends")
	}
	switch m.Type {
	case helloType, disconnectType:
		return m, nil
	case "events_api", "interactive", "slash_commands":
	default:
		return m, fmt.Errorf("frame of unknown type %.40q", m.Type)
	}
	if m.EnvelopeID == "" {
		return m, fmt.Errorf("%s without envelope_id", m.Type)
	}
	if !bytes.HasPrefix(m.Payload, []byte("{")) {
		return m, fmt.Errorf("%s whose payload is no object", m.Type)
	}
	return m, nil
}

// salvageID returns the top-level envelope_id of a frame that is broken
// elsewhere, or cut off.
func salvageID(data []byte) string {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return ""
		}
		var id string
		if key == "envelope_id" && json.Unmarshal(value, &id) == nil {
			return id
		}
	}
	return ""
}

// receive deals with one frame that arrived at now.
func (c *conn) receive(kind int, data []byte, now time.Time) {
	m, err := decode(data)
	switch {
	case kind != websocket.TextMessage:
		c.reject(m.EnvelopeID, errors.New("frame is not text"))
	case err != nil:
		c.reject(m.EnvelopeID, err)
	case m.Type == helloType:
		c.greet(m.hello, now)
	case m.Type == disconnectType:
		c.tell(m.Reason)
	default:
		c.dispatch(c.envelope(m, now))
	}
}

func (c *conn) envelope(m message, now time.Time) Envelope {
	return Envelope{
		ID: m.EnvelopeID, Type: m.Type, Payload: m.Payload,
		AcceptsResponsePayload: m.Accepts,
		RetryAttempt:           m.Attempt, RetryReason: m.RetryFor,
		ReceivedAt: now,
		reply:      &reply{send: c.send},
	}
}

// reject acknowledges what cannot be handled, so that Slack does not repeat
// it, and reports it.
func (c *conn) reject(id string, why error) {
	if id != "" {
		if frame, err := encodeAck(id, nil); err == nil {
			why = errors.Join(why, c.send(frame))
		}
	}
	c.client.cfg.Report(Event{Kind: BadMessage, Conn: c.id, Reason: id, Err: why})
}

// dispatch queues e for its class. It never waits: a reader that does no
// longer answers pings.
func (c *conn) dispatch(e Envelope) {
	if !c.flight.add() {
		c.refuse(e, errors.New("arrived while leaving"))
		return
	}
	queued := c.client.pools[classOf(e)].submit(func() {
		defer c.flight.done()
		c.client.cfg.Handler(c.lives.handle, e)
		if !e.reply.once.Load() {
			c.client.cfg.Report(Event{Kind: Unacked, Conn: c.id, Reason: e.ID})
		}
	})
	if !queued {
		c.flight.done()
		c.refuse(e, errors.New("queue is full"))
	}
}

// refuse leaves e unacknowledged: Slack repeats an event, and tells a person
// that a click did not work.
func (c *conn) refuse(e Envelope, why error) {
	c.client.cfg.Report(Event{Kind: Refused, Conn: c.id, Reason: e.ID, Err: why})
}
