package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"sesame/proxy/strangers"
)

// The limits of connections that nobody has signed anything on yet.
const (
	helloIn        = 10 * time.Second
	headIn         = 30 * time.Second
	idleFor        = 2 * time.Minute
	maxConnections = 8192
	maxHello       = 8 << 10
	maxHead        = 128 << 10
)

// drainFor is how long calls that are under way may take when the server ends.
const drainFor = 30 * time.Second

// server is one that calls come to.
func (p *Proxy) server(handle http.HandlerFunc) *http.Server {
	return &http.Server{
		Handler: handle, ErrorLog: strangers.Log(p.Log, p.Wall),
		ReadHeaderTimeout: headIn, IdleTimeout: idleFor, MaxHeaderBytes: maxHead,
		DisableGeneralOptionsHandler: true, // nobody is answered who did not sign
	}
}

// secured is how clients are spoken to, under a certificate of ours.
func secured(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: certificate}
}

// lingerFor is how long the rest of a body may take that nobody wants any more,
// and what is sent to a client once its grant is over.
const lingerFor = 5 * time.Second

// letGo has the connection of a call end soon whose client keeps the rest of a
// body back: before net/http goes on with a connection, it reads some of what a
// handler left, for as long as that takes.
func (p *Proxy) letGo(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(p.Wall.Now().Add(lingerFor)) // without a socket nobody waits
}

// turnAway answers who is not let in, and ends the connection.
func (p *Proxy) turnAway(w http.ResponseWriter, status int, why string) {
	p.letGo(w)
	w.Header().Set("Connection", "close")
	http.Error(w, why, status)
}

// drain ends a server: it takes no more calls, and those that are under way have
// a while to finish.
func drain(ctx context.Context, s *http.Server) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	if s.Shutdown(limited) != nil {
		return s.Close()
	}
	return nil
}

func served(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("proxy: %w", err)
}

// bounded is a listener that turns away what is too much at once: of all
// together, and of one address more than it leaves to others, so that no
// stranger has all there is.
type bounded struct {
	net.Listener

	mu   sync.Mutex // guards what follows
	open int
	from map[netip.Addr]int // how many of open
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		at := addressOf(c.RemoteAddr().String())
		if b.enter(at) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { b.leave(at) })}, nil
		}
		_ = c.Close() // nobody was promised anything
	}
}

func (b *bounded) enter(at netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.from[at] >= maxConnections-b.open {
		return false
	}
	if b.from == nil {
		b.from = map[netip.Addr]int{}
	}
	b.open++
	b.from[at]++
	return true
}

func (b *bounded) leave(at netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	if b.from[at]--; b.from[at] == 0 {
		delete(b.from, at)
	}
}

type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
