package recipe

import (
	"errors"
	"slices"
	"strings"

	"sesame/policies/iam"
	"sesame/policies/iam/lint"
)

// A ServerRole is what the server itself may do: nothing beyond what the flow
// files name.
type ServerRole struct {
	Scope
	// Instance, PermissionSets (ARNs) and Targets (account ids) are for account
	// assignments.
	Instance       string
	PermissionSets []string
	Targets        []string
	// IdentityStore (its id) and Groups (ids) are for memberships, Directory is
	// the account of the identity store.
	IdentityStore, Directory string
	Groups                   []string
	// AskGroups lets it ask which groups somebody is in, whichever these are.
	AskGroups bool
	// Users and PersonRoles (ARNs) get tags whose keys are one of TagKeys, or
	// begin with it.
	Users, PersonRoles, TagKeys []string
	// PartnerRoles (ARNs) are those of PersonRoles whose trust policies it reads,
	// since people of partners come in by them.
	PartnerRoles []string
	// Boundary is the ARN of the permissions boundary that these users and
	// roles have; with it, they also get policies with an end. Without the
	// boundary, the right to write policies would be the right to everything.
	Boundary string
	// IAMGroups are ARNs of groups of IAM users.
	IAMGroups []string
	// Roles are ARNs of roles that it assumes for others.
	Roles []string
	// OSUsers are the tags of machines on which it keeps users of the operating
	// system with the document SesameOSUser.
	OSUsers map[string]string
	// EndSessions lets it end the sessions of others, in Scope, and Sessions where
	// grants let people start some that go on without them.
	EndSessions bool
	Sessions    []Scope
	// Machines lets it look for the machines of targets in EC2, and as well in
	// AWS Config or in its aggregators.
	Machines, Config, Aggregators bool
	Place                         string
}

// Document returns the policy.
func (r ServerRole) Document() (*iam.Document, error) {
	errs := []error{r.Scope.check()}
	for _, in := range r.Sessions {
		errs = append(errs, in.check())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	statements := slices.Concat(r.assignments(), r.memberships(), r.tags(), r.timed(), r.iamGroups(), r.roles(), r.osUsers(), r.sessions(), r.machines())
	if len(statements) == 0 {
		return nil, errors.New("nothing is named that the server may do: name a target with --target, or flags as --help lists them")
	}
	return finish(lint.Options{Place: r.Place}, statements...)
}

func (r ServerRole) assignments() []iam.Statement {
	if r.Instance == "" {
		return nil
	}
	what := append([]string{r.Instance}, orAny(r.PermissionSets)...)
	for _, account := range orAny(r.Targets) {
		what = append(what, r.arn("sso", "", "", "account/"+account))
	}
	// Without permission sets, any of this instance is meant.
	if len(r.PermissionSets) == 0 {
		_, id, _ := strings.Cut(r.Instance, "/")
		what[1] = r.arn("sso", "", "", "permissionSet/"+id+"/*")
	}
	return []iam.Statement{
		allow("Assign", []string{"sso:CreateAccountAssignment", "sso:DeleteAccountAssignment", "sso:ListAccountAssignments"}, what),
		allow("FollowAssignments", []string{
			"sso:DescribeAccountAssignmentCreationStatus", "sso:DescribeAccountAssignmentDeletionStatus",
			"sso:DescribeInstance", "sso:ListAccountAssignmentCreationStatus", "sso:ListAccountAssignmentDeletionStatus", "sso:ListPermissionSets",
		}, []string{r.Instance}),
		allow("LookAtPermissionSets", []string{"sso:DescribePermissionSet"}, what[:len(what)-len(orAny(r.Targets))]),
		allow("LookAtAccounts", []string{"organizations:DescribeAccount"}, r.organized()),
	}
}

// organized returns the accounts as the organization knows them, whose ARNs
// begin with the management account and the id of the organization.
func (r ServerRole) organized() []string {
	var all []string
	for _, account := range orAny(r.Targets) {
		all = append(all, r.arn("organizations", "", "*", "account/o-*/"+account))
	}
	return all
}

func (r ServerRole) memberships() []iam.Statement {
	if r.IdentityStore == "" {
		return nil
	}
	store := r.arn("identitystore", "", r.Directory, "identitystore/"+r.IdentityStore)
	users := r.arn("identitystore", "", "", "user/*")
	all := []iam.Statement{allow("FindPeople", []string{"identitystore:DescribeUser", "identitystore:GetUserId", "identitystore:ListUsers"}, []string{store, users})}
	if r.AskGroups {
		all = append(all, allow("AskForGroupsOfPeople", []string{"identitystore:IsMemberInGroups"}, []string{store, users, r.arn("identitystore", "", "", "group/*")}))
	}
	if len(r.Groups) == 0 {
		return all
	}
	what := []string{store, users, r.arn("identitystore", "", "", "membership/*")}
	for _, id := range orAny(r.Groups) {
		what = append(what, r.arn("identitystore", "", "", "group/"+id))
	}
	return append(all, allow("KeepMemberships", []string{
		"identitystore:CreateGroupMembership", "identitystore:DeleteGroupMembership", "identitystore:DescribeGroup", "identitystore:DescribeGroupMembership",
		"identitystore:GetGroupMembershipId",
		"identitystore:IsMemberInGroups", "identitystore:ListGroupMemberships",
	}, what))
}

// tags fences the right to tag: without the second condition, a request that
// names no key at all would pass.
func (r ServerRole) tags() []iam.Statement {
	if len(r.Users)+len(r.PersonRoles) == 0 || len(r.TagKeys) == 0 {
		return nil
	}
	var keys []string
	for _, k := range r.TagKeys {
		keys = append(keys, k, k+"?*")
	}
	own := condition("StringLike", "aws:TagKeys", orAny(keys)...)
	own.Each = "ForAllValues"
	given := condition("Null", "aws:TagKeys", "false")
	var all []iam.Statement
	if len(r.Users) > 0 {
		all = append(all, allow("TagWithOwnKeys", []string{"iam:TagUser", "iam:UntagUser"}, orAny(r.Users), own, given),
			allow("ReadTags", []string{"iam:ListUserTags"}, orAny(r.Users)))
	}
	if len(r.PersonRoles) > 0 {
		all = append(all, allow("TagRolesWithOwnKeys", []string{"iam:TagRole", "iam:UntagRole"}, orAny(r.PersonRoles), own, given),
			allow("ReadTagsOfRoles", []string{"iam:ListRoleTags"}, orAny(r.PersonRoles)))
	}
	if len(r.PartnerRoles) > 0 {
		all = append(all, allow("ReadTrustOfRoles", []string{"iam:GetRole"}, orAny(r.PartnerRoles)))
	}
	return all
}

// timed lets it write the policies of single grants. What they may say is
// bounded by the boundary.
func (r ServerRole) timed() []iam.Statement {
	if r.Boundary == "" {
		return nil
	}
	bounded := condition("StringEquals", "iam:PermissionsBoundary", r.Boundary)
	var all []iam.Statement
	if len(r.Users) > 0 {
		all = append(all, allow("WriteTimedPolicies", []string{"iam:DeleteUserPolicy", "iam:PutUserPolicy"}, orAny(r.Users), bounded),
			allow("ReadTimedPolicies", []string{"iam:GetUserPolicy"}, orAny(r.Users)))
	}
	if len(r.PersonRoles) > 0 {
		all = append(all, allow("WriteTimedPoliciesOfRoles", []string{"iam:DeleteRolePolicy", "iam:PutRolePolicy"}, orAny(r.PersonRoles), bounded),
			allow("ReadTimedPoliciesOfRoles", []string{"iam:GetRolePolicy"}, orAny(r.PersonRoles)))
	}
	return all
}

func (r ServerRole) iamGroups() []iam.Statement {
	if len(r.IAMGroups) == 0 {
		return nil
	}
	users := slices.Clone(r.Users)
	for _, group := range r.IAMGroups {
		if in, _, ok := strings.Cut(group, ":group/"); ok && len(r.Users) == 0 {
			users = append(users, in+":user/*")
		}
	}
	return []iam.Statement{
		allow("KeepIAMGroups", []string{"iam:AddUserToGroup", "iam:GetGroup", "iam:RemoveUserFromGroup"}, orAny(r.IAMGroups)),
		allow("SeeGroupsOfUsers", []string{"iam:ListGroupsForUser"}, orAny(users)),
	}
}

func (r ServerRole) roles() []iam.Statement {
	if len(r.Roles) == 0 {
		return nil
	}
	return []iam.Statement{allow("AssumeForOthers", []string{"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}, orAny(r.Roles))}
}

// osUsers lets it run one document on these machines, and no other. What it
// asks about commands, and about machines that do not answer, has no resources.
func (r ServerRole) osUsers() []iam.Statement {
	if len(r.OSUsers) == 0 {
		return nil
	}
	return []iam.Statement{
		allow("KeepUsersOnMachines", []string{"ssm:SendCommand"}, r.arns("ec2", "instance/*"), tagged("ssm:resourceTag/", r.OSUsers)...),
		allow("KeepUsersWithTheDocument", []string{"ssm:SendCommand"}, r.arns("ssm", "document/"+OSUserDocumentName)),
		allow("FollowCommands", []string{"ec2:DescribeInstances", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "ssm:ListCommands"}, []string{"*"}),
	}
}

// sessions lets it find sessions, tell by the tags of their machines which
// grants they are of, and end them. What it looks at has no resources.
func (r ServerRole) sessions() []iam.Statement {
	if !r.EndSessions && len(r.Sessions) == 0 {
		return nil
	}
	var all []string
	if r.EndSessions {
		all = r.arns("ssm", "session/*")
	}
	for _, in := range r.Sessions {
		all = append(all, in.arns("ssm", "session/*")...)
	}
	slices.Sort(all)
	return []iam.Statement{
		allow("SeeSessions", []string{"ec2:DescribeInstances", "ec2:DescribeRegions", "ssm:DescribeSessions"}, []string{"*"}),
		allow("EndSessions", []string{"ssm:TerminateSession"}, slices.Compact(all)),
	}
}

// machines lets it look for machines. Most of what it asks has no resources.
func (r ServerRole) machines() []iam.Statement {
	if !r.Machines {
		return nil
	}
	look := []string{"ec2:DescribeInstances", "ssm:DescribeInstanceInformation"}
	if r.Config {
		look = append([]string{"config:SelectResourceConfig"}, look...)
	}
	all := []iam.Statement{allow("LookForMachines", look, []string{"*"})}
	if r.Aggregators {
		// The ids of aggregators are not their names.
		all = append(all, allow("AskAggregators", []string{"config:SelectAggregateResourceConfig"}, r.arns("config", "config-aggregator/*")))
	}
	return all
}
