package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/calls"
	"sesame/strategies/rolesession"
)

// everywhere is a public address, which tests lead somewhere else.
var everywhere = netip.MustParseAddr("93.184.215.14")

// tunnelsTo lets hosts through to an address, whatever their names.
func (r *rig) tunnelsTo(to string, hosts ...string) proxy.Tunnels {
	return proxy.Tunnels{
		Hosts:   hosts,
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{everywhere}, nil },
		Dial: func(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
			if at != netip.AddrPortFrom(everywhere, 443) {
				r.Errorf("dialled %s", at)
			}
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		},
	}
}

// listenWith serves an interceptor with tunnels.
func (r *rig) listenWith(t proxy.Tunnels) (stop func()) {
	r.Helper()
	i := proxy.NewInterceptor(r.proxy, r.authority)
	i.Tunnels = t
	r.address, stop = r.serving(i.Run)
	return stop
}

// connect asks for a tunnel under a key, and returns what is said.
func (r *rig) connect(host, user, password string) (net.Conn, *http.Response) {
	r.Helper()
	return r.dial("CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\nProxy-Authorization: Basic " +
		base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n\r\n")
}

func password(k rolesession.Key) string { return proxy.TunnelPassword(k.ID, k.Secret, k.Token) }

// TestTunnels has a program reach something else than AWS with the environment
// of sesame run, and holds what is recorded of it.
func TestTunnels(t *testing.T) {
	r := newRig(t, "")
	far := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(append([]byte("heard: "), body...))
	}))
	t.Cleanup(far.Close)
	r.listenWith(r.tunnelsTo(far.Listener.Addr().String(), "example.com"))
	roots := x509.NewCertPool()
	roots.AddCert(far.Certificate())
	transport := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: r.address, User: url.UserPassword(r.key.ID, password(r.key))}),
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	res, err := (&http.Client{Transport: transport}).Post("https://example.com/", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || string(text) != "heard: hello" {
		t.Errorf("%q, %v", text, err)
	}
	_ = res.Body.Close()
	transport.CloseIdleConnections()
	r.settled(calls.Ended)
	all := r.entries()
	if got := kinds(all); !slices.Equal(got, []calls.Kind{calls.Intent, calls.Ended}) {
		t.Fatalf("recorded %v", got)
	}
	if e := all[1]; e.Operation != "CONNECT example.com" || e.Person != "p-alice00000" || e.Grant != "g-0123456789" || e.Sent < 100 || e.Received < 100 || e.Call != all[0].Call {
		t.Errorf("recorded %+v", e)
	}
}

// settled waits until something of a kind is recorded.
func (r *rig) settled(k calls.Kind) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	wall := clock.System{}
	for !slices.Contains(kinds(r.entries()), k) {
		if err := clock.Wait(ctx, wall, wall.Now().Add(10*time.Millisecond)); err != nil {
			r.Fatalf("no %s is recorded", k)
		}
	}
}

func TestTunnelsAreForHolders(t *testing.T) {
	r := newRig(t, "")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	r.listenWith(r.tunnelsTo(silent.Addr().String(), "example.com", "*.example.org"))
	bound := r.mint(netip.MustParseAddr("192.0.2.7"))
	good := password(r.key)
	for name, c := range map[string]struct {
		host, user, password string
		want                 int
	}{
		"the holder":          {"example.com:443", r.key.ID, good, 200},
		"below a name":        {"a.b.example.org:443", r.key.ID, good, 200},
		"in capitals":         {"Example.COM:443", r.key.ID, good, 200},
		"the name itself":     {"example.org:443", r.key.ID, good, 403},
		"another end":         {"xexample.org:443", r.key.ID, good, 403},
		"another host":        {"example.net:443", r.key.ID, good, 403},
		"another port":        {"example.com:80", r.key.ID, good, 403},
		"no key":              {"example.com:443", "", "", 407},
		"the secret":          {"example.com:443", r.key.ID, r.key.Secret, 407},
		"another's password":  {"example.com:443", r.key.ID, password(bound), 407},
		"a changed password":  {"example.com:443", r.key.ID, good[:len(good)-1] + "?", 407},
		"no such key":         {"example.com:443", "SESAAAAAAAAAAAAAAAAA", good, 407},
		"another address":     {"example.com:443", bound.ID, password(bound), 403},
		"AWS goes by its way": {"sts.amazonaws.com:443", "", "", 200},
	} {
		if c.user == bound.ID && name == "another's password" {
			c.password = strings.Replace(password(bound), bound.Token, r.key.Token, 1)
		}
		conn, res := r.connect(c.host, c.user, c.password)
		if _ = conn.Close(); res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, res.StatusCode, c.want)
		}
	}
	r.end()
	conn, res := r.connect("example.com:443", r.key.ID, good)
	text, _ := io.ReadAll(res.Body)
	if _ = conn.Close(); res.StatusCode != 403 || !strings.Contains(string(text), "The grant g-0123456789 on ec2-frontend ended at") {
		t.Errorf("after the end: %d %s", res.StatusCode, text)
	}
}

func TestThereAreNoTunnelsUnlessSet(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	conn, res := r.connect("example.com:443", r.key.ID, password(r.key))
	if _ = conn.Close(); res.StatusCode != http.StatusForbidden {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestTunnelsLeadOutside has names lead to what is inside, or nowhere.
func TestTunnelsLeadOutside(t *testing.T) {
	r := newRig(t, "")
	var at netip.Addr
	r.listenWith(proxy.Tunnels{
		Hosts:   []string{"example.com"},
		Resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{at}, nil },
		Dial: func(_ context.Context, to netip.AddrPort) (net.Conn, error) {
			t.Errorf("dialled %s", to)
			return nil, errors.ErrUnsupported
		},
	})
	for _, inside := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1", "224.0.0.1",
		"239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
		"::1", "::", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::1",
		"2001::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "100::1", "5f00::1", "fe80::1%eth0", "2600::1%eth0", "::10.0.0.1",
	} {
		if a := netip.MustParseAddr(inside); proxy.PublicForTest(a.Unmap()) {
			t.Errorf("%s counts as public", a)
		}
		at = netip.MustParseAddr(inside)
		conn, res := r.connect("example.com:443", r.key.ID, password(r.key))
		if _ = conn.Close(); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", inside, res.StatusCode)
		}
	}
	for _, outside := range []string{"93.184.215.14", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2600:1f18::1", "2a00:1450::1", "::ffff:8.8.8.8"} {
		if !proxy.PublicForTest(netip.MustParseAddr(outside).Unmap()) {
			t.Errorf("%s does not count as public", outside)
		}
	}
}

// echoing opens a tunnel to what says back what it hears, and uses it once.
func (r *rig) echoing() (conn net.Conn, stop func()) {
	r.Helper()
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := far.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until it is cut
			})
		}
	})
	r.Cleanup(func() {
		_ = far.Close()
		wg.Wait()
	})
	stop = r.listenWith(r.tunnelsTo(far.Addr().String(), "example.com"))
	conn, res := r.connect("example.com:443", r.key.ID, password(r.key))
	if res.StatusCode != http.StatusOK {
		r.Fatal(res.Status)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		r.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "hello\n" {
		r.Fatalf("%q, %v", line, err)
	}
	return conn, stop
}

// TestTunnelsEndWithTheGrant cuts them when somebody ends it, when its time is
// over, and when the server ends.
func TestTunnelsEndWithTheGrant(t *testing.T) {
	for name, c := range map[string]struct {
		lasts time.Duration
		end   func(*rig, func())
		why   string
	}{
		"ended": {time.Hour, func(r *rig, _ func()) {
			r.end()
			if err := r.proxy.Cut(t.Context()); err != nil {
				t.Error(err)
			}
		}, "the grant ended"},
		"over":    {300 * time.Millisecond, func(*rig, func()) {}, "the grant ended"},
		"stopped": {time.Hour, func(_ *rig, stop func()) { stop() }, "the server ended"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			g := r.grant()
			g.EndsAt = noon.Add(c.lasts)
			r.put(g)
			conn, stop := r.echoing()
			c.end(r, stop)
			if rest, err := io.ReadAll(conn); err == nil && len(rest) > 0 {
				t.Errorf("%q came after the end", rest)
			}
			r.settled(calls.Ended)
			all := r.entries()
			if last := all[len(all)-1]; last.Why != c.why || last.Sent != 6 || last.Received != 6 {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}

// TestNoTunnelWithoutARecord fills the record.
func TestNoTunnelWithoutARecord(t *testing.T) {
	r := newRig(t, "")
	r.listenWith(proxy.Tunnels{Hosts: []string{"example.com"}, Resolve: func(context.Context, string) ([]netip.Addr, error) {
		t.Error("looked a host up without a record")
		return nil, nil
	}})
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	conn, res := r.connect("example.com:443", r.key.ID, password(r.key))
	if _ = conn.Close(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%d", res.StatusCode)
	}
}
