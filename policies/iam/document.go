package iam

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Position is a place in a policy document.
type Position struct {
	File      string
	Line, Col int // from 1
}

// String returns "file:line:col".
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// A Problem is one thing wrong with a document.
type Problem struct {
	At      Position
	Message string
	Why     string // what follows from it; empty when the message says it all
}

// String returns "file:line:col: message (why)".
func (p Problem) String() string {
	s := p.At.String() + ": " + p.Message
	if p.Why != "" {
		s += " (" + p.Why + ")"
	}
	return s
}

// Problems is everything wrong with documents, in the order of their places.
// It is the error of Parse and Compile.
type Problems []Problem

// Error returns one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the problems in the order of their places, each once.
func (ps Problems) Sorted() Problems {
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.At.File, b.At.File), a.At.Line-b.At.Line, a.At.Col-b.At.Col, strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(sorted)
}

// err returns the problems as an error, which is nil if there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps.Sorted()
}

// A Value is a string of a document and where it stands. Numbers and truth
// values are strings too: IAM compares them as such.
type Value struct {
	Text string
	At   Position
}

// Values returns texts as values without a place, for documents that are made
// and not read.
func Values(texts ...string) []Value {
	values := make([]Value, len(texts))
	for i, t := range texts {
		values[i].Text = t
	}
	return values
}

// The versions of the policy language. In Former, which is also what a document
// without a version is, ${...} has no meaning.
const (
	Current = "2012-10-17"
	Former  = "2008-10-17"
)

// A Document is a policy as it was written.
type Document struct {
	Version    Value // empty if there was none
	ID         string
	Statements []Statement
}

// An Effect is Allow or Deny; the zero Effect is neither.
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// A Statement is one rule of a document.
type Statement struct {
	At         Position
	Sid        string
	Effect     Effect
	Principals *Principals // nil in a policy that is attached to the principal
	Actions    Elements
	Resources  Elements // no values in a trust policy
	Conditions []Condition
}

// Name returns the Sid, or the number n of a statement that has none.
func (s Statement) Name(n int) string {
	if s.Sid != "" {
		return s.Sid
	}
	return fmt.Sprintf("statement %d", n)
}

// Elements are the values of Action or Resource, or, with Not, of NotAction or
// NotResource.
type Elements struct {
	Not    bool
	Values []Value
	At     Position
}

// Principals are those of Principal or, with Not, of NotPrincipal. "*" alone is
// one value of AWS, which is what IAM takes it for.
type Principals struct {
	Not                                bool
	AWS, Service, Federated, Canonical []Value
	At                                 Position
}

// A Condition is one key under one operator.
type Condition struct {
	Each     string // ForAllValues, ForAnyValue, or empty
	Operator string // without ForAllValues and IfExists: StringEquals
	IfExists bool
	Key      Value
	Values   []Value
	At       Position // of the operator
}

// Name returns the operator as a document writes it.
func (c Condition) Name() string {
	name := c.Operator
	if c.Each != "" {
		name = c.Each + ":" + name
	}
	if c.IfExists {
		name += "IfExists"
	}
	return name
}
