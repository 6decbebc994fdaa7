package slacktest

import (
	"context"
	"encoding/json"
	"time"
)

const (
	ackDeadline = 3 * time.Second
	// maxAck is the size in bytes from which Slack drops an acknowledgement
	// without a word.
	maxAck = 20 * 1024
)

// An Outcome is what became of an envelope or of an acknowledgement.
type Outcome string

// The outcomes. An envelope is Pending, and then Acked, TimedOut or Unsent. An
// acknowledgement counts when it is Acked; else it came Late, from a Foreign
// connection, TooLarge or Again.
const (
	Pending  Outcome = "pending"
	Acked    Outcome = "acked"
	TimedOut Outcome = "timed out"
	Unsent   Outcome = "no connection"
	Late     Outcome = "late"
	Foreign  Outcome = "foreign connection"
	TooLarge Outcome = "too large"
	Again    Outcome = "again"
)

// An Envelope is one delivery to the app and what came back.
type Envelope struct {
	ID string
	// Type is slash_commands, interactive or events_api.
	Type         string
	Payload      json.RawMessage
	RetryAttempt int
	RetryReason  string
	// Conn is the connection that it was sent on; empty if there was none.
	Conn    string
	Sent    time.Time
	Outcome Outcome
	Acks    []Ack
}

// An Ack is one acknowledgement as it came in, also one that did not count.
type Ack struct {
	Conn    string
	At      time.Time
	Payload json.RawMessage
	Outcome Outcome
}

// A parcel is an Envelope on its way.
type parcel struct {
	*Envelope
	frame   []byte
	accepts bool // the app may answer with a payload
	conn    *conn
	also    *conn         // where a duplicate went
	done    chan Ack      // takes the one that counts
	fault   EnvelopeFault // what happens to it
}

// outgoing is what one delivery is made of.
type outgoing struct {
	kind    string
	payload any
	accepts bool
	attempt int
	reason  string
}

// send delivers o and waits for its acknowledgement: three seconds, and then
// it is too late. The Ack says when it was over, also where there is none.
func (w *Workspace) send(ctx context.Context, o outgoing) (Ack, Outcome) {
	p := w.dispatch(o)
	if p.conn == nil {
		return Ack{At: p.Sent}, Unsent
	}
	late := w.cfg.Clock.Timer(p.Sent.Add(ackDeadline))
	defer late.Stop()
	select {
	case ack := <-p.done:
		return ack, Acked
	case <-late.C:
	case <-ctx.Done():
	case <-w.ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case ack := <-p.done: // in the last moment
		return ack, Acked
	default:
	}
	p.Outcome = TimedOut
	w.hub.unsettled--
	w.bumpLocked()
	return Ack{At: w.cfg.Clock.Now()}, TimedOut
}

// dispatch puts o on a connection.
func (w *Workspace) dispatch(o outgoing) *parcel {
	raw, _ := json.Marshal(o.payload) // made of JSON to begin with
	w.mu.Lock()
	defer w.mu.Unlock()
	w.team.now = w.cfg.Clock.Now()
	p := &parcel{
		Envelope: &Envelope{
			ID: w.team.token(), Type: o.kind, Payload: raw, RetryAttempt: o.attempt, RetryReason: o.reason,
			Sent: w.team.now, Outcome: Pending,
		},
		accepts: o.accepts, done: make(chan Ack, 1), fault: w.hub.takeFault(),
	}
	p.frame = p.encode()
	w.hub.log = append(w.hub.log, p.Envelope)
	w.hub.byID[p.ID] = p
	if p.conn = w.hub.pick(); p.conn == nil {
		p.Outcome = Unsent
	} else {
		p.Conn = p.conn.id
		w.hub.unsettled++
		w.hub.post(p)
	}
	w.bumpLocked()
	return p
}

func (p *parcel) encode() []byte {
	out := map[string]any{
		"envelope_id": p.ID, "type": p.Type, "payload": p.Payload, "accepts_response_payload": p.accepts,
	}
	if p.Type == "events_api" {
		out["retry_attempt"], out["retry_reason"] = p.RetryAttempt, p.RetryReason
	}
	return frame(out)
}

// post writes p as its fault wants, then what was held back before it.
func (h *hub) post(p *parcel) {
	switch p.fault {
	case Lose:
		return
	case Hold:
		h.held = append(h.held, p)
		return
	case Duplicate:
		p.conn.push(p.frame)
		if p.also = h.pick(); p.also != nil {
			p.also.push(p.frame)
		}
	default:
		p.conn.push(p.frame)
	}
	held := h.held
	h.held = nil
	for _, earlier := range held {
		earlier.conn.push(earlier.frame)
	}
}

// handleFrame takes what a client sent: acknowledgements, and nothing else.
func (w *Workspace) handleFrame(c *conn, raw []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.bumpLocked()
	if c.stalled {
		return
	}
	var in struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(raw, &in) != nil {
		w.team.violate("socket: a frame that is not JSON")
		return
	}
	p := w.hub.byID[in.EnvelopeID]
	if p == nil {
		w.team.violate("socket: acknowledged %q, which is no envelope", in.EnvelopeID)
		return
	}
	ack := Ack{Conn: c.id, At: w.cfg.Clock.Now(), Payload: in.Payload}
	ack.Outcome = w.judge(p, c, ack, len(raw))
	p.Acks = append(p.Acks, ack)
	if ack.Outcome == Acked {
		p.Outcome = Acked
		w.hub.unsettled--
		p.done <- ack
	}
}

// judge decides whether an acknowledgement counts. It runs under the lock.
func (w *Workspace) judge(p *parcel, c *conn, ack Ack, size int) Outcome {
	switch {
	case size >= maxAck:
		w.team.violate("socket: an acknowledgement of %d bytes for %s", size, p.Type)
		return TooLarge
	case p.Outcome == Acked:
		if p.fault != Duplicate {
			w.team.violate("socket: acknowledged a %s twice", p.Type)
		}
		return Again
	case p.Outcome == TimedOut || ack.At.Sub(p.Sent) > ackDeadline:
		return Late
	case c != p.conn && c != p.also:
		w.team.violate("socket: acknowledged a %s on another connection", p.Type)
		return Foreign
	}
	if hasContent(ack.Payload) && !p.accepts {
		w.team.violate("socket: a payload in the acknowledgement of %s, which takes none", p.Type)
	}
	return Acked
}

func hasContent(raw json.RawMessage) bool {
	s := string(raw)
	return s != "" && s != "null" && s != "{}" && s != `""`
}

// Envelopes returns every delivery to the app, in the order in which they were
// sent.
func (w *Workspace) Envelopes() []Envelope {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Envelope, len(w.hub.log))
	for i, e := range w.hub.log {
		all[i] = *e
		all[i].Acks = append([]Ack(nil), e.Acks...)
	}
	return all
}

// Unsettled returns how many deliveries still wait for an acknowledgement. A
// story moves the clock when there are none.
func (w *Workspace) Unsettled() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hub.unsettled
}
