package api

import (
	"context"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// An Outside is what the people of partners send, who are not signed in: what
// they say, as JSON, and a proof of who they are that is for these very bytes.
type Outside struct {
	Proof string `json:"proof"`
	Said  string `json:"said"` // an OutsideSaying
}

// An OutsideSaying asks for access, or what became of a request.
type OutsideSaying struct {
	Ask  *Asking `json:"ask,omitempty"`
	Look string  `json:"look,omitempty"` // the id of a request
}

// An Outsider is somebody of a partner, who has proven it.
type Outsider struct {
	Partner, Person string
	Sponsor         access.Account // who answers for them
}

// Outsiders says who made a proof, or returns a *access.Refusal.
type Outsiders func(ctx context.Context, proof, said string) (Outsider, error)

// errNoOutsiders refuses where nobody is known from outside.
var errNoOutsiders = &access.Refusal{Code: access.RefusedUnknown, Text: "This server takes no requests from outside: have your sponsor ask for you in Slack."}

// outside answers the people of partners. What they ask for is their sponsor's
// request, for the person who proved to be there.
func (s *Remote) outside(ctx context.Context, c call) (any, error) {
	sent, err := decode[Outside](c.body)
	if err != nil {
		return nil, err
	}
	if s.Outsiders == nil {
		return nil, errNoOutsiders
	}
	who, err := s.Outsiders(ctx, sent.Proof, sent.Said)
	if err != nil {
		return nil, err
	}
	said, err := decode[OutsideSaying]([]byte(sent.Said))
	switch {
	case err != nil:
		return nil, err
	case said.Ask != nil && said.Look == "":
		return s.askedOutside(ctx, sent.Proof, who, *said.Ask)
	case said.Ask == nil && said.Look != "":
		r, err := s.Desk.Look(ctx, who.Sponsor, access.RequestID(said.Look))
		if err == nil && !who.asked(r) {
			err = errNotTheirs
		}
		if err != nil {
			return nil, err
		}
		return s.caseOf(ctx, who.as(r), r)
	}
	return nil, errUnreadable
}

// errNotTheirs refuses whatever is not for the person, without saying whether
// there is such a thing.
var errNotTheirs = &access.Refusal{Code: access.RefusedUnknown, Text: "There is no such target or request for you: look at what you were sent, or ask your sponsor."}

func (s *Remote) askedOutside(ctx context.Context, proof string, who Outsider, a Asking) (any, error) {
	if a.Extends != "" || a.BreakGlass {
		return nil, &access.Refusal{Code: access.RefusedInput, Text: "From outside, access is asked for and nothing else: have your sponsor do the rest."}
	}
	d, err := s.duration(ctx, a)
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for name, value := range a.Fields {
		fields[name] = value
	}
	fields[flowfile.FieldFor] = who.Person
	if s.PartnerOf == nil || s.PartnerOf(a.Target) != who.Partner {
		return nil, errNotTheirs
	}
	r, err := s.Desk.Ask(ctx, flows.Draft{
		ID: access.RequestIDFrom("outside\x00" + proof), From: who.Sponsor, Target: a.Target, Duration: d,
		Reason: who.Person + " asks: " + a.Reason, Fields: fields, Source: access.FromOutside,
	})
	if err != nil {
		return nil, err
	}
	s.Log.Info().Str("partner", who.Partner).Str("person", who.Person).Str("request", string(r.ID)).Msg("asked from outside")
	return s.caseOf(ctx, who.as(r), r)
}

// asked reports whether a request is for who.
func (o Outsider) asked(r access.Request) bool {
	return r.Fields[flowfile.FieldFor] == o.Person && r.Target.Params[flowfile.ParamPartner] == o.Partner
}

// as is who as somebody whose request r is.
func (o Outsider) as(r access.Request) caller {
	var c caller
	c.login.Person = r.By.ID
	return c
}
