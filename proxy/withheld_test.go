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
	"strings"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
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

// late is a clock that was set back an hour.
type late struct{ clock.System }

func (late) Now() time.Time { return clock.System{}.Now().Add(-time.Hour) }

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
