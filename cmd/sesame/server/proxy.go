package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy"
	"sesame/proxy/api"
	"sesame/proxy/archive"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/strategies/accountassignment"
	"sesame/strategies/rolesession"
)

// The folders of the proxy in the data directory.
const (
	callsDir     = "calls"
	authorityDir = "ca"
)

// served is the proxy, with what it needs.
type served struct {
	sealer     *rolesession.Sealer
	keys       *rolesession.Keys
	store      access.Store
	recordings *archive.Archive
	log        *calls.Log
	proxy      *proxy.Proxy
	authority  *proxy.Authority
	roads      []road
	at         api.Place // without the authority, which changes
	tunnels    bool      // to what is not AWS
	anyAddress bool      // of keys
	failed     func(error)
}

// A road is a way to the proxy, with what serves it until a context ends.
type road struct {
	net.Listener
	serve func(context.Context, net.Listener) error
}

// Able returns what a server with the configuration can act upon in flow files.
func Able(c config.Config) flowfile.Abilities {
	return flowfile.Abilities{Proxy: c.Proxy.Listen != ""}
}

// able is what flow files may count on.
func (c *cloud) able() flowfile.Abilities { return flowfile.Abilities{Proxy: c.roles != nil} }

// sessions are the roles behind grants.
func (c *cloud) sessions() *rolesession.Sessions {
	return rolesession.NewSessions(rolesession.Config{
		Connect: c.connect,
		Secret: func(ref string) (string, error) {
			secret, err := c.secret(ref)
			return secret.Reveal(), err
		},
		Clock: c.base.Clock,
	})
}

// checkRole probes the role of a target.
func (c *cloud) checkRole(ctx context.Context, t access.Target) (accountassignment.Report, error) {
	if c.roles == nil {
		return accountassignment.Report{Problems: []string{"role sessions need a proxy: configure it in sesame.yaml"}}, nil
	}
	r, err := c.roles.Check(ctx, t)
	of := accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings}
	if err != nil {
		return of, err
	}
	return c.checkEnded(ctx, t, of)
}

// ways are those of the cloud, and the one that needs the store.
func (s *Server) ways() map[string]access.Way {
	all := maps.Clone(s.cloud.ways())
	all[flowfile.WayRole] = rings{rolesession.New(s.store, nil, s.Clock), s}
	return all
}

func (s *Server) newServed(ctx context.Context) (*served, error) {
	c, p := s.Config.Proxy, &served{store: s.store, failed: func(err error) { s.Log.Error().Err(err).Msg("proxy") }}
	var err error
	if p.sealer, err = s.openSealer(ctx); err != nil {
		return nil, err
	}
	table, err := awsapi.Load()
	if err != nil {
		return nil, err
	}
	upstream, err := s.upstream()
	if err != nil {
		return nil, err
	}
	names, err := awsapi.Suffixes()
	if err != nil {
		return nil, err
	}
	if c.Endpoint.Name != "" {
		names = append(names, c.Endpoint.Name)
	}
	if p.authority, err = proxy.OpenAuthority(filepath.Join(s.Config.DataDir, authorityDir), p.sealer, names, clock.System{}); err != nil {
		return nil, err
	}
	if p.log, err = calls.Open(calls.Config{Dir: filepath.Join(s.Config.DataDir, callsDir), Quota: c.RecordQuota << 20, Retain: c.RecordFor, Clock: s.Clock}); err != nil {
		return nil, err
	}
	if err := s.openRecordings(p); err != nil {
		return nil, errors.Join(err, p.log.Close())
	}
	p.anyAddress = c.AnyAddress
	p.keys = rolesession.NewKeys(s.store, p.sealer)
	p.proxy = proxy.New(proxy.Config{
		Table: table, Keys: proxyKeys{p.keys, s.tokens, s.store, s.Clock}, Roles: s.cloud.roles, Store: s.store,
		Calls: s.recorder(p.log), Clock: s.Clock, Log: s.Log, Upstream: upstream,
		Sessions: s.terminals(p, upstream),
	})
	if err := p.open(c); err != nil {
		return nil, errors.Join(fmt.Errorf("proxy: %w", err), p.recordings.Close(), p.log.Close())
	}
	return p, nil
}

// open opens the roads to the proxy, or none.
func (p *served) open(c config.Proxy) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	i := proxy.NewInterceptor(p.proxy, p.authority)
	i.Tunnels.Hosts = c.Tunnels
	p.roads, p.tunnels = []road{{l, i.Run}}, len(c.Tunnels) > 0
	p.at.Proxy = cmp.Or(c.Address, l.Addr().String())
	if c.Endpoint.Listen == "" {
		return nil
	}
	e, err := net.Listen("tcp", c.Endpoint.Listen)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.roads = append(p.roads, road{e, proxy.NewEndpoint(p.proxy, p.authority, c.Endpoint.Name).Run})
	_, port, err := net.SplitHostPort(e.Addr().String())
	if c.Endpoint.Port != 0 {
		port = strconv.Itoa(c.Endpoint.Port)
	}
	p.at.Endpoint = "https://" + net.JoinHostPort(c.Endpoint.Name, port)
	return err
}

// place says where AWS is served now.
func (p *served) place() api.Place {
	at := p.at
	at.Authority = string(p.authority.PEM())
	return at
}

// A telling record of calls says that there is more in it.
type telling struct {
	proxy.Recorder
	told func()
}

// Append implements proxy.Recorder.
func (t telling) Append(e calls.Entry) error {
	err := t.Recorder.Append(e)
	t.told()
	return err
}

func (s *Server) recorder(l *calls.Log) proxy.Recorder {
	if s.Called == nil {
		return l
	}
	return telling{l, s.Called}
}

// upstream reaches AWS, or what stands in for it.
func (s *Server) upstream() (*http.Transport, error) {
	t := proxy.NewTransport()
	if s.Config.AWS.Endpoint == "" {
		return t, nil
	}
	at, err := url.Parse(s.Config.AWS.Endpoint)
	if err != nil || at.Scheme != "http" {
		return nil, fmt.Errorf("proxy: %q cannot stand in for AWS: it is to be an http address", s.Config.AWS.Endpoint)
	}
	t.DialTLSContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at.Host)
	}
	return t, nil
}

// run serves until ctx ends. A proxy that fails ends nothing else.
func (p *served) run(ctx context.Context) error {
	left := p.left(ctx)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return p.cut(running) })
	group.Go(func() error { return p.endLeft(running, left) })
	group.Go(func() error { return p.renew(running) })
	for _, r := range p.roads {
		group.Go(func() error { return r.serve(running, r.Listener) })
	}
	group.Go(func() error { return p.endSessions(running) })
	group.Go(func() error { return p.recordings.Run(running) })
	if err := errors.Join(group.Wait(), p.recordings.Close(), p.log.Close()); err != nil {
		p.failed(err)
	}
	return nil
}

// renewEvery is how often it is looked whether the proxy's authority ends soon.
const renewEvery = time.Hour

// renew keeps the authority from ending, by wall time as certificates are.
func (p *served) renew(ctx context.Context) error {
	wall := clock.System{}
	for clock.Wait(ctx, wall, wall.Now().Add(renewEvery)) == nil {
		if err := p.authority.Renew(); err != nil {
			p.failed(err)
		}
	}
	return nil
}

// cut has calls broken off whose grants ended, as the store tells of them.
func (p *served) cut(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	p.store.Watch(ctx, func(keys []access.Key) {
		if !slices.ContainsFunc(keys, func(k access.Key) bool { return k.Kind == access.KindGrant }) {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // somebody was told already
		}
	})
	for {
		select {
		case <-changed:
			if err := p.proxy.Cut(ctx); err != nil {
				p.failed(err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}
