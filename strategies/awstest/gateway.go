package awstest

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"sesame/proxy/ssm"
)

const (
	messagesName = "ssmmessages"
	channelPath  = "/v1/data-channel/"
)

// messages is the gateway to data channels. Its one operation is a GET that
// becomes a WebSocket.
func messages() service {
	return service{name: messagesName, codes: jsonCodes, about: aboutShell, operations: map[string]operation{
		"OpenDataChannel": {structure(need("SessionId", text(1, 96, "")), need("Role", oneOf("publish_subscribe"))), openDataChannel},
	}}
}

// serveChannel lets a client into a session: its signature is checked first,
// then that there is such a session, and last the token in its first frame.
func (w *World) serveChannel(rw http.ResponseWriter, hr *http.Request) {
	r := &request{w: w}
	r.serve(func(s service) bool { return s.name == messagesName })
	w.mu.Lock()
	r.call.RequestID = w.uuidLocked()
	w.mu.Unlock()
	r.call.Operation = "OpenDataChannel"
	id, found := strings.CutPrefix(hr.URL.Path, channelPath)
	r.in = doc{"SessionId": id, "Role": hr.URL.Query().Get("role")}
	r.call.Input = r.in
	err := w.authenticate(r, hr, nil)
	if !found {
		err = refusal(jsonCodes.unknownOperation, "%s: want %s", hr.URL.Path, channelPath)
	}
	if err != nil {
		w.record(r, err)
		w.respond(rw, r, nil, err)
		return
	}
	if _, err := w.effect(r, hr); err != nil {
		w.respond(rw, r, nil, err)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // clients send none
	ws, err := up.Upgrade(rw, hr, nil)
	if err != nil {
		return // Upgrade has answered
	}
	if !w.own(func() { w.open(ws, id) }) {
		_ = ws.Close()
	}
}

// own runs f until Close, unless that was called.
func (w *World) own(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life.Err() != nil {
		return false
	}
	w.wg.Go(f)
	return true
}

func openDataChannel(r *request) (doc, error) {
	if s, ok := r.shell(); !ok || s.over {
		return nil, refusal("BadRequest", "There is no session %s.", r.text("SessionId"))
	}
	return nil, nil
}

// open reads the first frame and lets the socket at the session.
func (w *World) open(ws *websocket.Conn, id string) {
	lives := context.AfterFunc(w.life, func() { _ = ws.Close() })
	_, frame, err := ws.ReadMessage()
	if lives(); err != nil {
		_ = ws.Close()
		return
	}
	s, err := w.admitted(id, frame)
	if err != nil {
		bye := websocket.FormatCloseMessage(websocket.ClosePolicyViolation, err.Error())
		_ = ws.WriteMessage(websocket.CloseMessage, bye) // it is over either way
		_ = ws.Close()
		return
	}
	w.attach(s, newFaultySocket(w, ws))
}

var errToken = errors.New("the token is not valid for this session")

// admitted returns the session that the first frame has the token of.
func (w *World) admitted(id string, frame []byte) (*shell, error) {
	var o ssm.Opening
	if err := json.Unmarshal(frame, &o); err != nil {
		return nil, errors.New("the first frame cannot be read")
	}
	if o.Schema != "1.0" || o.RequestID == "" || o.ClientID == "" {
		return nil, errors.New("the first frame does not say what it should")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shells {
		if s.ID == id && !s.over && subtle.ConstantTimeCompare([]byte(s.token), []byte(o.Token)) == 1 && w.clock.Now().Before(s.tokenUntil) {
			return s, nil
		}
	}
	return nil, errToken
}
