package rolesession

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// The names in access.Spec.Params that a plan adds to those of the target.
const (
	ParamTarget    = "target"    // its name
	ParamPrincipal = "principal" // whom the object is for
	ParamPerson    = "person"    // the same, as CloudTrail is to know them
)

// budget is shared by all rings: nothing of AWS limits them.
const budget = "proxy"

// A Planner says what a grant needs: one ring. It is pure.
type Planner struct{}

// Plan implements access.Planner.
func (Planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	if err := plannable(t, p); err != nil {
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	}
	params := map[string]string{
		ParamTarget: t.Name, ParamPrincipal: string(p.Principal), ParamPerson: sourceIdentity(p),
	}
	for _, name := range []string{
		flowfile.ParamRegion, flowfile.ParamAccount, flowfile.ParamRoleARN, flowfile.ParamExternalID,
		flowfile.ParamSessionTags, flowfile.ParamRunAs, flowfile.ParamCalls, flowfile.ParamVend,
	} {
		if t.Params[name] != "" {
			params[name] = t.Params[name]
		}
	}
	end, ends, err := flowfile.ParseEndSessions(t.Params)
	if err != nil {
		return access.Plan{}, fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err)
	}
	if ends = ends && flowfile.Vends(params); ends {
		end.Role, end.Person = roleName(params[flowfile.ParamRoleARN]), params[ParamPerson]
		params[flowfile.ParamEndSessions] = end.Encode()
	}
	key, connect := objectKey(params), []access.Step{{Label: "From a terminal", Code: "sesame aws --target " + t.Name + " sts get-caller-identity"}}
	if flowfile.Vends(params) {
		connect = append(connect, access.Step{Label: "With keys of AWS, from a profile in ~/.aws/config", Code: "credential_process = sesame credential-process --target " + t.Name})
	}
	ring := access.Spec{
		Key: key, Name: fmt.Sprintf("the proxy key to %s for %s", t.Name, cmp.Or(p.Email, p.Name, string(p.Principal))),
		Way: flowfile.WayRole, Lane: string(key), Budget: budget, Params: params,
	}
	if ends {
		ring.SessionsOf = string(key)
	}
	return access.Plan{Objects: []access.Spec{ring}, Connect: connect}, nil
}

// roleName is the name of a role, which its sessions have without its path.
func roleName(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func plannable(t access.Target, p access.Person) error {
	var errs []error
	for _, name := range []string{flowfile.ParamRegion, flowfile.ParamRoleARN, flowfile.ParamExternalID} {
		if t.Params[name] == "" {
			errs = append(errs, fmt.Errorf("%s is not known", name))
		}
	}
	if p.Principal == "" {
		errs = append(errs, errors.New("the person has no principal"))
	}
	if _, err := policyOf(t.Params); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// objectKey names a ring by everything that it is good for, so that a target
// that was defined anew has rings of its own:
// aws_role/ec2-frontend/USER/0123456789abcdef.
func objectKey(params map[string]string) access.ObjectKey {
	text, err := json.Marshal(params)
	if err != nil {
		panic(err) // texts encode
	}
	sum := sha256.Sum256(text)
	return access.ObjectKey(strings.Join([]string{
		flowfile.WayRole, params[ParamTarget], params[ParamPrincipal], hex.EncodeToString(sum[:8]),
	}, "/"))
}

// The bounds of names of sessions and sources, and what they are made of.
const (
	minName = 2
	maxName = 64
)

// sourceIdentity is p for CloudTrail: the address where that is possible, and
// in any case nobody else's.
func sourceIdentity(p access.Person) string {
	plain := sessionText(p.Email)
	if plain == p.Email && len(plain) >= minName && len(plain) <= maxName {
		return plain
	}
	id := "+" + string(p.ID)
	return plain[:min(len(plain), maxName-len(id))] + id
}

// sessionName is the person and the grant: alice@example.com+g-0123456789.
func sessionName(person string, g access.GrantID) string {
	end := "+" + sessionText(string(g))
	return person[:min(len(person), maxName-len(end))] + end
}

// sessionText is s in the letters that AWS takes.
func sessionText(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_+=,.@-", r) {
			return r
		}
		return '-'
	}, s)
}
