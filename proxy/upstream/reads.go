package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// maxBody is what a socket takes without anybody reading at its other end.
const maxBody = 64 << 10

// Reads sends requests that may be repeated. It is safe for concurrent use.
type Reads struct {
	base *http.Transport
	tls  *tls.Config // of base, which changes its own when it is first used
	pool pool
}

// New returns Reads that connect as base does, and leave to it what they are
// not made for. Base is not to be changed any more.
func New(base *http.Transport) *Reads {
	config := base.TLSClientConfig.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.NextProtos == nil {
		config.NextProtos = []string{http2, "http/1.1"}
	}
	return &Reads{base: base, tls: config, pool: pool{idle: map[string][]*conn{}}}
}

// CloseIdleConnections closes those that are not in use, of base as well.
func (t *Reads) CloseIdleConnections() {
	t.pool.clear()
	t.base.CloseIdleConnections()
}

// RoundTrip implements http.RoundTripper.
func (t *Reads) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.Send(req, func() {})
}

// Send is RoundTrip for who has something to do meanwhile, which is done once,
// when the other side is at work already if that can be had.
func (t *Reads) Send(req *http.Request, meanwhile func()) (*http.Response, error) {
	host := address(req)
	if !suits(req) || t.pool.isOther(host) {
		meanwhile()
		return t.base.RoundTrip(req)
	}
	if c := t.pool.take(host); c != nil {
		res, err := c.exchange(req, meanwhile)
		meanwhile = func() {}
		if err == nil || c.heard || req.Context().Err() != nil {
			return res, err
		}
		// It was shut while it lay idle, and nobody has noticed the request.
		if req, err = again(req); err != nil {
			return nil, err
		}
	}
	c, err := t.dial(req.Context(), host, req.URL.Hostname())
	switch {
	case errors.Is(err, errOther):
		t.pool.other(host)
		meanwhile()
		return t.base.RoundTrip(req)
	case err != nil:
		meanwhile()
		return nil, errors.Join(err, closeBody(req))
	}
	return c.exchange(req, meanwhile)
}

// suits reports whether req is short, and can be had once more.
func suits(req *http.Request) bool {
	short := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil && 0 < req.ContentLength && req.ContentLength <= maxBody
	return short && req.URL.Scheme == "https" && req.Header["Expect"] == nil && req.Method != http.MethodConnect
}

// again is req with its body from the beginning.
func again(req *http.Request) (*http.Request, error) {
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	fresh := *req
	fresh.Body = body
	return &fresh, nil
}

func closeBody(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	return req.Body.Close()
}

// address is where a request goes.
func address(req *http.Request) string {
	if req.URL.Port() != "" {
		return req.URL.Host
	}
	return net.JoinHostPort(req.URL.Hostname(), "443")
}

// errOther means that the other side prefers HTTP/2.
var errOther = errors.New("the connection is not one of HTTP/1.1")

// dial connects as base would.
func (t *Reads) dial(ctx context.Context, host, name string) (*conn, error) {
	if t.base.DialTLSContext != nil {
		plain, err := t.base.DialTLSContext(ctx, "tcp", host)
		if err != nil {
			return nil, err
		}
		return t.conn(plain, host)
	}
	dial := t.base.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	plain, err := dial(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	secure, err := t.secure(ctx, plain, name)
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return t.conn(secure, host)
}

func (t *Reads) conn(of net.Conn, host string) (*conn, error) {
	if secure, ok := of.(*tls.Conn); ok && secure.ConnectionState().NegotiatedProtocol == http2 {
		return nil, errors.Join(errOther, secure.Close())
	}
	return newConn(of, &t.pool, host), nil
}

const http2 = "h2"

func (t *Reads) secure(ctx context.Context, plain net.Conn, name string) (net.Conn, error) {
	config := t.tls.Clone()
	if config.ServerName == "" {
		config.ServerName = name
	}
	if t.base.TLSHandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.base.TLSHandshakeTimeout)
		defer cancel()
	}
	secure := tls.Client(plain, config)
	return secure, secure.HandshakeContext(ctx)
}

// idleFor is how long a connection lies idle before it is closed.
const idleFor = time.Minute
