package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// maxHead bounds the head of an answer.
	maxHead = 1 << 20
	// maxInterim bounds how many answers may come before the one that counts.
	maxInterim = 5
	// bufferSize has room for a request of a usual size, and the head of an
	// answer. Longer bodies pass by it.
	bufferSize = 4 << 10
)

var errHead = errors.New("the head of the answer is too long, or does not end")

// A conn is a connection to AWS. One request after the other has it.
type conn struct {
	net.Conn
	pool *pool
	host string
	in   *bufio.Reader // of conn itself, which counts
	out  *bufio.Writer

	left  int64 // how much may come yet
	heard bool  // something came since the request was begun

	socket syscall.RawConn // nil where there is none to look at
	look   func(fd uintptr) bool
	quiet  bool // what look saw
	seen   [1]byte
	since  time.Time // when it was put by
}

func newConn(of net.Conn, p *pool, host string) *conn {
	c := &conn{Conn: of, pool: p, host: host, left: maxHead}
	c.in, c.out = bufio.NewReaderSize(c, bufferSize), bufio.NewWriterSize(of, bufferSize)
	if secure, ok := of.(interface{ NetConn() net.Conn }); ok {
		of = secure.NetConn()
	}
	if has, ok := of.(syscall.Conn); ok {
		c.socket, _ = has.SyscallConn() // without one it is not used again
	}
	c.look = func(fd uintptr) bool {
		c.quiet = quiet(fd, c.seen[:])
		return true
	}
	return c
}

// Read implements io.Reader for the buffer in front of it.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHead
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.heard = c.heard || n > 0
	return n, err
}

// usable reports whether nothing has come since the connection was put by: the
// end, or an answer that nobody asked for.
func (c *conn) usable() bool {
	c.quiet = false
	return c.socket != nil && c.socket.Read(c.look) == nil && c.quiet
}

// exchange sends a request and reads the head of its answer. The connection
// goes back to the pool, or is closed, with the body.
func (c *conn) exchange(req *http.Request, meanwhile func()) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // which breaks off whatever it does
	err := c.ask(req)
	meanwhile()
	var res *http.Response
	if err == nil {
		res, err = c.hear(req)
	}
	if err != nil {
		stop()
		_ = c.Close() // the error is what counts
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	b := &body{ReadCloser: res.Body, conn: c, stop: stop, last: res.Close || req.Close}
	if res.Body == http.NoBody {
		b.end(true)
		return res, nil
	}
	res.Body = b
	return res, nil
}

func (c *conn) ask(req *http.Request) error {
	c.left, c.heard = maxHead, false
	if err := req.Write(c.out); err != nil {
		return err
	}
	return c.out.Flush()
}

// hear reads the head of the answer that counts.
func (c *conn) hear(req *http.Request) (*http.Response, error) {
	for range maxInterim {
		res, err := http.ReadResponse(c.in, req)
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errHead // nobody asked for any
		case res.StatusCode >= http.StatusOK:
			c.left = math.MaxInt64
			return res, nil
		}
	}
	return nil, errHead
}

// A body is that of an answer, with the connection that it comes on.
type body struct {
	io.ReadCloser
	conn *conn
	stop func() bool
	last bool // the connection is not to be used again
	once sync.Once
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(errors.Is(err, io.EOF))
	}
	return n, err
}

// Close implements io.Closer. What was not read is not waited for.
func (b *body) Close() error {
	b.end(false)
	return nil
}

// end lets go of the connection, for another request if this answer was whole
// and nothing came after it.
func (b *body) end(whole bool) {
	b.once.Do(func() {
		if b.stop() && whole && !b.last && b.conn.in.Buffered() == 0 {
			b.conn.pool.put(b.conn)
			return
		}
		_ = b.conn.Close() // nothing depends on it any more
	})
}
