package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy"
	"sesame/proxy/archive"
	"sesame/proxy/record"
)

// sessionsEndIn is how long the sessions may take to end with the server.
const sessionsEndIn = 25 * time.Second

// terminals are what terminal sessions are made with. Their channels go where
// calls go.
func (s *Server) terminals(p *served, upstream *http.Transport) proxy.Sessions {
	made := proxy.Sessions{Recorders: recorders{p.recordings.Files()}, Ender: s.cloud.roles}
	if dial := upstream.DialTLSContext; dial != nil {
		made.Dial = func(ctx context.Context, host string) (net.Conn, error) {
			return dial(ctx, "tcp", net.JoinHostPort(host, "443"))
		}
	}
	return made
}

// recorders begin recordings for the proxy.
type recorders struct{ store *record.Store }

// Begin implements proxy.Recorders.
func (r recorders) Begin(ctx context.Context, a record.About) (proxy.Recording, error) {
	recording, err := r.store.Begin(ctx, a)
	if err != nil {
		return nil, err // and no recording that is not nil and holds none
	}
	return recording, nil
}

// endSessions waits until the server is to end, and ends its sessions then.
func (p *served) endSessions(ctx context.Context) error {
	<-ctx.Done()
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), sessionsEndIn)
	defer cancel()
	return p.proxy.EndSessions(limited, "Sesame was stopped or is being started again, so this session ended: start another one in a moment.")
}

// left are the recordings of sessions that another run of the server was in the
// middle of. It is to be asked before anything is served.
func (p *served) left(ctx context.Context) (all []record.About) {
	err := access.Each(ctx, p.store, access.Query{Index: archive.IndexOpen}, func(rec access.Record) error {
		r, err := access.Decode[archive.Recording](rec)
		all = append(all, r.Manifest.About)
		return err
	})
	if err != nil {
		p.failed(fmt.Errorf("look for sessions that were left behind: %w", err))
	}
	return all
}

// endLeft has AWS end sessions that were left behind. Nobody can reach them any
// more; but what runs in them is to end as well.
func (p *served) endLeft(ctx context.Context, all []record.About) error {
	for _, a := range all {
		ring, err := p.ringOf(ctx, access.GrantID(a.Grant))
		if err == nil {
			err = p.proxy.EndLeft(ctx, a, ring)
		}
		if err != nil && ctx.Err() == nil {
			p.failed(fmt.Errorf("end session %s that was left behind: %w", a.Session, err))
		}
	}
	return nil
}

// ringOf is the object of a grant that its proxy keys come from.
func (p *served) ringOf(ctx context.Context, id access.GrantID) (access.Spec, error) {
	g, _, err := access.Load[access.Grant](ctx, p.store, access.Grant{ID: id}.Key())
	if err != nil {
		return access.Spec{}, err
	}
	for _, key := range g.Objects {
		o, _, err := access.Load[access.Object](ctx, p.store, key.Record())
		if err != nil {
			return access.Spec{}, err
		}
		if o.Spec.Params[flowfile.ParamRoleARN] != "" {
			return o.Spec, nil
		}
	}
	return access.Spec{}, fmt.Errorf("grant %s has no role: %w", id, access.ErrNotFound)
}
