package awstest

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// A service is one API: how its calls are recognised, who may call it and
// what it can do.
type service struct {
	name    string // in the signature's scope
	target  string // prefix of X-Amz-Target; empty for the query protocol
	query   bool
	ec2     bool   // of the query protocol's kind that EC2 has to itself
	rest    bool   // what is asked for stands in the method, the path and the query
	version string // of the query protocol
	codes   codes
	admit   func(*request) error // before every operation; nil admits
	// about is what policies are asked about; nil is nothing in particular.
	about      func(*request) []Resource
	operations map[string]operation
}

// An operation checks its input by shape and then runs with World.mu held.
type operation struct {
	input shape
	run   func(*request) (doc, error)
}

// A request is one call under way.
type request struct {
	w       *World
	service *service
	call    Call
	in      doc
	now     time.Time
	shaping *liveFault // what befalls the operation that this call starts
}

func (r *request) text(name string) string {
	s, _ := r.in[name].(string)
	return s
}

const maxBody = 1 << 20

// ServeHTTP answers one call of any service.
func (w *World) ServeHTTP(rw http.ResponseWriter, hr *http.Request) {
	if isPresigned(hr) {
		w.servePresigned(rw, hr)
		return
	}
	if websocket.IsWebSocketUpgrade(hr) {
		w.serveChannel(rw, hr)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, hr.Body, maxBody))
	if err != nil {
		return // the caller went away, or sends what no client sends
	}
	r, err := w.read(hr, body)
	r.call.Input = r.in
	if err == nil {
		err = w.authenticate(r, hr, body)
	}
	if err != nil {
		w.record(r, err)
		w.respond(rw, r, nil, err)
		return
	}
	out, err := w.effect(r, hr)
	w.respond(rw, r, out, err)
}

// effect lets r take effect, and panics if a fault keeps the answer back.
func (w *World) effect(r *request, hr *http.Request) (doc, error) {
	w.tell(r.call, BeforeEffect)
	out, refused, err := w.take(r)
	w.tell(r.call, AfterEffect)
	if refused != nil && !w.deliverable(hr, refused) {
		panic(http.ErrAbortHandler) // net/http's way to end a connection without an answer
	}
	return out, err
}

// tell calls the hook without holding the lock.
func (w *World) tell(c Call, stage Stage) {
	w.mu.Lock()
	hook := w.hook
	w.mu.Unlock()
	if hook != nil {
		c.Stage = stage
		hook(c)
	}
}

// take lets r take effect, unless a fault strikes first, and records it.
func (w *World) take(r *request) (doc, *liveFault, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleLocked()
	r.now = w.clock.Now()
	refused, shaping := w.strikeLocked(r.call)
	r.shaping = shaping
	var out doc
	var err error
	if refused == nil || refused.AfterEffect {
		out, err = r.run()
		r.call.Done = err == nil
	}
	if refused != nil {
		r.call.Unheard = refused.Kind == Drop || refused.Kind == Hang
		if !r.call.Unheard || !refused.AfterEffect {
			out, err = nil, r.struck(refused)
		}
	}
	w.recordLocked(r, err)
	return out, refused, err
}

// run checks r and does it.
func (r *request) run() (doc, error) {
	op, known := r.service.operations[r.call.Operation]
	if !known {
		return nil, refusal(r.service.codes.unknownOperation, "unknown operation %s", r.call.Operation)
	}
	if r.service.name == ssoName && !r.w.bucket.take(r.now, r.w.settings) {
		return nil, r.throttled("rate exceeded")
	}
	if err := op.input("", r.in); err != nil {
		return nil, r.invalid("%v", err)
	}
	if r.service.admit != nil {
		if err := r.service.admit(r); err != nil {
			return nil, err
		}
	}
	if err := r.decided(); err != nil {
		return nil, err
	}
	return op.run(r)
}

// deliverable reports whether an answer goes out under f, after a Hang has
// ended.
func (w *World) deliverable(hr *http.Request, f *liveFault) bool {
	switch f.Kind {
	case Drop:
		return false
	case Hang:
		select {
		case <-f.cleared:
		case <-hr.Context().Done():
		case <-w.life.Done():
		}
		return false
	}
	return true
}

func (w *World) record(r *request, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recordLocked(r, err)
}

func (w *World) recordLocked(r *request, err error) {
	c := &r.call
	c.Seq, c.At, c.Outcome = len(w.calls)+1, w.clock.Now(), OK
	if err != nil {
		c.Outcome = codeOf(err)
	}
	w.calls = append(w.calls, *c)
	w.changedLocked()
}

func codeOf(err error) string {
	var e *apiError
	if errors.As(err, &e) {
		return e.code
	}
	return err.Error()
}
