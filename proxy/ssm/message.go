package ssm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// MaxFrame is the longest frame that is read. Agents and clients cut their
// data into payloads of a kilobyte; only a handshake may be longer.
const MaxFrame = 256 << 10

// ErrFrame means that a frame cannot be read in exactly one way.
var ErrFrame = errors.New("the frame is malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, args...))
}

// A Type is what a message is for.
type Type string

// The types that a client and the service exchange. Unknown stands for any
// other: both ends pass over those.
const (
	Unknown     Type = ""
	Input       Type = "input_stream_data"
	Output      Type = "output_stream_data"
	Acknowledge Type = "acknowledge"
	Closed      Type = "channel_closed"
	Start       Type = "start_publication"
	Pause       Type = "pause_publication"
)

// A Payload is what the data of a message is.
type Payload uint32

// The payloads of Input and Output messages.
const (
	PayloadData              Payload = 1 // what was typed, or shown
	PayloadError             Payload = 2
	PayloadSize              Payload = 3
	PayloadParameter         Payload = 4
	PayloadHandshakeRequest  Payload = 5
	PayloadHandshakeResponse Payload = 6
	PayloadHandshakeComplete Payload = 7
	PayloadChallenge         Payload = 8
	PayloadChallengeResponse Payload = 9
	PayloadFlag              Payload = 10
	PayloadStderr            Payload = 11
	PayloadExitCode          Payload = 12
)

// The bits of Message.Flags. Neither end acts on them.
const (
	SYN = 1 << 0
	FIN = 1 << 1
)

// Where the fields begin. The length of the payload follows the header,
// wherever that ends.
const (
	atType    = 4
	atSchema  = 36
	atCreated = 40
	atSeq     = 48
	atFlags   = 56
	atID      = 64
	atDigest  = 80
	atPayload = 112
	headerEnd = 116
	maxHeader = 1024 // room for fields that we do not know

	lengthSize = 4
)

// An ID identifies a message, in the usual order of a UUID's bytes.
type ID [16]byte

// String returns the usual form with hyphens, which acknowledgements use.
func (id ID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// A Message is one frame, taken apart.
type Message struct {
	Type    Type
	Schema  uint32
	Created int64 // milliseconds since 1970, as the sender says
	Seq     int64
	Flags   uint64
	ID      ID
	Payload Payload // zero where the header has no place for it
	Data    []byte
}

// Parse takes frame apart. Data is part of frame. An error wraps ErrFrame.
//
// The plugin takes everything behind the header for the payload, whatever
// length is declared, and does not check the digest where it reads a length
// of zero. A frame in which that would make a difference is refused.
func Parse(frame []byte) (Message, error) {
	header, err := headerLength(frame)
	if err != nil {
		return Message{}, err
	}
	m := Message{
		Type:    typeOf(frame[atType:atSchema]),
		Schema:  binary.BigEndian.Uint32(frame[atSchema:]),
		Created: int64(binary.BigEndian.Uint64(frame[atCreated:])),
		Seq:     int64(binary.BigEndian.Uint64(frame[atSeq:])),
		Flags:   binary.BigEndian.Uint64(frame[atFlags:]),
		Data:    frame[header+lengthSize:],
	}
	copy(m.ID[:8], frame[atID+8:atDigest])
	copy(m.ID[8:], frame[atID:atID+8])
	if header >= headerEnd {
		m.Payload = Payload(binary.BigEndian.Uint32(frame[atPayload:]))
	}
	if m.Type == Start || m.Type == Pause {
		return m, nil // no end looks at the payload of these
	}
	return m, m.check(frame, header)
}

func headerLength(frame []byte) (int, error) {
	if len(frame) < atPayload+lengthSize {
		return 0, malformed("%d bytes are shorter than a header", len(frame))
	}
	if len(frame) > MaxFrame {
		return 0, malformed("%d bytes are more than the %d allowed", len(frame), MaxFrame)
	}
	header := binary.BigEndian.Uint32(frame)
	if header != atPayload && header < headerEnd || header > maxHeader {
		return 0, malformed("a header of %d bytes", header)
	}
	if int(header)+lengthSize > len(frame) {
		return 0, malformed("the header of %d bytes does not fit into %d", header, len(frame))
	}
	return int(header), nil
}

// check compares what the header says of the payload with the payload.
func (m Message) check(frame []byte, header int) error {
	if n := binary.BigEndian.Uint32(frame[header:]); uint64(n) != uint64(len(m.Data)) {
		return malformed("a payload of %d bytes that says it has %d", len(m.Data), n)
	}
	if m.Type == Input || m.Type == Output {
		if header == atPayload {
			return malformed("data without a payload type")
		}
		if m.Seq < 0 || m.Seq == math.MaxInt64 {
			return malformed("the sequence number %d", m.Seq)
		}
	}
	if len(m.Data) > 0 && sha256.Sum256(m.Data) != [sha256.Size]byte(frame[atDigest:atPayload]) {
		return malformed("the digest is not the payload's")
	}
	return nil
}

// typeOf trims in the order of the plugin: a NUL within blanks is no padding.
func typeOf(field []byte) Type {
	field = bytes.TrimSpace(bytes.Trim(field, "\x00"))
	for _, t := range [...]Type{Output, Input, Acknowledge, Closed, Start, Pause} {
		if string(field) == string(t) {
			return t
		}
	}
	return Unknown
}

// Append adds m to b as a frame. The header has a payload type unless m is a
// Closed without one, as the service sends them.
func (m Message) Append(b []byte) []byte {
	header := headerEnd
	if m.Type == Closed && m.Payload == 0 {
		header = atPayload
	}
	digest := sha256.Sum256(m.Data)
	b = binary.BigEndian.AppendUint32(b, uint32(header))
	b = append(b, fmt.Sprintf("%-32.32s", string(m.Type))...)
	b = binary.BigEndian.AppendUint32(b, m.Schema)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Created))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Seq))
	b = binary.BigEndian.AppendUint64(b, m.Flags)
	b = append(append(b, m.ID[8:]...), m.ID[:8]...)
	b = append(b, digest[:]...)
	if header == headerEnd {
		b = binary.BigEndian.AppendUint32(b, uint32(m.Payload))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Data)))
	return append(b, m.Data...)
}
