package iam

import (
	"slices"
	"strings"
)

// principals is a compiled Principal or NotPrincipal.
type principals struct {
	not, allow bool // allow: of an Allow
	// Whether everybody is named, or every service or identity provider.
	anyone, services, providers bool
	names                       []Value
}

const everybody = "*"

func newPrincipals(p *Principals, effect Effect) *principals {
	all := &principals{not: p.Not, allow: effect == Allow, names: slices.Concat(p.AWS, p.Service, p.Federated, p.Canonical)}
	all.anyone, all.services, all.providers = namesAll(p.AWS), namesAll(p.Service), namesAll(p.Federated)
	return all
}

func namesAll(names []Value) bool {
	return slices.ContainsFunc(names, func(v Value) bool { return v.Text == everybody })
}

// A grip is how closely a statement names a principal: what a resource-based
// policy grants a whole account, the account's own policies must grant as well.
// Several can be held together.
type grip int

const (
	notNamed  grip = 0
	asAccount grip = 1 << (iota - 1) // the account, which may pass it on
	asRole                           // a role, whose sessions may have less than the role; or anyone
	asItself                         // exactly this principal
)

// closest returns the closest of the grips that g holds together.
func (g grip) closest() grip {
	for _, one := range []grip{asItself, asRole, asAccount} {
		if g&one != 0 {
			return one
		}
	}
	return notNamed
}

// grip returns how the element names who asks.
func (p *principals) grip(q *query) grip {
	if p == nil {
		return asItself
	}
	named := notNamed
	for _, name := range p.names {
		named |= q.caller.named(name.Text)
	}
	if p.services && q.caller.isService() || p.providers && q.caller.isProvider() {
		named |= asItself
	}
	switch {
	case p.not && (p.anyone || p.spares(q, named)):
		return notNamed
	case p.not:
		return asRole
	case p.anyone && q.caller.name == "":
		return asItself
	case p.anyone:
		named |= asRole
	}
	return named.closest()
}

// spares reports whether NotPrincipal is not about the caller. An Allow spares
// whom it names in any way; a Deny those alone whom it names in every way: as
// the session, its role and its account ("NotPrincipal").
func (p *principals) spares(q *query, named grip) bool {
	all := asItself
	if q.caller.account != "" {
		all |= asAccount
	}
	if q.caller.role != "" {
		all |= asRole
	}
	return p.allow && named != notNamed || named&all == all
}

// A caller is the principal of a request.
type caller struct {
	name    string
	account string
	role    string // of an assumed role: its name
	prefix  string // of an assumed role: what the ARN of the role begins with
}

// newCaller takes the ARN of a principal apart. What is no ARN is the name of a
// service or an identity provider, or nobody.
func newCaller(name string) caller {
	c := caller{name: name}
	part := strings.SplitN(name, ":", colonsBeforeResource+1)
	if len(part) <= colonsBeforeResource {
		return c
	}
	c.account = part[4]
	if session, ok := strings.CutPrefix(part[5], "assumed-role/"); ok {
		c.role, _, _ = strings.Cut(session, "/")
		c.prefix = "arn:" + part[1] + ":iam::" + c.account + ":role/"
	}
	return c
}

// named returns how name, a value of Principal, names the caller.
func (c *caller) named(name string) grip {
	named := notNamed
	if name == c.name && name != "" && name != everybody {
		named |= asItself
	}
	if c.account != "" && (name == c.account || strings.HasSuffix(name, ":iam::"+c.account+":root")) {
		named |= asAccount
	}
	if path, ok := strings.CutPrefix(name, c.prefix); ok && c.role != "" && path[strings.LastIndexByte(path, '/')+1:] == c.role {
		named |= asRole
	}
	return named
}

func (c *caller) isService() bool {
	return strings.HasSuffix(c.name, ".amazonaws.com") || strings.HasSuffix(c.name, ".amazonaws.com.cn")
}

// isProvider reports whether the caller is an identity provider: one of an
// account, or one that all know by its domain.
func (c *caller) isProvider() bool {
	if c.account == "" {
		return strings.Contains(c.name, ".") && !c.isService()
	}
	return strings.Contains(c.name, ":saml-provider/") || strings.Contains(c.name, ":oidc-provider/")
}
