package server

import (
	"context"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
	"sesame/strategies/accountassignment"
	"sesame/strategies/partner"
)

// checkPartner asks AWS whether Sesame gets to the account of a partner's
// target, and whether the role is there that its people assume.
func (c *cloud) checkPartner(ctx context.Context, t access.Target) (accountassignment.Report, error) {
	w, err := c.iam(ctx, t.Params)
	if err != nil {
		return accountassignment.Report{}, err
	}
	r, err := w.timed.Check(ctx, t)
	return accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings}, err
}

// externalIDs returns those of partners, which are sealed with the proxy's key.
func (s *Server) externalIDs() (*partner.ExternalIDs, error) {
	if s.served == nil {
		return nil, &access.Refusal{Code: api.CodeNotFound, Text: "The server has no sealing key, so that it cannot keep the external ids of partners: configure a proxy first."}
	}
	return partner.NewExternalIDs(s.store, s.served.sealer, s.Clock), nil
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
	if k.ExternalID, err = ids.Of(ctx, name); err != nil {
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
	return api.PartnerKit{Partner: name, Text: text, Trust: string(trust.Format())}, nil
}
