package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/calls"
)

// TestBodiesThatNeverCome holds that whoever announces a body and keeps it back
// does not keep the connection: strangers could have all of them otherwise. The
// wall clock is late, so that there is nothing to wait for.
func TestBodiesThatNeverCome(t *testing.T) {
	r := newRig(t, "", func(_ *rig, c *proxy.Config) { c.Wall = late{} })
	r.listen()
	var endpoint string
	endpoint, _ = r.serving(proxy.NewEndpoint(r.proxy, r.authority, endpointName).Run)
	const host = "sts.us-east-1.amazonaws.com"
	whole := r.signed(message{method: "POST", url: "https://" + host + "/", service: "sts", header: map[string]string{}})
	signed := fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Date: %s\r\nX-Amz-Security-Token: %s\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n",
		host, whole.Header.Get("X-Amz-Date"), whole.Header.Get("X-Amz-Security-Token"),
		strings.Replace(whole.Header.Get("Authorization"), "host;x-amz-content-sha256;", "host;", 1))
	for name, c := range map[string]struct {
		open func() net.Conn
		says string
		want int
	}{
		"to the proxy itself":       {func() net.Conn { return r.dialTo(r.address) }, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", http.StatusMethodNotAllowed},
		"to a host that is not AWS": {func() net.Conn { return r.dialTo(r.address) }, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nContent-Length: 100\r\n\r\n", http.StatusForbidden},
		"unsigned":                  {func() net.Conn { return r.tunnelTo(host) }, "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100\r\n\r\n", http.StatusForbidden},
		"unsigned, without length":  {func() net.Conn { return r.tunnelTo(host) }, "POST / HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", http.StatusForbidden},
		"about the server alone":    {func() net.Conn { return r.tunnelTo(host) }, "OPTIONS * HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100\r\n\r\n", http.StatusBadRequest},
		"with a key that is known":  {func() net.Conn { return r.tunnelTo(host) }, signed, http.StatusBadRequest},
		"to the endpoint":           {func() net.Conn { return r.secure(r.dialTo(endpoint), endpointName) }, "POST / HTTP/1.1\r\nHost: " + endpointName + "\r\nContent-Length: 100\r\n\r\n", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			conn := c.open()
			// A failure is to be told, and not to hang.
			if err := conn.SetDeadline(clock.System{}.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, c.says); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			res, err := http.ReadResponse(in, nil)
			if err != nil || res.StatusCode != c.want || !res.Close {
				t.Fatalf("%+v, %v", res, err)
			}
			if _, err := io.Copy(io.Discard, in); err != nil {
				t.Errorf("the connection is not shut: %v", err)
			}
		})
	}
}

// late is a clock that is behind, by less than signatures allow.
type late struct{ clock.System }

func (late) Now() time.Time { return clock.System{}.Now().Add(-4 * time.Minute) }

// TestAnswersThatNobodyTakes holds that a client which takes no more of an answer
// does not keep the end of its grant from being recorded. The wall clock is late,
// so that nothing is waited for.
func TestAnswersThatNobodyTakes(t *testing.T) {
	r := newRig(t, "", func(_ *rig, c *proxy.Config) { c.Wall = late{} })
	r.aws.answer = func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	s := &stalling{hangs: make(chan struct{}, 1), expired: make(chan struct{})}
	var stop func()
	r.address, stop = r.serving(func(ctx context.Context, l net.Listener) error {
		return proxy.NewInterceptor(r.proxy, r.authority).Run(ctx, stallingListener{l, s})
	})
	const host = "b.s3.us-east-1.amazonaws.com"
	conn := r.tunnelTo(host)
	get := r.signed(message{method: "GET", url: "https://" + host + "/k", service: "s3", header: map[string]string{}, at: late{}.Now()})
	if err := get.Write(conn); err != nil {
		t.Fatal(err)
	}
	if res, err := http.ReadResponse(bufio.NewReader(conn), get); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", res, err)
	}
	s.stalls.Store(true)
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // what was on its way before
	<-s.hangs
	r.end()
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.expired:
	case <-clock.System{}.Timer(clock.System{}.Now().Add(30 * time.Second)).C:
		t.Fatal("the answer is waited for") // which is told, and does not hang
	}
	stop()
	reading.Wait()
	entries := r.entries()
	if last := entries[len(entries)-1]; last.Kind != calls.Ended || last.Why != "the grant ended" {
		t.Errorf("recorded %+v", entries)
	}
}

// A stalling is a connection whose other end takes nothing any more, once it
// stalls.
type stalling struct {
	net.Conn
	stalls  atomic.Bool
	hangs   chan struct{} // has one for the first write that does
	expired chan struct{} // closed once writes are not waited for any more
	once    sync.Once
}

// Write implements net.Conn.
func (s *stalling) Write(p []byte) (int, error) {
	if !s.stalls.Load() {
		return s.Conn.Write(p)
	}
	select {
	case s.hangs <- struct{}{}:
	default:
	}
	<-s.expired
	return 0, os.ErrDeadlineExceeded
}

// SetWriteDeadline implements net.Conn.
func (s *stalling) SetWriteDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(clock.System{}.Now()) {
		s.once.Do(func() { close(s.expired) })
	}
	return s.Conn.SetWriteDeadline(at)
}

// Close implements net.Conn.
func (s *stalling) Close() error {
	s.once.Do(func() { close(s.expired) })
	return s.Conn.Close()
}

// A stallingListener has its connections stall, of which there is one.
type stallingListener struct {
	net.Listener
	s *stalling
}

// Accept implements net.Listener.
func (l stallingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.s.Conn = conn
	return l.s, nil
}

func (r *rig) dialTo(address string) net.Conn {
	r.Helper()
	conn, err := new(net.Dialer).DialContext(r.Context(), "tcp", address)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close() })
	return conn
}

// secure begins TLS as somebody who trusts the authority.
func (r *rig) secure(conn net.Conn, name string) net.Conn {
	r.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.authority.PEM())
	secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: name})
	if err := secure.HandshakeContext(context.WithoutCancel(r.Context())); err != nil {
		r.Fatal(err)
	}
	return secure
}

// tunnelTo is a connection to a host of AWS, by way of the interceptor.
func (r *rig) tunnelTo(host string) net.Conn {
	r.Helper()
	conn, res := r.dial(fmt.Sprintf("CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", host, host))
	if res.StatusCode != http.StatusOK {
		r.Fatalf("%+v", res)
	}
	return r.secure(conn, host)
}
