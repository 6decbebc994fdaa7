// Package lint finds what is wrong with IAM policies although IAM takes them.
//
//	shell.json:10:38: ssm:SendCommand beside ssm:StartSession (it runs commands as root, and no session log shows them)
//
// It promises to say everything at once, in the order of the places, the same
// for the same text; and that each finding says what follows from it. What it
// knows of actions, resource types and condition keys is in package catalog.
//
// It refuses to judge intent: that a policy is wide is no finding, but that it
// does not do what its words say, or more than they seem to say, is one.
package lint

import (
	"fmt"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
)

// Options say where the document will be.
type Options struct {
	Kind iam.Kind // empty: what the document looks like
	// Account is whose the role of a trust policy is. Without it, each account
	// is taken for another's.
	Account string
	// Place is one of Places; empty is that of a customer managed policy, or
	// of a trust policy.
	Place string
	// Part says that other policies of the same principal complete this one, so
	// that what it lacks is no finding.
	Part bool
}

// Check returns what is wrong with a document. file is what positions name.
func Check(file string, text []byte, o Options) iam.Problems {
	d, err := iam.Parse(file, text)
	if problems, ok := err.(iam.Problems); ok {
		return problems
	}
	if o.Kind == "" {
		o.Kind = d.Kind()
	}
	c := &checker{doc: d, options: o, start: iam.Position{File: file, Line: 1, Col: 1}, seen: map[string][]*catalog.Action{}, byName: map[string]*catalog.Key{}}
	if _, err := iam.Compile(d, o.Kind); err != nil {
		c.problems = append(c.problems, err.(iam.Problems)...)
	}
	c.size(text)
	c.version()
	for i := range d.Statements {
		c.statement(&d.Statements[i])
	}
	c.sessions()
	if o.Kind == iam.Trust {
		c.trust()
	}
	return c.problems.Sorted()
}

// A checker collects what is wrong with one document.
type checker struct {
	doc      *iam.Document
	options  Options
	start    iam.Position
	problems iam.Problems
	seen     map[string][]*catalog.Action // what patterns describe
	byName   map[string]*catalog.Key      // what names of keys mean, nil where they mean nothing
}

func (c *checker) found(at iam.Position, why, format string, args ...any) {
	c.problems = append(c.problems, iam.Problem{At: at, Message: fmt.Sprintf(format, args...), Why: why})
}

// statement looks at what can be seen in one statement.
func (c *checker) statement(s *iam.Statement) {
	c.sid(s)
	c.opposites(s)
	c.actions(s)
	c.arns(s)
	c.reach(s)
	c.keys(s)
	for i := range s.Conditions {
		c.values(s, &s.Conditions[i])
	}
}
