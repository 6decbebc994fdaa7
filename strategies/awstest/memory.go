package awstest

import (
	"context"
	"net"
	"net/http"
)

// StartInMemory listens on connections in memory, and returns what carries
// calls there. It is for tests in a bubble of testing/synctest, which network
// I/O would keep from coming to rest. Close ends what it starts.
func (w *World) StartInMemory() *http.Transport {
	l := &memoryListener{make(chan net.Conn), make(chan struct{})}
	w.serve(l)
	return &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: 100}
}

// A memoryListener hands the far ends of pipes to a server.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *memoryListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server.
func (l *memoryListener) Close() error {
	close(l.closed)
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "aws.invalid" }
