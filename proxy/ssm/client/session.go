package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy/ssm"
	"sesame/proxy/ssm/channel"
)

// Version is what the client says of itself: that of the plugin whose
// behaviour it has.
const Version = "1.2.804.0"

// An Answer lets a client into a session: what StartSession answers.
type Answer struct {
	SessionID string `json:"SessionId"`
	Token     string `json:"TokenValue"`
	StreamURL string `json:"StreamUrl"`
}

// A Request is what StartSession is asked for.
type Request struct {
	Target     string
	Document   string              `json:"DocumentName,omitempty"`
	Parameters map[string][]string `json:",omitempty"`
	Reason     string              `json:",omitempty"`
}

// Start starts a session.
func (a *API) Start(ctx context.Context, r Request) (*Session, error) {
	var answer Answer
	if err := a.call(ctx, ofSSM("StartSession"), r, &answer); err != nil {
		return nil, err
	}
	return a.Join(answer, r.Target), nil
}

// Join returns a session that somebody else has started, on target.
func (a *API) Join(answer Answer, target string) *Session {
	return &Session{api: a, answer: answer, target: target, end: channel.New(ssm.Client, a.Clock)}
}

// A Session is one that was started. Shell or Forward has it run, once.
type Session struct {
	api    *API
	answer Answer
	target string
	end    *channel.End

	// What the handshake says, before begun and not after.
	begun  bool
	agent  string // its version; empty for one that does not say
	key    ssm.Key
	sealed bool
	about  ssm.SessionType
}

// ID is the session's.
func (s *Session) ID() string { return s.answer.SessionID }

// An Ended says that the service closed the session, and why.
type Ended struct{ Why string }

// Error says that it is over, and why.
func (e *Ended) Error() string { return "the session was ended: " + e.Why }

// ErrTimedOut says that the session was lost for so long that AWS has ended it.
var ErrTimedOut = errors.New("the session timed out while there was no connection: start another one")

// ErrGateway says that AWS's answer leads elsewhere than to AWS.
var ErrGateway = errors.New("the answer to StartSession leads to no message gateway of AWS, so it is not followed")

// terminateIn is how long ending a session may take.
const terminateIn = 5 * time.Second

// run carries the session while work does what it is for, and ends it.
func (s *Session) run(ctx context.Context, work func(context.Context) error) error {
	group, both := errgroup.WithContext(ctx)
	over, stop := context.WithCancel(both)
	group.Go(func() error {
		defer stop()
		return work(both)
	})
	group.Go(func() error { return s.carry(over) })
	err := group.Wait()
	if _, closed := errors.AsType[*Ended](err); err != nil && !closed && !errors.Is(err, ErrTimedOut) {
		s.terminate(ctx)
	}
	return err
}

// terminate ends the session at AWS, even when ctx is over. Whether it came to
// that is AWS's to say: it also ends what nobody is connected to.
func (s *Session) terminate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), terminateIn)
	defer cancel()
	_ = s.api.call(ctx, ofSSM("TerminateSession"), map[string]string{"SessionId": s.ID()}, &struct{}{})
}

// carry brings one socket after the other, until the service closes the
// session or over is.
func (s *Session) carry(over context.Context) error {
	for {
		socket, err := s.dial(over)
		if err == nil {
			if err = s.end.Serve(over, socket); err == nil {
				return nil
			}
		}
		if over.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrGateway) || errors.Is(err, channel.ErrSilent) {
			return err
		}
		if err := s.resume(over, err); err != nil {
			return err
		}
	}
}

// tries and firstWait are how often, and after how long at first, a session is
// resumed before it is given up.
const (
	tries     = 5
	firstWait = 200 * time.Millisecond
)

// resume gets a new token after a socket was lost.
func (s *Session) resume(ctx context.Context, lost error) error {
	wait := firstWait
	for range tries {
		if err := clock.Wait(ctx, s.api.Clock, s.api.Clock.Now().Add(wait)); err != nil {
			return nil // it is over
		}
		wait *= 2
		var answer Answer
		err := s.api.call(ctx, ofSSM("ResumeSession"), map[string]string{"SessionId": s.ID()}, &answer)
		if e, refused := errors.AsType[*Error](err); refused && !e.passes() {
			return fmt.Errorf("the connection was lost, and the session cannot be resumed: %w", err)
		}
		if err != nil {
			lost = err
			continue
		}
		if answer.Token == "" {
			return ErrTimedOut
		}
		s.answer.Token = answer.Token
		return nil
	}
	return fmt.Errorf("the connection was lost and does not come back: %w", lost)
}

// dial opens the data channel, and says who is there.
func (s *Session) dial(ctx context.Context) (channel.Socket, error) {
	at, err := url.Parse(s.answer.StreamURL)
	if err != nil || at.Scheme != "wss" || at.Host != s.api.host("ssmmessages") || at.User != nil {
		return nil, ErrGateway
	}
	header, err := s.signed(ctx, *at)
	if err != nil {
		return nil, err
	}
	d := websocket.Dialer{Proxy: s.api.Proxy, TLSClientConfig: s.api.TLS, HandshakeTimeout: 30 * time.Second}
	ws, res, err := d.DialContext(ctx, at.String(), header)
	if err != nil {
		if res != nil {
			_ = res.Body.Close()
			err = fmt.Errorf("%w: %s", err, res.Status)
		}
		return nil, fmt.Errorf("open the data channel: %w", err)
	}
	ws.SetReadLimit(ssm.MaxFrame)
	opening := ssm.Opening{Schema: "1.0", RequestID: newID(), Token: s.answer.Token, ClientID: newID(), ClientVersion: Version}
	if err := ws.WriteJSON(opening); err != nil {
		return nil, errors.Join(err, ws.Close())
	}
	return ws, nil
}

// signed returns the headers of the upgrade.
func (s *Session) signed(ctx context.Context, at url.URL) (http.Header, error) {
	at.Scheme = "https"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	err = s.api.sign(ctx, req, "ssmmessages", nil)
	return req.Header, err
}

func newID() string {
	var id ssm.ID
	_, _ = rand.Read(id[:]) // never fails
	return id.String()
}

// next returns the next message of the agent that is for whoever runs the
// session; handshakes are not.
func (s *Session) next(ctx context.Context) (ssm.Message, error) {
	for {
		m, err := s.end.Read(ctx)
		if err != nil {
			return m, err
		}
		if m.Type == ssm.Closed {
			return m, closing(m)
		}
		done, err := s.handshake(ctx, m)
		if err != nil {
			return m, err
		}
		if done {
			continue
		}
		s.begun = true
		if s.sealed && (m.Payload == ssm.PayloadData || m.Payload == ssm.PayloadStderr || m.Payload == ssm.PayloadExitCode) {
			if m.Data, err = s.key.Open(ssm.Agent, m.Data); err != nil {
				return m, err
			}
		}
		return m, nil
	}
}

// closing is the end of a session as an error.
func closing(m ssm.Message) error {
	var c ssm.Closing
	_ = json.Unmarshal(m.Data, &c) // it is the end, whatever it says
	return &Ended{strings.TrimSpace(c.Output)}
}

// write sends data, sealed if the session is.
func (s *Session) write(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), channel.ChunkSize)
		piece := data[:n]
		if s.sealed {
			piece = s.seal(piece)
		}
		if err := s.end.Write(ctx, ssm.PayloadData, piece); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

const nonceSize = 12

func (s *Session) seal(data []byte) []byte {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails
	return s.key.Seal(ssm.Client, nonce, data)
}
