package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/policies/iam/recipe"
)

// A targetOptions says which targets of which flow files a document is for.
type targetOptions struct{ targets, files []string }

func (o *targetOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&o.targets, "target", nil, "a target of the flow files, which says what no other flag does; server-role takes several")
	filesFlag(cmd, &o.files)
}

// A targeted is a target with the set that it is of.
type targeted struct {
	access.Target
	set       *flowfile.Set
	instances flowfile.Instances
	calls     flowfile.Calls
}

// fromTargets has a document take what the targets say.
func (c *console) fromTargets(f flagSet, o targetOptions, from func(flagSet, targeted) error) error {
	if len(o.targets) == 0 {
		return nil
	}
	set, err := c.flowSet(o.files)
	if err != nil {
		return err
	}
	partition := ""
	for _, name := range o.targets {
		t, ok := set.Target(name)
		if !ok {
			return unknownName(set, name)
		}
		of, err := aim(set, t)
		if is := of.partition(); err == nil && partition != "" && partition != is && !f.Changed("partition") {
			err = fmt.Errorf("it is in %s, and those before it are in %s: write a policy for each", is, partition)
		}
		if err == nil {
			err = from(f, of)
		}
		if err != nil {
			return fmt.Errorf("target %s: %w", name, err)
		}
		partition = of.partition()
	}
	return nil
}

// aim reads what a target of a set says.
func aim(set *flowfile.Set, t access.Target) (of targeted, err error) {
	of = targeted{Target: t, set: set}
	if of.instances, err = flowfile.ParseInstances(t.Params); err != nil {
		return of, err
	}
	of.calls, err = flowfile.ParseCalls(t.Params)
	return of, err
}

// scopeFrom takes account and regions of a target.
func (f flagSet) scopeFrom(s *recipe.Scope, t targeted) {
	if !f.Changed("partition") {
		s.Partition = t.partition()
	}
	if account := t.Params[flowfile.ParamAccount]; !f.Changed("account") && account != "" {
		s.Accounts = []string{account}
	}
	if f.Changed("region") {
		return
	}
	if s.Regions = t.instances.Regions; len(s.Regions) == 0 && t.Params[flowfile.ParamRegion] != "" && t.Way == flowfile.WayRole {
		s.Regions = []string{t.Params[flowfile.ParamRegion]}
	}
}

// partition returns the partition of AWS that the target is in, by what is said
// of it: an ARN, or else the region.
func (t targeted) partition() string {
	for _, name := range []string{flowfile.ParamRoleARN, flowfile.ParamInstanceARN} {
		if parts := strings.SplitN(t.Params[name], ":", 3); len(parts) == 3 {
			return parts[1]
		}
	}
	return flowfile.PartitionOf(t.Params[flowfile.ParamRegion])
}

// tagsFrom takes the tags of a target's machines: those by which they are
// found, or those that its sessions have.
func (f flagSet) tagsFrom(tags *map[string]string, t targeted) error {
	if f.Changed("tag") {
		return nil
	}
	if *tags = t.instances.Tags; len(*tags) > 0 {
		return nil
	}
	session, err := flowfile.SessionTags(t.Params)
	if err != nil {
		return err
	}
	delete(session, flowfile.RunAsTag)
	if len(session) == 0 {
		return errors.New("it says nothing about the tags of machines: give it instances or session_tags, or write --tag")
	}
	*tags = session
	return nil
}

// shellFrom takes what sessions on a target's machines need. Of its documents,
// those for tunnels are for tunnels alone.
func (f flagSet) shellFrom(s *recipe.Shell, t targeted, tunnels bool) error {
	f.scopeFrom(&s.Scope, t)
	if !f.Changed("document") {
		s.Documents = nil
		for _, name := range t.calls.Documents {
			shell := strings.HasPrefix(name, "AWS-") || name == iam.DefaultDocument
			if !tunnels || !shell {
				s.Documents = append(s.Documents, name)
			}
		}
	}
	if t.Way == flowfile.WayPartner && !f.Changed("timed") {
		s.Timed = true // each grant brings what lets sessions start
	}
	return f.tagsFrom(&s.Tags, t)
}

// slotsFrom takes the slots of a target's strategy, whose tags have the same
// names on machines.
func (f flagSet) slotsFrom(p *recipe.PrincipalTags, t targeted) error {
	if t.Way != flowfile.WayTags {
		return fmt.Errorf("it is granted by %s, and only %s has slots", t.Way, flowfile.WayTags)
	}
	of, err := flowfile.SlotsOf(t.Params)
	if err != nil {
		return err
	}
	f.scopeFrom(&p.Scope, t)
	if !f.Changed("pair") {
		for _, name := range of.Names {
			p.Pairs = append(p.Pairs, recipe.TagPair{Resource: name, Principal: name})
		}
	}
	if !f.Changed("slots") {
		p.Slots = of.Slots
	}
	if !f.Changed("other-tags") {
		p.Taken = of.Slots // each slot has one that marks it
	}
	if !f.Changed("timed") {
		p.Timed = t.Params[flowfile.ParamTimed] == "true"
	}
	return nil
}

// serverFrom adds what the server needs for a target.
func (f flagSet) serverFrom(r *recipe.ServerRole, t targeted) error {
	account := t.Params[flowfile.ParamAccount]
	if !f.Changed("partition") {
		r.Partition = t.partition()
	}
	if t.Way != flowfile.WayRole && len(t.instances.Tags) > 0 { // whose own role looks for machines
		r.Machines = true
		r.Config = r.Config || t.instances.Config
		r.Aggregators = r.Aggregators || t.instances.Aggregator != ""
	}
	end, ends, err := flowfile.ParseEndSessions(t.Params)
	switch {
	case err != nil:
		return err
	case ends && t.Way == flowfile.WaySSO && r.IdentityStore == "":
		return errors.New("whose sessions it ends is known to an identity store: name it with --identity-store")
	case ends:
		r.Roles, r.AskGroups = append(r.Roles, end.RoleARN), r.AskGroups || t.Way == flowfile.WaySSO
	}
	switch t.Way {
	case flowfile.WaySSO:
		r.Instance = t.Params[flowfile.ParamInstanceARN]
		r.Targets = append(r.Targets, account)
	case flowfile.WayGroup:
		if r.IdentityStore == "" {
			return errors.New("its groups are in an identity store: name it with --identity-store")
		}
		r.Groups = append(r.Groups, t.Params[flowfile.ParamGroup])
	case flowfile.WayRole:
		r.Roles = append(r.Roles, t.Params[flowfile.ParamRoleARN])
	case flowfile.WayIAMGroup:
		r.IAMGroups = append(r.IAMGroups, "arn:"+r.Partition+":iam::"+account+":group/"+t.Params[flowfile.ParamGroup])
	case flowfile.WayTags:
		return f.taggerFrom(r, t)
	case flowfile.WayPartner:
		return f.hostFrom(r, t)
	}
	return nil
}

// errUnbounded refuses the right to write policies without a bound.
var errUnbounded = errors.New("its grants write policies into users or roles: name their permissions boundary with --boundary, without which that right would be the right to everything")

// hostFrom adds the role that people of a partner assume, and the machines on
// which they have a user.
func (f flagSet) hostFrom(r *recipe.ServerRole, t targeted) error {
	if r.Boundary == "" {
		return errUnbounded
	}
	role := "arn:" + r.Partition + ":iam::" + t.Params[flowfile.ParamAccount] + ":role/" + t.Params[flowfile.ParamRole]
	r.PersonRoles, r.PartnerRoles = append(r.PersonRoles, role), append(r.PartnerRoles, role)
	if len(r.TagKeys) == 0 {
		r.TagKeys = []string{flowfile.MarkerTag}
	}
	f.sessionsFrom(r, t)
	if t.Params[flowfile.ParamOSUser] != "" {
		if len(r.OSUsers) > 0 {
			return errors.New("its machines have tags of their own: write a policy for each target that has an os_user")
		}
		f.scopeFrom(&r.Scope, t)
		r.OSUsers = t.instances.Tags
	}
	return nil
}

// sessionsFrom adds where grants on a target let people start sessions, which
// end with them.
func (f flagSet) sessionsFrom(r *recipe.ServerRole, t targeted) {
	in := r.Scope
	f.scopeFrom(&in, t)
	r.Sessions = append(r.Sessions, in)
}

// taggerFrom adds the users or roles that a target's grants tag, all of the
// account where the file does not list them, and the keys of all their slots.
func (f flagSet) taggerFrom(r *recipe.ServerRole, t targeted) error {
	of, err := flowfile.SlotsOf(t.Params)
	if err != nil {
		return err
	}
	in := "arn:" + r.Partition + ":iam::" + t.Params[flowfile.ParamAccount] + ":"
	owners := t.set.IAMOwners(t.Target)
	if len(owners) == 0 {
		owners = []flowfile.IAMOwner{{Name: "*"}}
	}
	for _, owner := range owners {
		if owner.Role {
			r.PersonRoles = append(r.PersonRoles, in+"role/"+owner.Name)
		} else {
			r.Users = append(r.Users, in+"user/"+owner.Name)
		}
	}
	keys := map[string]bool{flowfile.MarkerTag: true}
	for _, key := range slices.Concat(of.Names, r.TagKeys) {
		keys[key] = true
	}
	r.TagKeys = slices.Sorted(maps.Keys(keys))
	f.sessionsFrom(r, t)
	if t.Params[flowfile.ParamTimed] == "true" && r.Boundary == "" {
		return errUnbounded
	}
	return nil
}
