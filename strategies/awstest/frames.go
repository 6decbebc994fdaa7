package awstest

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
)

// A FrameFaultKind is one way for a frame of a data channel to go wrong.
type FrameFaultKind int

// The ways, each of which the two ends are to make good again.
const (
	_           FrameFaultKind = iota
	LoseFrame                  // it does not arrive
	RepeatFrame                // it arrives twice
	SwapFrames                 // it arrives after the next one of its direction
	DelayFrame                 // it arrives after Delay; others may overtake it
	CutSocket                  // the socket breaks instead
)

// A FrameFault is something that happens to frames on purpose.
type FrameFault struct {
	Kind FrameFaultKind
	// From is whose frames are struck. Required.
	From ssm.Side
	// When narrows them down further. Nil means all. It must not call the
	// World.
	When func(ssm.Message) bool
	// Times is how many frames are struck. Zero means one, negative all.
	Times int
	// Delay is how long DelayFrame takes.
	Delay time.Duration
}

// FaultFrames arms a fault for the frames of all data channels, until its
// times are used up or ClearFrames is called.
func (w *World) FaultFrames(f FrameFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	orDefault(&f.Times, 1)
	w.frames = append(w.frames, &f)
}

// ClearFrames ends every fault of frames.
func (w *World) ClearFrames() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frames = nil
}

// strikeFrame uses up the oldest fault that strikes a frame, and returns it.
func (w *World) strikeFrame(from ssm.Side, frame []byte) FrameFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.frames) == 0 {
		return FrameFault{}
	}
	m, _ := ssm.Parse(frame) // what cannot be read can be struck
	for _, f := range w.frames {
		if f.Times == 0 || f.From != from || f.When != nil && !f.When(m) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		struck := *f
		w.frames = slices.DeleteFunc(w.frames, func(f *FrameFault) bool { return f.Times == 0 })
		return struck
	}
	return FrameFault{}
}

// errCut is the end of a socket that a fault has broken.
var errCut = errors.New("the socket was cut on purpose")

// A faultySocket is a client's socket, to whose frames faults happen.
type faultySocket struct {
	w        *World
	ws       *websocket.Conn
	gone     context.Context // of the socket
	hang     context.CancelCauseFunc
	arrives  chan []byte
	to, from direction
}

// A direction is the way that the frames of one side take.
type direction struct {
	side ssm.Side

	mu      sync.Mutex // guards what follows
	deliver func([]byte) error
	held    []byte // comes after the next
}

// newFaultySocket reads ws from here on.
func newFaultySocket(w *World, ws *websocket.Conn) *faultySocket {
	s := &faultySocket{w: w, ws: ws, arrives: make(chan []byte)}
	s.gone, s.hang = context.WithCancelCause(w.life)
	s.from.side, s.from.deliver = ssm.Client, s.arrive
	s.to.side, s.to.deliver = ssm.Agent, func(frame []byte) error { return ws.WriteMessage(websocket.BinaryMessage, frame) }
	if !w.own(s.receive) {
		s.hang(errWorldOver)
	}
	return s
}

// receive takes what the client sends.
func (s *faultySocket) receive() {
	for {
		kind, frame, err := s.ws.ReadMessage()
		if err == nil && kind == websocket.BinaryMessage {
			err = s.pass(&s.from, frame)
		}
		if err != nil {
			s.hang(err)
			return
		}
	}
}

func (s *faultySocket) arrive(frame []byte) error {
	select {
	case s.arrives <- frame:
		return nil
	case <-s.gone.Done():
		return context.Cause(s.gone)
	}
}

// ReadMessage implements channel.Socket.
func (s *faultySocket) ReadMessage() (int, []byte, error) {
	select {
	case frame := <-s.arrives:
		return websocket.BinaryMessage, frame, nil
	case <-s.gone.Done():
		return 0, nil, context.Cause(s.gone)
	}
}

// WriteMessage implements channel.Socket.
func (s *faultySocket) WriteMessage(_ int, frame []byte) error { return s.pass(&s.to, frame) }

// Close implements channel.Socket.
func (s *faultySocket) Close() error {
	s.hang(net.ErrClosed)
	return s.ws.Close()
}

// pass lets a frame go its way, or what a fault makes of it.
func (s *faultySocket) pass(d *direction, frame []byte) error {
	f := s.w.strikeFrame(d.side, frame)
	switch f.Kind {
	case LoseFrame:
		return nil
	case CutSocket:
		return errCut
	case DelayFrame:
		s.later(f.Delay, func() error { return d.send(slices.Clone(frame)) })
		return nil
	case RepeatFrame:
		return d.send(frame, frame)
	case SwapFrames:
		return d.hold(slices.Clone(frame))
	}
	return d.send(frame)
}

// send delivers frames, and after them one that was held for this.
func (d *direction) send(frames ...[]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != nil {
		frames = append(frames, d.held)
		d.held = nil
	}
	for _, frame := range frames {
		if err := d.deliver(frame); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps a frame for later, one at a time.
func (d *direction) hold(frame []byte) error {
	d.mu.Lock()
	before := d.held
	d.held = frame
	d.mu.Unlock()
	if before == nil {
		return nil
	}
	return d.send(before)
}

// later calls f after a while, unless the socket is closed before.
func (s *faultySocket) later(d time.Duration, f func() error) {
	at := s.w.clock.Now().Add(d)
	s.w.own(func() {
		if clock.Wait(s.gone, s.w.clock, at) != nil {
			return
		}
		if err := f(); err != nil {
			s.hang(err)
		}
	})
}
