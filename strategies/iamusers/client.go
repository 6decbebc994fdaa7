package iamusers

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/strategies/identitycenter"
)

// errNothing is an answer without what was asked for.
var errNothing = errors.New("the answer of AWS is empty")

// A Client calls IAM in one account. It is safe for concurrent use.
type Client struct {
	who identitycenter.Identity
	iam *iam.Client
}

// Open finds credentials as c says, which needs no InstanceARN, and checks
// that they are of the account that it names.
func Open(ctx context.Context, c identitycenter.Config) (*Client, error) {
	cfg, who, err := identitycenter.Connect(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Client{who, iam.NewFromConfig(cfg)}, nil
}

// Account returns the account whose users these are.
func (c *Client) Account() string { return c.who.Account }

// Group returns the name of a group as IAM writes it, or access.ErrNotFound.
func (c *Client) Group(ctx context.Context, name string) (string, error) {
	out, err := c.iam.GetGroup(ctx, &iam.GetGroupInput{GroupName: &name, MaxItems: aws.Int32(1)})
	if err != nil || out.Group == nil {
		return "", missing("group "+name, cmp.Or(err, errNothing))
	}
	return aws.ToString(out.Group.GroupName), nil
}

// Groups returns the names of the groups that a user is in.
func (c *Client) Groups(ctx context.Context, user string) ([]string, error) {
	var all []string
	pages := iam.NewListGroupsForUserPaginator(c.iam, &iam.ListGroupsForUserInput{UserName: &user})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, missing("user "+user, err)
		}
		for _, g := range page.Groups {
			all = append(all, aws.ToString(g.GroupName))
		}
	}
	return all, nil
}

// Join puts a user into a group. Who is in it already stays.
func (c *Client) Join(ctx context.Context, group, user string) error {
	_, err := c.iam.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: &group, UserName: &user})
	return missing(fmt.Sprintf("user %s or group %s", user, group), err)
}

// Leave takes a user out of a group; access.ErrNotFound says that it was not
// in it, or that one of the two does not exist.
func (c *Client) Leave(ctx context.Context, group, user string) error {
	_, err := c.iam.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: &group, UserName: &user})
	return missing(fmt.Sprintf("user %s in group %s", user, group), err)
}

// missing says of an error that something does not exist, if it does.
func missing(what string, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchEntity" {
		return fmt.Errorf("%s: %w: %w", what, access.ErrNotFound, err)
	}
	return err
}
