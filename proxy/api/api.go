// Package api is the surface through which commands reach a running server:
// JSON over HTTP, on a local socket for those who run it, and over TLS for
// those who ask for access, which is Remote. On the socket:
//
//	GET  /v1/status
//	GET  /v1/requests?open=true&after=…&limit=…   newest first
//	GET  /v1/requests/{id}                        with its grant and its events
//	GET  /v1/requests/{id}/events                 of one that was refused, too
//	GET  /v1/grants?open=true&after=…&limit=…
//	GET  /v1/grants/{id}
//	POST /v1/grants/{id}/end
//	POST /v1/flows/reload?dry_run=true
//	GET  /v1/flows/facts                          who is in which group
//	POST /v1/keys/rotate                          seal with a fresh key
//	GET  /v1/events?from=…&limit=…                oldest first
//	GET  /v1/calls?grant=…&from=…&limit=…         what was called through the proxy
//	GET  /v1/recordings?grant=…&open=true         of sessions, newest first
//	GET  /v1/recordings/{id}
//	POST /v1/recordings/{id}/views                look at one, which is recorded
//	GET  /v1/views/{id}?segment=…&offset=…        what it shows, part by part
//	POST /v1/recordings/search
//	GET  /v1/verify/recordings?id=…
//	GET  /v1/verify?head=NUMBER:HASH
//	GET  /v1/partners/{name}/kit                  what a partner is sent
//	POST /v1/partners/{name}/rotate?leaked=true&finish=true&within=168h
//	GET  /v1/logins                               who is signed in
//	POST /v1/logins/{id or user}/revoke
//	GET  /v1/backup
//
// It promises that whoever connects there is known by what the kernel says of the
// other end, never by what they send; that what changes something goes through
// the Desk as the person whom the operator recorded for that user of the
// machine; and that what it answers is its own form of the records, which
// stays when theirs changes.
//
// It refuses whoever can open the socket nothing that they could not read in
// the data directory, which belongs to the same user, or do with a signal. It
// refuses to end anything for a user of whom no person is recorded.
package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
)

// A Desk takes what people say.
type Desk interface {
	End(ctx context.Context, e flows.Ending) (access.Grant, error)
}

// Config is what a Server works with. All of it is required.
type Config struct {
	Desk  Desk
	Store access.Reader
	// Person returns the account that is recorded for a user of this machine.
	Person func(uid uint32) (access.Account, bool)
	Status func(ctx context.Context) (Status, error)
	// Verify checks the whole record; head is empty or what a checkpoint said.
	Verify func(ctx context.Context, head string) (Proof, error)
	Backup func(ctx context.Context, w io.Writer) error
	// Reload reads the flow files again, and waits for what becomes of it.
	Reload func(ctx context.Context, dryRun bool) (Reloaded, error)
	// Facts looks up what there is to know for the flow files in force.
	Facts func(ctx context.Context) (Facts, error)
	// RotateKey has secrets sealed with a fresh key.
	RotateKey func(ctx context.Context) (Rotated, error)
	// Calls reads the record of what was called through the proxy.
	Calls func(ctx context.Context, q CallQuery) (CallPage, error)
	// Recordings are what is kept of sessions. Optional: without them there are
	// none.
	Recordings Recordings
	// VerifyRecordings checks all recordings, or one.
	VerifyRecordings func(ctx context.Context, id string) (RecordingProof, error)
	// Kit returns what a partner is sent, and makes its external id if there is
	// none.
	Kit func(ctx context.Context, partner string) (PartnerKit, error)
	// RotateExternalID makes a new external id for a partner, or ends those before
	// it, as somebody who may.
	RotateExternalID func(ctx context.Context, by access.Account, w Rotation) (PartnerRotation, error)
	// Logins are those who are signed in from a terminal.
	Logins *login.Logins
	// Clock is what answers say the time by. Optional: without it they say none.
	Clock clock.Clock
	Log   zerolog.Logger
}

// A Server answers commands.
type Server struct {
	Config
	responder
	routes *http.ServeMux
}

// New returns a Server.
func New(c Config) *Server {
	s := &Server{Config: c, responder: responder{c.Log, c.Clock, nextOfOperator}, routes: http.NewServeMux()}
	s.handle("GET /v1/status", s.status)
	s.handle("GET /v1/requests", s.requests)
	s.handle("GET /v1/requests/{id}", s.request)
	s.handle("GET /v1/requests/{id}/events", s.stream)
	s.handle("GET /v1/grants", s.grants)
	s.handle("GET /v1/grants/{id}", s.grant)
	s.handle("POST /v1/grants/{id}/end", s.end)
	s.handle("POST /v1/flows/reload", s.reload)
	s.handle("GET /v1/flows/facts", s.facts)
	s.handle("POST /v1/keys/rotate", s.rotate)
	s.handle("GET /v1/events", s.events)
	s.handle("GET /v1/calls", s.calls)
	s.handle("GET /v1/verify", s.verify)
	s.handle("GET /v1/partners/{name}/kit", s.kit)
	s.handle("POST /v1/partners/{name}/rotate", s.rotateExternalID)
	s.handle("GET /v1/logins", s.logins)
	s.handle("POST /v1/logins/{what}/revoke", s.revoke)
	s.handle("GET /v1/verify/recordings", s.verifyRecordings)
	for pattern, h := range newLibrary(c.Recordings).routes() {
		s.handle(pattern, s.visited(h))
	}
	s.routes.HandleFunc("GET /v1/backup", s.backup)
	return s
}

// drainFor is how long calls in progress may take once the server is to stop.
const drainFor = 5 * time.Second

// Serve answers on l until ctx ends, then lets calls in progress finish for a
// moment. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	return serve(ctx, l, &http.Server{
		Handler:           s.routes,
		ConnContext:       withPeer,
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    16 << 10,
	})
}

func serve(ctx context.Context, l net.Listener, server *http.Server) error {
	ctx, stopped := context.WithCancel(ctx)
	var group errgroup.Group
	group.Go(func() error {
		defer stopped()
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}
