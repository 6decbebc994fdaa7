package partner

import (
	"slices"
	"strings"

	"sesame/policies/iam"
)

const assumeRole = "sts:AssumeRole"

// Takes reports whether the trust policy of a role of account may let somebody of
// another account assume it with an external id, or without one if id is empty.
// Whatever else it asks for counts as met, since a caller may come from another
// place tomorrow: only what it says about external ids keeps somebody out. What
// cannot be decided counts as taken.
func Takes(trust, account, id string) (bool, error) {
	d, err := iam.Parse("trust policy", []byte(trust))
	if err != nil {
		return false, err
	}
	d.Statements = slices.DeleteFunc(d.Statements, func(s iam.Statement) bool { return !decides(s, account) })
	for i := range d.Statements {
		s := &d.Statements[i]
		s.Conditions = slices.DeleteFunc(s.Conditions, func(c iam.Condition) bool { return !aboutExternalID(c) })
		s.Principals = &iam.Principals{AWS: iam.Values("*")}
	}
	if len(d.Statements) == 0 {
		return false, nil
	}
	p, err := iam.Compile(d, iam.Trust)
	if err != nil {
		return false, err
	}
	var given []string
	if id != "" {
		given = []string{id}
	}
	v := p.Evaluate(iam.Request{Action: assumeRole, Context: iam.NewContext(map[string][]string{"sts:ExternalId": given})})
	return v.Outcome == iam.Allowed || len(v.Errors) > 0, nil
}

// decides reports whether a statement can let in, or keeps out for certain,
// somebody of another account.
func decides(s iam.Statement, account string) bool {
	if s.Principals == nil {
		return false
	}
	if s.Effect != iam.Allow {
		return !s.Principals.Not && slices.ContainsFunc(s.Principals.AWS, anybody) && !slices.ContainsFunc(s.Conditions, func(c iam.Condition) bool { return !aboutExternalID(c) })
	}
	return s.Principals.Not || slices.ContainsFunc(s.Principals.AWS, func(v iam.Value) bool { return stranger(v.Text, account) })
}

func anybody(v iam.Value) bool { return v.Text == "*" }

// stranger reports whether a principal may be of another account. A unique id is
// what AWS puts in place of a principal that was deleted: it lets nobody in.
func stranger(principal, account string) bool {
	const accountPart, parts = 4, 6
	if part := strings.SplitN(principal, ":", parts); len(part) == parts {
		return part[accountPart] != account
	}
	deleted := strings.HasPrefix(principal, "AROA") || strings.HasPrefix(principal, "AIDA")
	return principal != account && !deleted
}

// aboutExternalID reports whether a condition is about external ids, and asks for
// some. One that compares with a variable, which callers choose, asks for nothing.
func aboutExternalID(c iam.Condition) bool {
	chosen := slices.ContainsFunc(c.Values, func(v iam.Value) bool { return strings.Contains(v.Text, "${") })
	return strings.EqualFold(c.Key.Text, "sts:ExternalId") && !chosen
}
