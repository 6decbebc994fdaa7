package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
)

// A wire is one end of a socket in memory. Each frame goes the way that chaos
// chooses.
type wire struct {
	out    chan<- []byte
	in     <-chan []byte
	broken chan struct{}
	chaos  func(frame []byte) [][]byte
}

func wires(chaos func([]byte) [][]byte) (client, agent *wire) {
	up, down, broken := make(chan []byte, 4000), make(chan []byte, 4000), make(chan struct{})
	return &wire{up, down, broken, chaos}, &wire{down, up, broken, chaos}
}

var errBroken = errors.New("the socket is broken")

func (w *wire) ReadMessage() (int, []byte, error) {
	select {
	case frame := <-w.in:
		return channel.Binary, frame, nil
	case <-w.broken:
		return 0, nil, errBroken
	}
}

func (w *wire) WriteMessage(_ int, frame []byte) error {
	for _, f := range w.chaos(frame) {
		select {
		case w.out <- bytes.Clone(f):
		case <-w.broken:
			return errBroken
		}
	}
	return nil
}

func (w *wire) Close() error {
	defer func() { _ = recover() }() // both ends close
	close(w.broken)
	return nil
}

func calm(frame []byte) [][]byte { return [][]byte{frame} }

// storm loses, repeats and swaps frames, by a fixed seed.
func storm(seed uint64) func([]byte) [][]byte {
	dice := rand.New(rand.NewPCG(seed, 1))
	var kept []byte
	var one sync.Mutex
	return func(frame []byte) [][]byte {
		one.Lock()
		defer one.Unlock()
		switch dice.IntN(8) {
		case 0:
			return nil
		case 1:
			return [][]byte{frame, frame}
		case 2:
			before := kept
			kept = bytes.Clone(frame)
			if before == nil {
				return nil
			}
			return [][]byte{before}
		}
		return [][]byte{frame}
	}
}

// A pair is both ends of a channel.
type pair struct{ client, agent *channel.End }

func newPair() pair {
	return pair{channel.New(ssm.Client, clock.System{}), channel.New(ssm.Agent, clock.System{})}
}

// serve carries until the socket breaks.
func (p pair) serve(ctx context.Context, g *errgroup.Group, chaos func([]byte) [][]byte) (client *wire) {
	c, a := wires(chaos)
	g.Go(func() error { _ = p.client.Serve(ctx, c); return nil })
	g.Go(func() error { _ = p.agent.Serve(ctx, a); return nil })
	return c
}

// reads returns what an end gets, up to the last message.
func reads(ctx context.Context, e *channel.End, last string) (all []string, err error) {
	for {
		m, err := e.Read(ctx)
		if err != nil {
			return all, err
		}
		if all = append(all, string(m.Data)); string(m.Data) == last {
			return all, nil
		}
	}
}

func TestEverythingArrivesOnceAndInOrder(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			p := newPair()
			var carrying errgroup.Group
			p.serve(ctx, &carrying, storm(seed))
			for _, ends := range [][2]*channel.End{{p.client, p.agent}, {p.agent, p.client}} {
				const n = 300
				var both errgroup.Group
				both.Go(func() error {
					for i := range n {
						if err := ends[0].Write(ctx, ssm.PayloadData, fmt.Append(nil, i)); err != nil {
							return err
						}
					}
					return ends[0].Flush(ctx)
				})
				got, err := reads(ctx, ends[1], fmt.Sprint(n-1))
				for i := range n {
					if err != nil || len(got) != n || got[i] != fmt.Sprint(i) {
						t.Fatalf("seed %d: %v, %q", seed, err, got)
					}
				}
				if err := both.Wait(); err != nil {
					t.Fatal(err)
				}
			}
			stop()
			_ = carrying.Wait()
		})
	}
}

func TestANewSocketTakesUpWhereTheLastBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := newPair()
		var carrying errgroup.Group
		for i := range 5 {
			first := p.serve(ctx, &carrying, func([]byte) [][]byte { return nil }) // nothing arrives
			if err := p.client.Write(ctx, ssm.PayloadData, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			_ = first.Close()
			_ = carrying.Wait()
		}
		began := clock.System{}.Now()
		p.serve(ctx, &carrying, calm)
		got, err := reads(ctx, p.agent, "4")
		if took := (clock.System{}).Now().Sub(began); err != nil || len(got) != 5 || took > 0 {
			t.Errorf("%q after %v, %v", got, took, err)
		}
		stop()
		_ = carrying.Wait()
	})
}

// TestLostAcknowledgementsAreNotWaitedForForever has a peer that, like the
// plugin, says nothing of what it has taken before.
func TestLostAcknowledgementsAreNotWaitedForForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p := newPair()
		var carrying errgroup.Group
		mute := func(frame []byte) [][]byte {
			if m, err := ssm.Parse(frame); err == nil && m.Type == ssm.Acknowledge {
				return nil
			}
			return calm(frame)
		}
		first := p.serve(ctx, &carrying, mute)
		for i := range 3 {
			if err := p.agent.Write(ctx, ssm.PayloadData, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := reads(ctx, p.client, "2"); err != nil {
			t.Fatal(err)
		}
		_ = first.Close()
		_ = carrying.Wait()
		p.serve(ctx, &carrying, mute)
		began := clock.System{}.Now()
		if err := p.agent.Flush(ctx); err != nil {
			t.Error(err)
		}
		if took := (clock.System{}).Now().Sub(began); took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
		stop()
		_ = carrying.Wait()
	})
}

func TestWhoDoesNotReadSlowsTheOtherDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		p := newPair()
		var carrying errgroup.Group
		p.serve(ctx, &carrying, calm)
		wrote := 0
		for ; p.agent.Write(ctx, ssm.PayloadData, make([]byte, channel.ChunkSize)) == nil; wrote++ {
		}
		if wrote != 1000 {
			t.Errorf("%d messages were written, and none read", wrote)
		}
		stop()
		_ = carrying.Wait()
	})
}

func TestTheEndOfAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		c, a := wires(calm)
		var carrying errgroup.Group
		carrying.Go(func() error { return p.client.Serve(t.Context(), c) })
		carrying.Go(func() error { _ = p.agent.Serve(t.Context(), a); return nil })
		carrying.Go(func() error {
			err := errors.Join(p.agent.WriteChunks(t.Context(), ssm.PayloadData, []byte("bye")), p.agent.Flush(t.Context()))
			p.agent.Tell(ssm.Closed, []byte(`{"Output":"over"}`))
			return err
		})
		for _, want := range []ssm.Type{ssm.Output, ssm.Closed} {
			if m, err := p.client.Read(t.Context()); err != nil || m.Type != want {
				t.Errorf("%v, %v; want %s", m, err, want)
			}
		}
		if err := carrying.Wait(); err != nil {
			t.Errorf("a channel that was closed: %v", err)
		}
	})
}

func TestSilenceEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		c, _ := wires(calm)
		c.chaos = func([]byte) [][]byte { return nil }
		if err := p.client.Write(t.Context(), ssm.PayloadData, []byte("hello?")); err != nil {
			t.Fatal(err)
		}
		if err := p.client.Serve(t.Context(), c); !errors.Is(err, channel.ErrSilent) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWhatIsNoFrameEndsTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair()
		c, a := wires(calm)
		a.out <- []byte("no frame")
		if err := p.client.Serve(t.Context(), c); !errors.Is(err, ssm.ErrFrame) {
			t.Errorf("ended with %v", err)
		}
	})
}
