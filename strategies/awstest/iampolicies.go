package awstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"unicode"
)

// An owner has tags and policies of its own: a user or a role.
type owner struct {
	tags     timeline[map[string]Tag]    // by key in lower case
	policies timeline[map[string]string] // those of its own, by name
	attached []string                    // managed ones
	// boundary is the ARN of the permissions boundary, and bounds its text.
	boundary, bounds string
}

// Room for the policies of a user or role together, blanks aside ("IAM and AWS
// STS quotas").
const (
	userPolicyRoom = 2048
	rolePolicyRoom = 10240
)

// ownerOperations are those on users and roles, which differ in their names.
func ownerOperations(kind string, name member) map[string]operation {
	policy := need("PolicyName", entityName)
	document := text(1, 131072, `[\x{09}\x{0A}\x{0D}\x{20}-\x{FF}]+`)
	tags := list(0, maxTags, structure(need("Key", iamTagKey), need("Value", iamTagValue)))
	return map[string]operation{
		"List" + kind + "Tags":     {structure(name, marker, maxItems), listTags},
		"Tag" + kind:               {structure(name, need("Tags", tags)), tagOwner},
		"Untag" + kind:             {structure(name, need("TagKeys", list(0, maxTags, iamTagKey))), untagOwner},
		"Get" + kind + "Policy":    {structure(name, policy), getPolicy},
		"Put" + kind + "Policy":    {structure(name, policy, need("PolicyDocument", document)), putPolicy},
		"Delete" + kind + "Policy": {structure(name, policy), deletePolicy},
	}
}

// owner returns the user or role that the input names.
func (r *request) owner() (*owner, error) {
	if _, role := r.in["RoleName"]; !role {
		u, err := r.iamUser()
		if err != nil {
			return nil, err
		}
		return &u.owner, nil
	}
	o, ok := r.w.iam.roles[entityOf(r.call.Caller.Account, r.text("RoleName"))]
	if !ok {
		return nil, noSuchEntity("The role with name %s cannot be found.", r.text("RoleName"))
	}
	return o, nil
}

// room is how much the policies of the one that the input names may hold.
func (r *request) room() int {
	if _, role := r.in["RoleName"]; role {
		return rolePolicyRoom
	}
	return userPolicyRoom
}

func getPolicy(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	text, ok := o.policies.at(r.asRead())[r.text("PolicyName")]
	if !ok {
		return nil, noSuchEntity("The policy with name %s cannot be found.", r.text("PolicyName"))
	}
	out := doc{"PolicyName": r.text("PolicyName"), "PolicyDocument": percent(text)}
	for _, name := range []string{"UserName", "RoleName"} {
		if r.text(name) != "" {
			out[name] = r.text(name)
		}
	}
	return out, nil
}

// percent is a policy as IAM answers it.
func percent(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// putPolicy replaces a policy of the name.
func putPolicy(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(r.text("PolicyDocument"))) {
		return nil, refusal("MalformedPolicyDocument", "The policy is not in the valid JSON format.")
	}
	all := maps.Clone(o.policies.now())
	if all == nil {
		all = map[string]string{}
	}
	all[r.text("PolicyName")] = r.text("PolicyDocument")
	size := 0
	for _, text := range all {
		for _, c := range text {
			if !unicode.IsSpace(c) {
				size++
			}
		}
	}
	if size > r.room() {
		return nil, limitExceeded("Maximum policy size of %d bytes exceeded", r.room())
	}
	o.policies.set(r.now, all)
	return nil, nil
}

func deletePolicy(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	all := maps.Clone(o.policies.now())
	if _, ok := all[r.text("PolicyName")]; !ok {
		return nil, noSuchEntity("The policy with name %s cannot be found.", r.text("PolicyName"))
	}
	delete(all, r.text("PolicyName"))
	o.policies.set(r.now, all)
	return nil, nil
}

// A Principal names a user or role of an account, as policies are given to it.
type Principal struct {
	Account, Name string
	Role          bool
}

// String is the end of its ARN.
func (p Principal) String() string {
	if p.Role {
		return "role/" + p.Name
	}
	return "user/" + p.Name
}

// IAMPolicies returns the policies of a principal's own by name, whatever
// reads show.
func (w *World) IAMPolicies(p Principal) map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.iam.owner(p)
	if o == nil {
		return nil
	}
	return maps.Clone(o.policies.now())
}

// EditIAMPolicies changes the policies of a principal's own by hand.
func (w *World) EditIAMPolicies(p Principal, change func(policies map[string]string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.iam.owner(p)
	if o == nil {
		return
	}
	all := maps.Clone(o.policies.now())
	if all == nil {
		all = map[string]string{}
	}
	change(all)
	o.policies.set(w.clock.Now(), all)
	w.changedLocked()
}

// IAMTagsOf returns the tags of a principal by key, whatever reads show.
func (w *World) IAMTagsOf(p Principal) map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]string{}
	if o := w.iam.owner(p); o != nil {
		for _, t := range o.tags.now() {
			found[t.Key] = t.Value
		}
	}
	return found
}

func (s iamState) owner(p Principal) *owner {
	at := entityOf(p.Account, p.Name)
	if p.Role {
		return s.roles[at]
	}
	if u, ok := s.users[at]; ok {
		return &u.owner
	}
	return nil
}

// principalOf returns the user or role whose key a caller has: a session of a
// role is of the role.
func principalOf(c Caller) Principal {
	parts := strings.Split(c.ARN, "/")
	role := strings.Contains(c.ARN, ":assumed-role/")
	name := parts[len(parts)-1]
	if role && len(parts) > 1 {
		name = parts[1]
	}
	return Principal{c.Account, name, role}
}

// roleEntity is the last part of a role's ARN, with its account.
func roleEntity(arn string) (entity, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return entity{}, fmt.Errorf("role %s has no proper ARN", arn)
	}
	return entityOf(parts[4], parts[5][strings.LastIndex(parts[5], "/")+1:]), nil
}
