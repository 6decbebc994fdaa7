package slacktest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxConns is how many connections Slack gives to one app.
const maxConns = 10

// A hub is the Socket Mode side of Slack: the connections and what travels
// over them. Like a team it has no lock of its own; Workspace holds one.
type hub struct {
	conns     []*conn // in the order in which they were opened
	next      int     // the connection whose turn it is
	serial    int     // of connections
	log       []*Envelope
	unsettled int // of log
	byID      map[string]*parcel
	held      []*parcel // kept back to arrive out of order
	envelopes []EnvelopeFault
}

func newHub(rng *rand.Rand) *hub {
	return &hub{next: rng.IntN(maxConns), byID: map[string]*parcel{}}
}

// A conn is one connection as Slack has it registered. A ghost has no socket:
// Slack believes in it, and what is sent there is lost.
type conn struct {
	id   string
	ws   *websocket.Conn // nil for a ghost
	wake chan struct{}   // tells the writer that something changed
	gone chan struct{}   // closed by the reader when it ends

	out      [][]byte  // frames to write
	draining bool      // asked to go; used only when there is no other
	stalled  bool      // half-open: nothing is read or written any more
	closing  bool      // to be closed once out is written
	closeAt  time.Time // to be closed then; zero means not asked to go
	pings    int       // of the client, answered
	pongs    int       // of the client, to our pings
	once     sync.Once
}

// drop cuts the connection without a close frame.
func (c *conn) drop() {
	if c.ws == nil {
		return
	}
	c.once.Do(func() { _ = c.ws.NetConn().Close() }) // nobody is left to tell
}

// push queues a frame.
func (c *conn) push(frame []byte) {
	c.out = append(c.out, frame)
	c.poke()
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // the writer will look anyway
	}
}

func (h *hub) all() []*conn { return slices.Clone(h.conns) }

func (h *hub) find(id string) *conn {
	for _, c := range h.conns {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (h *hub) forget(c *conn) {
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
}

// pick chooses the connection for the next envelope, in turn. Slack itself
// promises no order. One that was asked to go serves while there is no other.
func (h *hub) pick() *conn {
	var fresh []*conn
	for _, c := range h.conns {
		if !c.draining && !c.closing {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		for _, c := range h.conns {
			if !c.closing {
				fresh = append(fresh, c)
			}
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	h.next++
	return fresh[h.next%len(fresh)]
}

// A Connection is one Socket Mode connection as Slack has it registered.
type Connection struct {
	ID string
	// Ghost is registered without a socket, Stalled with one that nobody reads.
	Ghost, Stalled, Draining bool
	// Pings counts the client's pings, Pongs its answers to ours.
	Pings, Pongs int
}

// Connections returns what Slack has registered, ghosts included.
func (w *Workspace) Connections() []Connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Connection
	for _, c := range w.hub.conns {
		all = append(all, Connection{
			ID: c.id, Ghost: c.ws == nil, Stalled: c.stalled, Draining: c.draining, Pings: c.pings, Pongs: c.pongs,
		})
	}
	return all
}
