package mux

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrFraming means that the other end does not speak the framing.
var ErrFraming = errors.New("the streams of the port session are not framed as they should be")

// ErrClosed is what reads and writes come to when the Mux is over.
var ErrClosed = errors.New("the port session is over")

const (
	version    = 1
	headerSize = 8

	// maxWrite is how much data one frame gets; maxWaiting how much may wait to
	// be read; maxPending how many streams to be accepted; and maxStreams how
	// many there may be.
	maxWrite   = 16 << 10
	maxWaiting = 4 << 20
	maxPending = 128
	maxStreams = 4096
)

// The commands of frames.
const (
	cmdSYN = iota
	cmdFIN
	cmdPSH
	cmdNOP
)

// A Mux is one end of a connection with streams.
type Mux struct {
	in io.Reader

	writing sync.Mutex // for a whole frame
	out     io.Writer

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	streams map[uint32]*Stream
	pending []*Stream
	waiting int // bytes
	next    uint32
	err     error // once it is over
}

// Client returns the end that opens streams. Whoever has it calls Run.
func Client(in io.Reader, out io.Writer) *Mux { return newMux(in, out, 1) }

// Server returns the end that accepts streams. Whoever has it calls Run.
func Server(in io.Reader, out io.Writer) *Mux { return newMux(in, out, 0) }

func newMux(in io.Reader, out io.Writer, first uint32) *Mux {
	return &Mux{in: in, out: out, next: first, changed: make(chan struct{}), streams: map[uint32]*Stream{}}
}

// Run takes frames until the other end has no more, which is no error, or one
// cannot be read. Then all streams are over.
func (m *Mux) Run() error {
	err := m.run()
	m.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Close ends all streams. Run ends when there is nothing more to read.
func (m *Mux) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = ErrClosed
	m.changedLocked()
}

func (m *Mux) run() error {
	var header [headerSize]byte
	for {
		if _, err := io.ReadFull(m.in, header[:]); err != nil {
			return err
		}
		data := make([]byte, binary.LittleEndian.Uint16(header[2:]))
		if header[0] != version {
			return fmt.Errorf("%w: version %d", ErrFraming, header[0])
		}
		if _, err := io.ReadFull(m.in, data); err != nil {
			return io.ErrUnexpectedEOF
		}
		if err := m.take(header[1], binary.LittleEndian.Uint32(header[4:]), data); err != nil {
			return err
		}
	}
}

// take does what a frame says. Frames of streams that are over are passed
// over, as they may have crossed the end of it.
func (m *Mux) take(command byte, id uint32, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streams[id]
	switch command {
	case cmdSYN:
		if s == nil && len(m.pending) < maxPending && len(m.streams) < maxStreams {
			m.pending = append(m.pending, m.addLocked(id))
		}
	case cmdFIN:
		if s != nil {
			s.ended = true
			m.dropLocked(s)
		}
	case cmdPSH:
		if s != nil && !s.ended {
			s.data = append(s.data, data...)
			m.waiting += len(data)
		}
	case cmdNOP:
	default:
		return fmt.Errorf("%w: command %d", ErrFraming, command)
	}
	m.changedLocked()
	for m.waiting > maxWaiting && m.err == nil {
		m.waitLocked()
	}
	return nil
}

func (m *Mux) addLocked(id uint32) *Stream {
	s := &Stream{m: m, id: id}
	m.streams[id] = s
	return s
}

// dropLocked forgets a stream that is over in both directions.
func (m *Mux) dropLocked(s *Stream) {
	if s.ended && s.closed {
		delete(m.streams, s.id)
	}
}

func (m *Mux) changedLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// waitLocked waits for a change, without the lock.
func (m *Mux) waitLocked() {
	changed := m.changed
	m.mu.Unlock()
	<-changed
	m.mu.Lock()
}

// Open begins a stream.
func (m *Mux) Open() (*Stream, error) {
	m.mu.Lock()
	m.next += 2
	s := m.addLocked(m.next)
	err := m.err
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s, m.send(cmdSYN, s.id, nil)
}

// Accept returns the next stream that the other end has begun.
func (m *Mux) Accept(ctx context.Context) (*Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.pending) == 0 {
		if m.err != nil {
			return nil, m.err
		}
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		m.mu.Lock()
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
	}
	s := m.pending[0]
	m.pending = m.pending[1:]
	return s, nil
}

// send writes one frame.
func (m *Mux) send(command byte, id uint32, data []byte) error {
	frame := make([]byte, headerSize, headerSize+len(data))
	frame[0], frame[1] = version, command
	binary.LittleEndian.PutUint16(frame[2:], uint16(len(data)))
	binary.LittleEndian.PutUint32(frame[4:], id)
	m.writing.Lock()
	defer m.writing.Unlock()
	_, err := m.out.Write(append(frame, data...))
	return err
}
