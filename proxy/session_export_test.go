package proxy

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// A BridgeForTest is a socket of a session between two connections, of which
// both far ends speak as clients of a WebSocket do.
type BridgeForTest struct {
	s *session
	k *socket
}

// hijacked is a writer that gives a connection away.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// silent swallows the answer to an upgrade that nobody asked for.
type silent struct {
	net.Conn
	heard bool
}

func (c *silent) Write(p []byte) (int, error) {
	if !c.heard {
		c.heard = true
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// NewBridgeForTest joins two connections.
func NewBridgeForTest(client, agent net.Conn, r Recording) *BridgeForTest {
	upgraded := func(conn net.Conn) *end {
		e, err := upgrade(hijacked{conn: &silent{Conn: conn}}, &http.Request{Method: http.MethodGet, Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
		}})
		if err != nil {
			panic(err)
		}
		return e
	}
	p := New(Config{Clock: clock.System{}, Log: zerolog.Nop()})
	s := &session{Proxy: p, id: "s-1", recorded: r, moved: make(chan struct{}, 1), grant: access.Grant{Target: "t"}, about: record.About{Kind: record.Shell}}
	s.over, s.cut = context.WithCancelCause(context.Background())
	s.tap = ssm.New(ssm.Options{Emit: s.take, MaxHeld: 64 << 10})
	k := newSocket(upgraded(client), upgraded(agent), clock.System{})
	s.attach(k)
	return &BridgeForTest{s, k}
}

// Carry passes on what comes until an end is gone, and returns why the session
// ends, if it does.
func (b *BridgeForTest) Carry() error {
	stop := context.AfterFunc(b.s.over, func() {
		b.k.agent.close()
		b.k.client.line.hurry(clock.System{}.Now().Add(time.Millisecond))
		b.k.close()
	})
	defer stop()
	_ = b.s.carry(b.k) // which says how the socket ended
	return context.Cause(b.s.over)
}

// Tell puts a line in between.
func (b *BridgeForTest) Tell(text string) {
	b.s.mu.Lock()
	b.s.awaiting = text
	b.s.mu.Unlock()
	b.s.retell()
}

// Waiting is how many lines the client has not acknowledged.
func (b *BridgeForTest) Waiting() int { return len(b.s.inserter.Waiting()) }

// BinaryForTest is the kind of message that frames are.
const BinaryForTest = websocket.BinaryMessage
