package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sesame/strategies/awstest"
)

func by(path, value string) *identitystore.GetUserIdInput {
	return &identitystore.GetUserIdInput{
		IdentityStoreId: ptr(storeID),
		AlternateIdentifier: &store.AlternateIdentifierMemberUniqueAttribute{Value: store.UniqueAttribute{
			AttributePath: ptr(path), AttributeValue: document.NewLazyDocument(value),
		}},
	}
}

func TestLookUpOfAUser(t *testing.T) {
	r := newRig(t)
	bob := r.user(awstest.User{UserName: "bob", Email: "bob@example.com", ExternalID: "https://idp.example.com 42"})
	for path, value := range map[string]string{"userName": "bob", "emails.value": "bob@example.com"} {
		if out := must(r.store.GetUserId(r.ctx(), by(path, value)))(t); *out.UserId != bob {
			t.Errorf("by %s: %s, want %s", path, *out.UserId, bob)
		}
	}
	out := must(r.store.GetUserId(r.ctx(), &identitystore.GetUserIdInput{
		IdentityStoreId: ptr(storeID),
		AlternateIdentifier: &store.AlternateIdentifierMemberExternalId{Value: store.ExternalId{
			Issuer: ptr("https://idp.example.com"), Id: ptr("42"),
		}},
	}))(t)
	if *out.UserId != bob {
		t.Errorf("by external id: %s, want %s", *out.UserId, bob)
	}
	for _, value := range []string{"Bob@example.com", "nobody@example.com"} {
		_, err := r.store.GetUserId(r.ctx(), by("emails.value", value))
		if e := wantError[*store.ResourceNotFoundException](t, err); e != nil && e.ResourceType != store.ResourceTypeUser {
			t.Errorf("resource type = %s, want USER", e.ResourceType)
		}
	}
	_, err := r.store.GetUserId(r.ctx(), by("nickName", "bob"))
	wantError[*store.ValidationException](t, err)
}

func TestNamesAndAddressesAreUnique(t *testing.T) {
	r := newRig(t)
	for _, u := range []awstest.User{{UserName: "alice"}, {UserName: "other", Email: "alice@example.com"}} {
		if _, err := r.w.AddUser(u); err == nil {
			t.Errorf("%+v was added", u)
		}
	}
	r.w.Tune(func(s *awstest.Settings) { s.SharedEmails = true })
	r.user(awstest.User{UserName: "other", Email: "alice@example.com"})
	if out := must(r.store.GetUserId(r.ctx(), by("emails.value", "alice@example.com")))(t); *out.UserId == "" {
		t.Error("nobody is found")
	}
}

func TestDescribeUser(t *testing.T) {
	r := newRig(t)
	in := &identitystore.DescribeUserInput{IdentityStoreId: ptr(storeID), UserId: ptr(r.alice)}
	out := must(r.store.DescribeUser(r.ctx(), in))(t)
	if out.UserStatus != store.UserStatusEnabled || len(out.Emails) != 1 || *out.Emails[0].Value != "alice@example.com" {
		t.Errorf("user = %+v, want alice, enabled", out)
	}
	r.w.EditUser(r.alice, func(u *awstest.User) { u.Disabled = true })
	if out := must(r.store.DescribeUser(r.ctx(), in))(t); out.UserStatus != store.UserStatusDisabled {
		t.Errorf("status = %s, want DISABLED", out.UserStatus)
	}
	r.w.RemoveUser(r.alice)
	_, err := r.store.DescribeUser(r.ctx(), in)
	wantError[*store.ResourceNotFoundException](t, err)
}

func TestListUsers(t *testing.T) {
	r := newRig(t, func(c *awstest.Config) { c.Settings.PageSize, c.Settings.EmptyPages = 1, true })
	r.user(awstest.User{UserName: "bob"})
	count := func(in *identitystore.ListUsersInput) (n int) {
		pages := identitystore.NewListUsersPaginator(r.store, in)
		for pages.HasMorePages() {
			n += len(must(pages.NextPage(r.ctx()))(t).Users)
		}
		return n
	}
	if n := count(&identitystore.ListUsersInput{IdentityStoreId: ptr(storeID)}); n != 2 {
		t.Errorf("users = %d, want 2", n)
	}
	filter := func(path string) *identitystore.ListUsersInput {
		//lint:ignore SA1019 AWS still takes filters, so what stands in for it does.
		return &identitystore.ListUsersInput{IdentityStoreId: ptr(storeID), Filters: []store.Filter{{AttributePath: ptr(path), AttributeValue: ptr("bob")}}}
	}
	if n := count(filter("UserName")); n != 1 {
		t.Errorf("users called bob = %d, want 1", n)
	}
	_, err := r.store.ListUsers(r.ctx(), filter("Emails.Value"))
	wantError[*store.ValidationException](t, err)
}

func TestGroups(t *testing.T) {
	r := newRig(t)
	id := r.w.AddGroup("engineers")
	if out := must(r.store.DescribeGroup(r.ctx(), &identitystore.DescribeGroupInput{IdentityStoreId: ptr(storeID), GroupId: ptr(id)}))(t); *out.DisplayName != "engineers" {
		t.Errorf("group = %s, want engineers", *out.DisplayName)
	}
	alternate := &store.AlternateIdentifierMemberUniqueAttribute{Value: store.UniqueAttribute{
		AttributePath: ptr("displayName"), AttributeValue: document.NewLazyDocument("engineers"),
	}}
	if out := must(r.store.GetGroupId(r.ctx(), &identitystore.GetGroupIdInput{IdentityStoreId: ptr(storeID), AlternateIdentifier: alternate}))(t); *out.GroupId != id {
		t.Errorf("group id = %s, want %s", *out.GroupId, id)
	}
	if out := must(r.store.ListGroups(r.ctx(), &identitystore.ListGroupsInput{IdentityStoreId: ptr(storeID)}))(t); len(out.Groups) != 1 {
		t.Errorf("groups = %v, want one", out.Groups)
	}
	r.w.RemoveGroup(id)
	_, err := r.store.DescribeGroup(r.ctx(), &identitystore.DescribeGroupInput{IdentityStoreId: ptr(storeID), GroupId: ptr(id)})
	wantError[*store.ResourceNotFoundException](t, err)
}

func TestMembershipIsSynchronous(t *testing.T) {
	r := newRig(t)
	group := r.w.AddGroup("engineers")
	alice := &store.MemberIdMemberUserId{Value: r.alice}
	in := &identitystore.CreateGroupMembershipInput{IdentityStoreId: ptr(storeID), GroupId: ptr(group), MemberId: alice}
	made := must(r.store.CreateGroupMembership(r.ctx(), in))(t)
	_, err := r.store.CreateGroupMembership(r.ctx(), in)
	if e := wantError[*store.ConflictException](t, err); e != nil && e.Reason != store.ConflictExceptionReasonUniquenessConstraintViolation {
		t.Errorf("reason = %s, want the uniqueness one", e.Reason)
	}
	if !r.inGroup(group) {
		t.Error("she is not a member")
	}
	id := must(r.store.GetGroupMembershipId(r.ctx(), &identitystore.GetGroupMembershipIdInput{IdentityStoreId: ptr(storeID), GroupId: ptr(group), MemberId: alice}))(t)
	of := must(r.store.ListGroupMembershipsForMember(r.ctx(), &identitystore.ListGroupMembershipsForMemberInput{IdentityStoreId: ptr(storeID), MemberId: alice}))(t)
	all := must(r.store.ListGroupMemberships(r.ctx(), &identitystore.ListGroupMembershipsInput{IdentityStoreId: ptr(storeID), GroupId: ptr(group)}))(t)
	one := must(r.store.DescribeGroupMembership(r.ctx(), &identitystore.DescribeGroupMembershipInput{IdentityStoreId: ptr(storeID), MembershipId: made.MembershipId}))(t)
	if *id.MembershipId != *made.MembershipId || len(of.GroupMemberships) != 1 || len(all.GroupMemberships) != 1 || *one.GroupId != group {
		t.Error("the ways to find a membership differ")
	}
	if m := r.w.Memberships(); len(m) != 1 || m[0].By.KeyID != r.key.ID {
		t.Errorf("memberships = %+v, want one of %v", m, r.key)
	}
	gone := &identitystore.DeleteGroupMembershipInput{IdentityStoreId: ptr(storeID), MembershipId: made.MembershipId}
	must(r.store.DeleteGroupMembership(r.ctx(), gone))(t)
	if r.inGroup(group) {
		t.Error("she still is a member")
	}
	_, err = r.store.DeleteGroupMembership(r.ctx(), gone)
	wantError[*store.ResourceNotFoundException](t, err)
}

// inGroup reports whether alice is in a group, as the identity store says.
func (r *rig) inGroup(group string) bool {
	r.t.Helper()
	out := must(r.store.IsMemberInGroups(r.ctx(), &identitystore.IsMemberInGroupsInput{
		IdentityStoreId: ptr(storeID), MemberId: &store.MemberIdMemberUserId{Value: r.alice}, GroupIds: []string{group},
	}))(r.t)
	return out.Results[0].MembershipExists
}

func TestGroupFromElsewhere(t *testing.T) {
	r := newRig(t)
	group := r.w.AddGroup("engineers")
	r.w.EditGroup(group, func(g *awstest.Group) { g.ExternalID = "https://idp.example.com 42" })
	out := must(r.store.DescribeGroup(r.ctx(), &identitystore.DescribeGroupInput{IdentityStoreId: ptr(storeID), GroupId: ptr(group)}))(t)
	if len(out.ExternalIds) != 1 || *out.ExternalIds[0].Id != "42" {
		t.Errorf("external ids = %v", out.ExternalIds)
	}
}

func TestMembershipByHand(t *testing.T) {
	r := newRig(t)
	group := r.w.AddGroup("engineers")
	r.w.Join(group, r.alice)
	r.w.Join(group, r.alice)
	if m := r.w.Memberships(); len(m) != 1 || m[0].By != (awstest.Caller{}) {
		t.Errorf("memberships = %+v, want one by hand", m)
	}
	r.w.Leave(group, r.alice)
	if m := r.w.Memberships(); len(m) != 0 {
		t.Errorf("memberships = %+v, want none", m)
	}
}

func TestPrincipalsOfBothForms(t *testing.T) {
	r := newRig(t)
	short := r.user(awstest.User{ID: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", UserName: "legacy"})
	for _, id := range []string{short, r.alice} {
		must(r.store.DescribeUser(r.ctx(), &identitystore.DescribeUserInput{IdentityStoreId: ptr(storeID), UserId: ptr(id)}))(t)
	}
	_, err := r.store.DescribeUser(r.ctx(), &identitystore.DescribeUserInput{IdentityStoreId: ptr(storeID), UserId: ptr("alice")})
	wantError[*store.ValidationException](t, err)
}

func TestForeignStore(t *testing.T) {
	r := newRig(t)
	_, err := r.store.ListGroups(r.ctx(), &identitystore.ListGroupsInput{IdentityStoreId: ptr("d-0000000000")})
	if e := wantError[*store.ResourceNotFoundException](t, err); e != nil && e.ResourceType != store.ResourceTypeIdentityStore {
		t.Errorf("resource type = %s, want IDENTITY_STORE", e.ResourceType)
	}
	r.use(r.config(r.w.AddKey(payments, "mallory")))
	_, err = r.store.ListGroups(r.ctx(), &identitystore.ListGroupsInput{IdentityStoreId: ptr(storeID)})
	wantError[*store.AccessDeniedException](t, err)
}
