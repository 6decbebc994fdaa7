package awstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	iamName    = "iam"
	iamVersion = "2010-05-08"
)

// The limits of IAM that do not depend on a quota.
const (
	maxTags   = 50
	maxGroups = 10 // that a user may be in
)

// iamCodes are the names that IAM has where it differs from STS.
func iamCodes() codes {
	c := queryCodes
	c.conflict, c.internal = "ConcurrentModification", "ServiceFailure"
	return c
}

// The shapes of IAM's published model.
var (
	entityName  = text(1, 128, `[\w+=,.@-]+`)
	iamTagKey   = text(1, maxTagKey, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	iamTagValue = text(0, maxTagValue, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
	marker      = may("Marker", text(1, 0, `[\x{20}-\x{FF}]+`))
	maxItems    = may("MaxItems", number(1, 1000))
)

const (
	maxTagKey   = 128
	maxTagValue = 256
)

func iamService() service {
	user, group := need("UserName", entityName), need("GroupName", entityName)
	all := map[string]operation{
		"GetUser":             {structure(may("UserName", entityName)), getUser},
		"GetGroup":            {structure(group, marker, maxItems), getGroup},
		"ListGroupsForUser":   {structure(user, marker, maxItems), listGroupsForUser},
		"AddUserToGroup":      {structure(group, user), addUserToGroup},
		"RemoveUserFromGroup": {structure(group, user), removeUserFromGroup},
	}
	maps.Copy(all, ownerOperations("User", user))
	role := need("RoleName", text(1, 64, `[\w+=,.@-]+`))
	all["GetRole"] = operation{structure(role), getRole}
	maps.Copy(all, ownerOperations("Role", role))
	return service{name: iamName, query: true, version: iamVersion, codes: iamCodes(), about: aboutIAM, operations: all}
}

// noSuchEntity says that a user or group does not exist, or is not in it.
func noSuchEntity(format string, args ...any) *apiError {
	return &apiError{code: "NoSuchEntity", status: http.StatusNotFound, message: fmt.Sprintf(format, args...)}
}

// limitExceeded says that a quota is used up.
func limitExceeded(format string, args ...any) *apiError {
	return &apiError{code: "LimitExceeded", status: http.StatusConflict, message: fmt.Sprintf(format, args...)}
}

// An iamState holds the users, roles and groups of all accounts.
type iamState struct {
	users  map[entity]*iamUser
	roles  map[entity]*owner
	groups map[entity]*iamGroup
}

// An entity is the name of a user or group, which IAM tells apart without
// regard to case.
type entity struct{ account, name string }

func entityOf(account, name string) entity { return entity{account, strings.ToLower(name)} }

type iamUser struct {
	name, id string
	created  time.Time
	owner
}

type iamGroup struct {
	name, id string
	created  time.Time
	members  timeline[map[string]bool] // by name of the user in lower case
}

func newIAM() iamState {
	return iamState{map[entity]*iamUser{}, map[entity]*owner{}, map[entity]*iamGroup{}}
}

// iamUser returns the user that the input names.
func (r *request) iamUser() (*iamUser, error) {
	name := r.text("UserName")
	if name == "" {
		name = r.call.Caller.ARN[strings.LastIndex(r.call.Caller.ARN, "/")+1:]
	}
	u, ok := r.w.iam.users[entityOf(r.call.Caller.Account, name)]
	if !ok {
		return nil, noSuchEntity("The user with name %s cannot be found.", name)
	}
	return u, nil
}

func (r *request) iamGroup() (*iamGroup, error) {
	g, ok := r.w.iam.groups[entityOf(r.call.Caller.Account, r.text("GroupName"))]
	if !ok {
		return nil, noSuchEntity("The group with name %s cannot be found.", r.text("GroupName"))
	}
	return g, nil
}

// asRead is the moment whose state IAM's answers show.
func (r *request) asRead() time.Time { return r.now.Add(-r.w.settings.IAMLag) }

// asDecided is the moment whose tags and policies decide about calls.
func (r *request) asDecided() time.Time {
	return r.now.Add(-max(r.w.settings.IAMLag, r.w.settings.PolicyLag))
}

func (r *request) iamUserDoc(u *iamUser) doc {
	return doc{
		"Path": "/", "UserName": u.name, "UserId": u.id, "CreateDate": u.created.UTC().Format(time.RFC3339),
		"Arn": fmt.Sprintf("arn:aws:iam::%s:user/%s", r.call.Caller.Account, u.name),
	}
}

func (r *request) iamGroupDoc(g *iamGroup) doc {
	return doc{
		"Path": "/", "GroupName": g.name, "GroupId": g.id, "CreateDate": g.created.UTC().Format(time.RFC3339),
		"Arn": fmt.Sprintf("arn:aws:iam::%s:group/%s", r.call.Caller.Account, g.name),
	}
}

func getUser(r *request) (doc, error) {
	u, err := r.iamUser()
	if err != nil {
		return nil, err
	}
	d := r.iamUserDoc(u)
	if tags := tagRows(u.tags.at(r.asRead())); len(tags) > 0 {
		d["Tags"] = values(tags)
	}
	return doc{"User": d}, nil
}

func getGroup(r *request) (doc, error) {
	g, err := r.iamGroup()
	if err != nil {
		return nil, err
	}
	var rows []row
	for name := range g.members.at(r.asRead()) {
		if u, ok := r.w.iam.users[entityOf(r.call.Caller.Account, name)]; ok {
			rows = append(rows, row{name, r.iamUserDoc(u)})
		}
	}
	out, err := r.iamPage("Users", rows)
	if err != nil {
		return nil, err
	}
	out["Group"] = r.iamGroupDoc(g)
	return out, nil
}

func listGroupsForUser(r *request) (doc, error) {
	u, err := r.iamUser()
	if err != nil {
		return nil, err
	}
	var rows []row
	for at, g := range r.w.iam.groups {
		if at.account == r.call.Caller.Account && g.members.at(r.asRead())[strings.ToLower(u.name)] {
			rows = append(rows, row{at.name, r.iamGroupDoc(g)})
		}
	}
	return r.iamPage("Groups", rows)
}

// getRole shows the trust policy with percent signs, as other policies.
func getRole(r *request) (doc, error) {
	for arn, role := range r.w.roles {
		at, err := roleEntity(arn)
		if err != nil || at != entityOf(r.call.Caller.Account, r.text("RoleName")) {
			continue
		}
		trust, err := role.trustText()
		if err != nil {
			return nil, err
		}
		return doc{"Role": doc{
			"Path": "/", "RoleName": r.text("RoleName"), "RoleId": role.id, "Arn": arn, "CreateDate": r.w.wallLocked().UTC().Format(time.RFC3339),
			"AssumeRolePolicyDocument": percent(trust), "MaxSessionDuration": int(role.MaxSession.Seconds()),
		}}, nil
	}
	return nil, noSuchEntity("The role with name %s cannot be found.", r.text("RoleName"))
}

// addUserToGroup succeeds for a member.
func addUserToGroup(r *request) (doc, error) {
	u, g, err := r.userAndGroup()
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(u.name)
	in := 0
	for at, other := range r.w.iam.groups {
		if at.account == r.call.Caller.Account && other != g && other.members.now()[name] {
			in++
		}
	}
	if in >= maxGroups {
		return nil, limitExceeded("Cannot exceed quota for GroupsPerUser: %d", maxGroups)
	}
	g.put(r.now, name, true)
	return nil, nil
}

func removeUserFromGroup(r *request) (doc, error) {
	u, g, err := r.userAndGroup()
	if err != nil {
		return nil, err
	}
	name := strings.ToLower(u.name)
	if !g.members.now()[name] {
		return nil, noSuchEntity("User %s is not in group %s.", u.name, g.name)
	}
	g.put(r.now, name, false)
	return nil, nil
}

func (r *request) userAndGroup() (*iamUser, *iamGroup, error) {
	g, err := r.iamGroup()
	if err != nil {
		return nil, nil, err
	}
	u, err := r.iamUser()
	return u, g, err
}

func (g *iamGroup) put(at time.Time, name string, member bool) {
	members := maps.Clone(g.members.now())
	if members == nil {
		members = map[string]bool{}
	}
	if delete(members, name); member {
		members[name] = true
	}
	g.members.set(at, members)
}

// iamPage is page in IAM's manner: with a marker, and a word whether there is
// more.
func (r *request) iamPage(name string, rows []row) (doc, error) {
	after, err := r.afterMarker()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	rows = slices.DeleteFunc(rows, func(one row) bool { return one.key <= after })
	size := r.w.settings.PageSize
	if n, ok := r.in["MaxItems"].(json.Number); ok {
		asked, _ := n.Int64() // the shape has checked it
		size = min(size, int(asked))
	}
	if len(rows) <= size {
		return doc{name: values(rows), "IsTruncated": false}, nil
	}
	return doc{name: values(rows[:size]), "IsTruncated": true, "Marker": r.token(rows[size-1].key)}, nil
}

// afterMarker returns the key that the input's marker stands at.
func (r *request) afterMarker() (string, error) {
	token, ok := r.in["Marker"].(string)
	if !ok {
		return "", nil
	}
	key, ok := r.keyOf(token)
	if !ok {
		return "", refusal("InvalidInput", "The marker is not one of this list.")
	}
	return key, nil
}

func values(rows []row) []any {
	all := []any{}
	for _, one := range rows {
		all = append(all, one.value)
	}
	return all
}
