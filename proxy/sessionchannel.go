package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
	"sesame/proxy/ssm"
)

// channelPath is what the paths of data channels begin with; the id of a
// session follows.
const channelPath = "/v1/data-channel/"

// The limits of a socket that is being opened.
const (
	dialIn    = 15 * time.Second
	openingIn = 30 * time.Second
)

// sessionForm is the form of the id of a session, as it may be told.
var sessionForm = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,96}$`)

// channel opens a socket of a session, if that is what the request is for: the
// upgrade is signed with the proxy key here, and with the role's credentials
// there. It returns when the socket has ended.
func (c *call) channel(ctx context.Context) *refusal {
	if c.signed.Scope.Service != awsapi.Channels {
		return nil
	}
	c.found = c.Table.OpensChannel()
	c.actions = c.found.Actions(&c.request)
	s, refused := c.channelOf()
	if refused != nil {
		return refused
	}
	if refused := c.equip(ctx); refused != nil {
		return refused
	}
	if refused := c.intend(ctx); refused != nil {
		return refused
	}
	c.sentAt = c.Wall.Now()
	agent, res, err := s.dial(ctx, c)
	if err != nil {
		return c.unopened(res, err)
	}
	if err := c.Calls.Append(c.answered(res, 0)); err != nil {
		agent.close()
		return c.unrecorded(err)
	}
	c.taken = true
	client, err := upgrade(c.w, c.r)
	if err != nil {
		agent.close()
		c.Log.Debug().Err(err).Str("call", c.id).Msg("upgrade a connection")
		return nil // it was answered
	}
	s.serve(c, newSocket(client, agent, c.Wall))
	return nil
}

// channelOf finds the session whose channel is to be opened. That it is the
// holder's own is all that there is to be said about it: which token lets in is
// said on the socket.
func (c *call) channelOf() (*session, *refusal) {
	if c.Sessions.Recorders == nil {
		return nil, deny(denied, "session", "Sesame does not record sessions here, so it opens no data channel.")
	}
	var path string
	if u, err := url.ParseRequestURI(c.r.RequestURI); err == nil {
		path = u.Path
	}
	id, ok := strings.CutPrefix(path, channelPath)
	if sessionForm.MatchString(id) {
		c.params = map[string][]string{"SessionId": {id}}
	}
	s := c.bridged.find(id)
	switch {
	case !ok || !websocket.IsWebSocketUpgrade(c.r) || c.r.Method != http.MethodGet:
		return nil, deny(denied, "session", "This is no request for a data channel: use the Session Manager plugin or sesame ssm.")
	case c.repeats.see(c.signed, c.from, c.began) == repeatElsewhere:
		return nil, deny(denied, "repeat", "This very request was sent before from another address: whoever repeats it is to sign it themselves.")
	case s == nil || s.grant.ID != c.grant.ID || s.person != c.grant.Holder:
		return nil, deny(denied, "session", "The session %.80q is not one that this access has open through Sesame: it is over, or was cut off when Sesame was started again; start another one.", id)
	case !sameChannel(c.r.RequestURI, s.streamURL()):
		return nil, deny(denied, "session", "This is not the data channel that AWS gave this session: use its stream URL as it is.")
	}
	return s, nil
}

// sameChannel compares a target with a stream URL, of which clients may write
// the parameters anew.
func sameChannel(target string, stream *url.URL) bool {
	u, err := url.ParseRequestURI(target)
	return err == nil && u.Path == stream.Path && u.Query().Encode() == stream.Query().Encode()
}

func (s *session) streamURL() *url.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

func (s *session) resumedAt(stream *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = stream
}

// dial opens the channel at AWS, under the credentials of c's role.
func (s *session) dial(ctx context.Context, c *call) (*end, *http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, dialIn)
	defer cancel()
	stop := context.AfterFunc(s.over, cancel)
	defer stop()
	stream, now := s.streamURL(), c.Wall.Now()
	key := sigv4.NewKey(c.role.SecretAccessKey, sigv4.Scope{
		Day: now.UTC().Format("20060102"), Region: c.signed.Scope.Region, Service: awsapi.Channels,
	})
	header := http.Header{}
	if agent := c.r.Header.Get("User-Agent"); agent != "" {
		header.Set("User-Agent", agent)
	}
	nothing := sha256.Sum256(nil)
	_, err := sigv4.Credential{KeyID: c.role.AccessKeyID, Token: c.role.SessionToken, Key: key}.Sign(
		sigv4.Request{Method: http.MethodGet, Target: stream.RequestURI(), Host: stream.Host, Header: header}, nil, hex.EncodeToString(nothing[:]), now)
	if err != nil {
		return nil, nil, err
	}
	var l *line
	d := websocket.Dialer{
		ReadBufferSize: socketRoom, WriteBufferSize: socketRoom,
		NetDialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := s.dialHost(ctx, stream.Hostname())
			if err != nil {
				return nil, err
			}
			l = &line{Conn: conn}
			return l, nil
		},
	}
	conn, res, err := d.DialContext(ctx, stream.String(), header)
	if err != nil {
		return nil, res, err
	}
	return newEnd(conn, l), res, nil
}

func (s *session) dialHost(ctx context.Context, host string) (net.Conn, error) {
	if s.Sessions.Dial != nil {
		return s.Sessions.Dial(ctx, host)
	}
	return new(tls.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, "443"))
}

// unopened is why AWS did not open a channel.
func (c *call) unopened(res *http.Response, err error) *refusal {
	c.Log.Warn().Err(err).Str("call", c.id).Str("host", c.host).Msg("open a data channel")
	f := deny(unreachable, "", "AWS did not open the data channel at %s: try again, or start another session.", c.host)
	f.kindOfEntry = calls.Answer
	if res != nil {
		f.why = "AWS refused to open the data channel, with status " + http.StatusText(res.StatusCode) + ": start another session."
	}
	return f
}

// A taking is a writer whose connection is taken over as a line.
type taking struct {
	http.ResponseWriter
	line *line
}

// upgrade makes the client's connection a WebSocket.
func upgrade(w http.ResponseWriter, r *http.Request) (*end, error) {
	to := &taking{ResponseWriter: w}
	u := websocket.Upgrader{
		ReadBufferSize: socketRoom, WriteBufferSize: socketRoom,
		CheckOrigin: func(*http.Request) bool { return true }, // no browser signs with a proxy key
	}
	conn, err := u.Upgrade(to, r, nil)
	if err != nil {
		return nil, err
	}
	return newEnd(conn, to.line), nil
}

// serve lets a client in who has the token, and carries what passes.
func (s *session) serve(c *call, k *socket) {
	defer k.close()
	stop := context.AfterFunc(s.over, k.agent.close)
	defer stop()
	if refused := s.open(c, k); refused != nil {
		e := c.entry(calls.Refused)
		e.Rule, e.Why = refused.rule, refused.why
		if err := c.Calls.Append(e); err != nil {
			c.Log.Error().Err(err).Str("call", c.id).Msg("record a refusal")
		}
		k.goodbye(s.id, refused.why)
		return
	}
	if !s.attach(k) {
		k.goodbye(s.id, s.endingOf(context.Cause(s.over)).output())
		return
	}
	err := s.carry(k)
	s.detach(k)
	c.Log.Debug().Err(err).Str("call", c.id).Msg("a socket of a session ended")
}

// open passes on the first frame, with AWS's token in place of ours.
func (s *session) open(c *call, k *socket) *refusal {
	late := c.Wall.Now().Add(openingIn)
	if err := k.client.conn.SetReadDeadline(late); err != nil {
		return deny(denied, "session", "The connection broke off.")
	}
	kind, frame, err := k.client.next()
	if err != nil || kind != websocket.TextMessage {
		return deny(denied, "session", "The data channel was opened without a token: use the Session Manager plugin or sesame ssm.")
	}
	o, err := ssm.ReadOpening(frame)
	if err != nil {
		return deny(denied, "session", "Sesame cannot take the first frame: %v; use the Session Manager plugin or sesame ssm.", err)
	}
	real, ok := s.redeem(o.Token, c.signed.KeyID)
	if !ok {
		return deny(denied, "session", "The token is not the one that this session was given last, with this key: resume the session, or start another one.")
	}
	rewritten, err := ssm.RewriteOpening(frame, real)
	if err == nil {
		err = k.agent.conn.WriteMessage(websocket.TextMessage, rewritten)
	}
	if err == nil {
		err = k.client.conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		if errors.Is(err, ssm.ErrToken) {
			return deny(denied, "session", "Sesame cannot take the first frame: %v; use the Session Manager plugin or sesame ssm.", err)
		}
		return deny(denied, "session", "The connection to AWS broke off: resume the session, or start another one.")
	}
	return nil
}
