package record

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Connections through a port session share it as smux, version 1, lays down: a
// header of eight bytes, little-endian, and a payload.
//
//	0          1          2        4          8
//	| version  | command  | length | stream   | the payload
//
// The layout is that of github.com/xtaci/smux, in frame.go.
const (
	smuxHeader = 8
	smuxOpen   = 0
	smuxClose  = 1
	smuxData   = 2
	smuxIdle   = 3
)

// A port counts what passes through a port session, and marks the connections
// in it. Where it is one connection only, or something else passes, nothing but
// bytes is counted.
type port struct {
	mark  func(at time.Time, label string) error
	sides [2]muxed // from the client, from the agent
	open  map[uint32]*connection
	n     int
}

// A muxed is one direction.
type muxed struct {
	head []byte // of a frame that is not whole
	rest int    // of a payload
	id   uint32 // whose that is
	lost bool   // what passes is no smux
}

// A connection is one that is open.
type connection struct {
	number int
	began  time.Time
	bytes  [2]int64
	ended  [2]bool
}

// maxConnections bounds those that are open at a time and told of.
const maxConnections = 4096

// pass takes bytes of one direction: 0 from the client, 1 from the agent.
func (p *port) pass(at time.Time, side int, b []byte) error {
	m := &p.sides[side]
	for len(b) > 0 && !m.lost {
		if m.rest > 0 {
			n := min(m.rest, len(b))
			if c := p.open[m.id]; c != nil {
				c.bytes[side] += int64(n)
			}
			m.rest, b = m.rest-n, b[n:]
			continue
		}
		n := min(smuxHeader-len(m.head), len(b))
		m.head, b = append(m.head, b[:n]...), b[n:]
		if len(m.head) < smuxHeader {
			return nil
		}
		if err := p.frame(at, side, m); err != nil {
			return err
		}
	}
	return nil
}

// frame takes the header of a frame.
func (p *port) frame(at time.Time, side int, m *muxed) error {
	version, command := m.head[0], m.head[1]
	m.rest, m.id = int(binary.LittleEndian.Uint16(m.head[2:])), binary.LittleEndian.Uint32(m.head[4:])
	m.head = m.head[:0]
	if version != 1 || command > smuxIdle {
		m.lost = true
		return nil
	}
	switch c := p.open[m.id]; {
	case command == smuxOpen && c == nil && len(p.open) < maxConnections:
		return p.begin(at, m.id)
	case command == smuxClose && c != nil:
		if c.ended[side] = true; c.ended[1-side] {
			return p.end(at, m.id, "closed")
		}
	}
	return nil
}

func (p *port) begin(at time.Time, id uint32) error {
	if p.open == nil {
		p.open = map[uint32]*connection{}
	}
	p.n++
	p.open[id] = &connection{number: p.n, began: at}
	return p.mark(at, fmt.Sprintf("connection %d opened", p.n))
}

func (p *port) end(at time.Time, id uint32, how string) error {
	c := p.open[id]
	delete(p.open, id)
	return p.mark(at, fmt.Sprintf("connection %d %s after %v: %d bytes sent, %d received", c.number, how, at.Sub(c.began).Round(time.Millisecond), c.bytes[0], c.bytes[1]))
}

// close tells of the connections that were open at the end.
func (p *port) close(at time.Time) error {
	for _, id := range slices.Sorted(maps.Keys(p.open)) {
		if err := p.end(at, id, "was open at the end,"); err != nil {
			return err
		}
	}
	return nil
}
