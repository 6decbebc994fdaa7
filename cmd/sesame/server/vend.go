package server

import (
	"context"
	"errors"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/ledger"
	"sesame/proxy/api"
	"sesame/strategies/rolesession"
)

// A vendor hands out credentials of AWS under grants whose targets do that.
type vendor struct {
	of       *serving
	store    access.Store
	sessions *rolesession.Sessions
	clock    clock.Clock
	wall     clock.Clock // what credentials live by
}

// vend returns what hands out credentials, or nil where there is to be no proxy.
func (s *Server) vend() func(context.Context, access.Grant, api.Holder) (api.Key, error) {
	if !s.cloud.able().Proxy {
		return nil
	}
	return vendor{&s.serving, s.store, s.cloud.roles, s.Clock, clock.System{}}.vend
}

// vended is the data of access.EventVended. The id of a key is no secret: it is
// what CloudTrail knows the calls by.
type vended struct {
	Key   string    `json:"key"`
	From  string    `json:"from"`
	Until time.Time `json:"until"`
}

// vend hands out credentials once it is recorded until when they work, against
// the grant as it is then: an end and this cannot miss each other.
func (v vendor) vend(ctx context.Context, g access.Grant, to api.Holder) (api.Key, error) {
	over := &access.Refusal{Code: api.CodeNoAccess, Text: "Your access to " + g.Target + " is over, or about to be: ask again with sesame request " + g.Target + "."}
	p, err := v.of.proxy()
	if err != nil {
		return api.Key{}, err
	}
	ring, err := p.keys.Ring(ctx, g.Objects[0])
	if errors.Is(err, access.ErrNotFound) {
		return api.Key{}, over
	} else if err != nil {
		return api.Key{}, err
	}
	made, err := v.sessions.Vend(ctx, ring, g)
	if errors.Is(err, access.ErrForbidden) {
		return api.Key{}, over
	} else if err != nil {
		return api.Key{}, err
	}
	k := api.Key{
		ID: made.AccessKeyID, Secret: api.Secret(made.SecretAccessKey), Token: api.Secret(made.SessionToken),
		Region: ring.Params[flowfile.ParamRegion], Direct: true, Expires: v.until(made.Expires, g.EndsAt),
	}
	err = ledger.Retry(func() error { return v.record(ctx, g.ID, to, k) })
	if errors.Is(err, access.ErrDecided) || errors.Is(err, access.ErrForbidden) {
		return api.Key{}, over
	} else if err != nil {
		return api.Key{}, err
	}
	return k, nil
}

// until is the end of credentials on Sesame's clock, which is no later than that
// of the grant.
func (v vendor) until(expires, ends time.Time) time.Time {
	until := v.clock.Now().Add(expires.Sub(v.wall.Now())).Truncate(time.Second)
	if until.After(ends) {
		return ends
	}
	return until
}

func (v vendor) record(ctx context.Context, id access.GrantID, to api.Holder, k api.Key) error {
	now := v.clock.Now()
	g, version, err := access.Load[access.Grant](ctx, v.store, access.Grant{ID: id}.Key())
	if err != nil {
		return err
	}
	if g, err = g.Vend(now, k.Expires); err != nil {
		return err
	}
	b := ledger.NewBatch(now)
	b.Put(g, version)
	b.Event(g.Request, access.EventVended, to.Person, vended{k.ID, to.From.String(), k.Expires})
	_, err = b.Commit(ctx, v.store)
	return err
}
