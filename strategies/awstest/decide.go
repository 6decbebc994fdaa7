package awstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An Ask is what a policy decides about: a call, with what AWS knows of who
// calls and of what the call is about.
type Ask struct {
	Call
	// Action is as policies name it: iam:TagUser.
	Action string
	// PrincipalTags are those of the session, or of the IAM user as AWS reads
	// them, which lags.
	PrincipalTags map[string]string
	// Policy is that of the session.
	Policy string
	// Policies are those of the caller's user or role, as AWS knows them:
	// attached ones, and its own, which lag as reads do.
	Policies []string
	// Resources are what the call is about, each of which must be allowed. A
	// call that is about nothing in particular has none.
	Resources []Resource
	// TagKeys are what it writes or removes.
	TagKeys []string
}

// A Resource is something that a call is about, with its tags.
type Resource struct {
	ARN  string
	Tags map[string]string
}

// Decide has f decide about every call that policies allow, GetCallerIdentity
// aside, which needs no permission. Nil leaves it to the policies: see Attach. f must not call the World.
func (w *World) Decide(f func(Ask) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decide = f
}

// decided refuses a call that no policy allows.
func (r *request) decided() error {
	if r.call.Operation == "GetCallerIdentity" {
		return nil
	}
	ask := Ask{Call: r.call, Action: r.service.name + ":" + r.call.Operation, TagKeys: r.tagKeys()}
	if r.service.about != nil {
		ask.Resources = r.service.about(r)
	}
	from := r.w.keys[r.call.Caller.KeyID]
	ask.Policy, ask.PrincipalTags = from.policy, map[string]string{}
	if o := r.w.iam.owner(principalOf(r.call.Caller)); o != nil {
		for _, t := range o.tags.at(r.asDecided()) {
			ask.PrincipalTags[t.Key] = t.Value
		}
		ask.Policies = slices.Concat(o.attached, slices.Sorted(maps.Values(o.policies.at(r.asDecided()))))
	}
	overlay(ask.PrincipalTags, from.tags)
	if name, ok := actions[ask.Action]; ok {
		ask.Action = name
	}
	if r.allowed(ask) && (r.w.decide == nil || r.w.decide(ask)) {
		return nil
	}
	return r.denied("User: %s is not authorized to perform: %s", r.call.Caller.ARN, ask.Action)
}

// overlay puts a session's tags over those of its role. Keys that differ in case
// alone are one.
func overlay(tags, session map[string]string) {
	for key, value := range session {
		for other := range tags {
			if strings.EqualFold(other, key) {
				delete(tags, other)
			}
		}
		tags[key] = value
	}
}

// tagKeys are the keys of the tags in the input.
func (r *request) tagKeys() []string {
	var keys []string
	tags, _ := r.in["Tags"].([]any)
	for _, v := range tags {
		d, _ := v.(doc)
		if key, ok := d["Key"].(string); ok {
			keys = append(keys, key)
		}
	}
	plain, _ := r.in["TagKeys"].([]any)
	for _, v := range plain {
		if key, ok := v.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// aboutIAM is the role or group that an input names, if it names one, and else
// the user: who is put into a group is not asked about.
func aboutIAM(r *request) []Resource {
	kind, name := "group", r.text("GroupName")
	switch {
	case r.text("RoleName") != "":
		kind, name = "role", r.text("RoleName")
	case name == "":
		kind, name = "user", r.text("UserName")
	}
	return []Resource{{ARN: fmt.Sprintf("arn:aws:iam::%s:%s/%s", r.call.Caller.Account, kind, name)}}
}

// aboutMembership is what an operation of the identity store is about: the
// store, and what the input names in it.
func aboutMembership(r *request) []Resource {
	all := []Resource{{ARN: fmt.Sprintf("arn:aws:identitystore::%s:identitystore/%s", r.w.config.Management, r.text("IdentityStoreId"))}}
	for _, part := range []struct{ kind, id string }{
		{"group", r.text("GroupId")}, {"user", r.member()}, {"membership", r.text("MembershipId")},
	} {
		if part.id != "" {
			all = append(all, Resource{ARN: "arn:aws:identitystore:::" + part.kind + "/" + part.id})
		}
	}
	return all
}
