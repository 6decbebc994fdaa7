package server

import (
	"context"
	"net"
	"net/http"
	"time"

	"sesame/proxy"
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
