package socket

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"sesame/flows/clock"
)

// Why a connection ends of which Slack said nothing.
const (
	silent = "silent" // it answered no ping
	lost   = "lost"   // the network said that it is over
)

const (
	pingAfter    = 15 * time.Second       // of silence
	pongWithin   = 10 * time.Second       // of the ping
	pongFloor    = 500 * time.Millisecond // of the machine's time
	lingerFor    = 5 * time.Second        // Slack closes about 10 s after its warning
	writeTimeout = 3 * time.Second        // an acknowledgement is worth nothing later
	closeTimeout = time.Second
)

// A conn is one WebSocket from its upgrade to its end.
type conn struct {
	client *Client
	ws     *websocket.Conn
	id     int
	opened time.Time
	// lives is kept because read hands it to handlers; it belongs to the Run
	// that owns the connection.
	lives  lives
	flight tally

	greeted chan struct{} // closed at the first hello
	told    chan struct{} // closed when Slack asked us to leave
	dead    chan struct{} // closed when read has ended
	writing sync.Mutex    // held while a data frame is written

	greetOnce, tellOnce sync.Once
	gone                atomic.Bool // nothing can be written any more

	mu      sync.Mutex // guards what follows
	state   State
	helloAt time.Time
	heardAt time.Time
	heard   int    // frames of any kind
	why     string // first reason for the end
}

// adopt starts reading ws and watching that it is alive.
func (c *Client) adopt(ws *websocket.Conn, l lives) *conn {
	now := c.cfg.Clock.Now()
	cn := &conn{
		client: c, ws: ws, opened: now, lives: l, state: Opening, heardAt: now,
		greeted: make(chan struct{}), told: make(chan struct{}), dead: make(chan struct{}),
	}
	ws.SetPingHandler(cn.pong)
	ws.SetPongHandler(func(string) error { cn.hear(); return nil })
	c.enter(cn)
	c.wg.Go(cn.read)
	c.wg.Go(cn.watch)
	return cn
}

func (c *conn) read() {
	defer close(c.dead)
	for {
		kind, data, err := c.ws.ReadMessage()
		if err != nil {
			c.gone.Store(true)
			c.end(lossOf(err), err)
			return
		}
		c.receive(kind, data, c.hear())
	}
}

// lossOf names a read error in a few fixed words, for counting.
func lossOf(err error) string {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return "too_big"
	case errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure:
		return fmt.Sprintf("closed_%d", closed.Code)
	default:
		return lost
	}
}

// hear notes that the peer is alive and returns the moment.
func (c *conn) hear() time.Time {
	now := c.client.cfg.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heardAt = now
	c.heard++
	return now
}

func (c *conn) lastHeard() (int, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard, c.heardAt
}

// machineIn returns a deadline for the kernel, which knows no other clock.
func machineIn(d time.Duration) time.Time { return clock.System{}.Now().Add(d) }

func (c *conn) pong(data string) error {
	c.hear()
	err := c.ws.WriteControl(websocket.PongMessage, []byte(data), machineIn(closeTimeout))
	if errors.Is(err, websocket.ErrCloseSent) {
		return nil
	}
	return err
}

// send writes one frame, whole, or says why it could not. That the peer got
// it is not known: a link may have died without notice.
func (c *conn) send(frame []byte) error {
	if c.gone.Load() {
		return errors.New("the connection is gone")
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	// The deadline belongs to the library's writer, hence under the lock.
	if err := c.ws.SetWriteDeadline(machineIn(writeTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.TextMessage, frame)
}

// watch ends a connection that has died without a word: one that stays
// silent, and then leaves a ping unanswered.
func (c *conn) watch() {
	for {
		heard, at := c.lastHeard()
		if !c.sleep(c.client.cfg.Clock, at.Add(pingAfter)) {
			return
		}
		if now, _ := c.lastHeard(); now != heard {
			continue
		}
		if c.unanswered(heard) {
			c.end(silent, nil)
			c.goodbye()
			c.ws.Close()
			return
		}
	}
}

// unanswered pings and reports whether nothing was heard since. A clock that
// was moved is not a silence, so the peer has the floor of machine time too.
func (c *conn) unanswered(since int) bool {
	c.ws.WriteControl(websocket.PingMessage, nil, machineIn(closeTimeout))
	machine := clock.System{}
	if !c.sleep(c.client.cfg.Clock, c.client.cfg.Clock.Now().Add(pongWithin)) ||
		!c.sleep(machine, machine.Now().Add(pongFloor)) {
		return false
	}
	now, _ := c.lastHeard()
	return now == since
}

// sleep waits for at and reports whether the connection still lives then.
func (c *conn) sleep(clk clock.Clock, at time.Time) bool {
	t := clk.Timer(at)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.dead:
		return false
	}
}

// greeting waits for Slack's hello.
func (c *conn) greeting(ctx context.Context) error {
	select {
	case <-c.greeted:
		return nil
	case <-c.told:
	case <-c.dead:
	case <-ctx.Done():
		return fmt.Errorf("wait for hello: %w", context.Cause(ctx))
	}
	switch {
	case c.saidHello():
		// It came just before; what is next is for keep.
		return nil
	case c.reason() == linkDisabled:
		return &FatalError{Code: linkDisabled}
	}
	return fmt.Errorf("slack ended the connection before its hello: %s", c.reason())
}

// linger goes on serving for a while, since Slack may still deliver here
// after the replacement is open.
func (c *conn) linger() {
	if c.reason() == tooMany {
		return
	}
	t := c.client.cfg.Clock.Timer(c.client.cfg.Clock.Now().Add(lingerFor))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.dead:
	case <-c.lives.run.Done():
	}
}

// finish lets handlers end, says goodbye and closes. A connection that is
// only being replaced serves on until nothing is in flight; at shutdown
// nothing new is taken.
func (c *conn) finish() {
	if c.lives.run.Err() != nil {
		c.flight.seal()
	}
	c.leaving()
	idle := c.flight.sealWhenIdle()
	select {
	case <-idle:
	case <-c.lives.run.Done():
		c.flight.seal()
		c.await(idle)
	}
	c.goodbye()
	c.ws.NetConn().SetReadDeadline(machineIn(closeTimeout))
	<-c.dead
	c.ws.Close()
	c.client.leave(c)
}

// await waits for what is in flight, as long as a shutdown may take.
func (c *conn) await(idle <-chan struct{}) {
	select {
	case <-idle:
	case <-c.lives.hard.Done():
		c.client.abandon(c.flight.count())
	}
}

// goodbye sends a close frame: Slack may go on delivering to a connection
// that vanished without one.
func (c *conn) goodbye() {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	c.ws.WriteControl(websocket.CloseMessage, bye, machineIn(closeTimeout))
}
