package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/token"
)

// A TokenAsking asks for a service token.
type TokenAsking struct {
	Name    string   `json:"name"`
	Targets []string `json:"targets"`
	// From are the networks that it may be used from: "10.0.0.0/8", or one
	// address.
	From []string `json:"from"`
	// Lasts is a duration: "720h". Optional, default 30 days.
	Lasts string `json:"lasts,omitempty"`
}

// A Token is a service token. It lives under the grants of its owner.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	User    string    `json:"user"` // in the chat
	Targets []string  `json:"targets"`
	From    []string  `json:"from"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"`
	// State is "good" or "over".
	State string `json:"state"`
}

// The states of a Token.
const (
	TokenGood = "good"
	TokenOver = "over" // it ran out
)

// Tokens are service tokens.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// A MadeToken is a token that was made, with its secret, which is told this once.
type MadeToken struct {
	Token
	Place
	// Keys are what clients have as access key id, one for each target.
	Keys   []string `json:"keys"`
	Secret Secret   `json:"secret"`
}

// tokens shows those of the caller.
func (s *Remote) tokens(ctx context.Context, c caller) (any, error) {
	if s.Tokens == nil {
		return nil, errNoProxy
	}
	all, err := s.Tokens.Mine(ctx, c.login.Account)
	return s.viewTokens(all), err
}

// allTokens shows everybody's to admins.
func (s *Remote) allTokens(ctx context.Context, c caller) (any, error) {
	if s.Tokens == nil {
		return nil, errNoProxy
	}
	all, err := s.Tokens.All(ctx, c.login.Account)
	return s.viewTokens(all), err
}

func (s *Remote) makeToken(ctx context.Context, c caller) (any, error) {
	asked, err := decode[TokenAsking](c.body)
	if err != nil {
		return nil, err
	}
	if s.Tokens == nil || s.Keys == nil {
		return nil, errNoProxy
	}
	lasts := token.UsualLasts
	if asked.Lasts != "" {
		if lasts, err = time.ParseDuration(asked.Lasts); err != nil {
			return nil, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("%.40q is no duration: say it in hours, as in 720h.", asked.Lasts)}
		}
	}
	at, err := s.Keys.Place()
	if err != nil {
		return nil, err
	}
	made, secret, err := s.Tokens.Make(ctx, c.login.Account, token.Wish{Name: asked.Name, Targets: asked.Targets, Networks: asked.From, Lasts: lasts})
	if err != nil {
		return nil, err
	}
	v := MadeToken{Token: s.viewToken(made), Place: at, Secret: Secret(secret)}
	for _, target := range made.Targets {
		v.Keys = append(v.Keys, made.ID.KeyID(target))
	}
	return v, nil
}

func (s *Remote) revokeToken(ctx context.Context, c caller) (any, error) {
	if s.Tokens == nil {
		return nil, errNoProxy
	}
	ended, err := s.Tokens.Revoke(ctx, c.login.Account, c.PathValue("what"))
	return s.viewTokens(ended), err
}

func (s *Remote) viewTokens(all []token.Token) Tokens {
	v := Tokens{Tokens: []Token{}}
	for _, t := range all {
		v.Tokens = append(v.Tokens, s.viewToken(t))
	}
	return v
}

func (s *Remote) viewToken(t token.Token) Token {
	v := Token{
		ID: string(t.ID), Name: t.Name, Owner: t.Owner, User: t.Account.User, Targets: t.Targets, At: t.At, Until: t.Until, State: TokenGood,
	}
	for _, n := range t.Networks {
		text := n.String()
		if n.IsSingleIP() {
			text, _, _ = strings.Cut(text, "/")
		}
		v.From = append(v.From, text)
	}
	if !s.Tokens.Clock.Now().Before(t.Until) {
		v.State = TokenOver
	}
	return v
}
