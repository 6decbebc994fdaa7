package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	ticketLife = 30 * time.Second
	// drain is how long a connection serves on after it was asked to go.
	drain = 10 * time.Second
	// debugLife is the life of a connection opened with debug_reconnects.
	debugLife = 360 * time.Second
)

// openConnection is apps.connections.open: a URL that works once.
func (t *team) openConnection(args) (map[string]any, error) {
	if t.socketModeOff {
		return nil, refuse("link_disabled")
	}
	ticket := t.token()
	t.tickets[ticket] = t.now
	url := fmt.Sprintf("ws%s/link/?ticket=%s&app_id=%s", strings.TrimPrefix(t.base, "http"), ticket, t.app)
	return map[string]any{"url": url}, nil
}

// redeem uses up a ticket.
func (t *team) redeem(ticket string) bool {
	at, ok := t.tickets[ticket]
	delete(t.tickets, ticket)
	return ok && t.now.Sub(at) <= ticketLife
}

func (w *Workspace) serveLink(rw http.ResponseWriter, r *http.Request) {
	if w.interfere(rw, r, "link") {
		return
	}
	var ok bool
	w.change(func(t *team) { ok = t.redeem(r.URL.Query().Get("ticket")) })
	if !ok {
		http.Error(rw, "invalid ticket", http.StatusForbidden)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // clients send none
	ws, err := up.Upgrade(rw, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	life := w.cfg.ConnectionLife
	if r.URL.Query().Get("debug_reconnects") == "true" {
		life = debugLife
	}
	w.serveConn(ws, life)
}

// serveConn registers a connection and reads from it until it ends.
func (w *Workspace) serveConn(ws *websocket.Conn, life time.Duration) {
	c := &conn{ws: ws, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	defer c.drop()
	defer close(c.gone)
	if !w.register(c, life) {
		return
	}
	defer w.wg.Done()
	ws.SetPingHandler(func(data string) error { return w.answerPing(c, data) })
	ws.SetPongHandler(func(string) error {
		w.touch(func() { c.pongs++ })
		return nil
	})
	for {
		_, raw, err := ws.ReadMessage()
		if err != nil {
			break
		}
		w.handleFrame(c, raw)
	}
	w.touch(func() {
		if c.stalled {
			return // a half-open connection dies unseen
		}
		c.closing = true
		c.poke()
		w.hub.forget(c)
	})
}

// touch changes the hub and tells whoever waits.
func (w *Workspace) touch(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.bumpLocked()
}

// register says hello, or goodbye to the eleventh connection, and starts the
// connection's writer, which belongs to the Workspace.
func (w *Workspace) register(c *conn, life time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.hub.serial++
	c.id = fmt.Sprintf("c%d", w.hub.serial)
	if len(w.hub.conns) >= maxConns {
		c.push(disconnectFrame(TooManyConnections))
		c.closing = true
	} else {
		w.hub.conns = append(w.hub.conns, c)
		c.push(helloFrame(w.team.app, len(w.hub.conns), life))
	}
	born := w.cfg.Clock.Now()
	w.wg.Add(1) // for serveConn
	w.wg.Go(func() { w.write(c, born.Add(life)) })
	w.bumpLocked()
	return true
}

func (w *Workspace) answerPing(c *conn, data string) error {
	w.mu.Lock()
	stalled := c.stalled
	c.pings++
	w.mu.Unlock()
	if stalled {
		return nil
	}
	return c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Time{})
}

// write is the writer of one connection: frames, pings, and the end of its
// life. It returns when the connection is closed or the Workspace is.
func (w *Workspace) write(c *conn, end time.Time) {
	clk := w.cfg.Clock
	ping := clk.Timer(clk.Now().Add(w.cfg.PingEvery))
	warn, bye := clk.Timer(end.Add(-drain)), clk.Timer(end)
	defer func() { ping.Stop(); warn.Stop(); bye.Stop() }()
	for asked := false; ; {
		select {
		case <-c.wake:
		case <-ping.C:
			ping = clk.Timer(clk.Now().Add(w.cfg.PingEvery))
			w.ping(c)
		case <-warn.C:
			w.disconnect(c, Warning)
		case <-bye.C:
			if !asked {
				w.disconnect(c, RefreshRequested)
			}
		case <-w.ctx.Done():
			c.drop()
			return
		}
		if done := w.flush(c); done {
			w.linger(c)
			return
		}
		if at := w.closeTime(c); !asked && !at.IsZero() {
			asked = true
			bye.Stop()
			bye = clk.Timer(at)
		}
	}
}

// linger leaves it to the client to answer the close frame, but not for ever.
func (w *Workspace) linger(c *conn) {
	select {
	case <-c.gone:
	case <-w.ctx.Done():
		c.drop()
	}
}

func (w *Workspace) ping(c *conn) {
	w.mu.Lock()
	stalled := c.stalled
	w.mu.Unlock()
	if !stalled {
		_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Time{}) // the reader finds out
	}
}

func (w *Workspace) closeTime(c *conn) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.closeAt
}

// flush writes what is queued and reports whether the connection is over.
func (w *Workspace) flush(c *conn) bool {
	w.mu.Lock()
	out := c.out
	c.out = nil
	now := w.cfg.Clock.Now()
	over := c.closing || (!c.closeAt.IsZero() && !now.Before(c.closeAt))
	if c.stalled {
		out, over = nil, false
	}
	w.mu.Unlock()
	for _, frame := range out {
		if c.ws.WriteMessage(websocket.TextMessage, frame) != nil {
			c.drop()
			return true
		}
	}
	if over { // the client answers with its own close frame, which ends the reader
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = c.ws.WriteControl(websocket.CloseMessage, bye, time.Time{}) // it is over either way
	}
	return over
}

func helloFrame(app string, conns int, life time.Duration) []byte {
	return frame(map[string]any{
		"type": "hello", "num_connections": conns,
		"connection_info": map[string]any{"app_id": app},
		"debug_info": map[string]any{
			"host": "applink", "build_number": 1, "approximate_connection_time": int(life.Seconds()),
		},
	})
}

func disconnectFrame(reason string) []byte {
	return frame(map[string]any{
		"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": "applink"},
	})
}

func frame(v map[string]any) []byte {
	raw, _ := json.Marshal(v) // made of JSON to begin with
	return raw
}
