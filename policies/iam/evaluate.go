package iam

import (
	"errors"
	"fmt"
	"strings"
)

// errNoOperator is what evaluating a condition ends in whose operator, in a
// document that was made and not read, is none of IAM's.
var errNoOperator = errors.New("there is no such condition operator")

// A Request is one action that one principal asks for on one resource.
type Request struct {
	// Principal is the ARN of who asks, for role sessions that of the assumed
	// role; or the name of an AWS service. Needed for policies with principals.
	Principal string
	Action    string // service:Action, in any case
	Resource  string // an ARN; empty for an action that has none
	// ResourceAccount is whose the resource is, if its ARN does not say.
	ResourceAccount string
	Context         Context
}

// A query is a request as it is evaluated.
type query struct {
	action, resource string
	resourceAccount  string
	caller           caller
	context          Context
}

func newQuery(r Request) *query {
	q := &query{action: strings.ToLower(r.Action), resource: r.Resource, resourceAccount: r.ResourceAccount, context: r.Context, caller: newCaller(r.Principal)}
	if part := strings.SplitN(r.Resource, ":", colonsBeforeResource+1); q.resourceAccount == "" && len(part) > colonsBeforeResource {
		q.resourceAccount = part[4]
	}
	return q
}

// acrossAccounts reports whether the resource is another account's. What AWS
// itself owns has no account, or "aws".
func (q *query) acrossAccounts() bool {
	return q.caller.account != "" && q.resourceAccount != "" && q.resourceAccount != "aws" && q.caller.account != q.resourceAccount
}

// An Outcome is what policies come to. The zero Outcome denies.
type Outcome int

// The outcomes.
const (
	ImplicitlyDenied Outcome = iota // nothing allows it
	ExplicitlyDenied                // something denies it
	Allowed
)

// String returns the outcome as a word.
func (o Outcome) String() string {
	return [...]string{"implicitly denied", "explicitly denied", "allowed"}[o]
}

// A Verdict is the outcome for a request, and why.
type Verdict struct {
	Outcome Outcome
	// By are the statements that made it: what allows, or what denies.
	By []*Statement
	// Lacking is the sort of policy that does not allow, if nothing denies.
	Lacking string
	// Errors are what could not be decided. An Allow with one grants nothing, a
	// Deny with one denies.
	Errors []error
}

// Evaluate returns what the policy says by itself.
func (p *Policy) Evaluate(r Request) Verdict {
	f := p.find(newQuery(r))
	switch {
	case len(f.denies) > 0:
		return Verdict{Outcome: ExplicitlyDenied, By: f.denies, Errors: f.errors}
	case len(f.allows) > 0:
		return Verdict{Outcome: Allowed, By: f.allows, Errors: f.errors}
	}
	return Verdict{Lacking: string(p.kind) + " policy", Errors: f.errors}
}

// A finding is what one or several policies of a sort say.
type finding struct {
	allows, denies []*Statement
	grip           grip // the best of the allows
	errors         []error
}

func (f *finding) add(other finding) {
	f.allows = append(f.allows, other.allows...)
	f.denies = append(f.denies, other.denies...)
	f.errors = append(f.errors, other.errors...)
	f.grip = max(f.grip, other.grip)
}

// find evaluates every statement, so that all the denies are known.
func (p *Policy) find(q *query) finding {
	var f finding
	for i := range p.rules {
		r := &p.rules[i]
		g, err := r.applies(q)
		if err != nil {
			f.errors = append(f.errors, fmt.Errorf("%s: %w", r.source.Name(i+1), err))
		}
		switch {
		case !r.allow && (g > notNamed || err != nil):
			f.denies = append(f.denies, r.source)
		case r.allow && g > notNamed && err == nil:
			f.allows = append(f.allows, r.source)
			f.grip = max(f.grip, g)
		}
	}
	return f
}

// applies reports whether the statement is about the request, as how closely it
// names who asks. With an error, it may be or may not.
func (r *rule) applies(q *query) (grip, error) {
	if !r.actions.match(q.action) {
		return notNamed, nil
	}
	g := r.principals.grip(q)
	if g == notNamed {
		return notNamed, nil
	}
	if len(r.resources.all) > 0 {
		if is, err := r.resources.matchAll(q, q.resource); err != nil || !is {
			return notNamed, err
		}
	}
	var undecided error
	for i := range r.tests {
		holds, err := r.tests[i].holds(q)
		if err != nil {
			undecided = err
		} else if !holds {
			return notNamed, nil
		}
	}
	if undecided != nil {
		return notNamed, undecided
	}
	return g, nil
}

// match is for elements without variables, which cannot go wrong.
func (t *templates) match(text string) bool {
	for i := range t.all {
		if matchGlob(t.all[i].pieces, text) {
			return !t.not
		}
	}
	return t.not
}

func (t *templates) matchAll(q *query, text string) (bool, error) {
	var undecided error
	for i := range t.all {
		is, err := t.all[i].match(q, text)
		if is {
			return !t.not, nil
		}
		undecided = errors.Join(undecided, err)
	}
	return t.not, undecided
}

// A test is a compiled condition.
type test struct {
	source    *Condition
	key       string // in lower case
	operator  operator
	matchers  []matcher
	variables []string // keys whose values the matchers need
}

func (t *test) holds(q *query) (bool, error) {
	values, err := q.context.get(t.key)
	if err != nil {
		return false, err
	}
	if t.operator.sort == NullSort {
		return t.one(q, fmt.Sprint(len(values) == 0))
	}
	if len(values) == 0 {
		return t.source.IfExists || t.source.Each == forAll || t.operator.negated && t.source.Each == "", nil
	}
	switch each, decisive := t.source.Each, t.source.Each == forAny; {
	case each != "" && len(values) == 1 && values[0] == "":
		return !decisive, nil // IAM takes an empty string for a set of nothing
	case each != "":
		return t.each(q, values, decisive)
	case len(values) > 1:
		return false, fmt.Errorf("%s has several values, so %s needs ForAllValues or ForAnyValue", t.source.Key.Text, t.source.Name())
	}
	return t.one(q, values[0])
}

// each returns whether there is a value for which the test is decisive, or
// otherwise the opposite: ForAnyValue looks for true, ForAllValues for false.
func (t *test) each(q *query, values []string, decisive bool) (bool, error) {
	var undecided error
	for _, v := range values {
		is, err := t.one(q, v)
		if err != nil {
			undecided = err
		} else if is == decisive {
			return decisive, nil
		}
	}
	return !decisive, undecided
}

// one tests one value of the request.
func (t *test) one(q *query, value string) (bool, error) {
	var undecided error
	for _, m := range t.matchers {
		is, err := m(q, value)
		if is {
			return !t.operator.negated, nil
		}
		if err != nil {
			undecided = err
		}
	}
	return t.operator.negated, undecided
}
