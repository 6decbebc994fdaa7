package proxy_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"sesame/proxy"
	"sesame/proxy/ssm"
)

// framed is a message as a client of a WebSocket writes it, in parts of a size.
func framed(kind byte, p []byte, part int) []byte {
	var b []byte
	for first := true; first || len(p) > 0; first = false {
		n := len(p)
		if part > 0 {
			n = min(n, part)
		}
		head := kind
		if !first {
			head = 0
		}
		if n == len(p) {
			head |= 0x80
		}
		b = append(b, head)
		switch {
		case n < 126:
			b = append(b, 0x80|byte(n))
		case n < 1<<16:
			b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
		default:
			b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
		}
		mask := [4]byte{1, 2, 3, 4}
		b = append(b, mask[:]...)
		for i, c := range p[:n] {
			b = append(b, c^mask[i%4])
		}
		p = p[n:]
	}
	return b
}

// readMessage reads one message, whoever wrote it.
func readMessage(in *bufio.Reader) (kind byte, p []byte, err error) {
	var head [8]byte
	if _, err = io.ReadFull(in, head[:2]); err != nil {
		return 0, nil, err
	}
	kind = head[0] & 0x0f
	masked, n := head[1]&0x80 != 0, uint64(head[1]&0x7f)
	if n >= 126 {
		size := head[:2]
		if n == 127 {
			size = head[:8]
		}
		if _, err = io.ReadFull(in, size); err != nil {
			return 0, nil, err
		}
		n = 0
		for _, c := range size {
			n = n<<8 | uint64(c)
		}
	}
	var mask [4]byte
	if masked {
		if _, err = io.ReadFull(in, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	p = make([]byte, n)
	_, err = io.ReadFull(in, p)
	for i := range p {
		p[i] ^= mask[i%4]
	}
	return kind, p, err
}

// deframed reads messages with data, until there are no more.
func deframed(r io.Reader) [][]byte {
	var all [][]byte
	in := bufio.NewReader(r)
	for {
		kind, p, err := readMessage(in)
		if err != nil {
			return all
		}
		if kind <= 2 {
			all = append(all, p)
		}
	}
}

// A story of frames is what a fuzzer makes up: each step is a byte that says
// what, and one that says how much.
type frames struct {
	sent [][]byte // what is whole, in order
	wire []byte
	seq  int64
}

// step adds what one step sends.
func (f *frames) step(from ssm.Side, what, much byte) {
	m := ssm.Message{Type: ssm.Input, Schema: 1, Seq: f.seq, Payload: ssm.PayloadData, Data: bytes.Repeat([]byte{much}, int(much)*int(what%7))}
	if from == ssm.Agent {
		m.Type = ssm.Output
	}
	frame := m.Append(nil)
	switch what % 12 {
	case 0, 1, 2:
		f.seq++
	case 3: // again
		if len(f.sent) > 0 {
			frame = f.sent[int(much)%len(f.sent)]
		}
	case 4: // out of order
		m.Seq += int64(much % 8)
		frame = m.Append(nil)
	case 5: // an acknowledgement
		frame = ssm.Message{Type: ssm.Acknowledge, Data: []byte(`{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageSequenceNumber":` + string('0'+much%10) + `}`)}.Append(nil)
	case 6: // cut off
		frame = frame[:int(much)%len(frame)]
	case 7: // a forged length
		binary.BigEndian.PutUint32(frame[int(much)%(len(frame)-4):], 1<<31|uint32(much))
	case 8: // as large as can be, and larger
		m.Data = make([]byte, ssm.MaxFrame-200+int(much)*4)
		frame = m.Append(nil)
		f.seq++
	case 9: // anything
		frame = bytes.Repeat([]byte{what, much}, int(much))
	case 10: // no WebSocket
		f.wire = append(f.wire, what, much, what, much)
		return
	case 11: // the service says it is over
		frame = ssm.Message{Type: ssm.Closed, Data: []byte(`{"Output":"bye"}`)}.Append(nil)
	}
	f.sent = append(f.sent, frame)
	f.wire = append(f.wire, framed(2, frame, int(much)*5)...)
}

// FuzzBridge plays what hostile ends may send against the bridge, in pieces of
// any size: what arrives is what was sent, byte for byte and in order, up to
// where the session ends, or differs in its number alone once a line was put
// in between; and what was shown had been recorded.
func FuzzBridge(f *testing.F) {
	f.Add([]byte{0, 3, 1, 9, 2, 200, 3, 0, 0, 1}, []byte{0, 1, 5, 0, 1, 7}, uint8(3), uint8(2))
	f.Add([]byte{0, 3, 6, 50}, []byte{7, 40}, uint8(0), uint8(0))
	f.Add([]byte{8, 255, 0, 1}, []byte{8, 1, 9, 9}, uint8(255), uint8(1))
	f.Add([]byte{4, 3, 4, 2, 0, 0, 0, 0, 11, 0}, []byte{10, 0x88}, uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, agent, client []byte, piece, lines uint8) {
		if len(agent) > 64 || len(client) > 64 {
			return
		}
		var down, up frames
		for i := 0; i+1 < len(agent); i += 2 {
			down.step(ssm.Agent, agent[i], agent[i+1])
		}
		for i := 0; i+1 < len(client); i += 2 {
			up.step(ssm.Client, client[i], client[i+1])
		}
		kept := &tape{ended: make(chan struct{})}
		toClient, toAgent, err := bridge(kept, down.wire, up.wire, int(piece)+1, int(lines%4))
		if err != nil && errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		follows(t, "the client", down.sent, toClient)
		follows(t, "the agent", up.sent, toAgent)
		shown, _, _ := kept.outcome()
		for _, frame := range toClient {
			m, err := ssm.Parse(frame)
			if err != nil || m.Type == ssm.Output && m.Payload == ssm.PayloadData && m.Seq == 0 && !strings.HasPrefix(shown, string(m.Data)) {
				t.Fatalf("%.60q arrived, and %.60q is recorded: %v", frame, shown, err)
			}
		}
	})
}

const line = "a line of ours"

// follows holds what arrived against what was sent.
func follows(t *testing.T, who string, sent, arrived [][]byte) {
	t.Helper()
	next := 0
	for _, frame := range arrived {
		if bytes.HasSuffix(frame, []byte("\r\n"+line+"\r\n")) {
			continue
		}
		for next < len(sent) && !same(sent[next], frame) {
			if m, err := ssm.Parse(sent[next]); err != nil || m.Type != ssm.Acknowledge {
				break // only an acknowledgement of our line does not arrive
			}
			next++
		}
		if next == len(sent) || !same(sent[next], frame) {
			t.Fatalf("%.80q reached %s, who was sent something else", frame, who)
		}
		next++
	}
}

// same reports whether two frames differ in no more than a number.
func same(a, b []byte) bool {
	ma, erra := ssm.Parse(a)
	mb, errb := ssm.Parse(b)
	if erra != nil || errb != nil {
		return false
	}
	if ma.Type == ssm.Acknowledge {
		return mb.Type == ssm.Acknowledge
	}
	if len(a) < 56 || len(b) < 56 {
		return false
	}
	return len(a) == len(b) && bytes.Equal(a[:48], b[:48]) && bytes.Equal(a[56:], b[56:]) && mb.Seq >= ma.Seq && mb.Seq-ma.Seq < 4
}

// bridge plays two scripts in pieces, and returns what arrived where.
func bridge(kept proxy.Recording, down, up []byte, piece, lines int) (toClient, toAgent [][]byte, why error) {
	client, near := net.Pipe()
	agent, far := net.Pipe()
	b := proxy.NewBridgeForTest(near, far, kept)
	var wg, writers sync.WaitGroup
	wg.Go(func() { toClient = deframed(client) })
	wg.Go(func() { toAgent = deframed(agent) })
	wg.Go(func() { why = b.Carry() })
	play := func(to net.Conn, script []byte, between func()) {
		for len(script) > 0 {
			n := min(piece*37, len(script))
			if _, err := to.Write(script[:n]); err != nil {
				return
			}
			script = script[n:]
			between()
		}
	}
	writers.Go(func() {
		told := 0
		play(agent, down, func() {
			if told < lines {
				told++
				b.Tell(line)
			}
		})
	})
	writers.Go(func() { play(client, up, func() {}) })
	writers.Wait()
	_ = agent.Close()
	_ = client.Close()
	wg.Wait()
	return toClient, toAgent, why
}

// TestControlsPass has pings, pongs and the end of a socket go on to the other
// end as they came.
func TestControlsPass(t *testing.T) {
	client, near := net.Pipe()
	agent, far := net.Pipe()
	b := proxy.NewBridgeForTest(near, far, &tape{ended: make(chan struct{})})
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Carry() }) // a socket that ends is no end of the session
	fromClient, fromAgent := bufio.NewReader(agent), bufio.NewReader(client)
	for _, c := range []struct {
		from net.Conn
		to   *bufio.Reader
		kind byte
		text string
	}{{client, fromClient, 9, "keepalive"}, {agent, fromAgent, 10, "keepalive"}, {agent, fromAgent, 9, ""}, {client, fromClient, 8, "\x03\xe8bye"}} {
		wg.Go(func() { _, _ = c.from.Write(framed(c.kind, []byte(c.text), 0)) }) // what does not arrive is seen below
		if kind, text, err := readMessage(c.to); err != nil || kind != c.kind || string(text) != c.text {
			t.Errorf("%d %q, %v; want %d %q", kind, text, err, c.kind, c.text)
		}
	}
	_ = client.Close()
	_ = agent.Close()
	wg.Wait()
}

// TestWhatEndsASession sends what is never right, from either side.
func TestWhatEndsASession(t *testing.T) {
	huge := ssm.Message{Type: ssm.Output, Payload: ssm.PayloadData, Data: make([]byte, ssm.MaxFrame)}
	twice := ssm.Message{Type: ssm.Output, Payload: ssm.PayloadData, Data: []byte("a")}
	other := twice
	other.Data = []byte("b")
	typed := twice
	typed.Type = ssm.Input
	for name, c := range map[string]struct {
		down, up []byte
		why      string
	}{
		"a frame of the agent that is too large": {down: framed(2, huge.Append(nil), 0), why: "larger than the 262144 bytes"},
		"one of the client":                      {up: framed(2, huge.Append(nil), 0), why: "larger than the 262144 bytes"},
		"no frame":                               {down: framed(2, []byte("hello"), 0), why: "shorter than a header"},
		"text that is no frame":                  {up: framed(1, []byte("{}"), 0), why: "shorter than a header"},
		"a number twice":                         {down: append(framed(2, twice.Append(nil), 0), framed(2, other.Append(nil), 0)...), why: "a sequence number was used twice"},
		"no WebSocket":                           {up: []byte{0xff, 0xff, 0xff}, why: ""},
		"what is as it should be":                {down: framed(2, twice.Append(nil), 0), up: framed(1, typed.Append(nil), 0), why: ""},
	} {
		_, _, err := bridge(&tape{ended: make(chan struct{})}, c.down, c.up, 1000, 0)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}
