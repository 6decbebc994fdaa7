package lint

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"sesame/policies/iam"
)

// A limit is how much room a place has for a document.
type limit struct {
	characters int  // at most
	blanks     bool // whether blanks count
	bytes      int  // at most, with everything; 0: not limited
}

// limits are from "IAM and AWS STS quotas", "Quotas for AWS Organizations" and
// "IAM Identity Center quotas".
var limits = map[string]limit{
	"managed":        {characters: 6144},
	"user":           {characters: 2048},
	"group":          {characters: 5120},
	"role":           {characters: 10240},
	"permission-set": {characters: 10240, bytes: 32768},
	"session":        {characters: 2048, blanks: true},
	"scp":            {characters: 5120, blanks: true},
	"trust":          {characters: 2048, blanks: true},
}

// Places returns where a document may be, each of which has its own limit.
func Places() []string { return slices.Sorted(maps.Keys(limits)) }

// Size returns how many characters AWS counts in a document at a place, and
// how many it may have there.
func Size(text []byte, place string) (size, most int) {
	l := limits[place]
	for _, r := range string(text) {
		if l.blanks || !unicode.IsSpace(r) {
			size++
		}
	}
	return size, l.characters
}

func (c *checker) size(text []byte) {
	place := c.options.Place
	if place == "" {
		place = map[iam.Kind]string{iam.IdentityBased: "managed", iam.Trust: "trust"}[c.options.Kind]
	}
	if _, ok := limits[place]; !ok {
		return
	}
	if size, most := Size(text, place); size > most {
		c.found(c.start, "AWS refuses it there", "the document has %d characters: a %s policy may have %d", size, place, most)
	}
	if most := limits[place].bytes; most > 0 && len(text) > most {
		c.found(c.start, "AWS refuses it there", "the document has %d bytes: a %s policy may have %d", len(text), place, most)
	}
}

// version looks for variables that are not replaced.
func (c *checker) version() {
	if c.doc.Version.Text == iam.Current {
		return
	}
	at := c.start
	if c.doc.Version.Text != "" {
		at = c.doc.Version.At
	}
	for _, s := range c.doc.Statements {
		for _, v := range allValues(&s) {
			if strings.Contains(v.Text, "${") {
				c.found(at, "${...} is compared as it stands", "variables without \"Version\": %q", iam.Current)
				return
			}
		}
	}
}

// allValues returns the values of a statement in which variables may be.
func allValues(s *iam.Statement) []iam.Value {
	all := slices.Clone(s.Resources.Values)
	for _, cond := range s.Conditions {
		all = append(all, cond.Values...)
	}
	return all
}

func (c *checker) sid(s *iam.Statement) {
	other := func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if c.options.Kind != iam.ResourceBased && strings.ContainsFunc(s.Sid, other) {
		c.found(s.At, "IAM refuses it", "the Sid %q has more than letters and digits", s.Sid)
	}
}

// opposites looks for elements that allow all but what they name.
func (c *checker) opposites(s *iam.Statement) {
	if s.Effect != iam.Allow {
		return
	}
	if s.Actions.Not {
		c.found(s.Actions.At, "it allows every action of every service but these, and those that come", "NotAction in an Allow")
	}
	if s.Resources.Not {
		c.found(s.Resources.At, "it allows everything but these, and what is made tomorrow", "NotResource in an Allow")
	}
	if s.Principals != nil && s.Principals.Not {
		c.found(s.Principals.At, "it allows everybody but these, and strangers", "NotPrincipal in an Allow")
	}
}
