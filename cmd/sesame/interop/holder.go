//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/token"
	"sesame/proxy"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/store/memory"
	"sesame/strategies/rolesession"
)

const (
	callsDir = "calls"
	account  = "123456789012" // moto's
	lasting  = time.Hour
)

// A holder is alice with an open grant, and the session behind it.
type holder struct {
	store     *memory.Store
	keys      *rolesession.Keys
	sessions  *rolesession.Sessions
	sealer    *rolesession.Sealer
	authority *proxy.Authority
	table     *awsapi.Table
	ring      access.Spec
	grant     access.Grant
	role      aws.Credentials
	calls     string // what the target says of calls, as JSON; optional

	recorders proxy.Recorders // optional: without them there are no sessions
}

func newHolder(ctx context.Context, dir string, moto *emulator) (*holder, error) {
	h := &holder{store: memory.New(), sessions: newSessions(moto), calls: moto.calls}
	var err error
	if h.sealer, err = rolesession.OpenSealer(filepath.Join(dir, "seal.key"), filepath.Join(dir, callsDir)); err != nil {
		return nil, err
	}
	h.keys = rolesession.NewKeys(h.store, h.sealer)
	if h.table, err = awsapi.Load(); err != nil {
		return nil, err
	}
	names, err := awsapi.Suffixes()
	if err != nil {
		return nil, err
	}
	if h.authority, err = proxy.OpenAuthority(filepath.Join(dir, "ca"), h.sealer, append(names, endpointName), clock.System{}); err != nil {
		return nil, err
	}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	h.role, err = h.sessions.Credentials(ctx, h.ring, h.grant)
	return h, err
}

// newSessions assumes roles at the emulator.
func newSessions(moto *emulator) *rolesession.Sessions {
	return rolesession.NewSessions(rolesession.Config{
		Connect: func(context.Context, string) (aws.Config, error) {
			return aws.Config{
				Region: region, BaseEndpoint: aws.String(moto.url), RetryMaxAttempts: 1,
				Credentials: credentials.StaticCredentialsProvider{Value: moto.key()},
			}, nil
		},
		Secret: func(string) (string, error) { return "an-external-id", nil },
		Clock:  clock.System{},
	})
}

// open makes the ring and the grant.
func (h *holder) open(ctx context.Context) error {
	plan, err := rolesession.Planner{}.Plan(access.Target{Name: "interop", Way: flowfile.WayRole, Params: map[string]string{
		flowfile.ParamRegion: region, flowfile.ParamRoleARN: "arn:aws:iam::" + account + ":role/SesameInterop",
		flowfile.ParamExternalID: "${file:x}", flowfile.ParamAccount: account, flowfile.ParamCalls: h.calls,
	}}, access.Person{ID: "p-alice00000", Principal: "alice", Email: "alice@example.com"})
	if err != nil {
		return err
	}
	h.ring = plan.Objects[0]
	if _, err := rolesession.New(h.store, h.sealer, clock.System{}).Apply(ctx, h.ring); err != nil {
		return err
	}
	ends := clock.System{}.Now().Add(lasting)
	h.grant = access.Grant{
		ID: "g-0123456789", Request: "r-0123456789", State: access.Open, Holder: "p-alice00000", Target: "interop", Objects: []access.ObjectKey{h.ring.Key},
		EndsAt: ends, CloseBy: ends,
	}
	asked, err := access.Put(access.Request{ID: h.grant.Request, By: access.Person{ID: h.grant.Holder, Name: "Alice"}, State: access.Approved}, 0)
	if err != nil {
		return err
	}
	change, err := access.Put(h.grant, 0)
	if err != nil {
		return err
	}
	_, err = h.store.Commit(ctx, access.Commit{Changes: []access.Change{asked, change}})
	return err
}

func (h *holder) mint(ctx context.Context) (rolesession.Key, error) {
	return h.keys.Mint(ctx, h.ring.Key, rolesession.Terms{Grant: h.grant.ID, Expires: h.grant.EndsAt})
}

// found lets the proxy at the keys, as the server does.
type found struct{ holder *holder }

// Find implements proxy.Keys.
func (f found) Find(ctx context.Context, id, session string) (proxy.Key, error) {
	if name, target, ok := token.Parse(id); ok {
		return f.bearer(ctx, name, target)
	}
	k, err := f.holder.keys.Find(ctx, id, session)
	return proxy.Key{Secret: k.Secret, Grant: k.Grant, Ring: k.Spec, Expires: k.Expires, Address: k.Address, Roles: k.Roles}, err
}

// Mint implements proxy.Keys.
func (f found) Mint(ctx context.Context, like proxy.Key) (proxy.Triple, error) {
	k, err := f.holder.keys.Mint(ctx, like.Ring.Key, rolesession.Terms{Grant: like.Grant, Expires: like.Expires, Address: like.Address, Roles: like.Roles})
	return proxy.Triple{ID: k.ID, Secret: k.Secret, Token: k.Token}, err
}

// proxy takes what stands in for AWS for AWS, whatever the host.
func (h *holder) proxy(log *calls.Log, r *road) *proxy.Proxy {
	upstream := proxy.NewTransport()
	dial := func(ctx context.Context, host string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", r.stand(host))
	}
	upstream.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := dial(ctx, host)
		if err == nil && r.heap != nil {
			conn = tls.Client(conn, r.heap.known)
		}
		return conn, err
	}
	return proxy.New(proxy.Config{
		Table: h.table, Keys: found{h}, Store: h.store, Calls: log, Clock: clock.System{}, Log: zerolog.Nop(),
		Upstream: r.spoken.by(upstream), Roles: h.sessions, Sessions: proxy.Sessions{Recorders: h.recorders, Dial: dial},
	})
}
