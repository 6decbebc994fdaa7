package slacktest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"sesame/flows/clock"
)

// A FaultKind is a way in which the Web API goes wrong.
type FaultKind int

// The kinds of faults.
const (
	// RateLimited answers 429 with Retry-After.
	RateLimited FaultKind = iota + 1
	// RateLimitedBare answers 429 without it.
	RateLimitedBare
	// ServerError answers 503 with a page of HTML.
	ServerError
	// Hang never answers.
	Hang
	// Cut ends the connection before anything is done.
	Cut
	// LostAnswer does what was asked and ends the connection without a word.
	LostAnswer
	// Slow answers after a while.
	Slow
)

// A Fault is something that goes wrong with calls of the Web API.
type Fault struct {
	Kind FaultKind
	// Method is the one that fails, "link" for opening a connection, or empty
	// for all.
	Method string
	// Times is how often it happens; 0 means until ClearFaults.
	Times int
	// For is Retry-After of RateLimited and the delay of Slow.
	For time.Duration
}

// faults is what goes wrong now. Workspace's lock guards it.
type faults struct {
	list []Fault
	down bool
	twin int // events to deliver under two ids
}

// Break makes calls fail from now on.
func (w *Workspace) Break(f Fault) {
	w.touch(func() { w.faults.list = append(w.faults.list, f) })
}

// ClearFaults ends every fault of the Web API.
func (w *Workspace) ClearFaults() {
	w.touch(func() { w.faults.list = nil })
}

// SetDown takes Slack down: connections are cut, nothing answers, and people
// cannot do anything either. SetDown(false) brings it back.
func (w *Workspace) SetDown(down bool) {
	w.touch(func() {
		w.faults.down = down
		if !down {
			return
		}
		for _, c := range w.hub.conns {
			c.drop()
		}
		w.hub.conns = nil
	})
}

func (w *Workspace) down() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults.down
}

// take uses up a fault for a method, of a kind that pick accepts.
func (w *Workspace) take(method string, pick func(FaultKind) bool) (Fault, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, f := range w.faults.list {
		if (f.Method != "" && f.Method != method) || !pick(f.Kind) {
			continue
		}
		if f.Times == 1 {
			w.faults.list = slices.Delete(w.faults.list, i, i+1)
		} else if f.Times > 1 {
			w.faults.list[i].Times--
		}
		return f, true
	}
	return Fault{}, false
}

func (w *Workspace) losesAnswer(method string) bool {
	_, ok := w.take(method, func(k FaultKind) bool { return k == LostAnswer })
	return ok
}

// interfere lets a fault have its way with a call, and reports whether that
// was all.
func (w *Workspace) interfere(rw http.ResponseWriter, r *http.Request, method string) bool {
	if w.down() {
		w.noteFault(method, 0)
		panic(http.ErrAbortHandler)
	}
	f, ok := w.take(method, func(k FaultKind) bool { return k != LostAnswer })
	if !ok {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body) // so that a client's leaving is noticed
	switch f.Kind {
	case RateLimited, RateLimitedBare:
		if f.Kind == RateLimited {
			rw.Header().Set("Retry-After", wholeSeconds(f.For))
		}
		w.noteFault(method, http.StatusTooManyRequests)
		rw.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(rw, `{"ok":false,"error":"ratelimited"}`)
	case ServerError:
		w.noteFault(method, http.StatusServiceUnavailable)
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(rw, "<html><body>Server Error</body></html>")
	case Hang:
		w.noteFault(method, 0)
		select {
		case <-r.Context().Done():
		case <-w.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	case Cut:
		w.noteFault(method, 0)
		panic(http.ErrAbortHandler)
	case Slow:
		return clock.Wait(w.ctx, w.cfg.Clock, w.cfg.Clock.Now().Add(f.For)) != nil
	}
	return true
}

func (w *Workspace) noteFault(method string, status int) {
	w.change(func(t *team) {
		t.calls = append(t.calls, Call{Method: method, At: t.now, Status: status, Error: "fault"})
	})
}

// The reasons for which Slack ends a connection.
const (
	Warning            = "warning"             // it will end in about ten seconds
	RefreshRequested   = "refresh_requested"   // a new one is to be opened
	LinkDisabled       = "link_disabled"       // Socket Mode was switched off
	TooManyConnections = "too_many_websockets" // there are ten already
)

// Disconnect tells a connection to go, for one of the reasons; an empty id
// means all. After LinkDisabled no new one can be opened until
// EnableSocketMode.
func (w *Workspace) Disconnect(id, reason string) error {
	var told []*conn
	w.mu.Lock()
	for _, c := range w.hub.conns {
		if c.ws != nil && (id == "" || c.id == id) {
			told = append(told, c)
		}
	}
	w.mu.Unlock()
	if len(told) == 0 {
		return fmt.Errorf("disconnect %q: no such connection", id)
	}
	for _, c := range told {
		w.disconnect(c, reason)
	}
	return nil
}

func (w *Workspace) disconnect(c *conn, reason string) {
	w.touch(func() {
		switch reason {
		case RefreshRequested:
			c.draining, c.closeAt = true, w.cfg.Clock.Now().Add(drain)
		case LinkDisabled:
			w.team.socketModeOff, c.closing = true, true
		case TooManyConnections:
			c.closing = true
		}
		c.push(disconnectFrame(reason))
	})
}

// EnableSocketMode switches Socket Mode on again after LinkDisabled.
func (w *Workspace) EnableSocketMode() {
	w.change(func(t *team) { t.socketModeOff = false })
}

// Drop cuts a connection without a close frame, as a lost network does, and
// lets Slack notice.
func (w *Workspace) Drop(id string) error {
	return w.hurt(id, func(c *conn) {
		c.drop()
		w.hub.forget(c)
	})
}

// Stall makes a connection half-open: it stays registered, and neither side's
// frames arrive any more.
func (w *Workspace) Stall(id string) error {
	return w.hurt(id, func(c *conn) { c.stalled = true })
}

func (w *Workspace) hurt(id string, how func(c *conn)) error {
	err := fmt.Errorf("no connection %q", id)
	w.touch(func() {
		if c := w.hub.find(id); c != nil {
			how(c)
			err = nil
		}
	})
	return err
}

// AddGhosts registers connections that are not there: they count, and what is
// sent to them is lost.
func (w *Workspace) AddGhosts(n int) {
	w.touch(func() {
		for range n {
			w.hub.serial++
			w.hub.conns = append(w.hub.conns, &conn{id: fmt.Sprintf("ghost%d", w.hub.serial), wake: make(chan struct{}, 1)})
		}
	})
}

// ClearGhosts forgets ghosts and half-open connections.
func (w *Workspace) ClearGhosts() {
	w.touch(func() {
		for _, c := range w.hub.all() {
			if c.ws == nil || c.stalled {
				c.drop()
				w.hub.forget(c)
			}
		}
	})
}

// An EnvelopeFault is something that goes wrong with one delivery to the app.
type EnvelopeFault int

// The faults of a delivery.
const (
	// Duplicate sends it twice with one envelope id, on two connections if
	// there are two.
	Duplicate EnvelopeFault = iota + 1
	// Lose never sends it, though Slack believes so.
	Lose
	// Hold sends it after the one that comes next.
	Hold
)

// NextEnvelope lets faults happen to the next deliveries, one each.
func (w *Workspace) NextEnvelope(faults ...EnvelopeFault) {
	w.touch(func() { w.hub.envelopes = append(w.hub.envelopes, faults...) })
}

func (h *hub) takeFault() EnvelopeFault {
	if len(h.envelopes) == 0 {
		return 0
	}
	f := h.envelopes[0]
	h.envelopes = h.envelopes[1:]
	return f
}

// DuplicateEvents delivers each of the next n events twice, under two event
// ids.
func (w *Workspace) DuplicateEvents(n int) {
	w.touch(func() { w.faults.twin = n })
}

func (w *Workspace) takeTwin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.faults.twin == 0 {
		return false
	}
	w.faults.twin--
	return true
}
