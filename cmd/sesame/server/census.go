package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/flowfile"
	"sesame/proxy/api"
)

// A citizen is somebody who may have access, with the groups that are known
// from elsewhere than the flow files.
type citizen struct {
	account access.Account
	email   string
	api.FactsPerson
	principal access.Principal
}

// A census is what can be looked up for a set of flow files.
type census struct {
	*Server
	sources facts.Sources
	set     *flowfile.Set
	people  map[access.Account]*citizen
}

// atOnce is how many people are looked up at a time.
const atOnce = 4

// census looks up who there is, who is in which group, and who is on call, for
// the flow files in force. It links nobody and decides nothing.
func (s *Server) census(ctx context.Context) (api.Facts, error) {
	set := s.rules.set.Load()
	if set == nil {
		return api.Facts{}, &access.Refusal{
			Code: access.RefusedClosing, Text: "There is nothing to look up, because no flow files are in force: repair them first, or name a facts file.",
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkIn)
	defer cancel()
	c := census{s, s.sources(), set, map[access.Account]*citizen{}}
	if err := c.take(ctx); err != nil {
		return api.Facts{}, s.uncounted(err)
	}
	f := c.facts()
	var err error
	if f.OnCall, err = c.onCall(ctx); err != nil {
		return api.Facts{}, s.uncounted(err)
	}
	return f, nil
}

// uncounted says why nobody could be looked up.
func (s *Server) uncounted(err error) error {
	s.Log.Error().Err(err).Msg("look up who is in which group")
	return &access.Refusal{
		Code: access.RefusedUnable, Text: fmt.Sprintf("Who is in which group is not known, because it could not be looked up: %s: try again once that is repaired.", firstLine(err)),
	}
}

// take finds out who there is, and about each.
func (c census) take(ctx context.Context) error {
	for _, g := range c.set.Groups() {
		if g.Source != flowfile.GroupSlack {
			continue
		}
		accounts, err := c.known.Members(ctx, g.ID)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			p := c.add(a)
			p.Groups = append(p.Groups, g.Name)
		}
	}
	if err := c.asked(ctx); err != nil {
		return err
	}
	if err := c.each(ctx, c.meet); err != nil {
		return err
	}
	c.named()
	return c.each(ctx, c.inDirectory)
}

// each calls look for several people at a time.
func (c census) each(ctx context.Context, look func(context.Context, *citizen) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range c.people {
		group.Go(func() error { return look(ctx, p) })
	}
	return group.Wait()
}

// named adds those whose addresses are members of groups, and who are nobody
// that was met: of the groups of Slack, they are in none.
func (c census) named() {
	known := map[string]bool{}
	for _, p := range c.people {
		known[p.email] = true
	}
	for _, g := range c.set.Groups() {
		for _, email := range g.Members {
			if !known[email] {
				known[email] = true
				c.people[access.Account{User: email}] = &citizen{email: email}
			}
		}
	}
}

func (c census) add(a access.Account) *citizen {
	p, ok := c.people[a]
	if !ok {
		p = &citizen{account: a}
		c.people[a] = p
	}
	return p
}

// asked adds whoever has a request in the record: one look for each of them,
// past all others of theirs.
func (c census) asked(ctx context.Context) error {
	q := access.Query{Index: access.IndexPerson, Limit: 1}
	for {
		page, err := c.store.List(ctx, q)
		if err != nil || len(page.Records) == 0 {
			return err
		}
		r, err := access.Decode[access.Request](page.Records[0])
		if err != nil {
			return err
		}
		c.add(r.By.Account)
		// The index is "requester/time", and 0 comes after /.
		q.From = string(r.By.ID) + "0"
	}
}

// meet finds out about one person.
func (c census) meet(ctx context.Context, p *citizen) error {
	profile, err := c.sources.Profiles.Profile(ctx, p.account)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return err
	}
	p.Name, p.Timezone, p.Status = profile.Name, profile.Zone, profile.Status
	p.Deactivated = err != nil || profile.Kind != facts.Member
	return c.identify(ctx, p, profile)
}

// inDirectory finds out in which groups of the directory somebody is.
func (c census) inDirectory(ctx context.Context, p *citizen) error {
	if p.account.IsZero() {
		if err := c.byEmail(ctx, p); err != nil {
			return err
		}
	}
	if p.principal == "" {
		p.Deactivated = true
		return nil
	}
	for _, g := range c.set.Groups() {
		if g.Source != flowfile.GroupIdentityCenter {
			continue
		}
		in, err := c.sources.Members.InDirectoryGroup(ctx, g.ID, p.principal)
		if err != nil {
			return err
		}
		if in {
			p.Groups = append(p.Groups, g.Name)
		}
	}
	return nil
}

// identify finds the user of AWS: the one that the person is linked to, or
// would be by their address.
func (c census) identify(ctx context.Context, p *citizen, profile facts.Profile) error {
	if who, err := c.Server.people.Known(ctx, p.account); err == nil {
		p.email = who.Email
		user, err := c.sources.Directory.User(ctx, who.Principal)
		if errors.Is(err, access.ErrNotFound) || err == nil && !user.Enabled {
			return nil
		}
		p.principal = who.Principal
		return err
	}
	p.email = strings.ToLower(profile.Email)
	if p.email == "" || !c.Config.Identity.TrustEmail || !profile.EmailConfirmed {
		return nil
	}
	return c.byEmail(ctx, p)
}

// byEmail finds the one enabled user with the address of somebody.
func (c census) byEmail(ctx context.Context, p *citizen) error {
	users, err := c.sources.Directory.ByEmail(ctx, p.email)
	users = slices.DeleteFunc(users, func(u facts.User) bool { return !u.Enabled })
	if len(users) == 1 {
		p.principal = users[0].Principal
	}
	return err
}

// facts returns what was found out.
func (c census) facts() api.Facts {
	f := api.Facts{People: map[string]api.FactsPerson{}, OnCall: map[string][]string{}}
	for _, p := range c.people {
		if p.email == "" {
			f.Unnamed++
			continue
		}
		slices.Sort(p.Groups)
		f.People[p.email] = p.FactsPerson
	}
	return f
}

// onCall returns who is on call.
func (c census) onCall(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	for _, o := range c.set.Schedules() {
		people, err := c.roster.People(ctx, o.Name)
		if err != nil {
			return nil, err
		}
		all[o.Name] = []string{}
		for _, w := range people {
			email := w.Email
			if p, ok := c.people[w.Account]; ok {
				email = cmp.Or(p.email, email)
			}
			if email != "" {
				all[o.Name] = append(all[o.Name], email)
			}
		}
	}
	return all, nil
}
