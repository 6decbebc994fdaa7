package lint

import (
	"slices"
	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
)

// keys looks for condition keys, and variables, that no request has.
func (c *checker) keys(s *iam.Statement) {
	namings, complete := c.namings(s)
	for _, cond := range s.Conditions {
		key := cond.Key
		switch {
		case strayBlank(key.Text):
			c.found(key.At, "no request has such a key", "a stray blank in the key %q", key.Text)
		case fromProvider(key.Text):
		case !known(key.Text, namings):
			c.found(key.At, unknown("", key.Text, allKeys(key.Text)), "there is no condition key %s", key.Text)
		case complete && !everywhere(key.Text):
			c.applies(key, s, namings)
		}
	}
	for _, v := range allValues(s) {
		c.variables(v, namings)
	}
}

// strayBlank reports whether a key begins or ends with a blank, in one of its
// parts. Tags may have blanks within.
func strayBlank(key string) bool {
	prefix, rest, _ := strings.Cut(key, ":")
	name, tag, _ := strings.Cut(rest, "/")
	for _, part := range []string{key, prefix, name, tag} {
		if strings.TrimSpace(part) != part {
			return true
		}
	}
	return false
}

// fromProvider reports whether a key is one of an identity provider, of which
// there are as many as there are domains.
func fromProvider(key string) bool {
	prefix, _, _ := strings.Cut(key, ":")
	return strings.Contains(prefix, ".")
}

// tagKeys are global by name, but not every request has them.
var tagKeys = []string{"aws:requesttag/", "aws:resourcetag/", "aws:tagkeys"}

// everywhere reports whether requests may have the key whatever the action.
func everywhere(key string) bool {
	lower := strings.ToLower(key)
	return has(catalog.Global(), key) && !slices.ContainsFunc(tagKeys, func(k string) bool { return strings.HasPrefix(lower, k) })
}

func has(keys []catalog.Key, name string) bool {
	return slices.ContainsFunc(keys, func(k catalog.Key) bool { return k.Matches(name) })
}

// known reports whether there is such a key: a global one, one of the service
// that it is named after, of the services of the actions, or of a sign-in.
func known(key string, namings []naming) bool {
	if has(catalog.Global(), key) {
		return true
	}
	prefix, _, _ := strings.Cut(key, ":")
	for _, name := range []string{prefix, "sts"} {
		if s, ok := catalog.Lookup(name); ok && has(s.Keys, key) {
			return true
		}
	}
	return slices.ContainsFunc(namings, func(n naming) bool { return has(n.service.Keys, key) })
}

// allKeys returns the keys that somebody may have meant by one that does not
// exist, without those that end in a tag.
func allKeys(key string) []string {
	keys := catalog.Global()
	prefix, _, _ := strings.Cut(key, ":")
	if s, ok := catalog.Lookup(prefix); ok {
		keys = slices.Concat(keys, s.Keys)
	}
	var names []string
	for _, k := range keys {
		if !strings.Contains(k.Name, "${") {
			names = append(names, k.Name)
		}
	}
	return names
}

// applies looks for actions whose requests never have a key, or not for the
// resources of the statement. Of the actions that a pattern describes, one that
// has it will do.
func (c *checker) applies(key iam.Value, s *iam.Statement, namings []naming) {
	anywhere := func(*catalog.Resource) bool { return true }
	here := func(r *catalog.Resource) bool {
		return s.Resources.Not || len(s.Resources.Values) == 0 || reaches(s.Resources.Values, r.ARN)
	}
	for _, n := range namings {
		switch {
		case n.takes(key.Text, here):
		case n.takes(key.Text, anywhere):
			c.found(key.At, "no request for one of them has the key", "%s does not apply to %s on the resources of the statement", key.Text, n.name())
		default:
			c.found(key.At, "no request for it has the key", "%s does not apply to %s", key.Text, n.name())
		}
	}
}

// takes reports whether requests for one of the actions may have the key, if
// they are about a resource that counts.
func (n naming) takes(key string, counts func(*catalog.Resource) bool) bool {
	matches := func(k *catalog.Key) bool { return k.Matches(key) }
	return slices.ContainsFunc(n.actions, func(a *catalog.Action) bool {
		return slices.ContainsFunc(a.Keys, matches) || slices.ContainsFunc(a.Resources, func(r *catalog.Resource) bool {
			return slices.ContainsFunc(r.Keys, matches) && counts(r)
		})
	})
}

// variables looks for variables that stand for keys that there are not.
func (c *checker) variables(v iam.Value, namings []naming) {
	for _, rest := range strings.Split(v.Text, "${")[1:] {
		body, _, _ := strings.Cut(rest, "}")
		key, _, _ := strings.Cut(body, ",")
		key = strings.TrimSpace(key)
		if key == "*" || key == "?" || key == "$" || fromProvider(key) || known(key, namings) {
			continue
		}
		c.found(v.At, unknown("", key, allKeys(key)), "there is no variable ${%s}", key)
	}
}
