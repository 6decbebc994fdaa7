package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
	"sesame/proxy/api"
)

// commands is what the commands of engineers come to.
type commands struct {
	logins *login.Logins
	// desk is the Desk for those who are known by a login: while Slack is
	// silent, the link that was made before stands for them.
	desk *flows.Desk
	// listener is where they come in; nil where they are not answered.
	listener net.Listener
}

func (s *Server) newCommands() commands {
	return commands{
		logins: login.New(login.Config{Store: s.store, People: s.people, Clock: s.Clock, Lasts: s.Config.API.LoginLasts}),
		desk: flows.New(flows.Config{
			Store: s.store, People: s.people.WithoutChat(), Rules: s.rules.set.Load, Clock: s.Clock,
			Planners: s.rules.planners(), Find: s.machines, Left: s.left,
		}),
	}
}

// mayOpen asks, of a grant, whether its holder may still have it. What was asked
// for and decided with logins opens while Slack is silent, since those who said
// it were known without Slack.
func (s *Server) mayOpen(ctx context.Context, g access.Grant) error {
	r, _, err := access.Load[access.Request](ctx, s.store, access.Request{ID: g.Request}.Key())
	if err == nil && byLogins(r) {
		return s.commands.desk.MayOpen(ctx, g)
	}
	return s.desk.MayOpen(ctx, g)
}

// byLogins reports whether everybody who had a part in r came by command.
func byLogins(r access.Request) bool {
	for _, d := range r.Decisions {
		if d.Source != access.FromCLI && d.Source != access.FromRoute {
			return false
		}
	}
	return r.Source == access.FromCLI
}

// hearCommands opens the door for the commands of engineers, if they are to be
// answered. Should that fail, everything else goes on.
func (s *Server) hearCommands() {
	c := s.Config.API
	if c.Listen == "" {
		return
	}
	l, err := listen(c.Listen, c.Cert, c.Key, s.Log)
	if err != nil {
		s.Log.Error().Err(err).Msg("commands of engineers are not answered until that is repaired and the server started again")
		return
	}
	s.commands.listener = l
	s.Log.Info().Stringer("address", l.Addr()).Bool("tls", c.Cert != "").Msg("commands of engineers are answered")
}

// serveCommands answers the commands of engineers until ctx ends. Should that
// fail, it ends nothing else.
func (s *Server) serveCommands(ctx context.Context) error {
	l := s.commands.listener
	if l == nil {
		return nil
	}
	remote := api.NewRemote(api.RemoteConfig{
		Desk: s.commands.desk, Store: s.store, Logins: s.commands.logins, Default: s.rules.usual,
		Outsiders: s.outsiders(), PartnerOf: s.partnerOf,
		Keys: s.keyMaker(), Vend: s.vend(), Tokens: s.tokens, Recordings: s.recordings(), Clock: s.Clock, Wall: clock.System{}, Log: s.Log,
	})
	if err := remote.Serve(ctx, l); err != nil {
		s.Log.Error().Err(err).Msg("commands of engineers are not answered any more")
	}
	return nil
}

// usual returns for how long a target is asked for, or extended, by whoever
// does not say.
func (r *rules) usual(target string, extend bool) time.Duration {
	set := r.set.Load()
	if set == nil {
		return 0
	}
	flow, ok := set.Flow(target)
	switch {
	case !ok:
		return 0
	case extend:
		return flow.Extend.Default
	}
	return flow.Default
}

func listen(address, cert, key string, log zerolog.Logger) (net.Listener, error) {
	if cert == "" {
		return net.Listen("tcp", address)
	}
	p := &pair{cert: cert, key: key, log: log}
	if _, err := p.get(nil); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{GetCertificate: p.get, MinVersion: tls.VersionTLS12}), nil
}

// A pair is a certificate with its key, in files that somebody renews.
type pair struct {
	cert, key string
	log       zerolog.Logger

	mu     sync.Mutex // guards what follows
	loaded *tls.Certificate
	of     time.Time // when the file was written that it is from
}

// get returns the certificate as it is now, or, should the new one be of no
// use, as it was.
func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.cert)
	if err == nil && p.loaded != nil && info.ModTime().Equal(p.of) {
		return p.loaded, nil
	}
	var fresh tls.Certificate
	if err == nil {
		fresh, err = tls.LoadX509KeyPair(p.cert, p.key)
	}
	switch {
	case err == nil:
		p.loaded, p.of = &fresh, info.ModTime()
	case p.loaded == nil:
		return nil, fmt.Errorf("certificate of the api: %w", err)
	default:
		p.log.Warn().Err(err).Msg("the renewed certificate of the api cannot be used: going on with the old one")
	}
	return p.loaded, nil
}
