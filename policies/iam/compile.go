package iam

import "strings"

// A Kind is where a document is attached, which decides what it must name.
type Kind string

// The kinds of documents.
const (
	// IdentityBased documents say what their holder may do: policies of users,
	// groups, roles and permission sets, session policies, boundaries, and
	// service control policies.
	IdentityBased Kind = "identity-based"
	// ResourceBased documents say who may use the resource that has them.
	ResourceBased Kind = "resource-based"
	// Trust documents say who may assume the role that has them.
	Trust Kind = "trust"
)

// Kind returns what kind of document d looks like.
func (d *Document) Kind() Kind {
	kind := IdentityBased
	for _, s := range d.Statements {
		switch {
		case s.Principals == nil:
		case len(s.Resources.Values) == 0:
			return Trust
		default:
			kind = ResourceBased
		}
	}
	return kind
}

// A Policy is a compiled document. It is never changed, so any number of
// goroutines may evaluate it.
type Policy struct {
	kind  Kind
	rules []rule
}

// A rule is a compiled statement.
type rule struct {
	source     *Statement
	allow      bool
	principals *principals
	actions    templates
	resources  templates
	tests      []test
}

// templates are the values of one element.
type templates struct {
	not bool
	all []template
}

// Compile prepares a document for evaluation as one of kind. The error is
// Problems: elements that the kind must have or may not have, and variables
// that end nowhere. Values that an operator cannot read are no problem here: a
// condition with one is never decided.
func Compile(d *Document, kind Kind) (*Policy, error) {
	c := &compiler{kind: kind, variables: d.Version.Text == Current}
	p := &Policy{kind: kind, rules: make([]rule, len(d.Statements))}
	for i := range d.Statements {
		p.rules[i] = c.rule(&d.Statements[i])
	}
	if err := c.problems.err(); err != nil {
		return nil, err
	}
	return p, nil
}

type compiler struct {
	kind      Kind
	variables bool
	problems  Problems
}

func (c *compiler) refuse(at Position, message, why string) {
	c.problems = append(c.problems, Problem{at, message, why})
}

func (c *compiler) rule(s *Statement) rule {
	c.shape(s)
	r := rule{source: s, allow: s.Effect == Allow}
	r.actions = c.templates(s.Actions, syntax{wildcards: true, fold: true})
	r.resources = c.templates(s.Resources, syntax{wildcards: true, variables: c.variables})
	for i := range r.resources.all {
		r.resources.all[i].fence()
	}
	if s.Principals != nil {
		r.principals = newPrincipals(s.Principals, s.Effect)
	}
	r.tests = make([]test, len(s.Conditions))
	for i := range s.Conditions {
		r.tests[i] = c.test(&s.Conditions[i])
	}
	return r
}

// shape checks which elements there are.
func (c *compiler) shape(s *Statement) {
	hasPrincipal, hasResource := s.Principals != nil, len(s.Resources.Values) > 0
	switch {
	case c.kind == IdentityBased && hasPrincipal:
		c.refuse(s.Principals.At, "an identity-based policy has a Principal", "whoever has the policy is the principal")
	case c.kind != IdentityBased && !hasPrincipal:
		c.refuse(s.At, "the statement has no Principal", "a "+string(c.kind)+" policy says whom it is about")
	}
	switch {
	case c.kind == Trust && hasResource:
		c.refuse(s.Resources.At, "a trust policy has a Resource", "it is about the role that has it")
	case c.kind != Trust && !hasResource:
		c.refuse(s.At, "the statement has no Resource", "")
	}
	if s.Effect != Allow && s.Effect != Deny {
		c.refuse(s.At, "the statement has no Effect", "")
	}
	if len(s.Actions.Values) == 0 {
		c.refuse(s.At, "the statement has no Action", "")
	}
}

func (c *compiler) templates(e Elements, s syntax) templates {
	all := templates{not: e.Not, all: make([]template, 0, len(e.Values))}
	for _, v := range e.Values {
		t, err := newTemplate(v.Text, s)
		if err != nil {
			c.refuse(v.At, err.Error(), "")
		}
		all.all = append(all.all, t)
	}
	return all
}

// test compiles a condition. A value that the operator cannot read becomes a
// matcher that says so.
func (c *compiler) test(s *Condition) test {
	op := operators[s.Operator]
	t := test{source: s, key: strings.ToLower(s.Key.Text), operator: op}
	substitutes := c.variables && (op.sort == StringSort || op.sort == ARNSort)
	for _, v := range s.Values {
		m, err := matcher(nil), errNoOperator
		if op.matcher != nil {
			m, err = op.matcher(v.Text, substitutes)
		}
		if err != nil && substitutes {
			c.refuse(v.At, err.Error(), "")
		}
		if err != nil {
			m = func(*query, string) (bool, error) { return false, err }
		}
		t.matchers = append(t.matchers, m)
		if substitutes {
			t.variables = append(t.variables, variablesOf(v.Text)...)
		}
	}
	return t
}

// variablesOf returns the keys, in lower case, that text needs a value of.
func variablesOf(text string) []string {
	t, err := newTemplate(text, syntax{variables: true})
	if err != nil {
		return nil
	}
	return t.needs()
}

// needs returns the keys of the variables that have no default.
func (t *template) needs() []string {
	var keys []string
	for _, p := range t.pieces {
		if p.kind == variable && !p.fallback {
			keys = append(keys, p.variable)
		}
	}
	return keys
}
