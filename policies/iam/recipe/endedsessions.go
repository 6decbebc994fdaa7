package recipe

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// An EndedSessions denies everything to what is left of the sessions of grants,
// and nothing to anybody else's. It belongs to the role that they are sessions
// of, until they are dead by themselves.
//
// Sessions of a role are told apart by aws:userid, the id of the role and the name
// of the session (IAM User Guide, "IAM and AWS STS condition context keys"), and
// the names that Sesame gives end in the id of the grant.
type EndedSessions struct{ Grants []string }

var grantShape = regexp.MustCompile(`^g-[a-z0-9]{1,32}$`)

// Document returns the policy.
func (e EndedSessions) Document() (*iam.Document, error) {
	if len(e.Grants) == 0 {
		return nil, errors.New("no grant is named: the policy would deny nothing")
	}
	var names []string
	for _, g := range slices.Compact(slices.Sorted(slices.Values(e.Grants))) {
		if !grantShape.MatchString(g) {
			return nil, fmt.Errorf("%q is no id of a grant: write it as sesame grants shows it, g-7k2m9p4xqa", g)
		}
		names = append(names, "*+"+g)
	}
	none := deny("EndedSessions", []string{"*"}, []string{"*"})
	none.Conditions = []iam.Condition{condition("StringLike", "aws:userid", names...)}
	return finish(lint.Options{Place: "role"}, none)
}
