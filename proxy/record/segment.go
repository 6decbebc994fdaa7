package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"sesame/flows/access"
)

// The layout of a segment, all numbers big-endian:
//
//	0       4      8        16     24   32       36      40          +body  +32
//	| "SEG1" | body | number | from | to | events | plain | the body | chain |
//
// from and to are milliseconds since the session began: of the event before
// the first in the segment, and of the last. The body is the sealed text, one
// event a line. The chain is the SHA-256 of the chain before and of all of the
// segment up to there.
const (
	segmentMagic = "SEG1"
	headerSize   = 40
	chainSize    = sha256.Size
	tagSize      = 16
	keySize      = 32

	// sealAt is how much text makes a segment full.
	sealAt = 64 << 10
	// maxPlain bounds the text of a segment: what is sealAt, and one event more.
	maxPlain = 2 << 20
)

// A chain is the hash up to and including a segment.
type chain [chainSize]byte

func (c chain) String() string { return hex.EncodeToString(c[:]) }

// next is the chain after a segment, which is given without its own.
func (c chain) next(segment []byte) (next chain) {
	h := sha256.New()
	h.Write(c[:])
	h.Write(segment)
	h.Sum(next[:0])
	return next
}

// A Stream is one of the two halves of a recording.
type Stream string

// The streams, each with a key of its own: what was shown, and what was typed.
const (
	Output Stream = "output"
	Input  Stream = "input"
)

// origin is the chain of a stream that has no segments. It makes those of one
// recording worthless in any other.
func origin(id string, s Stream) chain {
	text := fmt.Sprintf("sesame recording 1\n%d:%s\n%d:%s\n", len(id), id, len(s), s)
	return sha256.Sum256([]byte(text))
}

// A header is what is known of a segment without its key.
type header struct {
	body     int // bytes
	number   uint64
	from, to time.Duration // whole milliseconds
	events   uint32
	plain    int // bytes
}

func (h header) size() int64 { return headerSize + int64(h.body) + chainSize }

func (h header) append(b []byte) []byte {
	b = append(b, segmentMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.body))
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = binary.BigEndian.AppendUint64(b, uint64(h.from.Milliseconds()))
	b = binary.BigEndian.AppendUint64(b, uint64(h.to.Milliseconds()))
	b = binary.BigEndian.AppendUint32(b, h.events)
	return binary.BigEndian.AppendUint32(b, uint32(h.plain))
}

// maxOffset is longer than any session.
const maxOffset = 10 * 365 * 24 * time.Hour

var errHeader = fmt.Errorf("what follows is no segment: %w", access.ErrBroken)

// parseHeader reads a header and refuses what none could be.
func parseHeader(b []byte) (h header, err error) {
	if len(b) < headerSize || string(b[:4]) != segmentMagic {
		return h, errHeader
	}
	body, plain := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[36:])
	from, to := binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])
	if plain > maxPlain || body != plain+tagSize || from > to || to > uint64(maxOffset.Milliseconds()) {
		return h, errHeader
	}
	return header{
		body: int(body), number: binary.BigEndian.Uint64(b[8:]), events: binary.BigEndian.Uint32(b[32:]), plain: int(plain),
		from: time.Duration(from) * time.Millisecond, to: time.Duration(to) * time.Millisecond,
	}, nil
}

// A lock seals the segments of one stream. Each has a nonce of its own, which
// is its number: a key serves one stream of one recording, and nothing is
// added to a recording that was broken off.
type lock struct {
	aead   cipher.AEAD
	origin chain
}

func newLock(key []byte, id string, s Stream) (lock, error) {
	if len(key) != keySize {
		return lock{}, errors.New("the key of a recording is not of its size")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return lock{}, err
	}
	aead, err := cipher.NewGCM(block)
	return lock{aead, origin(id, s)}, err
}

func nonce(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number)
}

// seal appends a whole segment to b, but for its chain.
func (l lock) seal(b []byte, h header, plain []byte) []byte {
	h.plain, h.body = len(plain), len(plain)+tagSize
	start := len(b)
	b = h.append(b)
	return l.aead.Seal(b, nonce(h.number), plain, l.about(b[start:]))
}

// open appends the text of a segment to b.
func (l lock) open(b []byte, h header, head, body []byte) ([]byte, error) {
	plain, err := l.aead.Open(b, nonce(h.number), body, l.about(head))
	if err != nil {
		return nil, fmt.Errorf("segment %d was changed, or is another recording's: %w", h.number, access.ErrBroken)
	}
	return plain, nil
}

// about is what a body is sealed together with.
func (l lock) about(head []byte) []byte {
	return append(l.origin[:], head...)
}
