package lint

import (
	"slices"
	"strings"
	"unicode"

	"sesame/policies/iam"
	"sesame/policies/iam/catalog"
)

// keys looks for condition keys, and variables, that no request has.
func (c *checker) keys(s *iam.Statement) {
	namings, complete := c.namings(s)
	seen := map[string]bool{}
	for i := range s.Conditions {
		cond := &s.Conditions[i]
		key := cond.Key
		is := c.lookup(key.Text, namings)
		if once := cond.Name() + " " + strings.ToLower(key.Text); seen[once] {
			c.found(key.At, "to AWS the two are one key", "%s comes twice under %s, in two spellings", key.Text, cond.Name())
		} else {
			seen[once] = true
		}
		switch {
		case strayBlank(key.Text):
			c.found(key.At, "no request has such a key", "a stray blank in the key %q", key.Text)
		case strings.ContainsFunc(key.Text, invisible):
			c.found(key.At, "no request has such a key", "an invisible letter in the key %q", key.Text)
		case strings.Contains(key.Text, "${"):
			c.found(key.At, "IAM replaces variables in values alone", "a variable in the key %s", key.Text)
		case fromProvider(key.Text):
		case is == nil:
			c.found(key.At, unknown("", key.Text, allKeys(key.Text)), "there is no condition key %s", key.Text)
		case complete && !everywhere(is):
			c.applies(key, s, namings)
		}
		c.kind(cond, is)
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

// invisible reports whether a letter is one that only copying puts into a name.
func invisible(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }

// fromProvider reports whether a key is one of an identity provider, of which
// there are as many as there are domains.
func fromProvider(key string) bool {
	prefix, _, _ := strings.Cut(key, ":")
	return strings.Contains(prefix, ".")
}

// tagKeys are global by name, but not every request has them.
var tagKeys = []string{"aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys"}

// everywhere reports whether requests may have the key whatever the action.
func everywhere(key *catalog.Key) bool {
	return slices.ContainsFunc(catalog.Global(), func(k catalog.Key) bool { return k.Name == key.Name }) &&
		!slices.ContainsFunc(tagKeys, func(k string) bool { return strings.HasPrefix(key.Name, k) })
}

// lookup returns the key of a name, nil if there is none: a global one, one of
// the service that it is named after, of the services of the actions, or of a
// sign-in.
func (c *checker) lookup(name string, namings []naming) *catalog.Key {
	key, done := c.byName[name]
	if !done {
		key = named(name, catalog.Global())
		prefix, _, _ := strings.Cut(name, ":")
		for _, of := range []string{prefix, "sts"} {
			if s, ok := catalog.Lookup(of); ok && key == nil {
				key = named(name, s.Keys)
			}
		}
		c.byName[name] = key
	}
	for i := 0; i < len(namings) && key == nil; i++ {
		key = named(name, namings[i].service.Keys)
	}
	return key
}

// named returns the one of keys that has a name.
func named(name string, keys []catalog.Key) *catalog.Key {
	if i := slices.IndexFunc(keys, func(k catalog.Key) bool { return k.Matches(name) }); i >= 0 {
		return &keys[i]
	}
	return nil
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
		if key == "*" || key == "?" || key == "$" || fromProvider(key) {
			continue
		}
		if strayBlank(key) {
			c.found(v.At, "no request has such a key", "a stray blank in the variable ${%s}", body)
			continue
		}
		if c.lookup(key, namings) != nil {
			continue
		}
		c.found(v.At, unknown("", key, allKeys(key)), "there is no variable ${%s}", key)
	}
}
