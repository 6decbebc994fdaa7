package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// window is how much of a hashed body is in memory at once.
const window = 32 << 10

// Body is the body to send on in place of src, which is the body as it came
// with s after HTTP's own framing was removed. It has the same length and, but
// for the signatures of chunks, the same bytes. up is the chain that Resign
// returned.
//
// A Read that meets a body other than the one that was signed returns an error
// that wraps ErrBody, before the last byte was returned; whoever sends the
// body on has to abort then. Of signed chunks nothing is returned unchecked.
func (s *Signed) Body(src io.Reader, up Chain) io.Reader {
	if s.key.mac == nil {
		return failed{malformed("the request was not verified")}
	}
	switch s.Payload {
	case Unsigned, UnsignedTrailer:
		return src
	case Chunked, ChunkedTrailer:
		return s.rechain(src, up)
	case Whole, Hashed:
		return &hashed{src: src, hash: sha256.New(), want: s.payload, size: s.request.Length}
	}
	return failed{malformed("the payload form is not known")}
}

// Check reports whether body, all of it, is what the signature covers. It is
// Body for who has the body in memory, of the payload form Hashed.
func (s *Signed) Check(body []byte) error {
	switch {
	case s.key.mac == nil || s.Payload != Hashed:
		return malformed("the request was not verified, or does not cover its body by a hash")
	case !right(sha256.Sum256(body), s.payload):
		return badBody("its hash differs")
	}
	return nil
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// hashed returns what it reads, but holds the last byte back until the hash of
// all of it was compared.
type hashed struct {
	src  io.Reader
	hash hash.Hash
	want string // in hexadecimal
	size int64  // of the body, or negative

	room []byte
	read []byte // what of room is not returned yet
	err  error  // of src; once it is set, all of read may go
}

func (h *hashed) Read(p []byte) (int, error) {
	for len(h.read) <= 1 && h.err == nil {
		h.fill()
	}
	free := h.read
	if h.err == nil {
		free = free[:len(free)-1]
	}
	if len(free) == 0 {
		return 0, h.err
	}
	n := copy(p, free)
	h.read = h.read[n:]
	return n, nil
}

func (h *hashed) fill() {
	if h.room == nil {
		h.room = make([]byte, h.roomSize())
	}
	held := copy(h.room, h.read)
	n, err := h.src.Read(h.room[held:])
	h.hash.Write(h.room[held : held+n])
	h.read, h.err = h.room[:held+n], err
	if errors.Is(err, io.EOF) && !right([sha256.Size]byte(h.hash.Sum(nil)), h.want) {
		h.err = badBody("its hash differs")
	}
	if h.err != nil && !errors.Is(h.err, io.EOF) {
		h.read = nil
	}
}

// roomSize leaves a small body room to end in one read, and is never less than
// the byte that is held and one more.
func (h *hashed) roomSize() int64 {
	if h.size < 0 {
		return window
	}
	return min(window, h.size+2)
}

// right compares a hash with one in hexadecimal.
func right(sum [sha256.Size]byte, want string) bool {
	var room [hexLength]byte
	hex.Encode(room[:], sum[:])
	return subtle.ConstantTimeCompare(room[:], []byte(want)) == 1
}
