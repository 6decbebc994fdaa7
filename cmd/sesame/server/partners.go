package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
// target, whether the role is there that its people assume and asks for an
// external id, and whether Sesame sees the sessions that they start.
func (c *cloud) checkPartner(ctx context.Context, t access.Target) (accountassignment.Report, error) {
	w, err := c.iam(ctx, t.Params)
	if err != nil {
		return accountassignment.Report{}, err
	}
	r, err := w.timed.Check(ctx, t)
	if err != nil {
		return accountassignment.Report{}, err
	}
	of := accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings}
	if len(of.Problems) == 0 {
		c.checkTrust(ctx, t, &of)
	}
	return c.checkShells(ctx, t, of)
}

// checkTrust adds to a report whether the role of a partner's people can be
// assumed without an external id. Where that cannot be read it is said.
func (c *cloud) checkTrust(ctx context.Context, t access.Target, r *accountassignment.Report) {
	role := partner.RoleOf(t)
	trust, err := c.trust(ctx, role)
	taken := false
	if err == nil {
		taken, err = partner.Takes(trust, t.Params[flowfile.ParamAccount], "")
	}
	switch {
	case err != nil:
		r.Warnings = append(r.Warnings, fmt.Sprintf("whether the role %s asks for an external id is not known, because its trust policy could not be read (%v): let the role of the strategy call iam:GetRole on it, as sesame policy generate server-role does, or look by hand.", role.ARN, err))
	case taken:
		r.Problems = append(r.Problems, fmt.Sprintf("the role %s can be assumed from another account without an external id: give it the trust policy that sesame partner trust %s prints.", role.ARN, t.Params[flowfile.ParamPartner]))
	}
}

// externalIDs returns those of partners, which are sealed with the proxy's key.
func (s *Server) externalIDs() (*partner.ExternalIDs, error) {
	p, err := s.serving.proxy()
	if err != nil {
		return nil, err
	}
	return partner.NewExternalIDs(s.store, p.sealer, s.Clock), nil
}

// kitOf returns the kit of a partner, without its external ids.
func (s *Server) kitOf(name string) (partner.Kit, error) {
	set := s.rules.set.Load()
	if set == nil {
		return partner.Kit{}, &access.Refusal{Code: access.RefusedClosing, Text: "No flow files are in force, so that no partner is known: repair them, and run sesame flows apply."}
	}
	p, ok := set.Partner(name)
	if !ok {
		return partner.Kit{}, &access.Refusal{Code: api.CodeNotFound, Text: fmt.Sprintf("The flow files in force have no partner %q: look at their partners.", name)}
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
		return partner.Kit{}, &access.Refusal{Code: api.CodeNotFound, Text: fmt.Sprintf("No target of the flow files in force is for the partner %q: add one.", name)}
	}
	return k, nil
}

// kit returns what a partner is sent. Its external id is made the first time.
func (s *Server) kit(ctx context.Context, name string) (api.PartnerKit, error) {
	k, err := s.kitOf(name)
	if err != nil {
		return api.PartnerKit{}, err
	}
	ids, err := s.externalIDs()
	if err != nil {
		return api.PartnerKit{}, err
	}
	if k.IDs, err = ids.Of(ctx, k.Partner); err != nil {
		return api.PartnerKit{}, err
	}
	text, err := k.Text()
	if err != nil {
		return api.PartnerKit{}, err
	}
	trust, err := trustText(k)
	return api.PartnerKit{Partner: name, Text: text, Trust: trust}, err
}

func trustText(k partner.Kit) (string, error) {
	trust, err := k.Trust()
	if err != nil {
		return "", err
	}
	return string(recipe.Text(trust, "trust")), nil
}

// rotateExternalID makes a new external id for a partner, or has those before it
// not taken any more, as an admin.
func (s *Server) rotateExternalID(ctx context.Context, by access.Account, w api.Rotation) (api.PartnerRotation, error) {
	who, err := s.admin(ctx, by, "change the external id of a partner")
	if err != nil {
		return api.PartnerRotation{}, err
	}
	k, err := s.kitOf(w.Partner)
	if err != nil {
		return api.PartnerRotation{}, err
	}
	ids, err := s.externalIDs()
	if err != nil {
		return api.PartnerRotation{}, err
	}
	wish := partner.Replacement{
		Partner: k.Partner, By: who, Roles: k.Roles(), Leaked: w.Leaked, Overlap: cmp.Or(w.Within, partner.UsualOverlap),
		Fits: func(ids partner.IDs) error {
			_, err := partner.Kit{Partner: k.Partner, Targets: k.Targets, IDs: ids}.Trust()
			return err
		},
	}
	var made bool
	if w.Finish {
		k.IDs, err = s.finish(ctx, ids, wish)
	} else {
		k.IDs, made, err = ids.Replace(ctx, wish)
	}
	if err != nil {
		return api.PartnerRotation{}, err
	}
	s.Log.Info().Str("partner", w.Partner).Bool("made", made).Bool("finish", w.Finish).Msg("external id")
	return rotation(k, made)
}

// finish has former external ids taken no more, and looks at once whether any is.
func (s *Server) finish(ctx context.Context, ids *partner.ExternalIDs, w partner.Replacement) (partner.IDs, error) {
	if _, err := ids.Finish(ctx, w); err != nil {
		return partner.IDs{}, err
	}
	if err := ids.Look(ctx, s.cloud.trust, s.isPartner); err != nil {
		s.Log.Warn().Err(err).Msg("look at the external ids of partners")
	}
	return ids.Of(ctx, w.Partner)
}

// admin returns the admin behind an account. While nobody can say who that is, the
// link that was made before stands for them: what leaked does not wait for Slack.
func (s *Server) admin(ctx context.Context, by access.Account, what string) (access.Person, error) {
	if _, err := s.people.Identify(ctx, by); err != nil && !errors.Is(err, access.ErrUnavailable) {
		return access.Person{}, err
	}
	who, err := s.people.Recall(ctx, by)
	if err == nil && !who.Admin {
		err = &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot " + what + ", because only admins can: ask one of them."}
	}
	return who.Person, err
}

func rotation(k partner.Kit, made bool) (api.PartnerRotation, error) {
	text, err := k.Progress(made)
	if err != nil {
		return api.PartnerRotation{}, err
	}
	trust, err := trustText(k)
	return api.PartnerRotation{Partner: k.Partner.Name, Made: made, Until: k.IDs.Until(), Text: text, Trust: trust}, err
}

// lookEvery is how often the roles of partners are looked at whose external id
// is being replaced.
const lookEvery = 10 * time.Minute

// watchExternalIDs looks until ctx ends whether former external ids are taken
// still. What it cannot see now it sees the next time.
func (s *Server) watchExternalIDs(ctx context.Context) error {
	for {
		if err := clock.Wait(ctx, s.Clock, s.Clock.Now().Add(lookEvery)); err != nil {
			return nil
		}
		ids, err := s.externalIDs()
		if err != nil {
			continue // there is no proxy, or none yet, by whose key they could be read
		}
		if err := ids.Look(ctx, s.cloud.trust, s.isPartner); err != nil && ctx.Err() == nil {
			s.Log.Warn().Err(err).Msg("look at the external ids of partners")
		}
	}
}

// isPartner reports whether the flow files in force have a partner. While none are,
// each may be one.
func (s *Server) isPartner(name string) bool {
	set := s.rules.set.Load()
	if set == nil {
		return true
	}
	_, ok := set.Partner(name)
	return ok
}

// trust reads the trust policy of a role of a partner's people.
func (c *cloud) trust(ctx context.Context, role partner.Role) (string, error) {
	w, err := c.iam(ctx, role.Params)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, trustIn)
	defer cancel()
	return w.client.Trust(ctx, role.ARN[strings.LastIndexByte(role.ARN, '/')+1:])
}

// trustIn is how long AWS may take to show a trust policy.
const trustIn = 15 * time.Second

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
