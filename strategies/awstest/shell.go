package awstest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sesame/strategies/awstest/agent"
)

// A ShellSession is a session of Session Manager that was started.
type ShellSession struct {
	ID, Target, Document string
	Region               string
	By                   Caller
	Since                time.Time
	Reason               string
	Connected            bool // a client is there
}

// ShellSessions returns the sessions that are open, oldest first.
func (w *World) ShellSessions() []ShellSession {
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []ShellSession
	for _, s := range w.shells {
		if w.timeOutLocked(s); !s.over {
			open = append(open, s.ShellSession)
		}
	}
	return open
}

// CutShell breaks the socket that the client of a session has, as a network
// does. The session goes on.
func (w *World) CutShell(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shells {
		if s.ID == id && s.cut != nil {
			s.cut()
		}
	}
}

// A shell is a session and what serves it. World.mu guards it.
type shell struct {
	ShellSession
	agent  *agent.Session
	stream string // URL

	token      string
	tokenUntil time.Time

	ctx    context.Context // of what runs on the machine: the lifetime of a background owner
	end    context.CancelCauseFunc
	begun  bool
	cut    context.CancelFunc // of the socket; nil without one
	served chan struct{}      // closed when the socket is gone
	lost   time.Time          // since when there is no socket

	over, timedOut bool
	ended          time.Time
	terminates     time.Time // when what TerminateSession asked for is done
}

// The reasons for which a session ends, other than that its program does.
var (
	errTerminated = errors.New("the session was terminated by a call of TerminateSession")
	errTimedOut   = errors.New("the session timed out")
	errWorldOver  = errors.New("the world is over")
)

// startLocked makes the session that r wants.
func (w *World) startLocked(r *request, o wish) *shell {
	who := r.call.Caller.ARN[strings.LastIndex(r.call.Caller.ARN, "/")+1:]
	id := who + "-0" + strings.ReplaceAll(w.uuidLocked(), "-", "")[:16]
	s := &shell{ShellSession: ShellSession{ID: id, Target: o.target, Document: o.document, Region: r.call.Region, By: r.call.Caller, Since: r.now, Reason: o.reason}}
	s.stream = fmt.Sprintf("wss://ssmmessages.%s.amazonaws.com/v1/data-channel/%s?role=publish_subscribe", r.call.Region, id)
	s.ctx, s.end = context.WithCancelCause(w.life)
	s.lost = r.now
	o.options.ID, o.options.Clock = id, w.clock
	o.options.DataKey = w.dataKey(s)
	s.agent = agent.New(o.options)
	s.renewLocked(r)
	w.shells = append(w.shells, s)
	return s
}

// renewLocked gives the session a new token; the one before is void.
func (s *shell) renewLocked(r *request) {
	s.token, s.tokenUntil = randomText(60), r.now.Add(r.w.settings.TokenLife)
}

func (s *shell) answer() doc {
	return doc{"SessionId": s.ID, "TokenValue": s.token, "StreamUrl": s.stream}
}

func (s *shell) status() string {
	switch {
	case s.over:
		return "Terminated"
	case !s.terminates.IsZero():
		return "Terminating"
	case s.Connected:
		return "Connected"
	case !s.begun:
		return "Connecting"
	}
	return "Disconnected"
}

// timeOutLocked ends a session that nobody has been connected to for too long,
// or whose end was asked for and is due.
func (w *World) timeOutLocked(s *shell) {
	if !s.over && !s.terminates.IsZero() && !w.clock.Now().Before(s.terminates) {
		w.endLocked(s, errTerminated)
	}
	if !s.over && !s.Connected && w.clock.Now().Sub(s.lost) >= w.settings.Idle {
		s.timedOut = true
		w.endLocked(s, errTimedOut)
	}
}

// endLocked ends a session for a reason.
func (w *World) endLocked(s *shell, why error) {
	if s.over {
		return
	}
	s.over, s.ended, s.token = true, w.clock.Now(), ""
	s.end(why)
	w.changedLocked()
}

// attach carries a session over a socket, and returns when that is gone. A
// socket that is there already makes way.
func (w *World) attach(s *shell, socket *faultySocket) {
	ctx, cut := context.WithCancel(w.life)
	defer cut()
	if !w.connect(s, cut) {
		_ = socket.Close()
		return
	}
	_ = s.agent.Serve(ctx, socket) // sockets break: the session goes on
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Connected, s.cut, s.lost = false, nil, w.clock.Now()
	close(s.served)
	w.changedLocked()
}

// connect notes that a session has a socket, once it has no other, and lets it
// begin if it has not. It reports whether there is a session to carry.
func (w *World) connect(s *shell, cut context.CancelFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s.cut != nil {
		s.cut()
		gone := s.served
		w.mu.Unlock()
		<-gone
		w.mu.Lock()
	}
	if s.over || w.life.Err() != nil {
		return false
	}
	s.Connected, s.cut, s.served = true, cut, make(chan struct{})
	if !s.begun {
		s.begun = true
		w.wg.Go(func() { w.live(s) })
	}
	w.changedLocked()
	return true
}

// goodbye is how long the client has to hang up once it knows that the session
// is over.
const goodbye = 5 * time.Second

// live runs what runs on the machine, and says when it is over.
func (w *World) live(s *shell) {
	err := s.agent.Run(s.ctx)
	why := ""
	if cause := context.Cause(s.ctx); cause != nil {
		why = cause.Error()
	} else if err != nil {
		why = "Session ended: " + err.Error()
	}
	s.agent.Close(why)
	w.mu.Lock()
	w.endLocked(s, errors.New(why))
	cut, served := s.cut, s.served
	w.mu.Unlock()
	if cut == nil {
		return
	}
	timer := w.clock.Timer(w.clock.Now().Add(goodbye))
	defer timer.Stop()
	select {
	case <-served:
	case <-timer.C:
		cut()
	case <-w.life.Done():
	}
}
