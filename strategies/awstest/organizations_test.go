package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	org "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"sesame/strategies/awstest"
)

func TestAccounts(t *testing.T) {
	r := newRig(t)
	out := must(r.org.DescribeAccount(r.ctx(), &organizations.DescribeAccountInput{AccountId: ptr(payments)}))(t)
	if *out.Account.Name != "payments" || out.Account.State != org.AccountStateActive {
		t.Errorf("account = %+v, want payments, active", out.Account)
	}
	_, err := r.org.DescribeAccount(r.ctx(), &organizations.DescribeAccountInput{AccountId: ptr("999999999999")})
	wantError[*org.AccountNotFoundException](t, err)
	_, err = r.org.DescribeAccount(r.ctx(), &organizations.DescribeAccountInput{AccountId: ptr("12")})
	wantError[*org.InvalidInputException](t, err)
	if all := must(r.org.ListAccounts(r.ctx(), nil))(t); len(all.Accounts) != 4 {
		t.Errorf("accounts = %d, want 4", len(all.Accounts))
	}
	r.w.RemoveAccount(payments)
	_, err = r.org.DescribeAccount(r.ctx(), &organizations.DescribeAccountInput{AccountId: ptr(payments)})
	wantError[*org.AccountNotFoundException](t, err)
}

func TestOrganization(t *testing.T) {
	r := newRig(t)
	out := must(r.org.DescribeOrganization(r.ctx(), nil))(t)
	if *out.Organization.MasterAccountId != management {
		t.Errorf("management account = %s, want %s", *out.Organization.MasterAccountId, management)
	}
	list := must(r.org.ListDelegatedAdministrators(r.ctx(), &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: ptr("sso.amazonaws.com")}))(t)
	if len(list.DelegatedAdministrators) != 1 || *list.DelegatedAdministrators[0].Id != delegated {
		t.Errorf("delegated = %v, want one", list.DelegatedAdministrators)
	}
	list = must(r.org.ListDelegatedAdministrators(r.ctx(), &organizations.ListDelegatedAdministratorsInput{ServicePrincipal: ptr("guardduty.amazonaws.com")}))(t)
	if len(list.DelegatedAdministrators) != 0 {
		t.Errorf("delegated for another service = %v, want none", list.DelegatedAdministrators)
	}
}

func TestOrganizationIsForItsMembers(t *testing.T) {
	r := newRig(t)
	r.use(r.config(r.w.AddKey(payments, "member")))
	must(r.org.DescribeOrganization(r.ctx(), nil))(t)
	_, err := r.org.ListAccounts(r.ctx(), nil)
	wantError[*org.AccessDeniedException](t, err)
	r.use(r.config(r.w.AddKey("999999999999", "stranger")))
	_, err = r.org.DescribeOrganization(r.ctx(), nil)
	wantError[*org.AWSOrganizationsNotInUseException](t, err)
	r.use(r.config(r.key))
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle})
	_, err = r.org.ListAccounts(r.ctx(), nil)
	wantError[*org.TooManyRequestsException](t, err)
}
