package lint

import (
	"slices"
	"strings"

	"sesame/policies/iam"
)

// trust looks at who may assume the role.
func (c *checker) trust() {
	tags := slices.ContainsFunc(c.doc.Statements, func(s iam.Statement) bool {
		_, ok := covers(&s, "sts:TagSession")
		return ok && s.Effect == iam.Allow
	})
	for i := range c.doc.Statements {
		s := &c.doc.Statements[i]
		if s.Effect != iam.Allow || s.Principals == nil {
			continue
		}
		if at, ok := covers(s, "sts:AssumeRoleWithSAML"); ok && !tags {
			c.found(at, "a sign-in that passes tags is refused", "no statement allows sts:TagSession")
		}
		for _, v := range s.Principals.AWS {
			c.trusted(s, v)
		}
	}
}

// trusted looks at one AWS principal.
func (c *checker) trusted(s *iam.Statement, v iam.Value) {
	if v.Text == "*" {
		c.found(v.At, "everybody with an AWS account may try, and conditions alone hold them back", "the trust names *")
		return
	}
	account := v.Text
	if part := splitARN(v.Text); len(part) == arnParts {
		account = part[4]
	}
	if _, assumes := covers(s, "sts:AssumeRole"); !assumes || account == c.options.Account || fenced(s) {
		return
	}
	c.found(v.At, "whoever that account acts for can be used against you; if it is yours, say so", "account %s may assume the role without an external id", account)
}

// fenced reports whether the statement asks for an external id, or for one's
// own organization.
func fenced(s *iam.Statement) bool {
	return slices.ContainsFunc(s.Conditions, func(cond iam.Condition) bool {
		key := strings.ToLower(cond.Key.Text)
		return cond.Operator == "StringEquals" && !cond.IfExists && cond.Each != "ForAllValues" &&
			(key == "sts:externalid" || key == "aws:principalorgid")
	})
}
