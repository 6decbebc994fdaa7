package ssm

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// DefaultHeld is how many bytes of one sender wait for a missing message
// unless Options say otherwise.
const DefaultHeld = 4 << 20

// Options are what a Tap needs.
type Options struct {
	// Emit gets every Event, one at a time. Required. Its error is what the
	// method that caused the Event returns, so a record that cannot be written
	// stops the bridge. It must not call the Tap.
	Emit func(Event) error

	// Key returns the data key of which blob is the encrypted form, KeySize
	// bytes. It may block: the session waits. Optional: without it, or when it
	// returns an error, what is sealed is reported as Sealed.
	Key func(blob []byte) ([]byte, error)

	// MaxHeld bounds the bytes of each sender that wait for a missing message.
	// Default DefaultHeld.
	MaxHeld int
}

// A Tap turns the frames of a session into Events. It outlives the sockets of
// the session: after a resumption both ends number on, and so does the Tap.
//
// Each method is called with a frame before the frame is passed on, and its
// error means that the frame must not be. After an error the Tap returns only
// that. A Tap may be used by the two directions of a bridge at the same time.
type Tap struct {
	opt Options

	mu     sync.Mutex
	orders [2]*order
	key    Key
	sealed bool
	asked  HandshakeRequest // the latest
	plain  []byte           // reused for what was opened
	err    error
}

// New returns a Tap for a session that has not begun. It panics if opt has no
// Emit.
func New(opt Options) *Tap {
	if opt.Emit == nil {
		panic("ssm: a tap without Emit")
	}
	if opt.MaxHeld <= 0 {
		opt.MaxHeld = DefaultHeld
	}
	return &Tap{opt: opt, orders: [2]*order{newOrder(opt.MaxHeld), newOrder(opt.MaxHeld)}}
}

// FromAgent takes a frame, binary or text, on its way to the client.
func (t *Tap) FromAgent(frame []byte) error { return t.take(Agent, frame) }

// FromClient takes a frame on its way to the agent: any but the first text of
// a socket, which is RewriteOpen's.
func (t *Tap) FromClient(frame []byte) error { return t.take(Client, frame) }

// Close reports what still waits for something missing. Later frames are
// errors.
func (t *Tap) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, from := range [...]Side{Client, Agent} {
		if t.err == nil {
			t.err = t.orderOf(from).flush(t.deliveryOf(from))
		}
	}
	err := t.err
	if err == nil {
		t.err = errors.New("the tap is closed")
	}
	return err
}

func (t *Tap) orderOf(from Side) *order { return t.orders[from-Client] }

func (t *Tap) take(from Side, frame []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = t.takeLocked(from, frame)
	}
	return t.err
}

func (t *Tap) takeLocked(from Side, frame []byte) error {
	m, err := Parse(frame)
	if err != nil {
		return fmt.Errorf("from the %v: %w", from, err)
	}
	switch {
	case m.Type == Output && from == Agent, m.Type == Input && from == Client:
		if err := t.orderOf(from).put(m, t.deliveryOf(from)); err != nil {
			return fmt.Errorf("from the %v: %w", from, err)
		}
		return nil
	case m.Type == Acknowledge:
		return nil
	case from == Agent && (m.Type == Start || m.Type == Pause):
		return nil
	case from == Agent && m.Type == Closed:
		return t.closed(m)
	}
	return t.odd(from, m, "a message of a type that is not for the other end")
}

func (t *Tap) closed(m Message) error {
	var c Closing
	// The plugin ends the session whatever the payload holds.
	_ = json.Unmarshal(m.Data, &c)
	return t.opt.Emit(Event{Kind: Ended, From: Agent, Seq: m.Seq, Text: c.Output})
}

func (t *Tap) odd(from Side, m Message, text string) error {
	return t.opt.Emit(Event{Kind: Odd, From: from, Seq: m.Seq, Payload: m.Payload, Text: text})
}

func (t *Tap) deliveryOf(from Side) delivery {
	message := t.typed
	if from == Agent {
		message = t.shown
	}
	return delivery{
		message: message,
		gap: func(s span) error {
			return t.opt.Emit(Event{Kind: Lost, From: from, First: s.first, Last: s.last})
		},
	}
}

// shown takes a message of the agent in its turn. The plugin shows the
// payload of every kind that it does not handle itself, known or not.
func (t *Tap) shown(m Message, late bool) error {
	switch m.Payload {
	case PayloadHandshakeRequest:
		return t.handshakeRequest(m)
	case PayloadHandshakeComplete:
		return t.handshakeComplete(m)
	case PayloadChallenge:
		return nil
	}
	return t.contents(Event{Kind: Shown, From: Agent, Seq: m.Seq, Payload: m.Payload, Data: m.Data, Late: late})
}

// typed takes a message of the client in its turn.
func (t *Tap) typed(m Message, late bool) error {
	e := Event{Kind: Typed, From: Client, Seq: m.Seq, Payload: m.Payload, Data: m.Data, Late: late}
	switch m.Payload {
	case PayloadData:
		return t.contents(e)
	case PayloadSize:
		return t.resized(e, m)
	case PayloadFlag:
		return t.flagged(e, m)
	case PayloadHandshakeResponse:
		return t.handshakeResponse(m)
	case PayloadChallengeResponse:
		return nil
	}
	return t.odd(Client, m, "a payload that an agent does not take")
}

func (t *Tap) resized(e Event, m Message) error {
	var s Size
	if err := json.Unmarshal(m.Data, &s); err != nil || !s.valid() {
		return t.odd(Client, m, "a size that no terminal has")
	}
	e.Kind, e.Size, e.Data = Resized, s, nil
	return t.opt.Emit(e)
}

func (t *Tap) flagged(e Event, m Message) error {
	f, ok := FlagOf(m.Data)
	if !ok {
		return t.odd(e.From, m, "a flag that is no number")
	}
	e.Kind, e.Flag, e.Data = Flagged, f, nil
	return t.opt.Emit(e)
}

// contents opens what is sealed and reports it.
func (t *Tap) contents(e Event) error {
	if t.sealed && sealable(e.From, e.Payload) {
		plain, err := t.key.open(t.plain[:0], e.From, e.Data)
		if err != nil {
			e.Kind = Sealed
			return t.opt.Emit(e)
		}
		t.plain, e.Data = plain, plain
	}
	if e.From == Agent && e.Payload == PayloadExitCode {
		if code, ok := ExitCodeOf(e.Data); ok {
			e.Kind, e.Code = Exited, code
		}
	}
	if e.From == Agent && e.Payload == PayloadFlag {
		if f, ok := FlagOf(e.Data); ok {
			e.Kind, e.Flag = Flagged, f
		}
	}
	return t.opt.Emit(e)
}
