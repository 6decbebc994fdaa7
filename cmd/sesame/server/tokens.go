package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/token"
	"sesame/proxy"
	"sesame/strategies/rolesession"
)

// newTokens are the service tokens. While there is no proxy none is made and none
// works; those that there are can be ended.
func (s *Server) newTokens() *token.Tokens {
	return token.New(token.Config{Store: s.store, People: s.people, Clock: s.Clock, Serves: s.rules.serves, Sealer: func() token.Sealer {
		if p := s.serving.now.Load(); p != nil {
			return p.sealer
		}
		return nil
	}})
}

// serves reports whether a target is served through the proxy.
func (r *rules) serves(target string) bool {
	set := r.set.Load()
	if set == nil {
		return false
	}
	t, ok := set.Target(target)
	return ok && t.Way == flowfile.WayRole
}

// left has nobody come from a terminal, or with a token, who has left.
func (s *Server) left(ctx context.Context, who access.PersonID, why string) error {
	return errors.Join(s.commands.logins.Leave(ctx, who, why), s.tokens.Leave(ctx, who, why))
}

// comers are those who could come from a terminal, or with a token.
func (s *Server) comers(ctx context.Context) ([]access.PersonID, error) {
	signedIn, err := s.commands.logins.Holders(ctx)
	owners, failed := s.tokens.Owners(ctx)
	return slices.Concat(signedIn, owners), errors.Join(err, failed)
}

// proxyKeys are the keys of a strategy, and the service tokens, as the proxy asks
// for them.
type proxyKeys struct {
	keys   *rolesession.Keys
	tokens *token.Tokens
	store  access.Store
	clock  clock.Clock
}

// Find implements proxy.Keys.
func (k proxyKeys) Find(ctx context.Context, id, session string) (proxy.Key, error) {
	if name, target, ok := token.Parse(id); ok && session == "" {
		return k.bearer(ctx, name, target)
	}
	found, err := k.keys.Find(ctx, id, session)
	if err != nil {
		return proxy.Key{Grant: found.Grant}, err
	}
	key := proxy.Key{
		Secret: found.Secret, Grant: found.Grant, Ring: found.Spec, Expires: found.Expires, Address: found.Address, Roles: found.Roles,
	}
	if found.By == "" {
		return key, nil
	}
	t, holds, err := k.tokens.Holds(ctx, token.ID(found.By))
	if err == nil && !holds {
		err = fmt.Errorf("the token %s that a key came of: %w", found.By, access.ErrNotFound)
	}
	key.By = tokenOf(t)
	return key, err
}

// Mint implements proxy.Keys.
func (k proxyKeys) Mint(ctx context.Context, like proxy.Key) (proxy.Triple, error) {
	made, err := k.keys.Mint(ctx, like.Ring.Key, rolesession.Terms{
		Grant: like.Grant, Expires: like.Expires, Address: like.Address, Roles: like.Roles, By: like.By.ID,
	})
	return proxy.Triple{ID: made.ID, Secret: made.Secret, Token: made.Token}, err
}

func tokenOf(t token.Token) proxy.Token {
	return proxy.Token{ID: string(t.ID), Name: t.Name, Owner: t.Person, Networks: t.Networks}
}

// bearer is a token as a key: that of the grant by which its owner holds the
// target now, and where there is none, of nothing, with why.
func (k proxyKeys) bearer(ctx context.Context, id token.ID, target string) (proxy.Key, error) {
	t, secret, err := k.tokens.Find(ctx, id)
	if err != nil {
		return proxy.Key{}, err
	}
	key := proxy.Key{Secret: secret, Expires: t.Until, By: tokenOf(t)}
	if target == "" && len(t.Targets) == 1 {
		target = t.Targets[0]
	}
	key.By.Asked = target
	switch {
	case target == "":
		key.By.Idle = fmt.Sprintf("The token %s is for %s: name one of them in the access key id, as in %s.", t.Name, strings.Join(t.Targets, " and "), id.KeyID(t.Targets[0]))
		return key, nil
	case !slices.Contains(t.Targets, target):
		key.By.Idle = fmt.Sprintf("The token %s is for %s, and not for %.64q: name what it is for, or make another with sesame tokens create.", t.Name, strings.Join(t.Targets, " and "), target)
		return key, nil
	}
	g, ring, err := k.held(ctx, t.Person, target)
	if errors.Is(err, access.ErrNotFound) {
		key.By.Idle = fmt.Sprintf("The token %s works while %s holds %s, which is not so now: have them ask for it with sesame request %s.", t.Name, t.Owner, target, target)
		return key, nil
	}
	key.Grant, key.Ring = g, ring
	return key, err
}

// held returns the grant by which somebody holds a target now, the last to end
// if there are several.
func (k proxyKeys) held(ctx context.Context, who access.PersonID, target string) (access.GrantID, access.Spec, error) {
	var last access.Grant
	now := k.clock.Now()
	err := access.Each(ctx, k.store, access.Exactly(access.IndexLive, string(who)), func(rec access.Record) error {
		g, err := access.Decode[access.Grant](rec)
		if err == nil && g.Target == target && usable(g, now) && g.EndsAt.After(last.EndsAt) {
			last = g
		}
		return err
	})
	if err == nil && last.ID == "" {
		err = access.ErrNotFound
	}
	if err != nil {
		return "", access.Spec{}, err
	}
	ring, err := k.keys.Ring(ctx, last.Objects[0])
	return last.ID, ring, err
}

// usable reports whether a grant is one of the proxy's, and open.
func usable(g access.Grant, now time.Time) bool {
	return g.State == access.Open && now.Before(g.EndsAt) && keyMaker{}.Serves(g)
}
