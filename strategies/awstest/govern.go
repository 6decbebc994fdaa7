package awstest

import (
	"slices"
	"strings"
	"time"

	"sesame/policies/iam"
)

// administrator is the policy AdministratorAccess of AWS.
const administrator = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

// Attach gives a user or role a managed policy, and creates a user whom there
// is not. From then on the users and roles of its account have the policies that
// they were given, and whoever has none may do nothing. In accounts to which
// nothing was attached they are administrators.
func (w *World) Attach(p Principal, document string) error {
	if _, err := compile(document); err != nil {
		return err
	}
	if !p.Role {
		w.AddIAMUser(p.Account, p.Name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.governed[p.Account] = true
	if o := w.iam.owner(p); o != nil {
		o.attached = append(slices.Clone(o.attached), document)
	}
	w.changedLocked()
	return nil
}

// Bound sets the permissions boundary of a user or role, by its ARN.
func (w *World) Bound(p Principal, arn, document string) error {
	if _, err := compile(document); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if o := w.iam.owner(p); o != nil {
		o.boundary, o.bounds = arn, document
	}
	w.changedLocked()
	return nil
}

func compile(document string) (*iam.Policy, error) {
	d, err := iam.Parse("policy", []byte(document))
	if err != nil {
		return nil, err
	}
	return iam.Compile(d, iam.IdentityBased)
}

// allowed reports whether policies allow what is asked for.
func (r *request) allowed(a Ask) bool {
	ps, ok := r.policies(a)
	return ok && ps.EvaluateAll(r.evaluated(a)...).Outcome == iam.Allowed
}

// policies are those that decide about a caller. One that cannot be read is no
// ground to allow anything.
func (r *request) policies(a Ask) (ps iam.Policies, ok bool) {
	texts := a.Policies
	if !r.w.governed[a.Caller.Account] {
		texts = append(slices.Clone(texts), administrator)
	}
	for _, text := range texts {
		p, err := compile(text)
		if err != nil {
			return ps, false
		}
		ps.Identity = append(ps.Identity, p)
	}
	if a.Policy != "" {
		p, err := compile(a.Policy)
		if err != nil {
			return ps, false
		}
		ps.Session = []*iam.Policy{p}
	}
	if r.w.keys[a.Caller.KeyID].managed {
		// What AWS's own policies say is not known here: they allow everything.
		all, err := compile(administrator)
		if err != nil {
			return ps, false
		}
		ps.Session = append(ps.Session, all)
	}
	if o := r.w.iam.owner(principalOf(a.Caller)); o != nil && o.bounds != "" {
		p, err := compile(o.bounds)
		if err != nil {
			return ps, false
		}
		ps.Boundary = p
	}
	if role, known := r.w.roles[r.text("RoleArn")]; known && a.Service == stsName {
		trust, err := role.trust()
		if err != nil {
			return ps, false
		}
		ps.Resource = trust
	}
	return ps, true
}

// evaluated are the requests that a call is, one for each thing that it is about
// and each action that it needs.
func (r *request) evaluated(a Ask) (all []iam.Request) {
	base := iam.Request{Principal: a.Caller.ARN, Action: a.Action, Resource: "*", Context: r.context(a)}
	if a.Service != stsName {
		// What belongs to another account is reached by delegation alone, which
		// the operations look after, and not by policies of its own.
		base.ResourceAccount = a.Caller.Account
	}
	if len(a.Resources) == 0 {
		return []iam.Request{base}
	}
	for _, about := range a.Resources {
		one := base
		one.Resource = about.ARN
		service, _, _ := strings.Cut(a.Action, ":")
		for key, value := range about.Tags {
			one.Context = one.Context.With(service+":resourceTag/"+key, value).With("aws:ResourceTag/"+key, value)
		}
		for _, action := range r.needs(a) {
			one.Action = action
			all = append(all, one)
		}
	}
	return all
}

// needs are the actions that have to be allowed for a call.
func (r *request) needs(a Ask) []string {
	if r.call.Operation == "AssumeRole" {
		return r.assuming()
	}
	return []string{a.Action}
}

// context is what policies may ask about a call.
func (r *request) context(a Ask) iam.Context {
	values := map[string][]string{
		"aws:userid": {a.Caller.UserID}, "aws:TagKeys": a.TagKeys, "aws:PrincipalArn": {principalARN(a.Caller)},
		"aws:CurrentTime": {r.w.wallLocked().UTC().Format(time.RFC3339)}, "aws:RequestedRegion": {a.Region},
	}
	if p := principalOf(a.Caller); !p.Role {
		values["aws:username"] = []string{p.Name}
	}
	for key, value := range a.PrincipalTags {
		values["aws:PrincipalTag/"+key] = []string{value}
	}
	for name, key := range map[string]string{"ExternalId": "sts:ExternalId", "RoleSessionName": "sts:RoleSessionName", "SourceIdentity": "sts:SourceIdentity"} {
		if v := r.text(name); v != "" && a.Service == stsName {
			values[key] = []string{v}
		}
	}
	if about, err := r.owner(); a.Service == iamName && err == nil && about.boundary != "" {
		values["iam:PermissionsBoundary"] = []string{about.boundary}
	}
	return iam.NewContext(values)
}

// principalARN is the ARN of the user or role whose key a caller has.
func principalARN(c Caller) string {
	return "arn:aws:iam::" + c.Account + ":" + principalOf(c).String()
}

// actions are those whose names are not the operation's.
var actions = map[string]string{
	"s3:ListBuckets": "s3:ListAllMyBuckets", "s3:ListObjectsV2": "s3:ListBucket", "s3:HeadObject": "s3:GetObject", "s3:HeadBucket": "s3:ListBucket",
}

// aboutSTS is the role that is assumed.
func aboutSTS(r *request) []Resource {
	if arn := r.text("RoleArn"); arn != "" {
		return []Resource{{ARN: arn}}
	}
	return nil
}

// aboutSSO is the instance, and the permission set and account that an input
// names beside it.
func aboutSSO(r *request) []Resource {
	var all []Resource
	for _, name := range []string{"InstanceArn", "PermissionSetArn"} {
		if arn := r.text(name); arn != "" {
			all = append(all, Resource{ARN: arn})
		}
	}
	for _, name := range []string{"AccountId", "TargetId"} {
		if id := r.text(name); id != "" {
			all = append(all, Resource{ARN: "arn:aws:sso:::account/" + id})
		}
	}
	return all
}

// aboutOrganizations is the account that an input names.
func aboutOrganizations(r *request) []Resource {
	if id := r.text("AccountId"); id != "" {
		return []Resource{{ARN: "arn:aws:organizations::" + r.w.config.Management + ":account/o-exampleorgid/" + id}}
	}
	return nil
}
