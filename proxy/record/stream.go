package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sesame/flows/access"
)

// segmentExt ends the name of the file of a stream.
const segmentExt = ".seg"

func streamPath(dir string, s Stream) string { return filepath.Join(dir, string(s)+segmentExt) }

// A stream is one that is being written. Lines gather until they make a
// segment. It is used by one goroutine at a time.
type stream struct {
	file *os.File
	lock lock
	key  string // what the file of the key hashes to
	cast *Cast
	room func(n int64) error // takes so many bytes of the quota
	sum  Sum
	at   chain
	text []byte // lines that are not sealed yet
	seg  []byte // reused
	next header // of the segment that they become
	lead int    // lines that are no events
	// unsynced says that a segment may not be on the disk yet.
	unsynced bool
	total    int64 // bytes of lines
	ring     *ring // of those who watch; nil if nobody does
}

// newStream begins a stream in a recording's folder.
func newStream(dir string, a About, name Stream, c Config) (*stream, error) {
	l, sum, err := makeKey(dir, a.ID, name, c.Sealer)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(streamPath(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	s := &stream{file: f, lock: l, key: sum, at: l.origin, lead: 1}
	s.next.number = 1
	s.sum.Head = s.at.String()
	s.cast, err = NewCast(s, Header{
		Start: a.Began, Cols: a.Cols, Rows: a.Rows, Title: a.Target, Command: a.Command,
		About: map[string]string{"recording": a.ID, "grant": a.Grant, "person": a.Person, "target": a.Target, "stream": string(name)},
	})
	return s, err
}

// Write implements io.Writer for the cast: each call is a whole line.
func (s *stream) Write(line []byte) (int, error) {
	if len(s.text) > 0 && len(s.text)+len(line) > sealAt {
		if err := s.seal(); err != nil {
			return 0, err
		}
	}
	s.text = append(s.text, line...)
	s.total += int64(len(line))
	if s.ring != nil {
		s.ring.add(line)
	}
	if s.lead > 0 {
		s.lead--
		return len(line), nil
	}
	s.next.events++
	s.next.to = time.Duration(s.cast.past) * time.Millisecond
	return len(line), nil
}

// seal makes a segment of the lines that there are, and writes it.
func (s *stream) seal() error {
	if len(s.text) == 0 {
		return nil
	}
	s.seg = s.lock.seal(s.seg[:0], s.next, s.text)
	next := s.at.next(s.seg)
	s.seg = append(s.seg, next[:]...)
	n := int64(len(s.seg))
	if err := s.room(n); err != nil {
		return err
	}
	if _, err := s.file.Write(s.seg); err != nil {
		// What a part of it may have left is behind the last whole segment; where
		// it cannot be taken back, it is found there.
		return errors.Join(noSpace(err), s.file.Truncate(s.sum.Bytes), s.room(-n))
	}
	s.at, s.text, s.unsynced = next, s.text[:0], true
	s.sum.Segments, s.sum.Bytes, s.sum.Events = s.next.number, s.sum.Bytes+n, s.sum.Events+int64(s.next.events)
	s.sum.Ends, s.sum.Head = s.next.to, next.String()
	s.next = header{number: s.next.number + 1, from: s.next.to, to: s.next.to}
	return nil
}

// noSpace says of a full disk that it is one.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", access.ErrNoSpace, err)
	}
	return err
}
