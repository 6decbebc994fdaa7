package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// maxAck is the size at which Slack silently drops an acknowledgement.
const maxAck = 20_480

var (
	// ErrAcked says that the envelope was acknowledged before.
	ErrAcked = errors.New("envelope was acknowledged already")
	// ErrAckTooBig says that the answer is 20,480 bytes or more, which Slack
	// would drop without a word. The envelope can still be acknowledged.
	ErrAckTooBig = errors.New("answer is too big for an acknowledgement")
)

// An Envelope is one delivery. Slack may deliver the same thing again, with
// the same ID or another.
type Envelope struct {
	// ID is what Slack acknowledges by.
	ID string
	// Type is events_api, interactive or slash_commands.
	Type string
	// Payload is a JSON object, as received.
	Payload json.RawMessage
	// AcceptsResponsePayload says that the acknowledgement may carry an answer.
	AcceptsResponsePayload bool
	// RetryAttempt and RetryReason are set when Slack repeats an event.
	RetryAttempt int
	RetryReason  string
	// ReceivedAt is when the last byte had arrived.
	ReceivedAt time.Time

	reply *reply
}

// Ack acknowledges the envelope on the connection it came from, with an
// answer unless payload is nil. It returns the error of encoding or writing;
// nil means written, not that Slack has read it. A second call returns
// ErrAcked; one that could not be encoded, was too big or not asked for does
// not count.
func (e Envelope) Ack(payload any) error {
	if e.reply == nil {
		return errors.New("acknowledge: the envelope did not come from a connection")
	}
	if payload != nil && !e.AcceptsResponsePayload {
		return fmt.Errorf("acknowledge %s: slack takes no answer to this one", e.Type)
	}
	frame, err := encodeAck(e.ID, payload)
	if err != nil {
		return fmt.Errorf("acknowledge %s: %w", e.Type, err)
	}
	if !e.reply.once.CompareAndSwap(false, true) {
		return ErrAcked
	}
	if err := e.reply.send(frame); err != nil {
		return fmt.Errorf("acknowledge %s: %w", e.Type, err)
	}
	return nil
}

// A reply is the way back for one envelope, shared by its copies.
type reply struct {
	send func(frame []byte) error
	once atomic.Bool
}

func encodeAck(id string, payload any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // six bytes for each < would count against the limit
	err := enc.Encode(struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{id, payload})
	if err != nil {
		return nil, err
	}
	frame := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(frame) >= maxAck {
		return nil, fmt.Errorf("%w: %d bytes", ErrAckTooBig, len(frame))
	}
	return frame, nil
}
