package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sesame/cmd/sesame/config"
	"sesame/flows/access"
	"sesame/flows/facts"
	"sesame/flows/flowfile"
	"sesame/strategies/groupmembership"
	"sesame/strategies/identitycenter"
	"sesame/strategies/inventory"
	"sesame/strategies/osusers"
	"sesame/strategies/rolesession"
	"sesame/strategies/shells"
)

// A place is where an Identity Center instance is.
type place struct{ region, instance string }

// placeOf returns the instance that a target, strategy or object belongs to.
func placeOf(params map[string]string) place {
	return place{params[flowfile.ParamRegion], params[flowfile.ParamInstanceARN]}
}

// A cloud opens Identity Center instances when they are first needed, so that
// what a stored object says is enough to close it: AWS may be out of reach at
// the start, and the flow files broken.
type cloud struct {
	base   identitycenter.Config
	secret func(ref string) (config.Secret, error) // that flow files refer to
	roles  *rolesession.Sessions                   // nil without a proxy that serves them
	// inventory finds the machines of targets that are about some.
	inventory *inventory.Finder
	shells    *shells.Cutter

	mu          sync.Mutex // guards what follows
	centers     map[place]*identitycenter.Center
	directories map[place]*groupmembership.Directory
	accounts    map[iamPlace]iamWays
	machines    map[iamPlace]*osusers.Way
	home        place  // whose directory people are of
	storeID     string // of that directory, as far as it is known without asking
}

func newCloud(o Options) *cloud {
	aws := o.Config.AWS
	base := identitycenter.Config{
		Account: aws.Account, Profile: aws.Profile, IgnoreEnvironmentKeys: aws.IgnoreEnvironmentKeys,
		Endpoint: aws.Endpoint, AllowCustomEndpoints: o.Config.AllowCustomEndpoints,
		CallsPerSecond: o.Config.Limits.CallsPerSecond, Clock: o.Clock, OnCall: o.onCall(),
		Credentials: o.AWSCredentials,
	}
	if o.Unpaced {
		base.CallsPerSecond = -1
	}
	for i, r := range aws.RoleChain {
		base.RoleChain = append(base.RoleChain, identitycenter.Role{
			ARN: r.ARN, ExternalID: externalID(o.Secrets, i), SessionName: r.SessionName, Duration: r.Duration,
		})
	}
	c := &cloud{
		base: base, secret: o.Config.FlowSecret, centers: map[place]*identitycenter.Center{},
		directories: map[place]*groupmembership.Directory{}, accounts: map[iamPlace]iamWays{}, machines: map[iamPlace]*osusers.Way{}, inventory: inventory.New(o.Clock),
	}
	c.shells = shells.New(c.reached, func(ctx context.Context, params map[string]string) (*identitycenter.Center, error) {
		return c.center(ctx, placeOf(params))
	})
	if Able(o.Config).Proxy {
		c.roles = c.sessions()
	}
	return c
}

func externalID(s config.Secrets, link int) string {
	if link < len(s.ExternalIDs) {
		return s.ExternalIDs[link].Reveal()
	}
	return ""
}

// center returns the instance at p. Two callers may open it at once, since no
// lock is held while AWS is asked; one of the two is kept.
func (c *cloud) center(ctx context.Context, p place) (*identitycenter.Center, error) {
	if open, ok := c.opened(p); ok {
		return open, nil
	}
	own := c.base
	own.Region, own.InstanceARN = p.region, p.instance
	fresh, err := identitycenter.Open(ctx, own)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if open, ok := c.centers[p]; ok {
		return open, nil
	}
	c.centers[p] = fresh
	return fresh, nil
}

func (c *cloud) opened(p place) (*identitycenter.Center, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, ok := c.centers[p]
	return open, ok
}

// settle makes p the instance whose directory people are of. Its id is what
// was recorded with earlier grants; AWS is asked when it answers.
func (c *cloud) settle(p place, storeID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.home, c.storeID = p, storeID
}

// people returns the instance whose directory people are of.
func (c *cloud) people(ctx context.Context) (*identitycenter.Center, error) {
	c.mu.Lock()
	home := c.home
	c.mu.Unlock()
	if home == (place{}) {
		return nil, fmt.Errorf("identity center: no strategy names an instance: %w", access.ErrUnavailable)
	}
	center, err := c.center(ctx, home)
	if err != nil {
		return nil, fmt.Errorf("identity center: %w: %w", access.ErrUnavailable, err)
	}
	return center, nil
}

// atHome returns the instance of people, if it is open.
func (c *cloud) atHome() (*identitycenter.Center, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open, ok := c.centers[c.home]
	return open, ok
}

// skew returns how far AWS's clock is from this machine's.
func (c *cloud) skew() time.Duration {
	if home, ok := c.atHome(); ok {
		return home.Skew()
	}
	return 0
}

// A directory is the identity store as flows/facts asks it.
type directory struct{ cloud *cloud }

// ID implements facts.Directory.
func (d directory) ID() string {
	if home, ok := d.cloud.atHome(); ok {
		return home.ID()
	}
	d.cloud.mu.Lock()
	defer d.cloud.mu.Unlock()
	return d.cloud.storeID
}

// ByEmail implements facts.Directory.
func (d directory) ByEmail(ctx context.Context, email string) ([]facts.User, error) {
	home, err := d.cloud.people(ctx)
	if err != nil {
		return nil, err
	}
	found, err := home.ByEmail(ctx, email)
	if err != nil {
		return nil, outOfReach(err)
	}
	users := make([]facts.User, len(found))
	for i, u := range found {
		users[i] = facts.User{Principal: u.Principal, Email: u.Email, Enabled: u.Enabled}
	}
	return users, nil
}

// User implements facts.Directory.
func (d directory) User(ctx context.Context, p access.Principal) (facts.User, error) {
	home, err := d.cloud.people(ctx)
	if err != nil {
		return facts.User{}, err
	}
	u, err := home.User(ctx, p)
	if err != nil {
		return facts.User{}, outOfReach(err)
	}
	return facts.User{Principal: u.Principal, Email: u.Email, Enabled: u.Enabled}, nil
}

// InDirectoryGroup is half of facts.Members.
func (d directory) InDirectoryGroup(ctx context.Context, group string, p access.Principal) (bool, error) {
	home, err := d.cloud.people(ctx)
	if err != nil {
		return false, err
	}
	in, err := home.InDirectoryGroup(ctx, group, p)
	if err != nil {
		return false, outOfReach(err)
	}
	return in, nil
}

// outOfReach says of an error that is no answer that the directory could not
// be asked.
func outOfReach(err error) error {
	if errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("identity center: %w: %w", access.ErrUnavailable, err)
}
