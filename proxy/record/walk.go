package record

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sesame/flows/access"
)

// errTorn says that the last segment is not whole.
var errTorn = errors.New("the last segment is not whole")

// A spot is a segment, and where it stands in the file.
type spot struct {
	header
	at int64
}

func (s spot) end() int64 { return s.at + s.size() }

// A walker goes over the segments of a file without a key. Its memory does not
// depend on what is in the file.
type walker struct {
	from io.ReaderAt
	size int64
	at   int64
	seen uint64 // number of the segment before
	buf  []byte // a window of the file
	base int64  // where it begins
}

// windowSize is small, since most of a large segment is not looked at.
const windowSize = 4 << 10

func newWalker(from io.ReaderAt, size int64) *walker { return &walker{from: from, size: size} }

// next returns the next segment: io.EOF at the end, errTorn before a part of
// one.
func (w *walker) next() (spot, error) {
	if w.at == w.size {
		return spot{}, io.EOF
	}
	if w.size-w.at < headerSize {
		return spot{}, errTorn
	}
	head, err := w.bytes(headerSize)
	if err != nil {
		return spot{}, err
	}
	h, err := parseHeader(head)
	if err != nil {
		return spot{}, fmt.Errorf("after segment %d: %w", w.seen, err)
	}
	if h.number != w.seen+1 {
		return spot{}, w.jump(h.number)
	}
	s := spot{h, w.at}
	if s.end() > w.size {
		return spot{}, errTorn
	}
	w.at, w.seen = s.end(), h.number
	return s, nil
}

func (w *walker) jump(to uint64) error {
	switch {
	case to == w.seen+2:
		return fmt.Errorf("segment %d is missing, or not in its order: %w", w.seen+1, access.ErrBroken)
	case to > w.seen:
		return fmt.Errorf("segments %d to %d are missing, or not in their order: %w", w.seen+1, to-1, access.ErrBroken)
	}
	return fmt.Errorf("segment %d comes after segment %d: %w", to, w.seen, access.ErrBroken)
}

// bytes returns the next bytes, at most a window of them.
func (w *walker) bytes(n int) ([]byte, error) {
	if w.at < w.base || w.at+int64(n) > w.base+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		w.buf, w.base = w.buf[:min(int64(windowSize), w.size-w.at)], w.at
		if got, err := w.from.ReadAt(w.buf, w.at); got < n {
			w.buf = w.buf[:0]
			return nil, errors.Join(io.ErrUnexpectedEOF, err)
		}
	}
	return w.buf[w.at-w.base:][:n], nil
}

// A checked is how far the chain of a stream was checked.
type checked struct {
	sum  Sum
	torn int64 // bytes behind the last whole segment
}

// check checks the chain of a stream, from its beginning, and calls at for
// where it stands after each segment.
func check(from io.ReaderAt, size int64, start chain, at func(number uint64, head chain) error) (checked, error) {
	w, here := newWalker(from, size), start
	c := checked{sum: Sum{Head: here.String()}}
	buf := make([]byte, 64<<10)
	for {
		s, err := w.next()
		switch {
		case errors.Is(err, io.EOF):
			return c, nil
		case errors.Is(err, errTorn):
			c.torn = size - c.sum.Bytes
			return c, nil
		case err != nil:
			return c, err
		}
		if here, err = follow(from, s, here, buf); err != nil {
			return c, err
		}
		c.sum = Sum{Segments: s.number, Bytes: s.end(), Events: c.sum.Events + int64(s.events), Ends: s.to, Head: here.String()}
		if err := at(s.number, here); err != nil {
			return c, err
		}
	}
}

// follow returns the chain after a segment, and refuses one that says otherwise.
func follow(from io.ReaderAt, s spot, before chain, buf []byte) (next chain, err error) {
	h := sha256.New()
	h.Write(before[:])
	if _, err := io.CopyBuffer(h, io.NewSectionReader(from, s.at, s.size()-chainSize), buf); err != nil {
		return next, err
	}
	h.Sum(next[:0])
	var says chain
	if _, err := from.ReadAt(says[:], s.end()-chainSize); err != nil {
		return next, err
	}
	if says != next {
		return next, fmt.Errorf("segment %d was changed, or does not follow the one before it: %w", s.number, access.ErrBroken)
	}
	return next, nil
}

// A source is what segments are read from.
type source interface {
	io.ReaderAt
	io.Closer
}

// A Reader reads one stream of a recording. It is used by one goroutine at a
// time.
type Reader struct {
	file source
	lock lock
	w    *walker
	raw  []byte
	text []byte
}

// OpenStream opens a stream, as far as it has come by now.
func (s *Store) OpenStream(id string, name Stream) (*Reader, error) {
	if !idForm.MatchString(id) {
		return nil, access.ErrNotFound
	}
	dir := s.dir(id)
	l, err := readKey(dir, id, name, s.Sealer)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("recording %s has no such stream, or its key is gone: %w", id, access.ErrNotFound)
	} else if err != nil {
		return nil, err
	}
	return openReader(streamPath(dir, name), l)
}

func openReader(path string, l lock) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Reader{file: f, lock: l, w: newWalker(f, info.Size())}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }

// A Segment is a part of a stream: whole lines of an asciicast.
type Segment struct {
	Number uint64
	// From is the time that the first interval in Text counts from, and To that
	// of the last event, both since the session began.
	From, To time.Duration
	Text     []byte // valid until the next call
}

// Next returns the next segment: io.EOF at the end, which a part of a segment
// is as well.
func (r *Reader) Next() (Segment, error) {
	s, err := r.w.next()
	if errors.Is(err, errTorn) {
		err = io.EOF
	}
	if err != nil {
		return Segment{}, err
	}
	return r.read(s)
}

func (r *Reader) read(s spot) (Segment, error) {
	text, err := r.lock.read(r.file, s, &r.raw, r.text[:0])
	if err != nil {
		return Segment{}, err
	}
	r.text = text
	return Segment{s.number, s.from, s.to, text}, nil
}

// read appends the text of a segment to b, with raw for what it is sealed in.
func (l lock) read(from io.ReaderAt, s spot, raw *[]byte, b []byte) ([]byte, error) {
	n := headerSize + s.body
	if cap(*raw) < n {
		*raw = make([]byte, n, max(n, sealAt+headerSize+tagSize))
	}
	*raw = (*raw)[:n]
	if _, err := from.ReadAt(*raw, s.at); err != nil {
		return nil, err
	}
	return l.open(b, s.header, (*raw)[:headerSize], (*raw)[headerSize:])
}

// Seek goes to the segment that a moment is in, or before it to where about
// back bytes lead up to that.
func (r *Reader) Seek(at time.Duration, back int64) error {
	var recent []spot
	var held int64
	w := newWalker(r.file, r.w.size)
	for {
		s, err := w.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return err
		}
		recent, held = append(recent, s), held+s.size()
		for len(recent) > 1 && (held-recent[0].size() >= back || len(recent) > maxRecent) {
			held -= recent[0].size()
			recent = recent[1:]
		}
		if s.to >= at {
			break
		}
	}
	if len(recent) > 0 {
		r.w.at, r.w.seen = recent[0].at, recent[0].number-1
	}
	return nil
}

// maxRecent bounds the segments that Seek goes back.
const maxRecent = 1024

// A Position is where a Reader stands. The zero Position is the beginning.
type Position struct {
	Segment uint64 `json:"segment"` // that was read last
	Offset  int64  `json:"offset"`
}

// Position returns where r stands.
func (r *Reader) Position() Position { return Position{r.w.seen, r.w.at} }

// Resume goes to where a Reader of the same stream stood. What it is given
// wrongly, the next segment tells.
func (r *Reader) Resume(p Position) {
	r.w.seen, r.w.at = p.Segment, min(max(0, p.Offset), r.w.size)
}
