package ssm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What a port session multiplexes its connections with: version 1 of
// github.com/xtaci/smux, numbers little-endian.
//
//	0         1    2        4           8
//	| version | cmd | length | stream id | data
const (
	smuxVersion = 1
	smuxHeader  = 8

	smuxSYN = 0
	smuxFIN = 1
	smuxPSH = 2
	smuxNOP = 3
)

// maxStreams is how many connections are kept account of at a time.
const maxStreams = 10_000

// ErrStreams means that what passes is not framed as connections are. The
// bytes mean something to both ends all the same: they are opaque.
var ErrStreams = errors.New("the connections in the session cannot be told apart")

// A Stream is one connection through a port session.
type Stream struct {
	ID             uint32
	Sent, Received int64 // bytes of the client's, and of the agent's

	shut [2]bool
}

// Streams tell the connections in the data of a port session apart.
type Streams struct {
	// Opened and Closed are called as connections come and go; their error is
	// returned. Required.
	Opened, Closed func(Stream) error

	open  map[uint32]*Stream
	sides [2]smuxReader
}

// A smuxReader is where in its framing one direction is.
type smuxReader struct {
	header [smuxHeader]byte
	have   int // bytes of header
	left   int // bytes of data still to come
	stream *Stream
}

// Take reads what from sent. After ErrStreams it must not be called again.
func (s *Streams) Take(from Side, data []byte) error {
	r := &s.sides[from-Client]
	for len(data) > 0 {
		if r.left > 0 {
			n := min(r.left, len(data))
			s.count(from, r.stream, n)
			r.left -= n
			data = data[n:]
			continue
		}
		n := copy(r.header[r.have:], data)
		r.have += n
		data = data[n:]
		if r.have == smuxHeader {
			r.have = 0
			if err := s.frame(from, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Streams) count(from Side, to *Stream, n int) {
	switch {
	case to == nil: // closed already, or never opened
	case from == Client:
		to.Sent += int64(n)
	default:
		to.Received += int64(n)
	}
}

func (s *Streams) frame(from Side, r *smuxReader) error {
	cmd, id := r.header[1], binary.LittleEndian.Uint32(r.header[4:])
	if r.header[0] != smuxVersion {
		return fmt.Errorf("%w: version %d", ErrStreams, r.header[0])
	}
	r.left, r.stream = int(binary.LittleEndian.Uint16(r.header[2:])), s.open[id]
	switch cmd {
	case smuxSYN:
		return s.begin(id)
	case smuxFIN:
		return s.shut(from, id)
	case smuxPSH, smuxNOP:
		return nil
	}
	return fmt.Errorf("%w: command %d", ErrStreams, cmd)
}

func (s *Streams) begin(id uint32) error {
	if s.open[id] != nil {
		return nil // as smux has it
	}
	if len(s.open) >= maxStreams {
		return fmt.Errorf("%w: more than %d at a time", ErrStreams, maxStreams)
	}
	if s.open == nil {
		s.open = map[uint32]*Stream{}
	}
	s.open[id] = &Stream{ID: id}
	return s.Opened(*s.open[id])
}

// shut notes that from will send no more, and the connection's end once
// neither does.
func (s *Streams) shut(from Side, id uint32) error {
	c := s.open[id]
	if c == nil {
		return nil
	}
	c.shut[from-Client] = true
	if !c.shut[0] || !c.shut[1] {
		return nil
	}
	delete(s.open, id)
	return s.Closed(*c)
}

// Close closes what is still open.
func (s *Streams) Close() error {
	var errs []error
	for id, c := range s.open {
		delete(s.open, id)
		errs = append(errs, s.Closed(*c))
	}
	return errors.Join(errs...)
}
