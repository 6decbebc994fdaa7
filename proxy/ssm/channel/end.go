package channel

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
)

// ErrSilent means that the other end does not acknowledge a message, however
// often it is sent.
var ErrSilent = errors.New("the other end of the session does not answer")

// ChunkSize is how much data agents and clients put into one message.
const ChunkSize = 1024

const (
	// window is how many messages are on the way at most. Both ends hold
	// 10,000 that come out of order.
	window = 1000

	// maxHeld and maxBytes bound what waits to be read, or for a message before
	// it. What comes beyond is not acknowledged, so it comes again.
	maxHeld  = 10_000
	maxBytes = 16 << 20

	// maxTries is how often one message is sent.
	maxTries = 3000

	// enough is how often a message is sent on a new socket that was sent on
	// another one before. Agents and the plugin do not acknowledge once more what
	// they have taken already, so when an acknowledgement is lost with a socket,
	// silence is all that comes.
	enough = 5
)

// The kinds of frames that sockets carry.
const (
	Text   = 1
	Binary = 2
)

// A Socket is a WebSocket. An error of one of its methods is the end of it.
type Socket interface {
	ReadMessage() (kind int, data []byte, err error)
	WriteMessage(kind int, data []byte) error
	Close() error
}

// An End is one end of a data channel. Its methods may be called at the same
// time.
type End struct {
	side  ssm.Side
	clock clock.Clock

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	out     []sent // numbered from out[0].seq, without a gap
	fresh   int64  // the first number that was not sent on this socket
	last    int64  // the number of the next message that is written
	control [][]byte
	trip    trip

	in    []ssm.Message // in order, not read yet
	next  int64         // the number that in waits for
	read  int64         // the number of the next message that is read
	held  map[int64]ssm.Message
	bytes int // of the data in in and held
	over  bool
}

// A sent message was not acknowledged yet, nor were all before it.
type sent struct {
	seq   int64
	frame []byte
	at    time.Time // of the last time
	tries int       // on this socket
	acked bool
	again bool // it was sent on another socket before
}

// New returns the end of side, of a channel that nothing has passed yet.
func New(side ssm.Side, c clock.Clock) *End {
	return &End{side: side, clock: c, changed: make(chan struct{}), held: map[int64]ssm.Message{}, trip: newTrip()}
}

// Write queues a message for the other end. It waits while too many are on
// the way.
func (e *End) Write(ctx context.Context, p ssm.Payload, data []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.waitLocked(ctx, func() bool { return len(e.out) < window }); err != nil {
		return err
	}
	m := e.message(ssm.Input, data)
	if e.side == ssm.Agent {
		m.Type = ssm.Output
	}
	m.Seq, m.Payload = e.last, p
	e.last++
	e.out = append(e.out, sent{seq: m.Seq, frame: m.Append(nil)})
	e.changedLocked()
	return nil
}

// WriteChunks writes data in messages of the usual size.
func (e *End) WriteChunks(ctx context.Context, p ssm.Payload, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), ChunkSize)
		if err := e.Write(ctx, p, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// Tell queues a message without a number, which nobody acknowledges.
func (e *End) Tell(t ssm.Type, data []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.control = append(e.control, e.message(t, data).Append(nil))
	e.changedLocked()
}

// Read returns the next message of the other end, and acknowledges it. The
// last one, if the service says so, has the type ssm.Closed.
func (e *End) Read(ctx context.Context) (ssm.Message, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.waitLocked(ctx, func() bool { return len(e.in) > 0 }); err != nil {
		return ssm.Message{}, err
	}
	m := e.in[0]
	e.in = e.in[1:]
	e.bytes -= len(m.Data)
	if m.Type != ssm.Closed {
		e.read++
		e.ackLocked(m)
	}
	return m, nil
}

// Flush waits until the other end has acknowledged everything, and all else is
// on its way.
func (e *End) Flush(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.waitLocked(ctx, func() bool { return len(e.out) == 0 && len(e.control) == 0 })
}

// waitLocked waits for something to become true, without the lock.
func (e *End) waitLocked(ctx context.Context, is func() bool) error {
	for !is() {
		changed := e.changed
		e.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		e.mu.Lock()
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *End) changedLocked() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// Serve carries messages over a socket, which it closes, until the socket
// fails, the service closes the channel (then there is no error), or ctx ends.
// One socket is served at a time.
func (e *End) Serve(ctx context.Context, s Socket) error {
	e.renew()
	carrying, ctx := errgroup.WithContext(ctx)
	carrying.Go(func() error {
		<-ctx.Done()
		return errors.Join(context.Cause(ctx), s.Close())
	})
	carrying.Go(func() error { return e.take(s) })
	carrying.Go(func() error { return e.send(ctx, s) })
	err := carrying.Wait()
	if errors.Is(err, errClosed) {
		return nil
	}
	return err
}

// renew has everything sent again that was not acknowledged: what was on its
// way when the last socket broke, nobody knows.
func (e *End) renew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fresh = e.last
	if len(e.out) > 0 {
		e.fresh = e.out[0].seq
	}
	for i := range e.out {
		m := &e.out[i]
		m.again, m.tries = m.again || m.tries > 0, 0
	}
}

// errClosed ends the serving of a socket on which nothing more comes.
var errClosed = errors.New("the service closed the channel")

func (e *End) message(t ssm.Type, data []byte) ssm.Message {
	m := ssm.Message{Type: t, Schema: 1, Created: e.clock.Now().UnixMilli(), Data: data}
	_, _ = rand.Read(m.ID[:]) // never fails
	m.ID[6], m.ID[8] = m.ID[6]&0x0f|0x40, m.ID[8]&0x3f|0x80
	return m
}

func (e *End) ackLocked(m ssm.Message) {
	data, _ := json.Marshal(ssm.Acknowledgement{Type: m.Type, ID: m.ID.String(), Seq: m.Seq, Sequential: m.Seq < e.next}) // always can
	a := e.message(ssm.Acknowledge, data)
	a.Flags = ssm.SYN | ssm.FIN
	e.control = append(e.control, a.Append(nil))
	e.changedLocked()
}
