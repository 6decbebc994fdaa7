package awstest

import (
	"fmt"
	"maps"
	"slices"
)

const (
	ssoName       = "sso"
	accountTarget = "AWS_ACCOUNT"
	allRegions    = "ALL_REGIONS"
)

// The shapes of sso-admin's published model.
var (
	instanceARN      = text(10, 1224, `arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}`)
	permissionSetARN = text(10, 1224, `arn:aws(-[a-z]{1,5}){0,3}:sso:::permissionSet/(sso)?ins-[a-zA-Z0-9-.]{16}/ps-[a-zA-Z0-9-./]{16}`)
	accountID        = text(12, 12, `\d{12}`)
	principalID      = text(1, 47, `([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}`)
	principalType    = oneOf("USER", "GROUP")
	operationID      = text(36, 36, `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	provisioning     = oneOf("LATEST_PERMISSION_SET_PROVISIONED", "LATEST_PERMISSION_SET_NOT_PROVISIONED")
	statusFilter     = structure(may("Status", oneOf(inProgress, succeeded, failed)))
	ssoToken         = may("NextToken", text(0, 2048, `[-a-zA-Z0-9+=/_]*`))
	hundred          = may("MaxResults", number(1, 100))
)

// ofInstance is a structure whose operation is about one instance.
func ofInstance(members ...member) shape {
	return structure(append(members, need("InstanceArn", instanceARN))...)
}

// listOf is the same for a list that comes in pages.
func listOf(members ...member) shape { return ofInstance(append(members, ssoToken, hundred)...) }

func ssoAdmin() service {
	assignment := ofInstance(
		need("TargetId", accountID), need("TargetType", oneOf(accountTarget)),
		need("PermissionSetArn", permissionSetARN),
		need("PrincipalType", principalType), need("PrincipalId", principalID),
	)
	set, account := need("PermissionSetArn", permissionSetARN), need("AccountId", accountID)
	return service{name: ssoName, target: "SWBExternalService", codes: jsonCodes, admit: admitToInstance, about: aboutSSO, operations: map[string]operation{
		"ListInstances":      {structure(ssoToken, hundred, may("RegionScope", oneOf("CURRENT_REGION", allRegions))), listInstances},
		"DescribeInstance":   {ofInstance(), describeInstance},
		"ListPermissionSets": {listOf(), listPermissionSets},
		"DescribePermissionSet": {
			ofInstance(set), describePermissionSet},
		"ListAccountsForProvisionedPermissionSet": {
			listOf(set, may("ProvisioningStatus", provisioning)), listAccountsForSet},
		"ListPermissionSetsProvisionedToAccount": {
			listOf(account, may("ProvisioningStatus", provisioning)), listSetsForAccount},
		"CreateAccountAssignment": {assignment, createAssignment},
		"DeleteAccountAssignment": {assignment, deleteAssignment},
		"DescribeAccountAssignmentCreationStatus": {
			ofInstance(need("AccountAssignmentCreationRequestId", operationID)), describeStatus(creation)},
		"DescribeAccountAssignmentDeletionStatus": {
			ofInstance(need("AccountAssignmentDeletionRequestId", operationID)), describeStatus(deletion)},
		"ListAccountAssignmentCreationStatus": {listOf(may("Filter", statusFilter)), listStatus(creation)},
		"ListAccountAssignmentDeletionStatus": {listOf(may("Filter", statusFilter)), listStatus(deletion)},
		"ListAccountAssignments":              {listOf(account, set), listAssignments},
		"ListAccountAssignmentsForPrincipal": {
			listOf(need("PrincipalId", principalID), need("PrincipalType", principalType),
				may("Filter", structure(may("AccountId", accountID)))), listForPrincipal},
	}}
}

// A statusKind is one of the two families of operation status.
type statusKind struct {
	removal          bool
	id, one, several string
}

var (
	creation = statusKind{false, "AccountAssignmentCreationRequestId", "AccountAssignmentCreationStatus", "AccountAssignmentsCreationStatus"}
	deletion = statusKind{true, "AccountAssignmentDeletionRequestId", "AccountAssignmentDeletionStatus", "AccountAssignmentsDeletionStatus"}
)

// admitToInstance refuses callers of other accounts and other instances.
// ListInstances is for everybody: it shows strangers nothing.
func admitToInstance(r *request) error {
	asked, named := r.in["InstanceArn"].(string)
	if !named {
		return nil
	}
	if !r.administers() {
		return r.denied("account %s does not administer IAM Identity Center", r.call.Caller.Account)
	}
	if asked == r.w.config.InstanceARN && r.home() {
		return nil
	}
	if r.call.Operation == "DescribeInstance" { // its model has no not-found
		return r.denied("no instance %s in %s", asked, r.call.Region)
	}
	return notFound("instance %s is not in %s", asked, r.call.Region)
}

// administers reports whether the caller may use Identity Center.
func (r *request) administers() bool {
	account := r.call.Caller.Account
	return account == r.w.config.Management || account == r.w.config.Delegated
}

// home reports whether the call went to the instance's region.
func (r *request) home() bool { return r.call.Region == r.w.config.Region }

func notFound(format string, args ...any) *apiError {
	return refusal("ResourceNotFoundException", format, args...)
}

func conflict(format string, args ...any) *apiError {
	return refusal("ConflictException", format, args...)
}

func (r *request) instance() doc {
	c := r.w.config
	return doc{
		"InstanceArn": c.InstanceARN, "IdentityStoreId": c.IdentityStoreID,
		"OwnerAccountId": c.Management, "Status": "ACTIVE",
	}
}

func listInstances(r *request) (doc, error) {
	if !r.administers() || !r.home() && r.text("RegionScope") != allRegions {
		return r.page("Instances", nil)
	}
	return r.page("Instances", []row{{r.w.config.InstanceARN, r.instance()}})
}

func describeInstance(r *request) (doc, error) { return r.instance(), nil }

func listPermissionSets(r *request) (doc, error) {
	var rows []row
	for arn := range r.w.center.sets {
		rows = append(rows, row{arn, arn})
	}
	return r.page("PermissionSets", rows)
}

func describePermissionSet(r *request) (doc, error) {
	set, err := r.permissionSet()
	if err != nil {
		return nil, err
	}
	return doc{"PermissionSet": doc{
		"Name": set.Name, "PermissionSetArn": set.ARN,
		"SessionDuration": isoDuration(set.Session), "CreatedDate": epoch(set.created),
	}}, nil
}

func (r *request) permissionSet() (PermissionSet, error) {
	set, ok := r.w.center.sets[r.text("PermissionSetArn")]
	if !ok {
		return PermissionSet{}, notFound("permission set %s not found", r.text("PermissionSetArn"))
	}
	return set, nil
}

// visible returns the assignments that lists show by now and that keep wants.
func (r *request) visible(keep func(Tuple) bool) []Tuple {
	var ts []Tuple
	for t, h := range r.w.center.histories {
		if keep(t) && h.before(r.now, r.w.settings.Lag).Present {
			ts = append(ts, t)
		}
	}
	return ts
}

// distinct is a page of what field says of the visible assignments: every
// account or permission set once. Everything that is provisioned is up to date.
func (r *request) distinct(name string, keep func(Tuple) bool, field func(Tuple) string) (doc, error) {
	found := map[string]row{}
	if r.text("ProvisioningStatus") != "LATEST_PERMISSION_SET_NOT_PROVISIONED" {
		for _, t := range r.visible(keep) {
			found[field(t)] = row{field(t), field(t)}
		}
	}
	return r.page(name, slices.Collect(maps.Values(found)))
}

func listAccountsForSet(r *request) (doc, error) {
	set, err := r.permissionSet()
	if err != nil {
		return nil, err
	}
	return r.distinct("AccountIds",
		func(t Tuple) bool { return t.PermissionSet == set.ARN },
		func(t Tuple) string { return t.Account })
}

func listSetsForAccount(r *request) (doc, error) {
	return r.distinct("PermissionSets",
		func(t Tuple) bool { return t.Account == r.text("AccountId") },
		func(t Tuple) string { return t.PermissionSet })
}

func listAssignments(r *request) (doc, error) {
	if _, err := r.permissionSet(); err != nil {
		return nil, err
	}
	var rows []row
	for _, h := range r.w.center.pairs[[2]string{r.text("AccountId"), r.text("PermissionSetArn")}] {
		if h.before(r.now, r.w.settings.Lag).Present {
			rows = append(rows, row{h.order(), h.Tuple.doc()})
		}
	}
	return r.page("AccountAssignments", rows)
}

// listForPrincipal answers the management account only, and shows a user what
// comes through groups as well.
func listForPrincipal(r *request) (doc, error) {
	if r.call.Caller.Account != r.w.config.Management {
		return nil, r.denied("only the management account can list the assignments of a principal")
	}
	filter, _ := r.in["Filter"].(doc)
	principal, kind := r.text("PrincipalId"), r.text("PrincipalType")
	var rows []row
	for _, t := range r.visible(func(t Tuple) bool {
		direct := t.PrincipalType == kind && t.Principal == principal
		through := kind == "USER" && t.PrincipalType == "GROUP" && r.w.store.member(t.Principal, principal)
		return (direct || through) && (filter["AccountId"] == nil || filter["AccountId"] == t.Account)
	}) {
		rows = append(rows, row{t.order(), t.doc()})
	}
	return r.page("AccountAssignments", rows)
}

func describeStatus(kind statusKind) func(*request) (doc, error) {
	return func(r *request) (doc, error) {
		o, ok := r.w.center.byID[r.text(kind.id)]
		if !ok || o.removal != kind.removal || r.forgotten(o) {
			return nil, notFound("no operation %s", r.text(kind.id))
		}
		return doc{kind.one: o.doc()}, nil
	}
}

func (r *request) forgotten(o *assignmentOperation) bool {
	return !o.finished.IsZero() && r.now.Sub(o.finished) > r.w.settings.Remember
}

func listStatus(kind statusKind) func(*request) (doc, error) {
	return func(r *request) (doc, error) {
		filter, _ := r.in["Filter"].(doc)
		var rows []row
		for _, o := range r.w.center.operations {
			d, listed := r.listed(o)
			if listed && o.removal == kind.removal && (filter["Status"] == nil || filter["Status"] == d["Status"]) {
				rows = append(rows, row{fmt.Sprintf("%020d %s", o.created.UnixNano(), o.id), d})
			}
		}
		return r.page(kind.several, rows)
	}
}

// listed returns how o stands in a list, which may be behind.
func (r *request) listed(o *assignmentOperation) (doc, bool) {
	seen := r.now.Add(-r.w.settings.Lag)
	if o.created.After(seen) || r.forgotten(o) {
		return nil, false
	}
	d := o.brief()
	if o.finished.After(seen) {
		d["Status"] = inProgress
	}
	return d, true
}
