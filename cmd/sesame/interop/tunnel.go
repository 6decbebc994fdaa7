//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/proxy"
)

// helloIn is how long a client may take to say where it wants to.
const helloIn = 10 * time.Second

// A tunnel is a proxy that ends TLS and passes on what it gets, byte for byte.
type tunnel struct {
	to        func(host string) (address string)
	authority *proxy.Authority
}

// serve answers what comes to l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{ReadHeaderTimeout: helloIn, Handler: h}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// ServeHTTP answers CONNECT, and nothing else.
func (t *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	cert, err := t.authority.Leaf(r.URL.Hostname())
	if err != nil {
		return
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	t.carry(t.to(r.URL.Hostname()), tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS12}))
}

// carry goes on until either side has had enough.
func (t *tunnel) carry(to string, client net.Conn) {
	moto, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	var both errgroup.Group
	for _, ends := range [][2]net.Conn{{client, moto}, {moto, client}} {
		both.Go(func() error {
			_, err := io.Copy(ends[0], ends[1])
			return errors.Join(err, client.Close(), moto.Close())
		})
	}
	_ = both.Wait() // clients see how it ended
}
