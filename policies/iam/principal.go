package iam

import "strings"

// principals is a compiled Principal or NotPrincipal.
type principals struct {
	not    bool
	anyone bool
	names  []Value
}

func newPrincipals(p *Principals) *principals {
	all := &principals{not: p.Not}
	for _, v := range p.AWS {
		if v.Text == "*" {
			all.anyone = true
		}
		all.names = append(all.names, v)
	}
	for _, some := range [][]Value{p.Service, p.Federated, p.Canonical} {
		for _, v := range some {
			all.anyone = all.anyone || v.Text == "*"
			all.names = append(all.names, v)
		}
	}
	return all
}

// A grip is how closely a statement names a principal: what a resource-based
// policy grants a whole account, the account's own policies must grant as well.
type grip int

const (
	notNamed  grip = iota
	asAccount      // the account, which may pass it on
	asRole         // a role, whose sessions may have less than the role; or anyone
	asItself       // exactly this principal
)

// grip returns how the element names who asks.
func (p *principals) grip(q *query) grip {
	if p == nil {
		return asItself
	}
	best := notNamed
	if p.anyone {
		best = asRole
	}
	for _, name := range p.names {
		best = max(best, q.caller.named(name.Text))
	}
	switch {
	case p.not && best == notNamed:
		return asRole
	case p.not:
		return notNamed
	case p.anyone && q.caller.name == "":
		return asItself
	}
	return best
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
	if name == c.name && name != "" {
		return asItself
	}
	if c.account != "" && (name == c.account || strings.HasSuffix(name, ":iam::"+c.account+":root")) {
		return asAccount
	}
	if path, ok := strings.CutPrefix(name, c.prefix); ok && c.role != "" && path[strings.LastIndexByte(path, '/')+1:] == c.role {
		return asRole
	}
	return notNamed
}
