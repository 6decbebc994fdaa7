package flowfile

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"
)

// linkHosts notes targets of partners that would let their people in as somebody
// else, or lock one user for two grants.
func (d *draft) linkHosts() {
	taken := d.ownRoles()
	var hosts []access.Target
	for _, name := range d.targets.names() {
		t := d.targets.known[name]
		n := d.origins[originTarget+name]
		if t.Way != WayPartner || n == nil {
			continue
		}
		if whose := taken[roleKey(t.Params[ParamAccount], t.Params[ParamRole])]; whose != "" && n.get(ParamRole) != nil {
			d.add(n.get(ParamRole).pos, fmt.Sprintf("target %s would let people of %s in as the role %s, which is %s", name, t.Params[ParamPartner], t.Params[ParamRole], whose), "make a role for the partner alone")
		}
		if i := slices.IndexFunc(hosts, func(other access.Target) bool { return meet(t, other) }); i >= 0 {
			d.add(n.get(ParamOSUser).pos, fmt.Sprintf("the user %s is that of target %s as well, some of whose machines may be those of %s: the end of a grant on one would lock it for the other", t.Params[ParamOSUser], hosts[i].Name, name),
				"name another user, or tags of which no machine has both")
		}
		if n.get(ParamOSUser) != nil {
			hosts = append(hosts, t)
		}
	}
}

// roleKey is a role of an account. IAM tells names apart without regard to case.
func roleKey(account, name string) string { return account + "/" + strings.ToLower(name) }

// ownRoles are the roles that somebody else than a partner comes as, and who.
func (d *draft) ownRoles() map[string]string {
	taken := map[string]string{}
	put := func(arn, whose string) {
		if arn != "" {
			taken[roleKey(RoleAccount(arn), arn[strings.LastIndexByte(arn, '/')+1:])] = whose
		}
	}
	for _, name := range d.strategies.names() {
		s := d.strategies.known[name]
		put(s.Params[ParamRoleARN], "that of the strategy "+name)
		owners, err := parseOwners(s.Params)
		if err != nil {
			continue // said already
		}
		for email, owner := range owners {
			if owner.Role {
				taken[roleKey(RoleAccount(s.Params[ParamRoleARN]), owner.Name)] = "that of " + email
			}
		}
	}
	for _, name := range d.targets.names() {
		if end, _, err := ParseEndSessions(d.targets.known[name].Params); err == nil {
			put(end.RoleARN, "the one that ends sessions of the target "+name)
		}
	}
	return taken
}

// meet reports whether two targets have one user on machines that may be the same,
// without having all of them in common.
func meet(a, b access.Target) bool {
	if a.Params[ParamOSUser] == "" || a.Params[ParamOSUser] != b.Params[ParamOSUser] || a.Params[ParamAccount] != b.Params[ParamAccount] {
		return false
	}
	x, err := ParseInstances(a.Params)
	if err != nil {
		return false // said already
	}
	y, err := ParseInstances(b.Params)
	if err != nil || !slices.ContainsFunc(x.Regions, func(region string) bool { return slices.Contains(y.Regions, region) }) {
		return false
	}
	same := len(x.Tags) == len(y.Tags)
	for key, value := range x.Tags {
		found := false
		for other, its := range y.Tags {
			if !strings.EqualFold(key, other) {
				continue
			}
			if found = value == its; !found {
				return false // no machine has both
			}
			found = key == other
		}
		same = same && found
	}
	return !same
}
