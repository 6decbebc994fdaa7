package server

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy"
	"sesame/proxy/api"
	"sesame/strategies/rolesession"
)

// A keyMaker makes proxy keys for those who are signed in.
type keyMaker struct {
	of    *serving
	clock clock.Clock
}

// keyMaker returns what makes keys, or nil where there is to be no proxy.
func (s *Server) keyMaker() api.Keys {
	if !s.cloud.able().Proxy {
		return nil
	}
	return keyMaker{&s.serving, s.Clock}
}

// Now implements api.Keys.
func (k keyMaker) Now() time.Time { return k.clock.Now() }

// Place implements api.Keys.
func (k keyMaker) Place() (api.Place, error) {
	p, err := k.of.proxy()
	if err != nil {
		return api.Place{}, err
	}
	return p.place(), nil
}

// Serves implements api.Keys. A grant of a role is one ring, which its key
// names.
func (k keyMaker) Serves(g access.Grant) bool {
	return len(g.Objects) == 1 && strings.HasPrefix(string(g.Objects[0]), flowfile.WayRole+"/")
}

// Mint implements api.Keys.
func (k keyMaker) Mint(ctx context.Context, g access.Grant, until time.Time, from netip.Addr) (api.Key, error) {
	p, err := k.of.proxy()
	if err != nil {
		return api.Key{}, err
	}
	if p.anyAddress {
		from = netip.Addr{}
	}
	made, err := p.keys.Mint(ctx, g.Objects[0], rolesession.Terms{Grant: g.ID, Expires: until, Address: from})
	if errors.Is(err, access.ErrNotFound) {
		return api.Key{}, &access.Refusal{Code: api.CodeNoAccess, Text: "Your access to " + g.Target + " is being taken away: ask again with sesame request " + g.Target + "."}
	}
	key := api.Key{
		ID: made.ID, Secret: api.Secret(made.Secret), Token: api.Secret(made.Token), Expires: made.Expires,
		Region: made.Spec.Params[flowfile.ParamRegion],
	}
	if err == nil && p.tunnels {
		key.Tunnel = api.Secret(proxy.TunnelPassword(made.ID, made.Secret, made.Token))
	}
	return key, err
}
