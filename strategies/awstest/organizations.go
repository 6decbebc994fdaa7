package awstest

import "time"

const organizationID = "o-sesame1234"

// An Account is a member of the organisation.
type Account struct {
	ID, Name, Email string
	Suspended       bool
}

// An organization holds the accounts.
type organization struct {
	accounts map[string]Account
	since    time.Time
}

func newOrganization() organization {
	return organization{map[string]Account{}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// active reports whether assignments can be made in account.
func (o *organization) active(account string) bool {
	a, ok := o.accounts[account]
	return ok && !a.Suspended
}

func organizations() service {
	c := jsonCodes
	c.invalid, c.throttled = "InvalidInputException", "TooManyRequestsException"
	c.conflict, c.internal = "ConcurrentModificationException", "ServiceException"
	token := may("NextToken", text(0, 100000, `[\s\S]*`))
	twenty := may("MaxResults", number(1, 20))
	return service{name: "organizations", target: "AWSOrganizationsV20161128", codes: c, admit: admitToOrganization, about: aboutOrganizations, operations: map[string]operation{
		"DescribeAccount":      {structure(need("AccountId", accountID)), describeAccount},
		"DescribeOrganization": {structure(), describeOrganization},
		"ListAccounts":         {structure(token, twenty), listAccounts},
		"ListDelegatedAdministrators": {
			structure(may("ServicePrincipal", text(1, 128, `[\w+=,.@-]*`)), token, twenty), listDelegated},
	}}
}

// admitToOrganization refuses strangers everything, and members all but the
// description of the organisation.
func admitToOrganization(r *request) error {
	_, member := r.w.org.accounts[r.call.Caller.Account]
	switch {
	case !member:
		return refusal("AWSOrganizationsNotInUseException", "your account is not a member of an organization")
	case !r.administers() && r.call.Operation != "DescribeOrganization":
		return r.denied("account %s is not a delegated administrator", r.call.Caller.Account)
	}
	return nil
}

func (r *request) accountDoc(a Account) doc {
	status := "ACTIVE"
	if a.Suspended {
		status = "SUSPENDED"
	}
	return doc{
		"Id": a.ID, "Name": a.Name, "Email": a.Email, "Status": status, "State": status,
		"Arn":          r.organizationARN("account") + "/" + a.ID,
		"JoinedMethod": "CREATED", "JoinedTimestamp": epoch(r.w.org.since),
	}
}

func (r *request) organizationARN(kind string) string {
	return "arn:aws:organizations::" + r.w.config.Management + ":" + kind + "/" + organizationID
}

func describeAccount(r *request) (doc, error) {
	a, ok := r.w.org.accounts[r.text("AccountId")]
	if !ok {
		return nil, refusal("AccountNotFoundException", "account %s is not in the organization", r.text("AccountId"))
	}
	return doc{"Account": r.accountDoc(a)}, nil
}

func describeOrganization(r *request) (doc, error) {
	management := r.w.org.accounts[r.w.config.Management]
	return doc{"Organization": doc{
		"Id": organizationID, "Arn": r.organizationARN("organization"), "FeatureSet": "ALL",
		"MasterAccountId": management.ID, "MasterAccountEmail": management.Email,
		"MasterAccountArn": r.organizationARN("account") + "/" + management.ID,
	}}, nil
}

func listAccounts(r *request) (doc, error) {
	var rows []row
	for id, a := range r.w.org.accounts {
		rows = append(rows, row{id, r.accountDoc(a)})
	}
	return r.page("Accounts", rows)
}

func listDelegated(r *request) (doc, error) {
	var rows []row
	a, ok := r.w.org.accounts[r.w.config.Delegated]
	if p := r.text("ServicePrincipal"); ok && (p == "" || p == "sso.amazonaws.com") {
		d := r.accountDoc(a)
		d["DelegationEnabledDate"] = epoch(r.w.org.since)
		rows = append(rows, row{a.ID, d})
	}
	return r.page("DelegatedAdministrators", rows)
}
