package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxAnswer = 64 << 10
	// readLimit leaves room for a submitted view with its state (views are at
	// most 250 KB) and stops what no Slack payload needs.
	readLimit = 2 << 20
	// writeBuffer holds a whole acknowledgement, so that each goes out as one
	// frame.
	writeBuffer = maxAck + 1<<10
)

// open asks Slack for a connection, dials it and waits for its hello.
func (c *Client) open(l lives, token string) (*conn, error) {
	ctx, cancel := context.WithTimeout(l.run, openTimeout)
	defer cancel()
	c.dial()
	ws, err := c.upgrade(ctx, token)
	if err != nil {
		c.hangUp()
		return nil, err
	}
	cn := c.adopt(ws, l)
	if err := cn.greeting(ctx); err != nil {
		cn.finish()
		return nil, err
	}
	return cn, nil
}

func (c *Client) upgrade(ctx context.Context, token string) (*websocket.Conn, error) {
	u, err := c.ticket(ctx, token)
	if err != nil {
		return nil, err
	}
	return c.handshake(ctx, u)
}

// A slowDown is Slack's request to wait.
type slowDown struct{ after time.Duration }

func (e *slowDown) Error() string {
	return fmt.Sprintf("apps.connections.open: rate limited for %v", e.after)
}

// ticket calls apps.connections.open and returns the one-time URL to dial.
// Slack takes the token of this method only in the header.
func (c *Client) ticket(ctx context.Context, token string) (*url.URL, error) {
	if token == "" {
		return nil, &FatalError{Code: "not_authed"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.APIURL+"apps.connections.open", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("apps.connections.open: %w", err)
	}
	defer resp.Body.Close()
	return parseTicket(resp)
}

func parseTicket(resp *http.Response) (*url.URL, error) {
	if resp.StatusCode == http.StatusTooManyRequests {
		s, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return nil, &slowDown{after: time.Duration(min(max(s, 1), 600)) * time.Second}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("apps.connections.open: http status %d", resp.StatusCode)
	}
	var a struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		URL   string `json:"url"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&a); err != nil {
		// The decoder's message may quote the answer, and with it the ticket.
		return nil, errors.New("apps.connections.open: the answer is not what Slack sends")
	}
	switch {
	case !a.OK && isFatal(a.Error):
		return nil, &FatalError{Code: a.Error}
	case !a.OK:
		return nil, fmt.Errorf("apps.connections.open: %.80q", a.Error)
	}
	return parseSocketURL(a.URL)
}

// parseSocketURL refuses to carry payloads in the clear: they are not signed,
// so TLS is all that proves that they come from Slack.
func parseSocketURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return nil, errors.New("apps.connections.open: the answer has no usable url")
	}
	if !private(u, "wss", "ws") {
		return nil, fmt.Errorf("apps.connections.open: refusing %s to %s, want wss", u.Scheme, u.Host)
	}
	return u, nil
}

// private reports whether u is encrypted, or plain and loopback.
func private(u *url.URL, encrypted, plain string) bool {
	return u.Scheme == encrypted || u.Scheme == plain && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// withoutRedirects returns h as a client that follows none: the token must
// reach nobody but the host it was configured for.
func withoutRedirects(h *http.Client) *http.Client {
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// handshake dials u. Its errors name the host only, as the query carries the
// ticket.
func (c *Client) handshake(ctx context.Context, u *url.URL) (*websocket.Conn, error) {
	d := c.dialer()
	dial, unguard := d.NetDialContext, func() bool { return true }
	d.NetDialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		if err == nil {
			// An upgrade under way may already count at Slack. It gets a moment
			// to complete, so that we can say goodbye.
			unguard = context.AfterFunc(ctx, func() { nc.SetDeadline(machineIn(closeTimeout)) })
		}
		return nc, err
	}
	ws, resp, err := d.DialContext(context.WithoutCancel(ctx), u.String(), nil)
	unguard()
	switch {
	case err != nil && resp != nil:
		return nil, fmt.Errorf("dial %s: http status %d instead of a websocket", u.Host, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("dial %s: %w", u.Host, err)
	}
	ws.SetReadLimit(readLimit)
	return ws, nil
}

// dialer returns a dialer with the settings of the HTTP client's transport.
func (c *Client) dialer() *websocket.Dialer {
	d := &websocket.Dialer{
		Proxy:           http.ProxyFromEnvironment,
		NetDialContext:  (&net.Dialer{}).DialContext,
		WriteBufferSize: writeBuffer,
	}
	t, ok := c.http.Transport.(*http.Transport)
	if !ok {
		return d
	}
	d.Proxy = t.Proxy
	if t.DialContext != nil {
		d.NetDialContext = t.DialContext
	}
	if t.TLSClientConfig != nil {
		d.TLSClientConfig = t.TLSClientConfig.Clone()
		// A WebSocket starts as HTTP/1.1, whatever the transport speaks.
		d.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	return d
}
