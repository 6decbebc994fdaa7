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
		for _, v := range s.Principals.Federated {
			c.federated(s, v)
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

// sharedIssuers are identity providers whose tokens have the same audience
// whoever asks for one, so that only their subject tells people apart.
var sharedIssuers = []string{"token.actions.githubusercontent.com", "app.terraform.io", "gitlab.com"}

// federated looks at one identity provider.
func (c *checker) federated(s *iam.Statement, v iam.Value) {
	if v.Text == "*" {
		c.found(v.At, "every identity provider of everybody may vouch for people", "the trust names *")
		return
	}
	_, issuer, own := strings.Cut(v.Text, ":oidc-provider/")
	if !own {
		issuer = v.Text
	}
	if _, ok := covers(s, "sts:AssumeRoleWithWebIdentity"); !ok || strings.Contains(issuer, ":saml-provider/") {
		return
	}
	compared := func(names ...string) bool {
		return slices.ContainsFunc(s.Conditions, func(cond iam.Condition) bool {
			of, name, _ := cutLast(cond.Key.Text, ":")
			return strings.EqualFold(of, issuer) && !cond.IfExists && !slices.Contains(names, strings.ToLower(name))
		})
	}
	switch {
	case !compared():
		c.found(v.At, "compare "+issuer+":aud and "+issuer+":sub", "whoever has an account at %s may assume the role", issuer)
	case slices.Contains(sharedIssuers, issuer) && !compared("aud"):
		c.found(v.At, "every customer has the same audience: compare "+issuer+":sub", "whoever has an account at %s may assume the role", issuer)
	}
}

// cutLast cuts text at the last sep.
func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// fenced reports whether the statement asks for an external id, or for one's
// own organization. What a caller can choose, as a variable, asks for nothing.
func fenced(s *iam.Statement) bool {
	return slices.ContainsFunc(s.Conditions, func(cond iam.Condition) bool {
		key := strings.ToLower(cond.Key.Text)
		return cond.Operator == "StringEquals" && !cond.IfExists && cond.Each != "ForAllValues" &&
			(key == "sts:externalid" || key == "aws:principalorgid") &&
			!slices.ContainsFunc(cond.Values, func(v iam.Value) bool { return len(v.Text) < 2 || strings.Contains(v.Text, "${") })
	})
}
