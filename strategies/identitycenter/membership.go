package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"sesame/flows/access"
)

// A Group is a group of the directory.
type Group struct {
	ID   string
	Name string
	// Foreign says that it came from elsewhere, by SCIM for instance, where
	// what Sesame changes would be overwritten.
	Foreign bool
}

// DirectoryGroup returns the group with that id, or access.ErrNotFound.
func (c *Center) DirectoryGroup(ctx context.Context, id string) (Group, error) {
	out, err := c.users.DescribeGroup(ctx, &identitystore.DescribeGroupInput{IdentityStoreId: &c.storeID, GroupId: &id})
	if notFound(err) {
		return Group{}, fmt.Errorf("group %s: %w", id, access.ErrNotFound)
	}
	if err != nil {
		return Group{}, err
	}
	return Group{id, aws.ToString(out.DisplayName), len(out.ExternalIds) > 0}, nil
}

// A Membership is a user in a group. AWS gives each one an id of its own.
type Membership struct {
	ID   string
	Made time.Time // zero if AWS does not say
	By   string    // who made it, as AWS says
}

// Membership reads the membership of a user in a group, and whether there is
// one.
func (c *Center) Membership(ctx context.Context, group string, user access.Principal) (Membership, bool, error) {
	found, err := c.users.GetGroupMembershipId(ctx, &identitystore.GetGroupMembershipIdInput{
		IdentityStoreId: &c.storeID, GroupId: &group, MemberId: member(user),
	})
	if absent(err) {
		return Membership{}, false, nil
	}
	if err != nil {
		return Membership{}, false, err
	}
	m := Membership{ID: aws.ToString(found.MembershipId)}
	out, err := c.users.DescribeGroupMembership(ctx, &identitystore.DescribeGroupMembershipInput{
		IdentityStoreId: &c.storeID, MembershipId: &m.ID,
	})
	if absent(err) { // it went between the two calls
		return Membership{}, false, nil
	}
	if err != nil {
		return Membership{}, false, err
	}
	m.Made, m.By = aws.ToTime(out.CreatedAt), aws.ToString(out.CreatedBy)
	return m, true, nil
}

// absent reports whether AWS says that a membership, or one of its two sides,
// does not exist. If the directory itself is not found, nothing is known.
func absent(err error) bool {
	e, ok := errors.AsType[*store.ResourceNotFoundException](err)
	return ok && slices.Contains([]store.ResourceType{store.ResourceTypeGroupMembership, store.ResourceTypeGroup, store.ResourceTypeUser}, e.ResourceType)
}

// Join puts a user into a group and returns the id of the membership.
func (c *Center) Join(ctx context.Context, group string, user access.Principal) (string, error) {
	out, err := c.users.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
		IdentityStoreId: &c.storeID, GroupId: &group, MemberId: member(user),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.MembershipId), nil
}

// Leave ends the membership with that id. One that is not there has ended.
func (c *Center) Leave(ctx context.Context, id string) error {
	_, err := c.users.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: &c.storeID, MembershipId: &id})
	if absent(err) {
		return nil
	}
	return err
}

func member(user access.Principal) store.MemberId {
	return &store.MemberIdMemberUserId{Value: string(user)}
}
