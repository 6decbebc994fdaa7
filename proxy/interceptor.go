package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"
)

// An Interceptor is what clients name as their HTTPS_PROXY. It takes the place
// of the hosts of AWS, and of no others.
type Interceptor struct {
	// Tunnels are let through as they are. Set before Run. Optional.
	Tunnels Tunnels

	proxy     *Proxy
	authority *Authority
	tunnels   *tunnels
	passing   gate // of tunnels that are let through
}

// NewInterceptor returns an Interceptor that hands calls to p, with
// certificates from a.
func NewInterceptor(p *Proxy, a *Authority) *Interceptor {
	return &Interceptor{proxy: p, authority: a, tunnels: &tunnels{next: make(chan net.Conn), done: make(chan struct{})}}
}

// Run serves l until ctx ends, and then lets calls that are under way finish for
// a while. What passes unread has no end to wait for, and is cut. When it returns
// nothing is served any more.
func (i *Interceptor) Run(ctx context.Context, l net.Listener) error {
	i.tunnels.addr = l.Addr()
	outer := i.proxy.server(i.connect)
	outer.ReadHeaderTimeout, outer.IdleTimeout, outer.MaxHeaderBytes = helloIn, helloIn, maxHello
	inner := i.proxy.server(i.serve)
	inner.ConnContext = withTunnel
	group, ctx := errgroup.WithContext(ctx)
	outer.BaseContext = func(net.Listener) context.Context { return ctx }
	group.Go(func() error { return served(outer.Serve(&bounded{Listener: l})) })
	group.Go(func() error { return served(inner.Serve(tls.NewListener(i.tunnels, secured(i.certificate)))) })
	group.Go(func() error {
		<-ctx.Done()
		err := errors.Join(outer.Close(), drain(ctx, inner))
		i.passing.close()
		return err
	})
	return group.Wait()
}

// connect opens a tunnel to a host of AWS, which ends here.
func (i *Interceptor) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		i.proxy.turnAway(w, http.StatusMethodNotAllowed, "This is a proxy for HTTPS: set HTTPS_PROXY to it, and nothing else.")
		return
	}
	host := hostOnly(r.Host)
	if _, port, err := net.SplitHostPort(r.Host); err != nil || port != "443" {
		i.proxy.turnAway(w, http.StatusForbidden, "Sesame passes on what goes to port 443 of AWS, and nothing else.")
		return
	}
	_, ours := i.proxy.Table.Resolve(host)
	if !ours && i.Tunnels.lead(host) {
		i.pass(w, r, host)
		return
	}
	if !ours {
		i.proxy.turnAway(w, http.StatusForbidden, fmt.Sprintf("%.100q is no endpoint of AWS: have NO_PROXY name it.", host))
		return
	}
	t, err := taken(w, host)
	if err != nil {
		i.proxy.Log.Error().Err(err).Msg("take over a connection")
		return
	}
	if !i.tunnels.hand(t) {
		_ = t.Close() // there is nobody to tell
	}
}

// taken takes a connection over and tells the client that its tunnel stands.
func taken(w http.ResponseWriter, host string) (*tunnel, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if _, err = conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &tunnel{Conn: conn, host: host, early: buffered.Reader}, nil
}

// certificate is for the host that the tunnel was opened to, whatever else a
// client says that it wants.
func (i *Interceptor) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	t, ok := hello.Conn.(*tunnel)
	if !ok || hostOnly(hello.ServerName) != t.host {
		return nil, errors.New("the server name is not the host of the tunnel")
	}
	return i.authority.Leaf(t.host)
}

type tunnelKey struct{}

func withTunnel(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		if t, ok := secure.NetConn().(*tunnel); ok {
			return context.WithValue(ctx, tunnelKey{}, t.host)
		}
	}
	return ctx
}

// serve answers what comes out of a tunnel. A session of TLS that was resumed
// had no certificate picked, so that its name is compared here as well.
func (i *Interceptor) serve(w http.ResponseWriter, r *http.Request) {
	host, ok := r.Context().Value(tunnelKey{}).(string)
	if !ok || r.TLS == nil || hostOnly(r.TLS.ServerName) != host {
		i.proxy.turnAway(w, http.StatusMisdirectedRequest, "The connection is to another host than its tunnel.")
		return
	}
	i.proxy.Serve(w, r, host)
}

// A tunnel is a connection after its CONNECT.
type tunnel struct {
	net.Conn
	host  string
	early *bufio.Reader // what the client sent without waiting
}

// Read implements net.Conn.
func (t *tunnel) Read(p []byte) (int, error) {
	if t.early != nil {
		if t.early.Buffered() > 0 {
			return t.early.Read(p[:min(len(p), t.early.Buffered())])
		}
		t.early = nil
	}
	return t.Conn.Read(p)
}

// tunnels is the listener of the server behind.
type tunnels struct {
	next chan net.Conn
	done chan struct{}
	once sync.Once
	addr net.Addr
}

// hand gives a tunnel to the server behind, unless that has ended.
func (t *tunnels) hand(c net.Conn) bool {
	select {
	case t.next <- c:
		return true
	case <-t.done:
		return false
	}
}

// Accept implements net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case c := <-t.next:
		return c, nil
	case <-t.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.done) })
	return nil
}

// Addr implements net.Listener.
func (t *tunnels) Addr() net.Addr { return t.addr }
