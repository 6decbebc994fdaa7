//go:build unix

package proxy_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/strategies/rolesession"
)

// keptIn is where recordings of benchmarks are kept, sealed as ever.
func keptIn(b *testing.B) *record.Store {
	b.Helper()
	dir := b.TempDir()
	sealer, err := rolesession.OpenSealer(filepath.Join(b.TempDir(), "seal.key"), dir)
	if err != nil {
		b.Fatal(err)
	}
	s, err := record.Open(record.Config{Dir: filepath.Join(dir, "recordings"), Sealer: sealer, Clock: clock.System{}, Quota: 64 << 30})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func recording(b *testing.B, s *record.Store) proxy.Recording {
	b.Helper()
	r, err := s.Begin(b.Context(), record.About{Began: clock.System{}.Now(), Kind: record.Shell})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// A torrent is a connection on which output comes as fast as it is read.
type torrent struct {
	net.Conn
	wire []byte // one message, as it is written
	left int    // messages
	rest []byte
	seq  uint64
}

const wireHead = 2 + 2 + 4

func newTorrent(messages int) *torrent {
	text := make([]byte, 0, 1024)
	for i := 0; len(text) < 1024; i++ {
		text = fmt.Appendf(text, "2026-11-20T12:00:%02d INFO request \"GET /items/%d\" took %dms\r\n", i%60, i*7919, i*31%900)
	}
	frame := ssm.Message{Type: ssm.Output, Schema: 1, Payload: ssm.PayloadData, Data: text[:1024]}.Append(nil)
	wire := binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(len(frame)))
	return &torrent{wire: append(append(wire, 0, 0, 0, 0), frame...), left: messages}
}

func (c *torrent) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(c.rest) == 0 {
			if c.left == 0 {
				break
			}
			binary.BigEndian.PutUint64(c.wire[wireHead+48:], c.seq)
			c.seq, c.left, c.rest = c.seq+1, c.left-1, c.wire
		}
		m := copy(p[n:], c.rest)
		n, c.rest = n+m, c.rest[m:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (*torrent) Write(p []byte) (int, error) { return len(p), nil }

func (*torrent) Close() error { return nil }

func (*torrent) SetReadDeadline(time.Time) error  { return nil }
func (*torrent) SetWriteDeadline(time.Time) error { return nil }
func (*torrent) SetDeadline(time.Time) error      { return nil }

// A drain is a connection that takes everything and says nothing.
type drain struct {
	torrent
	done chan struct{}
	once sync.Once
}

func (d *drain) Read([]byte) (int, error) {
	<-d.done
	return 0, io.EOF
}

func (d *drain) Close() error {
	d.once.Do(func() { close(d.done) })
	return nil
}

// BenchmarkOutput carries output in messages of a kilobyte: the WebSockets, the
// tap, which checks each digest, and the recording, which is sealed and
// written. With -cpu 1 that is all on one core.
func BenchmarkOutput(b *testing.B) {
	s := keptIn(b)
	b.SetBytes(1024)
	b.ReportAllocs()
	client := &drain{done: make(chan struct{})}
	r := recording(b, s)
	bridge := proxy.NewBridgeForTest(client, newTorrent(b.N), r)
	before := busy(b)
	b.ResetTimer()
	_ = bridge.Carry() // the torrent ends, and with it the socket
	if err := r.End(clock.System{}.Now(), "done"); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/1024/(busy(b)-before), "MB/cpu-s")
}

// busy is how many seconds the processors have worked for this process: what
// else the machine does takes no part in it.
func busy(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// echoes answers each message of a client with one of the agent's.
func echoes(conn net.Conn) {
	in := bufio.NewReader(conn)
	for seq := int64(0); ; seq++ {
		_, frame, err := readMessage(in)
		if err != nil {
			return
		}
		m, err := ssm.Parse(frame)
		if err != nil {
			return
		}
		m.Type, m.Seq = ssm.Output, seq
		if _, err := conn.Write(framed(2, m.Append(nil), 0)); err != nil {
			return
		}
	}
}

// pair is a connection over the loopback interface.
func pair(b *testing.B) (here, there net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err == nil {
		there, err = l.Accept()
	}
	if err != nil {
		b.Fatal(err)
	}
	return here, there
}

// BenchmarkKeystroke measures what an echo takes, in the middle and at worst:
// with one that copies bytes in between, and with the bridge, its tap and its
// recording.
func BenchmarkKeystroke(b *testing.B) {
	s := keptIn(b)
	b.Run("copied", func(b *testing.B) {
		keystrokes(b, func(near, far net.Conn) {
			var wg sync.WaitGroup
			wg.Go(func() {
				_, _ = io.Copy(far, near) // it ends when an end does
				_ = far.Close()
			})
			_, _ = io.Copy(near, far)
			wg.Wait()
		})
	})
	b.Run("bridged", func(b *testing.B) {
		r := recording(b, s)
		keystrokes(b, func(near, far net.Conn) { _ = proxy.NewBridgeForTest(near, far, r).Carry() })
	})
}

func keystrokes(b *testing.B, between func(near, far net.Conn)) {
	client, near := pair(b)
	far, agent := pair(b)
	var wg sync.WaitGroup
	wg.Go(func() { echoes(agent) })
	wg.Go(func() { between(near, far) })
	in := bufio.NewReader(client)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for seq := range b.N {
		frame := framed(2, ssm.Message{Type: ssm.Input, Schema: 1, Seq: int64(seq), Payload: ssm.PayloadData, Data: []byte("x")}.Append(nil), 0)
		began := clock.System{}.Now()
		if _, err := client.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, _, err := readMessage(in); err != nil {
			b.Fatal(err)
		}
		took = append(took, clock.System{}.Now().Sub(began))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	_ = client.Close()
	_ = agent.Close()
	wg.Wait()
}

// BenchmarkSessions has 200 sessions show 100 kilobytes a second each, and
// reports what all of it, both far ends included, takes of memory.
func BenchmarkSessions(b *testing.B) {
	const sessions, perSecond = 200, 100
	s := keptIn(b)
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		var wg sync.WaitGroup
		for range sessions {
			client := &drain{done: make(chan struct{})}
			r := recording(b, s)
			bridge := proxy.NewBridgeForTest(client, &paced{torrent: newTorrent(3 * perSecond), ctx: ctx}, r)
			wg.Go(func() {
				_ = bridge.Carry() // the torrent ends, and with it the socket
				_ = r.End(clock.System{}.Now(), "done")
			})
		}
		_ = clock.Wait(ctx, clock.System{}, clock.System{}.Now().Add(2*time.Second))
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys>>20), "MB")
		wg.Wait()
		cancel()
	}
}

// paced is a torrent of a message each ten milliseconds.
type paced struct {
	*torrent
	ctx context.Context
}

func (p *paced) Read(to []byte) (int, error) {
	_ = clock.Wait(p.ctx, clock.System{}, clock.System{}.Now().Add(10*time.Millisecond))
	return p.torrent.Read(to[:min(len(to), len(p.wire))])
}
