package server

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam/recipe"
	"sesame/proxy/api"
	"sesame/proxy/callerproof"
	"sesame/strategies/accountassignment"
	"sesame/strategies/partner"
)

// checkPartner asks AWS whether Sesame gets to the account of a partner's
// target, whether the role is there that its people assume, and whether Sesame
// sees the sessions that they start.
func (c *cloud) checkPartner(ctx context.Context, t access.Target) (accountassignment.Report, error) {
	w, err := c.iam(ctx, t.Params)
	if err != nil {
		return accountassignment.Report{}, err
	}
	r, err := w.timed.Check(ctx, t)
	if err != nil {
		return accountassignment.Report{}, err
	}
	return c.checkShells(ctx, t, accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings})
}

// externalIDs returns those of partners, which are sealed with the proxy's key.
func (s *Server) externalIDs() (*partner.ExternalIDs, error) {
	p, err := s.serving.proxy()
	if err != nil {
		return nil, err
	}
	return partner.NewExternalIDs(s.store, p.sealer, s.Clock), nil
}

// kit returns what a partner is sent. Its external id is made the first time.
func (s *Server) kit(ctx context.Context, name string) (api.PartnerKit, error) {
	set := s.rules.set.Load()
	if set == nil {
		return api.PartnerKit{}, &access.Refusal{Code: access.RefusedClosing, Text: "No flow files are in force, so that no partner is known: repair them, and run sesame flows apply."}
	}
	p, ok := set.Partner(name)
	if !ok {
		return api.PartnerKit{}, &access.Refusal{Code: api.CodeNotFound, Text: fmt.Sprintf("The flow files in force have no partner %q: look at their partners.", name)}
	}
	ids, err := s.externalIDs()
	if err != nil {
		return api.PartnerKit{}, err
	}
	k := partner.Kit{Partner: p}
	if s.Config.API.Name != "" {
		k.Server = "https://" + s.Config.API.Name
	}
	for _, t := range set.Targets() {
		if t.Params[flowfile.ParamPartner] == name {
			k.Targets = append(k.Targets, t)
		}
	}
	if len(k.Targets) == 0 {
		return api.PartnerKit{}, &access.Refusal{Code: api.CodeNotFound, Text: fmt.Sprintf("No target of the flow files in force is for the partner %q: add one.", name)}
	}
	if k.ExternalID, err = ids.Of(ctx, p); err != nil {
		return api.PartnerKit{}, err
	}
	text, err := k.Text()
	if err != nil {
		return api.PartnerKit{}, err
	}
	trust, err := k.Trust()
	if err != nil {
		return api.PartnerKit{}, err
	}
	return api.PartnerKit{Partner: name, Text: text, Trust: string(recipe.Text(trust, "trust"))}, nil
}

// outsiders says who made a proof for this server; nil where it has no name to
// make one for.
func (s *Server) outsiders() api.Outsiders {
	if s.Config.API.Name == "" {
		return nil
	}
	endpoint := ""
	if s.Config.AllowCustomEndpoints {
		endpoint = s.Config.AWS.Endpoint
	}
	proofs := callerproof.NewVerifier(s.Config.API.Name, endpoint, clock.System{})
	return func(ctx context.Context, proof, said string) (api.Outsider, error) {
		arn, err := proofs.Caller(ctx, proof, said)
		if err != nil {
			s.Log.Warn().Err(err).Msg("a proof from outside was not taken")
			return api.Outsider{}, unproven(err)
		}
		set := s.rules.set.Load()
		if set == nil {
			return api.Outsider{}, &access.Refusal{Code: access.RefusedClosing, Text: "Sesame only ends access at the moment: try again later, or ask your sponsor."}
		}
		p, person, ok := set.PartnerOf(arn)
		if !ok {
			s.Log.Warn().Str("caller", arn).Msg("somebody from outside is of no partner")
			return api.Outsider{}, &access.Refusal{Code: access.RefusedStranger, Text: "AWS knows you as " + arn + ", whom this server does not know: come as the role and under the name that you were told."}
		}
		return api.Outsider{Partner: p.Name, Person: person, Sponsor: access.Account{Workspace: s.Config.Slack.Workspace, User: p.Sponsor}}, nil
	}
}

// unproven says why a proof was not taken.
func unproven(err error) error {
	refuse := func(code access.RefusalCode, text string) error { return &access.Refusal{Code: code, Text: text} }
	switch {
	case errors.Is(err, callerproof.ErrTime):
		return refuse(api.CodeSignature, "Your proof is too old or from the future: set the clock of your computer, and run the command again.")
	case errors.Is(err, callerproof.ErrReplayed):
		return refuse(api.CodeSignature, "This proof was taken before, and nothing is done twice: run the command again.")
	case errors.Is(err, callerproof.ErrRefused):
		return refuse(api.CodeSignature, "AWS does not confirm your proof for this server: look at the address of the server and at your profile, and run the command again.")
	case errors.Is(err, callerproof.ErrForm):
		return refuse(api.CodeSignature, "This is no proof of who you are: update sesame, and run the command again.")
	default:
		return refuse(access.RefusedUnable, "Sesame could not ask AWS who you are, so nothing was done: try again in a minute.")
	}
}

// partnerOf returns whose people a target is for, as the flow files in force
// say.
func (s *Server) partnerOf(target string) string {
	set := s.rules.set.Load()
	if set == nil {
		return ""
	}
	t, _ := set.Target(target)
	return t.Params[flowfile.ParamPartner]
}
