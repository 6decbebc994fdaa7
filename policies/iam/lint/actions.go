package lint

import (
	"slices"
	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
)

// A naming is one value of Action, with the actions that it describes.
type naming struct {
	value   iam.Value
	service *catalog.Service
	actions []*catalog.Action
}

// name returns service:Action as the catalog writes it, and a pattern as the
// document does.
func (n naming) name() string {
	if wild(n.value.Text) {
		return n.value.Text
	}
	return n.service.Name + ":" + n.actions[0].Name
}

// namings returns what the statement's Action describes, and whether that is
// all that it is about, as with NotAction and * it is not.
func (c *checker) namings(s *iam.Statement) (all []naming, complete bool) {
	complete = !s.Actions.Not
	for _, v := range s.Actions.Values {
		prefix, pattern, _ := strings.Cut(v.Text, ":")
		service, ok := catalog.Lookup(prefix)
		if !ok {
			complete = false
		} else if actions := c.described(service, pattern); len(actions) > 0 {
			all = append(all, naming{v, service, actions})
		}
	}
	return all, complete
}

// described returns the actions of a service that a pattern describes.
func (c *checker) described(service *catalog.Service, pattern string) []*catalog.Action {
	text := service.Name + ":" + pattern
	all, done := c.seen[text]
	if done {
		return all
	}
	if a, ok := service.Action(pattern); ok {
		all = append(all, a)
	}
	for i := range service.Actions {
		if wild(pattern) && describes(pattern, service.Actions[i].Name) {
			all = append(all, &service.Actions[i])
		}
	}
	c.seen[text] = all
	return all
}

func wild(pattern string) bool { return strings.ContainsAny(pattern, "*?") }

// covers returns where the statement names an action, if it does.
func covers(s *iam.Statement, name string) (iam.Position, bool) {
	for _, v := range s.Actions.Values {
		if describes(v.Text, name) {
			return v.At, !s.Actions.Not
		}
	}
	return s.Actions.At, s.Actions.Not
}

// means is covers without the statements that allow everything, which say
// nothing about an action in particular.
func means(s *iam.Statement, name string) (iam.Position, bool) {
	at, ok := covers(s, name)
	everything := func(v iam.Value) bool { return v.Text == "*" || v.Text == "*:*" }
	return at, ok && !s.Actions.Not && !slices.ContainsFunc(s.Actions.Values, everything)
}

// actions looks for actions that AWS does not have.
func (c *checker) actions(s *iam.Statement) {
	for _, v := range s.Actions.Values {
		prefix, name, ok := strings.Cut(v.Text, ":")
		if !ok || prefix == "*" {
			continue
		}
		service, ok := catalog.Lookup(prefix)
		if !ok {
			c.found(v.At, unknown("", prefix, catalog.Services()), "there is no service %q", prefix)
			continue
		}
		if len(c.described(service, name)) > 0 {
			continue
		}
		var names []string
		for _, a := range service.Actions {
			names = append(names, a.Name)
		}
		if wild(name) {
			c.found(v.At, "the statement does nothing for it", "%s matches no action", v.Text)
		} else {
			c.found(v.At, unknown(prefix+":", name, names), "there is no action %s", v.Text)
		}
	}
}

// withSamples are actions that the reference has no resource types for, but
// that the sample policies of AWS restrict to resources nevertheless ("Sample
// IAM policies for Session Manager").
var withSamples = map[string]string{
	"ssmmessages:OpenDataChannel": "arn:*:ssm:*:*:session/*",
}

// reach looks for actions that the resources of their statement have nothing
// to do with.
func (c *checker) reach(s *iam.Statement) {
	if c.options.Kind == iam.Trust || s.Resources.Not || s.Actions.Not || c.options.Kind == iam.ResourceBased {
		return
	}
	all, _ := c.namings(s)
	for _, n := range all {
		if wild(n.value.Text) {
			continue
		}
		types := n.actions[0].Resources
		sample, extra := withSamples[n.name()]
		switch {
		case reaches(s.Resources.Values, "*"), extra && reaches(s.Resources.Values, sample):
		case extra:
			c.found(n.value.At, "it is about sessions, so the statement never applies to it", "%s is not about any resource of the statement", n.name())
		case len(types) == 0:
			c.found(n.value.At, "only * covers it, so the statement never applies to it", "%s has no resources", n.name())
		case !slices.ContainsFunc(types, func(r *catalog.Resource) bool { return reaches(s.Resources.Values, r.ARN) }):
			c.found(n.value.At, "the statement never applies to it", "%s is not about any resource of the statement", n.name())
		}
	}
}

// reaches reports whether one of the resources may be what the pattern
// describes. The pattern * stands for an action without resources, which
// nothing but * reaches.
func reaches(resources []iam.Value, pattern string) bool {
	return slices.ContainsFunc(resources, func(v iam.Value) bool {
		return v.Text == "*" || pattern != "*" && overlapARN(v.Text, pattern)
	})
}

// anyOf returns text with a star in place of each ${…}.
func anyOf(text string) string { return inPlaceOfVariables("*", text) }

// withoutVariables returns what text says by itself.
func withoutVariables(text string) string { return inPlaceOfVariables("", text) }

func inPlaceOfVariables(with, text string) string {
	var b strings.Builder
	for {
		before, after, more := strings.Cut(text, "${")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		b.WriteString(with)
		_, text, _ = strings.Cut(after, "}")
	}
}
