package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sesame/policies/iam"
)

// A Role is an IAM role and what its trust policy says.
type Role struct {
	ARN string
	// Trusts names who may assume it: account ids, or the ARNs of users and
	// roles. Nobody by default.
	Trusts []string
	// ExternalID is what a caller must present. Empty asks for none.
	ExternalID string
	// SessionNames are the only ones that a session may have; none means any.
	SessionNames []string
	// MaxSession is the longest session. Default 1 hour.
	MaxSession time.Duration
	// TagSession allows session tags, and SetSource a source identity.
	TagSession, SetSource bool

	id   string
	says string // the trust policy in place of all that; empty if there is none
}

// SetTrust replaces the trust policy of a role, as UpdateAssumeRolePolicy does:
// it refuses what is no trust policy.
func (w *World) SetTrust(arn, document string) error {
	d, err := iam.Parse("trust policy", []byte(document))
	if err != nil {
		return err
	}
	if _, err := iam.Compile(d, iam.Trust); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	role, known := w.roles[arn]
	if !known {
		return fmt.Errorf("there is no role %s", arn)
	}
	role.says = document
	w.roles[arn] = role
	w.changedLocked()
	return nil
}

// AddRole creates the role, or replaces the one with its ARN.
func (w *World) AddRole(role Role) {
	w.mu.Lock()
	defer w.mu.Unlock()
	orDefault(&role.MaxSession, time.Hour)
	role.id = "AROA" + randomID()
	w.roles[role.ARN] = role
	if at, err := roleEntity(role.ARN); err == nil && w.iam.roles[at] == nil {
		w.iam.roles[at] = &owner{}
	}
}

// RemoveRole deletes a role. Its sessions live on until they expire.
func (w *World) RemoveRole(arn string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.roles, arn)
	if at, err := roleEntity(arn); err == nil {
		delete(w.iam.roles, at)
	}
}

const stsName = "sts"

// chainedMax is the longest session of a role that a role assumes.
const chainedMax = time.Hour

// policyLimit is what all session policies may hold together.
const policyLimit = 2048

func sts() service {
	name := text(2, 64, `[\w+=,.@-]*`)
	tagKey := text(1, 128, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
	arn := text(20, 2048, `[\x{09}\x{0A}\x{0D}\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+`)
	return service{name: stsName, query: true, version: "2011-06-15", codes: queryCodes, about: aboutSTS, operations: map[string]operation{
		"GetCallerIdentity": {structure(), getCallerIdentity},
		"AssumeRole": {structure(
			need("RoleArn", arn), need("RoleSessionName", name),
			may("DurationSeconds", number(900, 43200)),
			may("ExternalId", text(2, 1224, `[\w+=,.@:\/-]*`)),
			may("SourceIdentity", name),
			may("Policy", text(1, 0, `[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]+`)),
			may("PolicyArns", list(0, 10, structure(may("arn", arn)))),
			may("Tags", list(0, 50, structure(need("Key", tagKey), need("Value", text(0, 256, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`))))),
			may("TransitiveTagKeys", list(0, 50, tagKey)),
		), assumeRole},
	}}
}

func getCallerIdentity(r *request) (doc, error) {
	c := r.call.Caller
	return doc{"Account": c.Account, "Arn": c.ARN, "UserId": c.UserID}, nil
}

func assumeRole(r *request) (doc, error) {
	role, known := r.w.roles[r.text("RoleArn")]
	from, source := r.w.keys[r.call.Caller.KeyID].source, r.text("SourceIdentity")
	if !known || from != "" && source != "" && source != from {
		return nil, r.denied("user %s is not authorized to perform sts:AssumeRole on %s", r.call.Caller.ARN, r.text("RoleArn"))
	}
	lasts, err := r.sessionLength(role)
	if err != nil {
		return nil, err
	}
	if err := r.checkPolicies(); err != nil {
		return nil, err
	}
	if err := r.checkTags(); err != nil {
		return nil, err
	}
	return r.session(role, lasts)
}

// trust is the role's trust policy.
func (role Role) trust() (*iam.Policy, error) {
	text, err := role.trustText()
	if err != nil {
		return nil, err
	}
	d, err := iam.Parse("trust policy", []byte(text))
	if err != nil {
		return nil, err
	}
	return iam.Compile(d, iam.Trust)
}

func (role Role) trustText() (string, error) {
	if role.says != "" {
		return role.says, nil
	}
	is := map[string]any{}
	if role.ExternalID != "" {
		is["sts:ExternalId"] = role.ExternalID
	}
	if len(role.SessionNames) > 0 {
		is["sts:RoleSessionName"] = role.SessionNames
	}
	statements := []doc{{
		"Effect": "Allow", "Principal": doc{"AWS": role.Trusts}, "Action": "sts:AssumeRole", "Condition": doc{"StringEquals": is},
	}}
	for action, allows := range map[string]bool{"sts:TagSession": role.TagSession, "sts:SetSourceIdentity": role.SetSource} {
		if allows {
			statements = append(statements, doc{"Effect": "Allow", "Principal": doc{"AWS": role.Trusts}, "Action": action})
		}
	}
	text, err := json.Marshal(doc{"Version": "2012-10-17", "Statement": statements})
	return string(text), err
}

// assuming are the actions that AssumeRole needs, for what is asked for.
func (r *request) assuming() []string {
	actions := []string{"sts:AssumeRole"}
	if r.in["Tags"] != nil {
		actions = append(actions, "sts:TagSession")
	}
	if r.in["SourceIdentity"] != nil {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

func (r *request) sessionLength(role Role) (time.Duration, error) {
	longest := role.MaxSession
	lasts := min(time.Hour, longest)
	if n, ok := r.in["DurationSeconds"].(json.Number); ok {
		seconds, _ := n.Int64() // the shape has checked it
		lasts = time.Duration(seconds) * time.Second
	}
	if r.w.keys[r.call.Caller.KeyID].session && lasts > chainedMax {
		return 0, refusal(queryCodes.invalid, "the requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if lasts > longest {
		return 0, refusal(queryCodes.invalid, "the requested DurationSeconds exceeds the MaxSessionDuration set for this role")
	}
	return lasts, nil
}

func (r *request) checkPolicies() error {
	policy := r.text("Policy")
	if policy != "" && !json.Valid([]byte(policy)) {
		return refusal("MalformedPolicyDocument", "the policy is not in the valid JSON format")
	}
	size := len(policy)
	arns, _ := r.in["PolicyArns"].([]any)
	for _, v := range arns {
		d, _ := v.(doc)
		arn, _ := d["arn"].(string)
		size += len(arn)
	}
	if size > policyLimit {
		return refusal("PackedPolicyTooLarge", "the session policies hold %d characters of %d", size, policyLimit)
	}
	return nil
}

// session makes the credentials of one session of role.
func (r *request) session(role Role, lasts time.Duration) (doc, error) {
	name := r.text("RoleSessionName")
	parts := strings.SplitN(role.ARN, ":", 6)
	if len(parts) != 6 {
		return nil, &apiError{code: queryCodes.internal, status: http.StatusInternalServerError, message: "role " + role.ARN + " has no proper ARN"}
	}
	c := &credential{Key: newKey("ASIA"), principal: role.ARN, session: true, expires: r.w.wallLocked().Add(lasts)}
	c.Token = randomText(120)
	c.source = r.w.keys[r.call.Caller.KeyID].source
	orDefault(&c.source, r.text("SourceIdentity"))
	c.tags, c.policy = r.sessionTags(), r.text("Policy")
	_, c.managed = r.in["PolicyArns"]
	roleName := parts[5][strings.LastIndex(parts[5], "/")+1:]
	c.Caller = Caller{
		Account: parts[4],
		ARN:     fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", parts[4], roleName, name),
		UserID:  role.id + ":" + name,
		KeyID:   c.ID,
	}
	r.w.keys[c.ID] = c
	out := doc{
		"Credentials": doc{
			"AccessKeyId": c.ID, "SecretAccessKey": c.Secret, "SessionToken": c.Token,
			"Expiration": c.expires.UTC().Format(time.RFC3339),
		},
		"AssumedRoleUser": doc{"AssumedRoleId": c.Caller.UserID, "Arn": c.Caller.ARN},
	}
	if c.source != "" {
		out["SourceIdentity"] = c.source
	}
	return out, nil
}
