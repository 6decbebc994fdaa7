package proxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
)

// socketRoom is how much of a socket is read or written at once.
const socketRoom = 16 << 10

// goodbyeIn is how long a client may take to be told why it is over.
const goodbyeIn = 2 * time.Second

// A line is the connection under a socket. What is written to it waits until
// whoever writes has to wait for something to read: many small frames travel
// as few large pieces, and none waits for another that is not there yet.
type line struct {
	net.Conn
	other *line // whose reader writes here; nil until both are there

	mu  sync.Mutex // guards what follows
	out []byte
	err error
}

// Read implements net.Conn.
func (l *line) Read(p []byte) (int, error) {
	if l.other != nil {
		if err := l.other.flush(); err != nil {
			return 0, err
		}
	}
	return l.Conn.Read(p)
}

// Write implements net.Conn.
func (l *line) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.other == nil {
		return l.Conn.Write(p)
	}
	if len(l.out)+len(p) > socketRoom {
		l.flushLocked()
	}
	if l.err == nil {
		l.out = append(l.out, p...)
	}
	return len(p), l.err
}

// SetWriteDeadline implements net.Conn: a WebSocket would lift one that was
// set to end it. Only hurry sets one.
func (l *line) SetWriteDeadline(time.Time) error { return nil }

// hurry gives whatever is written until then to arrive.
func (l *line) hurry(until time.Time) { _ = l.Conn.SetWriteDeadline(until) } // a closed one needs none

func (l *line) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
	return l.err
}

func (l *line) flushLocked() {
	if len(l.out) > 0 && l.err == nil {
		_, l.err = l.Conn.Write(l.out)
	}
	l.out = l.out[:0]
}

// Hijack implements http.Hijacker.
func (t *taking) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	t.line = &line{Conn: conn}
	return t.line, rw, nil
}

// An end is one end of a socket.
type end struct {
	conn  *websocket.Conn
	line  *line
	frame bytes.Buffer
}

func newEnd(conn *websocket.Conn, l *line) *end {
	conn.SetReadLimit(ssm.MaxFrame)
	return &end{conn: conn, line: l}
}

// next reads a message, which is good until the next one is read.
func (e *end) next() (kind int, frame []byte, err error) {
	kind, r, err := e.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	e.frame.Reset()
	_, err = e.frame.ReadFrom(r)
	return kind, e.frame.Bytes(), err
}

// close cuts the connection, whatever is under way on it.
func (e *end) close() { _ = e.line.Conn.Close() } // nothing is promised on it any more

// A socket is one connection of a client, with the one to AWS that goes with
// it.
type socket struct {
	client, agent *end
	wall          clock.Clock
	writes        sync.Mutex    // to the client
	news          chan struct{} // the client is to be told something
	gone          chan struct{} // the client says nothing more
	done          chan struct{} // nothing passes any more
	once          sync.Once
}

// newSocket joins two ends. Pings, pongs and the end of either go on to the
// other, as messages do.
func newSocket(client, agent *end, wall clock.Clock) *socket {
	client.line.other, agent.line.other = agent.line, client.line
	passControls(client, agent, wall)
	passControls(agent, client, wall)
	return &socket{client: client, agent: agent, wall: wall, news: make(chan struct{}, 1), gone: make(chan struct{}), done: make(chan struct{})}
}

func passControls(from, to *end, wall clock.Clock) {
	pass := func(kind int) func(string) error {
		return func(text string) error {
			return to.conn.WriteControl(kind, []byte(text), wall.Now().Add(goodbyeIn))
		}
	}
	from.conn.SetPingHandler(pass(websocket.PingMessage))
	from.conn.SetPongHandler(pass(websocket.PongMessage))
	from.conn.SetCloseHandler(func(code int, text string) error {
		for _, e := range []*end{to, from} {
			// Whichever is gone needs no good-bye.
			_ = e.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), wall.Now().Add(goodbyeIn))
			_ = e.line.flush()
		}
		return nil
	})
}

// toClient writes a frame to the client, and lets it wait for others.
func (k *socket) toClient(kind int, frame []byte) error {
	k.writes.Lock()
	defer k.writes.Unlock()
	return k.client.conn.WriteMessage(kind, frame)
}

// goodbye tells the client why there is no more, as the service does.
func (k *socket) goodbye(session, why string) {
	until := k.wall.Now().Add(goodbyeIn)
	k.client.line.hurry(until)
	text, err := json.Marshal(ssm.Closing{SessionID: session, Type: ssm.Closed, Schema: 1, Output: why})
	if err != nil {
		panic(err) // texts encode
	}
	frame := ssm.Message{Type: ssm.Closed, Schema: 1, Created: until.UnixMilli(), Data: text}.Append(nil)
	// A client that is gone is told nothing.
	_ = k.toClient(websocket.BinaryMessage, frame)
	_ = k.client.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), until)
	_ = k.client.line.flush()
}

// linger waits for the client to go by itself, for a while.
func (k *socket) linger() {
	timer := k.wall.Timer(k.wall.Now().Add(goodbyeIn))
	defer timer.Stop()
	select {
	case <-k.gone:
	case <-timer.C:
	}
}

// close cuts both connections.
func (k *socket) close() {
	k.once.Do(func() { close(k.done) })
	k.agent.close()
	k.client.close()
}
