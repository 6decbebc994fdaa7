package proxy_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"sesame/proxy"
)

// A crowd is a listener with connections from addresses, one after the other.
type crowd struct {
	net.Listener
	from []string
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	if len(c.from) == 0 {
		return nil, errors.New("nobody comes any more")
	}
	at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(c.from[0]), 4711))
	c.from = c.from[1:]
	return arrived{at: at}, nil
}

type arrived struct {
	net.Conn
	at net.Addr
}

func (a arrived) RemoteAddr() net.Addr { return a.at }
func (arrived) Close() error           { return nil }

// TestNobodyHasAllConnections has one address open as many as it gets: others
// still get some, and it gets more once it lets go of some.
func TestNobodyHasAllConnections(t *testing.T) {
	c := &crowd{}
	l := proxy.BoundedForTest(c)
	come := func(from string, n int) (let []net.Conn) {
		for range n {
			c.from = append(c.from, from)
		}
		for {
			conn, err := l.Accept()
			if err != nil {
				return let
			}
			let = append(let, conn)
		}
	}
	const stranger, other, most = "203.0.113.9", "192.0.2.7", 8192
	all := come(stranger, 2*most)
	if len(all) != most/2 {
		t.Errorf("one address has %d connections, want %d", len(all), most/2)
	}
	if n := len(come(other, 100)); n != 100 {
		t.Errorf("another has %d connections", n)
	}
	if n := len(come(stranger, 1)); n != 0 {
		t.Error("the first has more than it leaves to others")
	}
	for _, conn := range all[:300] {
		_ = errors.Join(conn.Close(), conn.Close()) // the second time it counts for nothing
	}
	if n := len(come(stranger, 300)); n != 250 {
		t.Errorf("the first has %d more, want 250", n)
	}
}
