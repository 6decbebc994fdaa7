package flowfile

import (
	"encoding/json"
	"fmt"

	"sesame/flows/access"
)

// ParamEndSessions is the name in access.Target.Params of what ParseEndSessions
// reads.
const ParamEndSessions = "end_sessions"

const shapeEndSessions = "end_sessions"

// EndSessions say how sessions of Session Manager are found and ended that people
// start with credentials of their own from a grant. The zero EndSessions say that
// they are not.
type EndSessions struct {
	// RoleARN is the role, in the target's account, as which Sesame does it.
	RoleARN    string `json:"role_arn"`
	ExternalID string `json:"external_id,omitempty"` // a reference
	// Regions are where they are looked for; none means all of the account's.
	Regions []string `json:"regions,omitempty"`
	// Role is whose sessions they are, by its name, and Person what the names of
	// those begin with before the grant. A grant by a permission set has neither:
	// its role is called after that, and its sessions after the user.
	Role   string `json:"role,omitempty"`
	Person string `json:"person,omitempty"`
	// User is who was granted a permission set.
	User access.Principal `json:"user,omitempty"`
}

// ParseEndSessions reads what a target or object says about sessions, and whether
// it says anything.
func ParseEndSessions(params map[string]string) (e EndSessions, ok bool, err error) {
	text := params[ParamEndSessions]
	if text == "" {
		return EndSessions{}, false, nil
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return EndSessions{}, false, fmt.Errorf("read %s: %w", ParamEndSessions, err)
	}
	return e, true, nil
}

// Encode writes e for an object's params.
func (e EndSessions) Encode() string { return encodeParam(e) }

func endSessionsKey() Key {
	return Key{Name: ParamEndSessions, Doc: "Has Sesame end the sessions of Session Manager that people started with credentials from a grant, at its end: those of their user as a role of the permission set, with aws_sso, and those of the grant as the role of the target, with vend: real. The end waits for it, and the receipt names them. It is left be, and the receipt says why, where the person has the permission set by a group as well, or where AWS does not tell whose sessions are whose. Sessions that are started after the end, with credentials that work still, go on. Only for aws_sso, and for aws_role with vend: real. Optional.", Value: object(shapeEndSessions)}
}

func endSessionsShape() Shape {
	return Shape{shapeEndSessions, "How Sesame finds and ends sessions in the account of a target.", []Key{
		{Name: ParamRoleARN, Doc: "A role in that account that Sesame may assume, for ssm:DescribeSessions, ssm:TerminateSession and ec2:DescribeRegions: sesame policy generate server-role --end-sessions writes its policy.", Value: looking(roleShape.String()), Required: true},
		{Name: ParamExternalID, Doc: "The external id that the role asks for, as a reference to a secret: ${file:NAME}. Optional.", Value: plainText()},
		{Name: "regions", Doc: "Where people start sessions. Optional, default all regions of the account.", Value: listOf(looking(regionShape.String()))},
	}}
}

// endSessions reads how sessions of a target are ended.
func (d *draft) endSessions(n *node, target string) string {
	said := map[string]string{}
	var e EndSessions
	d.object(n, "end_sessions of target "+target, shapeEndSessions, keys{
		ParamRoleARN: func(n *node) {
			e.RoleARN = d.shaped(n, "the ARN of a role", roleShape, "write it as arn:aws:iam::111111111111:role/Name")
		},
		ParamExternalID: d.externalID(said),
		"regions": func(n *node) {
			e.Regions = d.texts(n, "a region", func(item *node) string {
				return d.shaped(item, "a region", regionShape, "write it as us-east-1")
			})
		},
	})
	e.ExternalID = said[ParamExternalID]
	return encodeParam(e)
}

// fitEndSessions holds what a target says about sessions to what it grants.
func (d *draft) fitEndSessions(t *access.Target, n *node) {
	v := n.get(ParamEndSessions)
	if v == nil {
		return
	}
	if t.Way != WaySSO && !(t.Way == WayRole && Vends(t.Params)) {
		delete(t.Params, ParamEndSessions)
		switch {
		case v.inherited:
		case t.Way == WayRole:
			d.add(v.pos, fmt.Sprintf("target %s has end_sessions, and is served through the proxy, where sessions end with the grant", t.Name), "leave it out, or say vend: real")
		default:
			d.add(v.pos, fmt.Sprintf("target %s has end_sessions, which means nothing to a strategy of type %s", t.Name, t.Way), "")
		}
		return
	}
	e, _, err := ParseEndSessions(t.Params)
	if account := t.Params[ParamAccount]; err == nil && e.RoleARN != "" && account != "" && RoleAccount(e.RoleARN) != account {
		d.add(v.pos, fmt.Sprintf("target %s is in %s, and the role that is to end its sessions in %s", t.Name, account, RoleAccount(e.RoleARN)), "sessions are ended in the account that they are in")
	}
}
