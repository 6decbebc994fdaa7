package iamusers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"sesame/flows/access"
	"sesame/strategies/identitycenter"
)

// A doer sends a request, as http.Client does.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// A Client calls IAM in one account. It is safe for concurrent use.
type Client struct {
	who         identitycenter.Identity
	region      string // that signatures are for
	endpoint    *url.URL
	credentials aws.CredentialsProvider
	http        doer
	options     []func(*middleware.Stack) error
}

// Open finds credentials as c says, which needs no InstanceARN, and checks
// that they are of the account that it names.
func Open(ctx context.Context, c identitycenter.Config) (*Client, error) {
	cfg, who, err := identitycenter.Connect(ctx, c)
	if err != nil {
		return nil, err
	}
	region, address := place(c.Region)
	endpoint, err := url.Parse(cmp.Or(aws.ToString(cfg.BaseEndpoint), address))
	if err != nil {
		return nil, fmt.Errorf("endpoint of IAM: %w", err)
	}
	endpoint.Path = "/"
	client := &Client{who, region, endpoint, cfg.Credentials, awshttp.NewBuildableClient(), cfg.APIOptions}
	if cfg.HTTPClient != nil {
		client.http = cfg.HTTPClient
	}
	return client, nil
}

// place returns where IAM is for a region: each partition has one (IAM's
// endpoints in the AWS general reference).
func place(region string) (signedFor, address string) {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "cn-north-1", "https://iam.cn-north-1.amazonaws.com.cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "us-gov-west-1", "https://iam.us-gov.amazonaws.com"
	default:
		return "us-east-1", "https://iam.amazonaws.com"
	}
}

// Account returns the account whose users these are.
func (c *Client) Account() string { return c.who.Account }

// User returns the name of a user as IAM writes it, which may differ from name
// in case, or access.ErrNotFound.
func (c *Client) User(ctx context.Context, name string) (string, error) {
	var out struct {
		Name string `xml:"GetUserResult>User>UserName"`
	}
	err := c.call(ctx, "GetUser", url.Values{"UserName": {name}}, &out)
	return out.Name, missing("user "+name, err)
}

// A Tag is a key with its value.
type Tag struct{ Key, Value string }

// Tags returns the tags of a user.
func (c *Client) Tags(ctx context.Context, user string) ([]Tag, error) {
	var all []Tag
	err := c.pages(ctx, "ListUserTags", url.Values{"UserName": {user}}, func() (any, func() string) {
		out := new(struct {
			Tags   []Tag  `xml:"ListUserTagsResult>Tags>member"`
			Marker string `xml:"ListUserTagsResult>Marker"`
		})
		return out, func() string {
			all = append(all, out.Tags...)
			return out.Marker
		}
	})
	return all, missing("user "+user, err)
}

// Tag writes tags of a user, all or none.
func (c *Client) Tag(ctx context.Context, user string, tags []Tag) error {
	form := url.Values{"UserName": {user}}
	for i, t := range tags {
		at := "Tags.member." + strconv.Itoa(i+1)
		form.Set(at+".Key", t.Key)
		form.Set(at+".Value", t.Value)
	}
	return missing("user "+user, c.call(ctx, "TagUser", form, nil))
}

// Untag removes tags of a user, all or none. Those that are not there are
// removed.
func (c *Client) Untag(ctx context.Context, user string, keys []string) error {
	form := url.Values{"UserName": {user}}
	for i, key := range keys {
		form.Set("TagKeys.member."+strconv.Itoa(i+1), key)
	}
	return missing("user "+user, c.call(ctx, "UntagUser", form, nil))
}

// Group returns the name of a group as IAM writes it, or access.ErrNotFound.
func (c *Client) Group(ctx context.Context, name string) (string, error) {
	var out struct {
		Name string `xml:"GetGroupResult>Group>GroupName"`
	}
	err := c.call(ctx, "GetGroup", url.Values{"GroupName": {name}, "MaxItems": {"1"}}, &out)
	return out.Name, missing("group "+name, err)
}

// Groups returns the names of the groups that a user is in.
func (c *Client) Groups(ctx context.Context, user string) ([]string, error) {
	var all []string
	err := c.pages(ctx, "ListGroupsForUser", url.Values{"UserName": {user}}, func() (any, func() string) {
		out := new(struct {
			Names  []string `xml:"ListGroupsForUserResult>Groups>member>GroupName"`
			Marker string   `xml:"ListGroupsForUserResult>Marker"`
		})
		return out, func() string {
			all = append(all, out.Names...)
			return out.Marker
		}
	})
	return all, missing("user "+user, err)
}

// Join puts a user into a group. Who is in it already stays.
func (c *Client) Join(ctx context.Context, group, user string) error {
	form := url.Values{"GroupName": {group}, "UserName": {user}}
	return missing(fmt.Sprintf("user %s or group %s", user, group), c.call(ctx, "AddUserToGroup", form, nil))
}

// Leave takes a user out of a group; access.ErrNotFound says that it was not
// in it, or that one of the two does not exist.
func (c *Client) Leave(ctx context.Context, group, user string) error {
	form := url.Values{"GroupName": {group}, "UserName": {user}}
	return missing(fmt.Sprintf("user %s in group %s", user, group), c.call(ctx, "RemoveUserFromGroup", form, nil))
}

// pages reads a list to its end. next returns where to read a page into, and
// what takes it and returns the marker of the one after.
func (c *Client) pages(ctx context.Context, operation string, form url.Values, next func() (any, func() string)) error {
	for {
		page, take := next()
		if err := c.call(ctx, operation, form, page); err != nil {
			return err
		}
		marker := take()
		if marker == "" {
			return nil
		}
		form.Set("Marker", marker)
	}
}

// missing says of an error that something does not exist, if it does.
func missing(what string, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchEntity" {
		return fmt.Errorf("%s: %w: %w", what, access.ErrNotFound, err)
	}
	return err
}
