package iam

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policies are all that decide about a request.
type Policies struct {
	Identity []*Policy
	// Session policies narrow a role session; none means that it is not
	// narrowed.
	Session []*Policy
	// Boundary is the permissions boundary, nil if there is none.
	Boundary *Policy
	// SCPs are the service control policies of each level of the organization,
	// of which each level must allow.
	SCPs [][]*Policy
	// Resource is the policy of the resource, for sts:AssumeRole the trust
	// policy of the role; nil if there is none.
	Resource *Policy
}

// Evaluate returns what all policies together say ("Policy evaluation logic").
func (ps Policies) Evaluate(r Request) Verdict {
	if err := ps.check(); err != nil {
		return Verdict{Lacking: "policy that was compiled for its place", Errors: []error{err}}
	}
	q := newQuery(r)
	l := ps.layers(q)
	var v Verdict
	for _, f := range l.all() {
		v.By = append(v.By, f.denies...)
		v.Errors = append(v.Errors, f.errors...)
	}
	if len(v.By) > 0 {
		v.Outcome = ExplicitlyDenied
		return v
	}
	if v.Lacking = ps.lacking(q, l); v.Lacking != "" {
		return v
	}
	v.Outcome = Allowed
	v.By = append(l.identity.allows, l.resource.allows...)
	return v
}

// layers are the findings of each sort of policy.
type layers struct {
	identity, session, boundary, resource finding
	scps                                  []finding
}

func (l *layers) all() []finding {
	return append([]finding{l.identity, l.session, l.boundary, l.resource}, l.scps...)
}

func (ps Policies) layers(q *query) *layers {
	l := &layers{identity: findAll(ps.Identity, q), session: findAll(ps.Session, q)}
	for _, level := range ps.SCPs {
		l.scps = append(l.scps, findAll(level, q))
	}
	if ps.Boundary != nil {
		l.boundary = ps.Boundary.find(q)
	}
	if ps.Resource != nil {
		l.resource = ps.Resource.find(q)
	}
	return l
}

// findAll lets several policies of a sort speak as one.
func findAll(all []*Policy, q *query) finding {
	if len(all) == 1 {
		return all[0].find(q)
	}
	var f finding
	for _, p := range all {
		f.add(p.find(q))
	}
	return f
}

// check refuses policies that were compiled for another place, or not at all.
func (ps Policies) check() error {
	if ps.Resource != nil && ps.Resource.kind != ResourceBased && ps.Resource.kind != Trust {
		return errPlace
	}
	if ps.Boundary != nil && ps.Boundary.kind != IdentityBased {
		return errPlace
	}
	for _, all := range [][]*Policy{ps.Identity, ps.Session, slices.Concat(ps.SCPs...)} {
		for _, p := range all {
			if p == nil || p.kind != IdentityBased {
				return errPlace
			}
		}
	}
	return nil
}

var errPlace = errors.New("a policy was compiled for another place than it stands in, or not at all")

// lacking returns the first sort of policy that would have to allow the
// request and does not.
func (ps Policies) lacking(q *query, l *layers) string {
	for _, level := range l.scps {
		if len(level.allows) == 0 {
			return "service control policy"
		}
	}
	across, named := q.acrossAccounts(), l.resource.grip
	switch {
	case named == notNamed && (across || ps.resourceMustAllow(q)):
		return "resource-based policy"
	case named == asItself && !across:
		return ""
	case len(l.identity.allows) == 0 && (across || named < asRole):
		return "identity-based policy"
	case ps.Boundary != nil && len(l.boundary.allows) == 0:
		return "permissions boundary"
	case len(ps.Session) > 0 && len(l.session.allows) == 0:
		return "session policy"
	}
	return ""
}

// resourceMustAllow reports whether the resource is a role or a key, which
// nobody may use whom its own policy does not admit.
func (ps Policies) resourceMustAllow(q *query) bool {
	return ps.Resource != nil && (ps.Resource.kind == Trust || strings.HasPrefix(q.action, "kms:"))
}

// EvaluateAll returns the verdict on an action that AWS checks as several
// requests: allowed if all of them are, else that of the first that is not.
func (ps Policies) EvaluateAll(requests ...Request) Verdict {
	var last Verdict
	for _, r := range requests {
		if last = ps.Evaluate(r); last.Outcome != Allowed {
			return last
		}
	}
	return last
}

// A Thing is a resource with its tags.
type Thing struct {
	ARN  string
	Tags map[string]string
}

// DefaultDocument is the name of the Session document that a session is started
// with when none is named.
const DefaultDocument = "SSM-SessionManagerRunShell"

// StartSession returns what AWS checks when somebody starts a session: the
// target, and the document by itself. base has what both have in common. A
// document without an ARN is the default one of the target's account and
// region.
func StartSession(base Request, target, document Thing) []Request {
	if document.ARN == "" {
		part := strings.SplitN(target.ARN, ":", colonsBeforeResource+1)
		if len(part) > colonsBeforeResource {
			part[2], part[5] = "ssm", "document/"+DefaultDocument
			document.ARN = strings.Join(part, ":")
		}
	}
	var all []Request
	for _, t := range []Thing{target, document} {
		r := base
		r.Action, r.Resource = "ssm:StartSession", t.ARN
		for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
			r.Context = r.Context.With("ssm:resourceTag/"+key, t.Tags[key]).With("aws:ResourceTag/"+key, t.Tags[key])
		}
		all = append(all, r)
	}
	return all
}

// CheckCase is for those who write cases: it returns an error that names every
// key that a policy asks for and the case says nothing about, and every key
// that the case gives and no policy asks for, since either is likely to be a
// misspelling. A key without values says that the request does not have it.
func (ps Policies) CheckCase(r Request) error {
	q := newQuery(r)
	asked, relevant := map[string]bool{}, map[string]bool{}
	for _, p := range ps.flat() {
		for i := range p.rules {
			keys := p.rules[i].keys()
			for _, key := range keys {
				asked[key] = true
				relevant[key] = relevant[key] || p.rules[i].concerns(q)
			}
		}
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(relevant)) {
		if relevant[key] && !q.context.stated(key) {
			errs = append(errs, fmt.Errorf("a policy asks for %s, and the case does not say whether the request has it", key))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(q.context.values)) {
		if !asked[key] {
			errs = append(errs, fmt.Errorf("the case gives %s, and no policy asks for it", key))
		}
	}
	return errors.Join(errs...)
}

// flat returns all policies, whatever their sort.
func (ps Policies) flat() []*Policy {
	all := slices.Concat(ps.Identity, ps.Session, []*Policy{ps.Boundary, ps.Resource})
	for _, level := range ps.SCPs {
		all = append(all, level...)
	}
	return slices.DeleteFunc(all, func(p *Policy) bool { return p == nil })
}

// keys returns the keys that the rule asks for, in lower case.
func (r *rule) keys() []string {
	var keys []string
	for i := range r.resources.all {
		keys = append(keys, r.resources.all[i].needs()...)
	}
	for i := range r.tests {
		keys = append(append(keys, r.tests[i].key), r.tests[i].variables...)
	}
	return keys
}

// concerns reports whether the rule is about the action and, as far as can be
// told, the resource.
func (r *rule) concerns(q *query) bool {
	if !r.actions.match(q.action) {
		return false
	}
	for i := range r.resources.all {
		if r.resources.all[i].variables {
			return true
		}
	}
	is, err := r.resources.matchAll(q, q.resource)
	return is || err != nil || len(r.resources.all) == 0
}

// A Miss is an Allow that is about an action, and why it does not grant it.
type Miss struct {
	Statement *Statement
	Condition *Condition // that does not hold; nil if the resource is another
}

// Misses returns the statements of the policy that would allow the request but
// for their resources or one of their conditions, for people who wonder why it
// is denied.
func (p *Policy) Misses(r Request) []Miss {
	q := newQuery(r)
	var all []Miss
	for i := range p.rules {
		rule := &p.rules[i]
		if g, err := rule.applies(q); !rule.allow || g > notNamed && err == nil || !rule.actions.match(q.action) {
			continue
		}
		all = append(all, rule.miss(q))
	}
	return all
}

func (r *rule) miss(q *query) Miss {
	if is, err := r.resources.matchAll(q, q.resource); len(r.resources.all) == 0 || is && err == nil {
		for i := range r.tests {
			if holds, err := r.tests[i].holds(q); !holds || err != nil {
				return Miss{r.source, r.tests[i].source}
			}
		}
	}
	return Miss{r.source, nil}
}
