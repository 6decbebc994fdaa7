package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/strategies/rolesession"
)

// A serving is the proxy as it is now: there, tried for, or none. Everything that
// needs the proxy asks for it when it does, since it may come late.
type serving struct {
	now   atomic.Pointer[served] // nil while there is none
	waits atomic.Pointer[string] // why it is tried for; nil while it is not
}

// The refusals of what needs the proxy, or its sealing key.
var (
	errNoProxy  = &access.Refusal{Code: api.CodeNotFound, Text: "The server serves no AWS, so that it has no sealing key: configure a proxy first."}
	errNotServe = &access.Refusal{Code: access.RefusedUnable, Text: "Sesame serves no AWS yet, because it waits for what it needs from AWS: it tries again by itself, so try again in a minute, or ask its operators."}
)

// proxy returns the proxy, or refuses.
func (s *serving) proxy() (*served, error) {
	switch p := s.now.Load(); {
	case p != nil:
		return p, nil
	case s.why() != "":
		return nil, errNotServe
	default:
		return nil, errNoProxy
	}
}

// why says why there is no proxy yet; empty where that is not so.
func (s *serving) why() string {
	if why := s.waits.Load(); why != nil {
		return *why
	}
	return ""
}

// rings are those that proxy keys come from. None is made while there is no
// proxy; what there is, is seen and removed all the same.
type rings struct {
	*rolesession.Way
	of *Server
}

// Apply implements access.Way.
func (r rings) Apply(ctx context.Context, spec access.Spec) (access.Operation, error) {
	if p := r.of.serving.now.Load(); p != nil {
		return rolesession.New(r.of.store, p.sealer, r.of.Clock).Apply(ctx, spec)
	}
	if why := r.of.serving.why(); why != "" {
		return access.Operation{}, &access.WayError{Class: access.Busy, Err: fmt.Errorf("%s: Sesame serves no AWS yet: %s", spec.Key, why)}
	}
	return r.Way.Apply(ctx, spec)
}

// serveAWS prepares the proxy. Where that fails there is none, and flow files
// that count on it cannot be used; what was granted ends all the same. Keys that
// are in KMS are had later: nothing that ends access waits for it.
func (s *Server) serveAWS(ctx context.Context) {
	switch c := s.Config.Proxy; {
	case c.Listen == "":
	case strings.HasPrefix(c.SealingKey, config.KMS), strings.HasPrefix(c.FormerSealingKey, config.KMS):
		s.notServed(errors.New("KMS was not asked yet"))
	default:
		if err := s.tryProxy(ctx); err != nil {
			s.Log.Error().Err(err).Msg("there is no proxy until that is repaired and the server started again")
			s.cloud.roles = nil
		}
	}
}

func (s *Server) notServed(err error) {
	why := firstLine(err)
	s.serving.waits.Store(&why)
}

// tryProxy makes the proxy, and says where it is.
func (s *Server) tryProxy(ctx context.Context) error {
	p, err := s.newServed(ctx)
	if err != nil {
		return err
	}
	s.Log.Info().Str("endpoint", p.at.Endpoint).Stringer("address", p.roads[0].Addr()).Msg("AWS is served to the holders of grants")
	s.serving.now.Store(p)
	s.serving.waits.Store(nil)
	return nil
}

// serve serves AWS until ctx ends, once the proxy can be had.
func (s *Server) serve(ctx context.Context) error {
	if s.serving.why() != "" {
		s.awaitProxy(ctx)
	}
	p := s.serving.now.Load()
	if p == nil {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.run(ctx) })
	group.Go(func() error { return s.resealAll(ctx, p) })
	return group.Wait()
}

// How long is waited before the proxy is tried for again: at first, and at most.
const (
	proxyAgain     = 2 * time.Second
	proxyAgainMost = time.Minute
)

// awaitProxy tries for the proxy until it is there or ctx ends. The admin channel
// is told once that it is not, and once that it is.
func (s *Server) awaitProxy(ctx context.Context) {
	told := false
	for wait := proxyAgain; ; wait = min(2*wait, proxyAgainMost) {
		err := s.tryProxy(ctx)
		switch {
		case err == nil && told:
			s.relieve(ctx, "Sesame serves AWS again.")
			return
		case err == nil, ctx.Err() != nil:
			return
		}
		s.notServed(err)
		s.Log.Error().Err(err).Stringer("again_in", wait).Msg("there is no proxy yet: trying on")
		if !told {
			told = true
			s.alarm(ctx, "Sesame serves no AWS yet: "+firstLine(err)+". It tries again by itself; access is ended as ever.")
		}
		if clock.Wait(ctx, s.Clock, s.Clock.Now().Add(wait)) != nil {
			return
		}
	}
}
