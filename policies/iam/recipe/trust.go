package recipe

import (
	"errors"
	"fmt"

	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// A Trust says who may assume a role.
type Trust struct {
	Principals []string // ARNs of roles or users; an account is refused
	// ExternalIDs are needed for principals of another account than Account: each
	// is taken, which is how one is replaced by another.
	ExternalIDs []string
	Account     string
	// SessionNames are the names that a session of the role may have, one for
	// each person, so that nobody's session can be taken for another's.
	SessionNames []string
	// TagSession and SourceIdentity let the principals pass what they know of
	// the person.
	TagSession, SourceIdentity bool
}

// Document returns the trust policy.
func (t Trust) Document() (*iam.Document, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	assume := t.statement("Assume", "sts:AssumeRole")
	if len(t.ExternalIDs) > 0 {
		assume.Conditions = append(assume.Conditions, condition("StringEquals", "sts:ExternalId", orAny(t.ExternalIDs)...))
	}
	if len(t.SessionNames) > 0 {
		assume.Conditions = append(assume.Conditions, condition("StringEquals", "sts:RoleSessionName", orAny(t.SessionNames)...))
	}
	statements := []iam.Statement{assume}
	var pass []string
	if t.SourceIdentity {
		pass = append(pass, "sts:SetSourceIdentity")
	}
	if t.TagSession {
		pass = append(pass, "sts:TagSession")
	}
	if len(pass) > 0 {
		// By themselves: their own requests have no external id.
		statements = append(statements, t.statement("SayWhoItIs", pass...))
	}
	return finish(lint.Options{Place: "trust", Account: t.Account}, statements...)
}

func (t Trust) statement(sid string, actions ...string) iam.Statement {
	s := allow(sid, actions, nil)
	s.Principals = &iam.Principals{AWS: iam.Values(orAny(t.Principals)...)}
	return s
}

// Limits of external ids and of session names ("AssumeRole" in the API
// reference of AWS STS).
const (
	minExternalID, maxExternalID = 2, 1224
	externalIDLetters            = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@:/-"
	minSessionName               = 2
	maxSessionName               = 64
	sessionNameLetters           = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=,.@-"
)

func (t Trust) check() error {
	var errs []error
	if len(t.Principals) == 0 {
		errs = append(errs, errors.New("no principal is named"))
	}
	for _, arn := range t.Principals {
		errs = append(errs, t.checkPrincipal(arn))
	}
	for _, id := range t.ExternalIDs {
		if !within(id, minExternalID, maxExternalID, externalIDLetters) {
			errs = append(errs, errors.New("the external id is too short, too long, or has a letter that AWS does not take"))
		}
	}
	for _, name := range t.SessionNames {
		if !within(name, minSessionName, maxSessionName, sessionNameLetters) {
			errs = append(errs, fmt.Errorf("%q is no name of a session", name))
		}
	}
	return errors.Join(errs...)
}

func (t Trust) checkPrincipal(arn string) error {
	const accountPart, parts, accountDigits = 4, 6, 12
	part := strings.SplitN(arn, ":", parts)
	named := len(part) == parts && (strings.HasPrefix(part[5], "role/") || strings.HasPrefix(part[5], "user/"))
	switch {
	case !named || !within(part[accountPart], accountDigits, accountDigits, "0123456789") || part[0] != "arn" || part[2] != "iam" || strings.ContainsAny(arn, "*? "):
		return fmt.Errorf("%q is no ARN of a role or a user: name one, and not its account", arn)
	case part[accountPart] != t.Account && len(t.ExternalIDs) == 0:
		return fmt.Errorf("%s is of another account: a role that it may assume needs an external id", arn)
	}
	return nil
}

func within(text string, least, most int, letters string) bool {
	outside := func(r rune) bool { return !strings.ContainsRune(letters, r) }
	return len(text) >= least && len(text) <= most && !strings.ContainsFunc(text, outside)
}

// An Assume lets a role go on as others, as that of a partner does.
type Assume struct {
	Roles []string // ARNs
	Place string
}

// Document returns the policy.
func (a Assume) Document() (*iam.Document, error) {
	if len(a.Roles) == 0 {
		return nil, errors.New("no role is named")
	}
	return finish(lint.Options{Place: a.Place}, allow("AssumeThese", []string{"sts:AssumeRole"}, orAny(a.Roles)))
}
