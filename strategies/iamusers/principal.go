package iamusers

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// A Principal is a user or a role of the account: what has tags, and policies
// of its own.
type Principal struct {
	Name string
	Role bool
}

// String names it for people.
func (p Principal) String() string {
	if p.Role {
		return "role " + p.Name
	}
	return "user " + p.Name
}

// A Tag is a key with its value.
type Tag struct{ Key, Value string }

// Tags returns the tags of p.
func (c *Client) Tags(ctx context.Context, p Principal) ([]Tag, error) {
	all, err := c.tags(ctx, p)
	if err != nil {
		return nil, missing(p.String(), err)
	}
	return all, nil
}

func (c *Client) tags(ctx context.Context, p Principal) (all []Tag, err error) {
	if p.Role {
		for pages := iam.NewListRoleTagsPaginator(c.iam, &iam.ListRoleTagsInput{RoleName: &p.Name}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, tagsOf(page.Tags)...)
		}
		return all, nil
	}
	for pages := iam.NewListUserTagsPaginator(c.iam, &iam.ListUserTagsInput{UserName: &p.Name}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, tagsOf(page.Tags)...)
	}
	return all, nil
}

// Tag writes tags of p, all or none.
func (c *Client) Tag(ctx context.Context, p Principal, tags []Tag) (err error) {
	if p.Role {
		_, err = c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &p.Name, Tags: asSent(tags)})
	} else {
		_, err = c.iam.TagUser(ctx, &iam.TagUserInput{UserName: &p.Name, Tags: asSent(tags)})
	}
	return missing(p.String(), err)
}

// Untag removes tags of p, all or none. Those that are not there are removed.
func (c *Client) Untag(ctx context.Context, p Principal, keys []string) (err error) {
	if p.Role {
		_, err = c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &p.Name, TagKeys: keys})
	} else {
		_, err = c.iam.UntagUser(ctx, &iam.UntagUserInput{UserName: &p.Name, TagKeys: keys})
	}
	return missing(p.String(), err)
}

// Policy returns the text of a policy of p's own, or access.ErrNotFound.
func (c *Client) Policy(ctx context.Context, p Principal, name string) (string, error) {
	encoded, err := c.policy(ctx, p, name)
	if err != nil {
		return "", missing("policy "+name+" of "+p.String(), err)
	}
	text, err := url.QueryUnescape(encoded) // as RFC 3986 has it, where a blank is %20
	if err != nil {
		return "", fmt.Errorf("read policy %s of %s: %w", name, p, err)
	}
	return text, nil
}

// Trust returns the text of the trust policy of a role, or access.ErrNotFound.
func (c *Client) Trust(ctx context.Context, role string) (string, error) {
	out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil || out.Role == nil {
		return "", missing("role "+role, cmp.Or(err, errNothing))
	}
	text, err := url.QueryUnescape(aws.ToString(out.Role.AssumeRolePolicyDocument))
	if err != nil {
		return "", fmt.Errorf("read the trust policy of %s: %w", role, err)
	}
	return text, nil
}

func (c *Client) policy(ctx context.Context, p Principal, name string) (string, error) {
	if p.Role {
		out, err := c.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &p.Name, PolicyName: &name})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.PolicyDocument), nil
	}
	out, err := c.iam.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: &p.Name, PolicyName: &name})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.PolicyDocument), nil
}

// PutPolicy writes a policy of p's own, in place of one of that name.
func (c *Client) PutPolicy(ctx context.Context, p Principal, name, text string) (err error) {
	if p.Role {
		_, err = c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &p.Name, PolicyName: &name, PolicyDocument: &text})
	} else {
		_, err = c.iam.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &p.Name, PolicyName: &name, PolicyDocument: &text})
	}
	return missing(p.String(), err)
}

// DeletePolicy removes a policy of p's own; access.ErrNotFound says that it
// was not there, or that there is no p.
func (c *Client) DeletePolicy(ctx context.Context, p Principal, name string) (err error) {
	if p.Role {
		_, err = c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &p.Name, PolicyName: &name})
	} else {
		_, err = c.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: &p.Name, PolicyName: &name})
	}
	return missing("policy "+name+" of "+p.String(), err)
}

func tagsOf(sent []types.Tag) []Tag {
	all := make([]Tag, len(sent))
	for i, t := range sent {
		all[i] = Tag{aws.ToString(t.Key), aws.ToString(t.Value)}
	}
	return all
}

// asSent is never nil: the SDK refuses a list that is not there.
func asSent(tags []Tag) []types.Tag {
	all := make([]types.Tag, len(tags))
	for i, t := range tags {
		all[i] = types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)}
	}
	return all
}
