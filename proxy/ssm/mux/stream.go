package mux

import (
	"errors"
	"io"

	"golang.org/x/sync/errgroup"
)

// A Stream is one of a Mux. Its two directions end by themselves. One reader
// and one writer may use it at the same time.
type Stream struct {
	m  *Mux
	id uint32

	// Mux.mu guards these.
	data   []byte
	ended  bool // by the other end
	closed bool // by this one
	gone   bool // nobody reads
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	for len(s.data) == 0 {
		switch {
		case s.gone:
			return 0, io.ErrClosedPipe
		case s.ended:
			return 0, io.EOF
		case s.m.err != nil:
			return 0, s.m.err
		}
		s.m.waitLocked()
	}
	n := copy(p, s.data)
	s.data = s.data[n:]
	s.m.waiting -= n
	s.m.changedLocked()
	return n, nil
}

// Write implements io.Writer.
func (s *Stream) Write(p []byte) (int, error) {
	wrote := 0
	for wrote < len(p) {
		s.m.mu.Lock()
		err := s.m.err
		if s.closed {
			err = io.ErrClosedPipe
		}
		s.m.mu.Unlock()
		if err != nil {
			return wrote, err
		}
		n := min(len(p)-wrote, maxWrite)
		if err := s.m.send(cmdPSH, s.id, p[wrote:wrote+n]); err != nil {
			return wrote, err
		}
		wrote += n
	}
	return wrote, nil
}

// CloseWrite says that nothing more will be written.
func (s *Stream) CloseWrite() error {
	s.m.mu.Lock()
	before, over := s.closed, s.m.err
	s.closed = true
	s.m.dropLocked(s)
	s.m.mu.Unlock()
	if before || over != nil {
		return nil
	}
	return s.m.send(cmdFIN, s.id, nil)
}

// Close ends the stream in both directions: what still arrives is dropped.
func (s *Stream) Close() error {
	s.m.mu.Lock()
	s.m.waiting -= len(s.data)
	s.data, s.gone = nil, true
	s.ended = true
	s.m.changedLocked()
	s.m.mu.Unlock()
	return s.CloseWrite()
}

// A Duplex is a connection of which either direction can end by itself, as a
// *net.TCPConn is.
type Duplex interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// Join carries data between two connections until both directions have ended,
// and closes them. The end of a direction goes on to the other connection; a
// direction that fails ends both.
func Join(a, b Duplex) error {
	var both errgroup.Group
	for _, way := range [][2]Duplex{{a, b}, {b, a}} {
		both.Go(func() error {
			_, err := io.Copy(way[0], way[1])
			if err != nil {
				return errors.Join(err, a.Close(), b.Close())
			}
			return way[0].CloseWrite()
		})
	}
	return errors.Join(both.Wait(), a.Close(), b.Close())
}
