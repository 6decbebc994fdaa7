package mux_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sync/errgroup"

	"sesame/proxy/ssm/mux"
)

// connected returns both ends, running.
func connected(t *testing.T) (client, server *mux.Mux, running *errgroup.Group) {
	up, upEnd := io.Pipe()
	down, downEnd := io.Pipe()
	client, server, running = mux.Client(down, upEnd), mux.Server(up, downEnd), new(errgroup.Group)
	running.Go(client.Run)
	running.Go(server.Run)
	t.Cleanup(func() {
		_, _ = upEnd.Close(), downEnd.Close()
		_ = running.Wait()
	})
	return client, server, running
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestStreamsCarryBothWaysAndEndOneByOne(t *testing.T) {
	client, server, _ := connected(t)
	var all errgroup.Group
	all.Go(func() error { // an echo, for whatever number of streams
		for range 20 {
			s, err := server.Accept(t.Context())
			if err != nil {
				return err
			}
			all.Go(func() error {
				_, err := io.Copy(s, s)
				return errors.Join(err, s.CloseWrite())
			})
		}
		return nil
	})
	for i := range 20 {
		text := bytes.Repeat([]byte{byte(i)}, 100_000+i)
		s := must(client.Open())(t)
		all.Go(func() error {
			_, err := s.Write(text)
			return errors.Join(err, s.CloseWrite())
		})
		all.Go(func() error {
			got, err := io.ReadAll(s)
			if !bytes.Equal(got, text) {
				return errors.Join(err, errors.New("not what was written"))
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// TestFramesAreThoseOfSmux compares with what the library writes.
func TestFramesAreThoseOfSmux(t *testing.T) {
	var out bytes.Buffer
	client := mux.Client(strings.NewReader(""), &out)
	s := must(client.Open())(t)
	_ = must(s.Write([]byte("hi")))(t)
	_ = s.Close()
	if got := hex.EncodeToString(out.Bytes()); got != "0100000003000000"+"0102020003000000"+"6869"+"0101000003000000" {
		t.Error(got)
	}
	for name, frames := range map[string]string{
		"version 2": "0200000003000000", "an unknown command": "0109000003000000",
	} {
		in := must(hex.DecodeString(frames))(t)
		if err := mux.Server(bytes.NewReader(in), io.Discard).Run(); !errors.Is(err, mux.ErrFraming) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, frames := range map[string]string{
		"nothing": "", "a stream that ends twice, a no-op, data of nobody": "0100000003000000" + "0101000003000000" + "0101000003000000" + "0103000000000000" + "010201000900000041",
	} {
		in := must(hex.DecodeString(frames))(t)
		if err := mux.Server(bytes.NewReader(in), io.Discard).Run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatNobodyReadsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, _ := connected(t)
		s := must(client.Open())(t)
		wrote := 0
		var writing errgroup.Group
		writing.Go(func() error {
			for {
				n, err := s.Write(make([]byte, 1<<16))
				if wrote += n; err != nil {
					return nil
				}
			}
		})
		synctest.Wait()
		if wrote < 4<<20 || wrote > 5<<20 {
			t.Errorf("%d bytes were written that nobody reads", wrote)
		}
		far := must(server.Accept(t.Context()))(t)
		_ = far.Close() // what comes for it is dropped from here on
		_ = s.Close()
		_ = writing.Wait()
	})
}

func TestStreamsEndWithTheMux(t *testing.T) {
	client, server, _ := connected(t)
	s := must(client.Open())(t)
	client.Close()
	for name, err := range map[string]error{
		"read":  func() error { _, err := s.Read(make([]byte, 1)); return err }(),
		"write": func() error { _, err := s.Write([]byte("x")); return err }(),
		"open":  func() error { _, err := client.Open(); return err }(),
	} {
		if !errors.Is(err, mux.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	_ = must(server.Accept(ctx))(t)
	cancel(io.ErrNoProgress)
	if _, err := server.Accept(ctx); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("accept: %v", err)
	}
}

func TestJoinPassesOnTheEndOfEachDirection(t *testing.T) {
	client, server, _ := connected(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	var all errgroup.Group
	all.Go(func() error {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		question, err := io.ReadAll(c) // up to the end of what the client writes
		_, err2 := c.Write([]byte("you said " + string(question)))
		return errors.Join(err, err2)
	})
	all.Go(func() error {
		s, err := server.Accept(t.Context())
		if err != nil {
			return err
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		return mux.Join(s, c.(*net.TCPConn))
	})
	s := must(client.Open())(t)
	_ = must(s.Write([]byte("hello")))(t)
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := must(io.ReadAll(s))(t); string(got) != "you said hello" {
		t.Errorf("got %q", got)
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

func FuzzServer(f *testing.F) {
	seed, _ := hex.DecodeString("0100000003000000" + "0102020003000000" + "6869" + "0101000003000000")
	f.Add(seed)
	f.Fuzz(func(t *testing.T, in []byte) {
		m := mux.Server(bytes.NewReader(in), io.Discard)
		if err := m.Run(); err != nil && !errors.Is(err, mux.ErrFraming) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
}
