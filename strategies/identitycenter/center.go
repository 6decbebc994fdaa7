package identitycenter

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// A Center is one Identity Center instance. It is safe for concurrent use.
type Center struct {
	instance string
	region   string
	clock    clock.Clock
	skew     *skew

	sso   *ssoadmin.Client
	users *identitystore.Client
	org   *organizations.Client

	storeID string // identity store of the instance
	owner   string // account that the instance belongs to
	caller  Identity

	creations, removals *book
	known               *known

	mu    sync.Mutex // guards what follows
	sets  cached[map[string]PermissionSet]
	index cached[map[string][]access.Principal]
	// accounts are those that AWS answered for, by id.
	accounts map[string]cached[bool]
}

// An Identity is who the credentials belong to.
type Identity struct{ Account, ARN string }

// A cached value and when it was fetched.
type cached[T any] struct {
	value T
	at    time.Time
}

// Open finds credentials, checks that they are the right account's and reads
// the instance.
func Open(ctx context.Context, c Config) (*Center, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	cfg, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	return open(ctx, c, cfg)
}

func open(ctx context.Context, c Config, cfg aws.Config) (*Center, error) {
	center := &Center{instance: c.InstanceARN, region: c.Region, clock: c.Clock, skew: new(skew), known: newKnown(), accounts: map[string]cached[bool]{}}
	// One rate for each API: they do not share a quota.
	metered := func() aws.Config { return c.metered(cfg, center.skew) }
	center.sso = ssoadmin.NewFromConfig(metered())
	center.users = identitystore.NewFromConfig(metered())
	center.org = organizations.NewFromConfig(metered())
	center.creations = newBook(c.Clock, center.lists(access.Creation))
	center.removals = newBook(c.Clock, center.lists(access.Removal))
	var err error
	if center.caller, err = identify(ctx, sts.NewFromConfig(metered()), c.Account); err != nil {
		return nil, err
	}
	return center, center.readInstance(ctx)
}

// metered returns cfg for the clients of one API, which keep to one rate.
func (c Config) metered(cfg aws.Config, s *skew) aws.Config {
	m := &meter{c.Clock, newLimiter(c.Clock, cmp.Or(c.CallsPerSecond, defaultRate)), s, c.OnCall}
	own := cfg.Copy()
	own.APIOptions = append(own.APIOptions, m.attach)
	return own
}

// Connect returns what the client of another API is made of, who the
// credentials belong to included: its calls find credentials, keep to a rate,
// are sent once, classified and told as those to Identity Center are. It needs
// no InstanceARN.
func Connect(ctx context.Context, c Config) (aws.Config, Identity, error) {
	if err := c.reachable(); err != nil {
		return aws.Config{}, Identity{}, err
	}
	cfg, err := c.load(ctx)
	if err != nil {
		return aws.Config{}, Identity{}, err
	}
	who, err := identify(ctx, sts.NewFromConfig(c.metered(cfg, new(skew))), c.Account)
	return c.metered(cfg, new(skew)), who, err
}

// identify asks STS whose the credentials are.
func identify(ctx context.Context, client *sts.Client, want string) (Identity, error) {
	out, err := client.GetCallerIdentity(ctx, nil)
	if err != nil {
		return Identity{}, fmt.Errorf("ask AWS who we are: %w", err)
	}
	who := Identity{aws.ToString(out.Account), aws.ToString(out.Arn)}
	if want != "" && who.Account != want {
		return who, fmt.Errorf("the AWS credentials are %s of account %s, want account %s: %w", who.ARN, who.Account, want, access.ErrForbidden)
	}
	return who, nil
}

func (c *Center) readInstance(ctx context.Context) error {
	out, err := c.sso.DescribeInstance(ctx, &ssoadmin.DescribeInstanceInput{InstanceArn: &c.instance})
	if err != nil {
		return fmt.Errorf("read %s in %s: %w", c.instance, c.region, err)
	}
	c.storeID, c.owner = aws.ToString(out.IdentityStoreId), aws.ToString(out.OwnerAccountId)
	return nil
}

// Instance returns the ARN of the instance.
func (c *Center) Instance() string { return c.instance }

// ID returns the id of the instance's directory, the identity store.
func (c *Center) ID() string { return c.storeID }

// Owner returns the account that the instance belongs to: the management
// account, for an organisation's instance.
func (c *Center) Owner() string { return c.owner }

// Caller returns who the credentials belong to.
func (c *Center) Caller() Identity { return c.caller }

// Skew returns how far AWS's clock is ahead of this machine's, to a second or
// so.
func (c *Center) Skew() time.Duration { return c.skew.now() }
