package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
)

// Tunnels say what passes through an Interceptor unread, since it is not AWS:
// package indexes, registries, and what else programs reach that leave
// everything to their HTTPS_PROXY. Only the holders of open grants may, and it
// is recorded who did, to where, when and how much. The zero Tunnels are none.
type Tunnels struct {
	// Hosts are names, or *.name for all that is below one.
	Hosts []string
	// Resolve finds the addresses of a host. Optional, default
	// net.DefaultResolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to one of them, which is public. Optional, default
	// net.Dialer.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

const tunnelPort = 443

func (t Tunnels) withDefaults() Tunnels {
	if t.Resolve == nil {
		t.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if t.Dial == nil {
		t.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		}
	}
	return t
}

func (t Tunnels) lead(host string) bool {
	return slices.ContainsFunc(t.Hosts, func(h string) bool {
		below, wild := strings.CutPrefix(h, "*")
		return host == h || wild && len(host) > len(below) && strings.HasSuffix(host, below)
	})
}

// open connects to a public address of a host. What was looked at is what is
// dialled: a name could lead elsewhere when it is asked for again.
func (t Tunnels) open(ctx context.Context, host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialIn)
	defer cancel()
	addresses, err := t.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range addresses {
		if a = a.Unmap(); !public(a) {
			errs = append(errs, fmt.Errorf("%s is no public address", a))
			continue
		}
		conn, err := t.Dial(ctx, netip.AddrPortFrom(a, tunnelPort))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return nil, errors.Join(errs...)
}

// special are the networks among those of everybody that are not, by the
// registries of IANA (RFC 6890). Some of them hold addresses of IPv4 in another
// form. Private, local and multicast ones have predicates of their own.
var special = func() (all []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

// everybodys are the addresses of IPv6 that are given out at all.
var everybodys = netip.MustParsePrefix("2000::/3")

// public reports whether an address is one that everybody reaches.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && a.Zone() == "" && (a.Is4() || everybodys.Contains(a)) &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// TunnelPassword is what tunnels are asked for with, beside the id of the key.
// It goes over the wire as it is, and so is good for nothing else: neither the
// secret nor a signature can be had from it.
func TunnelPassword(id, secret, token string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("tunnel 1\n" + id + "\n" + token))
	return token + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// A gate counts those who are inside, and can be shut.
type gate struct {
	mu     sync.Mutex // guards what follows
	shut   bool
	inside sync.WaitGroup
}

// enter reports whether the gate is open. Who is let in has to leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.inside.Add(1)
	}
	return !g.shut
}

func (g *gate) leave() { g.inside.Done() }

// close lets nobody in any more, and waits for those who are inside.
func (g *gate) close() {
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	g.inside.Wait()
}

// A passage is a tunnel that somebody asks for.
type passage struct {
	Tunnels
	c     *call // who asks, whence and where to
	key   string
	began time.Time
	sent  atomic.Int64
	got   atomic.Int64
}

// pass takes a tunnel from step to step, as serve does a call: who asks, which
// grant, the record of what is about to be, and of what it was.
func (i *Interceptor) pass(w http.ResponseWriter, r *http.Request, host string) {
	if !i.passing.enter() {
		return // the connection is shut
	}
	defer i.passing.leave()
	c := &call{Proxy: i.proxy, w: w, r: r, host: host, from: clientAddress(r)}
	c.id = i.proxy.nextID()
	p := &passage{Tunnels: i.Tunnels.withDefaults(), c: c, began: i.proxy.Clock.Now()}
	refused := p.identify(r.Context())
	if refused != nil {
		w.Header().Set("Proxy-Authenticate", `Basic realm="Sesame"`)
		i.proxy.turnAway(w, http.StatusProxyAuthRequired, refused.why)
		return
	}
	if refused = c.admit(r.Context()); refused != nil {
		p.note(calls.Refused, http.StatusForbidden, refused.why)
	} else {
		refused = p.carry(r.Context())
	}
	if refused != nil {
		i.proxy.turnAway(w, refused.kind.native().status, refused.why)
	}
}

const askForKey = "have HTTPS_PROXY as sesame env prints it, for as long as your access is open"

// identify finds out whose key the password is of.
func (p *passage) identify(ctx context.Context) *refusal {
	given := http.Request{Header: http.Header{"Authorization": p.c.r.Header["Proxy-Authorization"]}}
	id, password, ok := given.BasicAuth()
	token, _, whole := cutLast(password, '.')
	if !ok || !whole {
		return deny(unsigned, "", "A tunnel to %.100s needs a key: %s.", p.c.host, askForKey)
	}
	key, err := p.c.Keys.Find(ctx, id, token)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return p.c.unable(err, "look the key up")
	}
	if err != nil || !hmac.Equal([]byte(password), []byte(TunnelPassword(id, key.Secret, token))) {
		return deny(unknownKey, "", "Sesame does not know this key, or its grant is over: %s.", askForKey)
	}
	p.c.key, p.key = key, id
	return nil
}

// cutLast is strings.Cut at the last of a byte.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// carry records that there will be a tunnel, opens it, and records its end.
func (p *passage) carry(ctx context.Context) *refusal {
	c := p.c
	err := c.Calls.Room()
	if err == nil {
		err = p.note(calls.Intent, 0, "")
	}
	if err != nil {
		return c.unable(err, "record the tunnel")
	}
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	leave := c.underWay.enterUntil(c.grant, c.whenOver(c.grant), cut)
	defer leave()
	if refused := c.overtaken(ctx); refused != nil {
		p.note(calls.Ended, http.StatusForbidden, refused.why)
		return refused
	}
	far, err := p.open(ctx, c.host)
	if err != nil {
		c.Log.Info().Err(err).Str("call", c.id).Str("host", c.host).Msg("no tunnel")
		p.note(calls.Answer, http.StatusBadGateway, "no public address of the host answered")
		return deny(unreachable, "", "No public address of %.100s answered on port 443: check the name, or have NO_PROXY name it.", c.host)
	}
	defer far.Close()
	near, err := taken(c.w, c.host)
	if err != nil {
		c.Log.Error().Err(err).Msg("take over a connection")
		return nil
	}
	defer near.Close()
	p.between(ctx, near, far)
	p.note(calls.Ended, http.StatusOK, whyOver(ctx))
	return nil
}

// whyOver says what ended a tunnel, if neither of its ends did.
func whyOver(ctx context.Context) string {
	switch {
	case errors.Is(context.Cause(ctx), errOver):
		return errOver.Error()
	case ctx.Err() != nil:
		return "the server ended"
	}
	return ""
}

// between passes on what comes, both ways, until either end has had enough or
// ctx has.
func (p *passage) between(ctx context.Context, near *tunnel, far net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(near.Close(), far.Close()) })
	defer stop()
	var both errgroup.Group
	both.Go(func() error { return pour(far, near, &p.sent) })
	both.Go(func() error { return pour(near, far, &p.got) })
	_ = both.Wait() // how a connection ends is between its ends
}

// pour copies until there is no more, and says so to the other side.
func pour(to, from net.Conn, n *atomic.Int64) error {
	copied, err := io.Copy(to, from)
	n.Add(copied)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		return half.CloseWrite()
	}
	return errors.Join(err, to.Close(), from.Close())
}

// note records something about the tunnel. It was let through by the name of
// its host alone, so that nothing is known of what it is for.
func (p *passage) note(k calls.Kind, status int, why string) error {
	c, grant := p.c, p.c.given()
	e := calls.Entry{
		At: c.Clock.Now(), Kind: k, Call: c.id, Grant: string(c.key.Grant), Person: string(grant.Holder), Target: grant.Target, Key: p.key,
		Service: "tunnel", Operation: "CONNECT " + c.host, Level: awsapi.Write.String(), Status: status, Why: why,
		Sent: p.sent.Load(), Received: p.got.Load(),
	}
	if c.from.IsValid() {
		e.From = c.from.String()
	}
	if k == calls.Ended {
		e.Took = e.At.Sub(p.began)
	}
	err := c.Calls.Append(e)
	if err != nil {
		c.Log.Error().Err(err).Str("call", c.id).Msg("record a tunnel")
	}
	return err
}
