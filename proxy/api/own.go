package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/line"
	"sesame/flows/login"
)

// A Begin asks for a code.
type Begin struct {
	Key  []byte `json:"key"`            // the public half, Ed25519
	Host string `json:"host,omitempty"` // what the computer calls itself
}

// A Begun is a code that somebody is to type into the chat.
type Begun struct {
	ID    string    `json:"id"`
	Code  string    `json:"code"`
	Until time.Time `json:"until"`
	Now   time.Time `json:"now"` // by the server's clock
}

// A Login is what became of a code, or who is signed in.
type Login struct {
	// State is "waiting", "confirmed" or "declined".
	State string    `json:"state"`
	ID    string    `json:"id,omitempty"`
	Name  string    `json:"name,omitempty"`
	User  string    `json:"user,omitempty"` // in the chat
	Host  string    `json:"host,omitempty"`
	From  string    `json:"from,omitempty"` // address
	Agent string    `json:"agent,omitempty"`
	At    time.Time `json:"at,omitzero"`
	Until time.Time `json:"until,omitzero"`
	Key   string    `json:"key,omitempty"` // fingerprint
}

// The states of a Login.
const (
	LoginWaiting   = "waiting"
	LoginConfirmed = "confirmed"
	LoginDeclined  = "declined"
)

// NewLogin is who signs a call that asks for a code: nobody yet.
const NewLogin = "new"

func viewLogin(l login.Login) Login {
	return Login{
		State: LoginConfirmed, ID: string(l.ID), Name: l.Name, User: l.Account.User, Host: l.Origin.Host,
		From: l.Origin.Address, Agent: l.Origin.Agent, At: l.At, Until: l.Until, Key: l.Fingerprint(),
	}
}

func (s *Remote) begin(_ context.Context, c call) (any, error) {
	b, err := decode[Begin](c.body)
	if err != nil {
		return nil, err
	}
	if c.said.Who != NewLogin || len(b.Key) != ed25519.PublicKeySize {
		return nil, errUnreadable
	}
	if err := s.check(c, b.Key); err != nil {
		return nil, err
	}
	address, _, err := net.SplitHostPort(c.RemoteAddr)
	if err != nil {
		return nil, err
	}
	a, err := s.Logins.Begin(login.Origin{Address: address, Host: b.Host, Agent: c.UserAgent()}, b.Key)
	if err != nil {
		return nil, err
	}
	return Begun{ID: string(a.ID), Code: a.Code, Until: a.Until, Now: a.Until.Add(-login.CodeLasts)}, nil
}

func (s *Remote) outcome(_ context.Context, c call) (any, error) {
	id := c.PathValue("id")
	out, key, ok := s.Logins.Outcome(login.AttemptID(id))
	if !ok || c.said.Who != id {
		return nil, &access.Refusal{Code: access.RefusedUnknown, Text: "This code is over, because nobody confirmed it in time: run sesame login again."}
	}
	if err := s.check(c, key); err != nil {
		return nil, err
	}
	switch {
	case out.Declined:
		return Login{State: LoginDeclined}, nil
	case out.Login == nil:
		return Login{State: LoginWaiting}, nil
	}
	return viewLogin(*out.Login), nil
}

func (s *Remote) me(_ context.Context, c caller) (any, error) { return viewLogin(c.login), nil }

func (s *Remote) logout(ctx context.Context, c caller) (any, error) {
	return viewLogin(c.login), s.Logins.Logout(ctx, c.login)
}

// Mine is what somebody waits for and holds.
type Mine struct {
	Requests []Request `json:"requests"` // that nobody has decided
	Grants   []Grant   `json:"grants"`   // that are not closed
}

func (s *Remote) mine(ctx context.Context, c caller) (any, error) {
	m := Mine{Requests: []Request{}, Grants: []Grant{}}
	who := access.Person{ID: c.login.Person, Name: c.login.Name, Account: c.login.Account}
	err := each(ctx, s.Store, access.IndexPending, who.ID, func(r access.Request) { m.Requests = append(m.Requests, viewRequest(r)) })
	if err != nil {
		return nil, err
	}
	err = each(ctx, s.Store, access.IndexLive, who.ID, func(g access.Grant) { m.Grants = append(m.Grants, viewGrant(g, who)) })
	return m, err
}

// each calls f for everything that is listed under a person.
func each[T any](ctx context.Context, from access.Reader, index string, who access.PersonID, f func(T)) error {
	return access.Each(ctx, from, access.Exactly(index, string(who)), func(rec access.Record) error {
		v, err := access.Decode[T](rec)
		if err == nil {
			f(v)
		}
		return err
	})
}

// Waiting is what waits for somebody's own decision, the longest waiting first.
type Waiting struct {
	Requests []Request `json:"requests"`
}

func (s *Remote) waiting(ctx context.Context, c caller) (any, error) {
	all, err := s.Desk.Waiting(ctx, c.login.Account)
	v := Waiting{Requests: []Request{}}
	for _, r := range all {
		v.Requests = append(v.Requests, viewRequest(r))
	}
	return v, err
}

// A Case is a request as somebody sees it who has to do with it.
type Case struct {
	Request Request `json:"request"`
	Grant   *Grant  `json:"grant,omitempty"`
	// Digest is of the terms, for whoever approves them.
	Digest string `json:"digest"`
	// Waits is for whom, in words; empty once it is decided.
	Waits string `json:"waits,omitempty"`
	// Yours says that it is the caller's own.
	Yours bool `json:"yours"`
	// Overhang is how long credentials may outlive the access; empty for not
	// at all.
	Overhang string `json:"overhang,omitempty"`
	// Sessions says that what may outlive it are sessions, and not credentials.
	Sessions bool `json:"sessions,omitempty"`
	// Direct says that calls are not recorded by Sesame.
	Direct bool `json:"direct,omitempty"`
	// Connect says how the holder gets in, once the access is open.
	Connect []access.Step `json:"connect,omitempty"`
}

func (s *Remote) request(ctx context.Context, c caller) (any, error) {
	r, err := s.Desk.Look(ctx, c.login.Account, access.RequestID(c.PathValue("id")))
	if err != nil {
		return nil, err
	}
	return s.caseOf(ctx, c, r)
}

func (s *Remote) caseOf(ctx context.Context, c caller, r access.Request) (Case, error) {
	v := Case{
		Request: viewRequest(r), Digest: string(r.Terms().Digest()), Yours: r.By.ID == c.login.Person,
		Overhang: words(r.Target.Overhang), Sessions: r.Target.Sessions, Direct: !r.Target.Recorded,
	}
	if r.State == access.Pending {
		v.Waits = r.Asked()
	}
	about := r.ID.Grant()
	if r.Extends != "" {
		about = r.Extends
	}
	g, _, err := access.Load[access.Grant](ctx, s.Store, access.Grant{ID: about}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return v, nil
	}
	shown := viewGrant(g, r.By)
	v.Grant = &shown
	if v.Yours && g.State == access.Open {
		v.Connect = g.Connect
	}
	return v, err
}

// An Asking asks for access, or for more of it.
type Asking struct {
	// Once is made up by whoever asks: what is asked for again with the same
	// is the same request.
	Once string `json:"once"`
	// Target is left out of an extension.
	Target string `json:"target,omitempty"`
	// Extends is the grant that is to last longer.
	Extends  string            `json:"extends,omitempty"`
	Duration string            `json:"duration,omitempty"` // "1h30m"; empty for the default
	Reason   string            `json:"reason"`
	Fields   map[string]string `json:"fields,omitempty"`
	// BreakGlass opens the access at once, for Incident.
	BreakGlass bool   `json:"break_glass,omitempty"`
	Incident   string `json:"incident,omitempty"`
	// Sole is answered with what the caller holds of the target, or has asked
	// for already, where there is such.
	Sole bool `json:"sole,omitempty"`
}

// minOnce is how long an Asking's Once has to be at least.
const minOnce = 16

func (s *Remote) ask(ctx context.Context, c caller) (any, error) {
	a, err := decode[Asking](c.body)
	if err != nil {
		return nil, err
	}
	if len(a.Once) < minOnce {
		return nil, errUnreadable
	}
	draft := flows.Draft{
		ID:   access.RequestIDFrom("cli\x00" + string(c.login.ID) + "\x00" + a.Once),
		From: c.login.Account, Target: a.Target, Reason: a.Reason, Fields: a.Fields, Extends: access.GrantID(a.Extends),
		BreakGlass: a.BreakGlass, Incident: a.Incident, Sole: a.Sole, Source: access.FromCLI,
	}
	if draft.Duration, err = s.duration(ctx, a); err != nil {
		return nil, err
	}
	r, err := s.Desk.Ask(ctx, draft)
	if err != nil {
		return nil, err
	}
	return s.caseOf(ctx, c, r)
}

// duration returns for how long somebody asks: what they said, or the default.
func (s *Remote) duration(ctx context.Context, a Asking) (time.Duration, error) {
	if a.Duration != "" {
		d, problem := line.ParseDuration(a.Duration)
		if problem != "" {
			return 0, &access.Refusal{Code: access.RefusedInput, Text: problem}
		}
		return d, nil
	}
	if a.Extends == "" {
		return s.Default(a.Target, false), nil
	}
	g, _, err := access.LoadOrNew[access.Grant](ctx, s.Store, access.Grant{ID: access.GrantID(a.Extends)}.Key())
	return s.Default(g.Target, true), err
}

// A Saying is what somebody says to a request.
type Saying struct {
	// Digest is of the terms that were shown, for an approval.
	Digest string `json:"digest,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// decide has a verb of the Desk answer.
func (s *Remote) decide(verb func(context.Context, flows.Say) (access.Request, error)) func(context.Context, caller) (any, error) {
	return func(ctx context.Context, c caller) (any, error) {
		said, err := decode[Saying](c.body)
		if err != nil {
			return nil, err
		}
		r, err := verb(ctx, flows.Say{
			From: c.login.Account, Request: access.RequestID(c.PathValue("id")), Digest: access.Digest(said.Digest),
			Reason: said.Reason, Source: access.FromCLI,
		})
		if err != nil {
			return nil, err
		}
		return s.caseOf(ctx, c, r)
	}
}

func (s *Remote) end(ctx context.Context, c caller) (any, error) {
	g, err := s.Desk.End(ctx, flows.Ending{From: c.login.Account, Grant: access.GrantID(c.PathValue("id")), Source: access.FromCLI})
	if err != nil {
		return nil, err
	}
	r, _, err := access.Load[access.Request](ctx, s.Store, access.Request{ID: g.Request}.Key())
	return Ended{viewGrant(g, r.By)}, err
}

// errUnreadable refuses a body that is not what the call takes.
var errUnreadable = &access.Refusal{Code: access.RefusedInput, Text: "This call cannot be read, because it is not of the form that this server knows: update sesame, or the server."}

// decode returns the one JSON value of a body, which has no keys that T does
// not know. No body is the zero value.
func decode[T any](body []byte) (T, error) {
	var v T
	if len(body) == 0 {
		return v, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, errUnreadable
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errUnreadable
	}
	return v, nil
}
