package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
	"sesame/flows/token"
	"sesame/proxy/signed"
	"sesame/proxy/strangers"
)

// RemoteConfig is what a Remote works with. All of it is required, but for what
// says otherwise.
type RemoteConfig struct {
	Desk   *flows.Desk
	Store  access.Reader
	Logins *login.Logins
	// Default returns for how long a target is asked for, or extended, by
	// whoever does not say; zero if that must be said.
	Default func(target string, extend bool) time.Duration
	// Keys make proxy keys. Optional: without them there is no proxy.
	Keys Keys
	// Recordings are what is kept of sessions. Optional: without them there are
	// none.
	Recordings Recordings
	// Vend hands out a key of AWS under an open grant, once that is recorded.
	// Optional: without it nobody gets any.
	Vend func(ctx context.Context, g access.Grant, to Holder) (Key, error)
	// Tokens are the service tokens. Optional: without it there are none.
	Tokens *token.Tokens
	// Clock is what answers say the time by. Optional: without it they say none.
	Clock clock.Clock
	// Outsiders says who somebody is who is not signed in, and PartnerOf whose
	// people a target is for. Optional: without them nobody is known from
	// outside.
	Outsiders Outsiders
	PartnerOf func(target string) string
	// Wall is the time that signatures are compared with.
	Wall clock.Clock
	Log  zerolog.Logger
}

// A Remote answers the commands of engineers, from anywhere:
//
//	POST /v1/logins                   a code, for a key that signs this call
//	GET  /v1/logins/{id}              what became of it; signed with that key
//	GET  /v1/me                       who is signed in
//	POST /v1/logout
//	GET  /v1/mine                     what one waits for and holds
//	GET  /v1/waiting                  requests that one could approve
//	GET  /v1/requests/{id}            a request that one has to do with
//	POST /v1/requests                 ask, for access or for more time
//	POST /v1/requests/{id}/approve
//	POST /v1/requests/{id}/deny
//	POST /v1/requests/{id}/withdraw
//	POST /v1/grants/{id}/end
//	POST /v1/outside                  what partners' people ask, who prove who they are
//	GET  /v1/targets                  what one may ask for
//	GET  /v1/targets/{name}/instances the machines that a target is about
//	GET  /v1/place                    where AWS is served
//	POST /v1/keys                     a key of a grant that one holds
//	GET  /v1/tokens                   one's own service tokens
//	GET  /v1/tokens/all               everybody's, for admins
//	POST /v1/tokens                   a new one, with its secret
//	POST /v1/tokens/{what}/revoke     by id or name, or all of a user
//	GET  /v1/recordings               of sessions, and more about them as in Server
//
// It promises that whoever calls is known by a signature alone, as package
// signed makes it, by the key of a login that holds; that everything they say
// goes through the Desk as the account that confirmed that login; and that no
// request is shown to who has nothing to do with it. Bodies are JSON objects of
// known keys, of 64 KB at most; what is not a success is {"code", "text"}.
type Remote struct {
	RemoteConfig
	responder
	routes  *http.ServeMux
	replays signed.Replays
	busy    chan struct{}
}

// maxBusy is how many calls are in hand at a time. More wait.
const maxBusy = 128

// NewRemote returns a Remote.
func NewRemote(c RemoteConfig) *Remote {
	s := &Remote{RemoteConfig: c, responder: responder{c.Log, c.Clock, nextOfEngineer}, routes: http.NewServeMux(), busy: make(chan struct{}, maxBusy)}
	s.handle("POST /v1/logins", s.begin)
	s.handle("GET /v1/logins/{id}", s.outcome)
	s.handle("GET /v1/me", s.known(s.me))
	s.handle("POST /v1/logout", s.known(s.logout))
	s.handle("GET /v1/mine", s.known(s.mine))
	s.handle("GET /v1/waiting", s.known(s.waiting))
	s.handle("GET /v1/requests/{id}", s.known(s.request))
	s.handle("POST /v1/requests", s.known(s.ask))
	s.handle("POST /v1/requests/{id}/approve", s.known(s.decide(s.Desk.Approve)))
	s.handle("POST /v1/requests/{id}/deny", s.known(s.decide(s.Desk.Deny)))
	s.handle("POST /v1/requests/{id}/withdraw", s.known(s.decide(s.Desk.Withdraw)))
	s.handle("POST /v1/grants/{id}/end", s.known(s.end))
	s.handle("POST /v1/outside", s.outside)
	s.handle("GET /v1/targets", s.known(s.targets))
	s.handle("GET /v1/targets/{name}/instances", s.known(s.instances))
	s.handle("GET /v1/place", s.known(s.place))
	s.handle("POST /v1/keys", s.known(s.key))
	s.handle("GET /v1/tokens", s.known(s.tokens))
	s.handle("GET /v1/tokens/all", s.known(s.allTokens))
	s.handle("POST /v1/tokens", s.known(s.makeToken))
	s.handle("POST /v1/tokens/{what}/revoke", s.known(s.revokeToken))
	for pattern, h := range newLibrary(c.Recordings).routes() {
		s.handle(pattern, s.known(s.visited(h)))
	}
	s.handle("/", func(context.Context, call) (any, error) {
		return nil, &access.Refusal{Code: access.RefusedUnknown, Text: "This server does not know such a call: update sesame, or the server."}
	})
	return s
}

// Serve answers on l until ctx ends, then lets calls in progress finish for a
// moment. It closes l.
func (s *Remote) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, &http.Server{
		Handler:           s.routes,
		ErrorLog:          strangers.Log(s.Log, s.Wall),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	})
}

// A call is a request with its body, read, and who it says that it is from.
type call struct {
	*http.Request
	body []byte
	said signed.Call
}

// answerer answers a call.
type answerer func(ctx context.Context, c call) (any, error)

// handle reads a call, and has h answer it. What h is handed says who it is
// from; nobody has checked that.
func (s *Remote) handle(pattern string, h answerer) {
	s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		c, err := read(w, r)
		var v any
		if err == nil {
			v, err = s.inTurn(r.Context(), c, h)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, http.StatusOK, v)
	})
}

// inTurn has h answer a call, once no more than maxBusy others are in hand.
func (s *Remote) inTurn(ctx context.Context, c call, h answerer) (any, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
		return h(ctx, c)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// errUnsigned refuses a call that nobody signed.
var errUnsigned = &access.Refusal{Code: login.RefusedSignedOut, Text: "You are not signed in, because this call carries no signature: run sesame login."}

func read(w http.ResponseWriter, r *http.Request) (call, error) {
	said, err := signed.Parse(r)
	if err != nil {
		return call{}, errUnsigned
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return call{}, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("This call is too large, because no more than %d KB are taken: say it in fewer words.", maxBody>>10)}
	} else if err != nil {
		return call{}, &access.Refusal{Code: access.RefusedInput, Text: "This call broke off before its end: try again."}
	}
	return call{r, body, said}, nil
}

// The codes of refusals for whoever is not signed in.
const (
	CodeSignedOut                    = login.RefusedSignedOut // no login, or one that is over
	CodeSignature access.RefusalCode = "signature"            // the signature does not hold
)

// check refuses a call that was not signed with key, about now, or that came
// before. Whether a call for a new key came before does not matter.
func (s *Remote) check(c call, key []byte) error {
	now := s.Wall.Now()
	err := c.said.Verify(c.Request, c.body, key)
	if err == nil {
		err = c.said.Fresh(now)
	}
	if err == nil && c.said.Who != NewLogin {
		err = s.replays.Take(c.said, now)
	}
	switch {
	case errors.Is(err, signed.ErrTime):
		return &access.Refusal{Code: CodeSignature, Text: fmt.Sprintf("This call was signed at %s, and here it is %s: set the clock of your computer.",
			c.said.Time.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))}
	case errors.Is(err, signed.ErrReplayed):
		return &access.Refusal{Code: CodeSignature, Text: "This call was taken before, and nothing is done twice: run the command again."}
	case errors.Is(err, signed.ErrTooMany):
		return &access.Refusal{Code: access.RefusedTooMany, Text: "This login made too many calls at once: wait two minutes, and make fewer."}
	case err != nil:
		return &access.Refusal{Code: CodeSignature, Text: "The signature of this call is not by the key of your login: run sesame login, and tell an admin if it goes on."}
	}
	return nil
}

// A caller is somebody who is signed in.
type caller struct {
	call
	login login.Login
}

// known has h answer calls of those who are signed in, and nobody else's.
func (s *Remote) known(h func(ctx context.Context, c caller) (any, error)) answerer {
	return func(ctx context.Context, c call) (any, error) {
		held, err := s.Logins.Of(ctx, login.ID(c.said.Who))
		if err != nil {
			return nil, err
		}
		if err := s.check(c, held.Key); err != nil {
			return nil, err
		}
		v, err := h(ctx, caller{c, held})
		if c.Method != http.MethodGet {
			s.note(c, held, err)
		}
		return v, err
	}
}

// note logs who did what; why somebody was refused stands in the record.
func (s *Remote) note(c call, held login.Login, err error) {
	line := s.Log.Info().Str("call", c.Method+" "+c.URL.Path).Str("login", string(held.ID)).Str("person", string(held.Person))
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		line = line.Str("refused", string(r.Code))
	}
	line.Msg("command")
}
