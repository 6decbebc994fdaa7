package identitycenter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sesame/flows/access"
)

// indexAge is how old the list of all addresses may be that ByEmail consults
// besides its fresh look-up.
const indexAge = 10 * time.Minute

// A User is what the directory says about a principal.
type User struct {
	Principal access.Principal
	Name      string
	Email     string
	Enabled   bool
}

// User returns the user with an id, or access.ErrNotFound.
func (c *Center) User(ctx context.Context, p access.Principal) (User, error) {
	out, err := c.users.DescribeUser(ctx, &identitystore.DescribeUserInput{
		IdentityStoreId: &c.storeID, UserId: aws.String(string(p)),
	})
	if notFound(err) {
		return User{}, fmt.Errorf("user %s: %w", p, access.ErrNotFound)
	}
	if err != nil {
		return User{}, unavailable("user "+string(p), err)
	}
	return User{
		Principal: access.Principal(aws.ToString(out.UserId)), Name: aws.ToString(out.UserName),
		// A directory that does not tell the status does not say "enabled".
		Email: address(out.Emails), Enabled: out.UserStatus == store.UserStatusEnabled,
	}, nil
}

// Named returns whose user name it is now, or access.ErrNotFound.
func (c *Center) Named(ctx context.Context, name string) (access.Principal, error) {
	out, err := c.users.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: &c.storeID,
		AlternateIdentifier: &store.AlternateIdentifierMemberUniqueAttribute{Value: store.UniqueAttribute{
			AttributePath: aws.String("userName"), AttributeValue: document.NewLazyDocument(name),
		}},
	})
	if notFound(err) {
		return "", fmt.Errorf("user name %q: %w", name, access.ErrNotFound)
	}
	if err != nil {
		return "", unavailable("the user name "+name, err)
	}
	return access.Principal(aws.ToString(out.UserId)), nil
}

// address is the primary address, or the only one.
func address(emails []store.Email) string {
	for _, e := range emails {
		if e.Primary || len(emails) == 1 {
			return aws.ToString(e.Value)
		}
	}
	return ""
}

// ByEmail returns every user with exactly that address, letter case aside.
//
// AWS looks an address up exactly, with case, and answers with one user. So
// that a second one, or one whose address is written otherwise, is not missed,
// a list of all users is consulted too, which may be ten minutes old.
func (c *Center) ByEmail(ctx context.Context, email string) ([]User, error) {
	ids, err := c.addressed(ctx, email)
	if err != nil {
		return nil, err
	}
	var users []User
	for _, id := range ids {
		u, err := c.User(ctx, id)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(u.Email, email) {
			users = append(users, u)
		}
	}
	return users, nil
}

func (c *Center) addressed(ctx context.Context, email string) ([]access.Principal, error) {
	index, err := c.addresses(ctx)
	if err != nil {
		return nil, err
	}
	ids := slices.Clone(index[strings.ToLower(email)])
	out, err := c.users.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: &c.storeID,
		AlternateIdentifier: &store.AlternateIdentifierMemberUniqueAttribute{Value: store.UniqueAttribute{
			AttributePath: aws.String("emails.value"), AttributeValue: document.NewLazyDocument(email),
		}},
	})
	if err != nil && !notFound(err) {
		return nil, unavailable(fmt.Sprintf("user with the address %q", email), err)
	}
	if err == nil {
		if id := access.Principal(aws.ToString(out.UserId)); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// addresses returns the users by address in lower case.
func (c *Center) addresses(ctx context.Context) (map[string][]access.Principal, error) {
	c.mu.Lock()
	index := c.index
	c.mu.Unlock()
	if index.value != nil && c.clock.Now().Sub(index.at) < indexAge {
		return index.value, nil
	}
	index = cached[map[string][]access.Principal]{map[string][]access.Principal{}, c.clock.Now()}
	pages := identitystore.NewListUsersPaginator(c.users, &identitystore.ListUsersInput{IdentityStoreId: &c.storeID, MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, unavailable("list of users", err)
		}
		for _, u := range page.Users {
			key := strings.ToLower(address(u.Emails))
			index.value[key] = append(index.value[key], access.Principal(aws.ToString(u.UserId)))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index = index
	return index.value, nil
}

// InDirectoryGroup reports whether p is in the group with that id. Nobody is
// in a group that does not exist.
func (c *Center) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	out, err := c.users.IsMemberInGroups(ctx, &identitystore.IsMemberInGroupsInput{
		IdentityStoreId: &c.storeID, GroupIds: []string{group}, MemberId: &store.MemberIdMemberUserId{Value: string(p)},
	})
	if notFound(err) {
		return false, nil
	}
	if err != nil {
		return false, unavailable("members of the group "+group, err)
	}
	for _, r := range out.Results {
		if aws.ToString(r.GroupId) == group && r.MembershipExists {
			return true, nil
		}
	}
	return false, nil
}

// unavailable marks an error that leaves a question about people open.
func unavailable(what string, err error) error {
	return fmt.Errorf("%s in Identity Center: %w: %w", what, access.ErrUnavailable, err)
}
