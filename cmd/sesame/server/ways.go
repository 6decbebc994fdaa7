package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/accountassignment"
	"sesame/strategies/groupmembership"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
	"sesame/strategies/osusers"
	"sesame/strategies/partner"
	"sesame/strategies/principaltags"
	"sesame/strategies/rolesession"
)

// ways returns the ways of granting by their types. Each opens what an object
// is on when it is first needed.
func (c *cloud) ways() map[string]access.Way {
	return map[string]access.Way{
		flowfile.WaySSO: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			return c.assignments(ctx, params)
		}},
		flowfile.WayGroup: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			return c.directoryGroups(ctx, params)
		}},
		flowfile.WayIAMGroup: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			w, err := c.iam(ctx, params)
			return w.groups, err
		}},
		flowfile.WayTags: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			w, err := c.iam(ctx, params)
			return w.tags, err
		}},
		flowfile.WayTimed: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			w, err := c.iam(ctx, params)
			return w.timed, err
		}},
		flowfile.WayOSUser: opening{func(ctx context.Context, params map[string]string) (access.Way, error) {
			return c.machineUsers(ctx, params)
		}},
	}
}

// reached is reach by what a target or an object says.
func (c *cloud) reached(params map[string]string) (identitycenter.Config, error) {
	return c.reach(iamPlaceOf(params), params[flowfile.ParamExternalID])
}

// planners returns who says what grants need, by the types of ways.
func (r *rules) planners() map[string]access.Planner {
	return map[string]access.Planner{
		flowfile.WaySSO:      accountassignment.Planner{},
		flowfile.WayGroup:    groupmembership.DirectoryPlanner{},
		flowfile.WayIAMGroup: groupmembership.IAMPlanner{Users: r.iamUser},
		flowfile.WayTags:     principaltags.Planner{Users: r.iamUser},
		flowfile.WayRole:     rolesession.Planner{},
		flowfile.WayPartner:  partner.Planner{},
	}
}

// iamUser returns somebody's IAM user or role, as the flow files in force say.
func (r *rules) iamUser(t access.Target, p access.Person) (flowfile.IAMOwner, error) {
	set := r.set.Load()
	if set == nil {
		return flowfile.IAMOwner{}, errors.New("no flow files are in force")
	}
	return set.IAMUser(t, p)
}

// An iamPlace is an account's IAM, and as whom Sesame calls it.
type iamPlace struct{ region, account, role, profile string }

func iamPlaceOf(params map[string]string) iamPlace {
	return iamPlace{params[flowfile.ParamRegion], params[flowfile.ParamAccount], params[flowfile.ParamRoleARN], params[flowfile.ParamProfile]}
}

// everywhere returns the place whatever the region: IAM has none, and machines
// may be in several.
func (p iamPlace) everywhere() iamPlace {
	p.region = ""
	return p
}

// String names it for people.
func (p iamPlace) String() string {
	if p.role != "" {
		return p.role
	}
	return "account " + p.account
}

// iamWays are the ways of granting in one account's IAM.
type iamWays struct {
	groups *groupmembership.IAM
	tags   *principaltags.Way
	timed  *principaltags.Timed
	client *iamusers.Client
}

// assignments returns the way of account assignments on an instance.
func (c *cloud) assignments(ctx context.Context, params map[string]string) (*accountassignment.Way, error) {
	center, err := c.center(ctx, placeOf(params))
	if err != nil {
		return nil, err
	}
	return accountassignment.New(center), nil
}

// directoryGroups returns the way of memberships on an instance.
func (c *cloud) directoryGroups(ctx context.Context, params map[string]string) (*groupmembership.Directory, error) {
	at := placeOf(params)
	center, err := c.center(ctx, at)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.directories[at]; !ok {
		c.directories[at] = groupmembership.NewDirectory(c.base.Clock, center)
	}
	return c.directories[at], nil
}

// iam returns the ways in the IAM that params name.
func (c *cloud) iam(ctx context.Context, params map[string]string) (iamWays, error) {
	return opened(c, c.accounts, params, func(own identitycenter.Config) (iamWays, error) {
		client, err := iamusers.Open(ctx, own)
		if err != nil {
			return iamWays{}, err
		}
		return iamWays{groupmembership.NewIAM(own.Clock, client), principaltags.New(own.Clock, client), principaltags.NewTimed(own.Clock, client), client}, nil
	})
}

// machineUsers returns the way of users of machines in the account and region
// that params name.
func (c *cloud) machineUsers(ctx context.Context, params map[string]string) (*osusers.Way, error) {
	return opened(c, c.machines, params, func(own identitycenter.Config) (*osusers.Way, error) {
		client, err := osusers.Open(ctx, own)
		if err != nil {
			return nil, err
		}
		return osusers.New(own.Clock, client), nil
	})
}

// opened returns what is kept for the account and region that params name, or
// opens it. Two callers may open it at once, since no lock is held while AWS is
// asked; one of the two is kept.
func opened[T any](c *cloud, kept map[iamPlace]T, params map[string]string, open func(identitycenter.Config) (T, error)) (T, error) {
	at := iamPlaceOf(params)
	c.mu.Lock()
	known, ok := kept[at]
	c.mu.Unlock()
	if ok {
		return known, nil
	}
	own, err := c.reach(at, params[flowfile.ParamExternalID])
	if err != nil {
		return known, err
	}
	fresh, err := open(own)
	if err != nil {
		return fresh, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := kept[at]; ok {
		return known, nil
	}
	kept[at] = fresh
	return fresh, nil
}

// reach returns how Sesame gets to an account's IAM: with a profile instead of
// its own credentials, and through a role, if the strategy names them.
func (c *cloud) reach(at iamPlace, externalID string) (identitycenter.Config, error) {
	own := c.base
	own.Region, own.Account = at.region, at.account
	if at.profile != "" {
		own.Profile, own.RoleChain = at.profile, nil
	}
	if at.role == "" {
		return own, nil
	}
	role := identitycenter.Role{ARN: at.role}
	if externalID != "" {
		secret, err := c.secret(externalID)
		if err != nil {
			return own, fmt.Errorf("external_id of %s: %w", at.role, err)
		}
		role.ExternalID = secret.Reveal()
	}
	own.RoleChain = append(slices.Clone(own.RoleChain), role)
	return own, nil
}

// check asks AWS about a target.
func (c *cloud) check(ctx context.Context, set *flowfile.Set, t access.Target, shortest time.Duration) (accountassignment.Report, error) {
	switch t.Way {
	case flowfile.WayGroup:
		w, err := c.directoryGroups(ctx, t.Params)
		if err != nil {
			return accountassignment.Report{}, err
		}
		r, err := w.Check(ctx, t)
		return accountassignment.Report{Resolved: r.Resolved, Problems: r.Problems}, err
	case flowfile.WayIAMGroup, flowfile.WayTags:
		return c.checkIAM(ctx, set, t)
	case flowfile.WayRole:
		return c.checkRole(ctx, t)
	case flowfile.WayPartner:
		return c.checkPartner(ctx, t)
	default:
		w, err := c.assignments(ctx, t.Params)
		if err != nil {
			return accountassignment.Report{}, err
		}
		r, err := w.Check(ctx, t, shortest)
		if err != nil {
			return r, err
		}
		return c.checkEnded(ctx, t, r)
	}
}

// checkEnded is checkShells for a target that says by which role sessions are
// ended; of others nothing is asked.
func (c *cloud) checkEnded(ctx context.Context, t access.Target, r accountassignment.Report) (accountassignment.Report, error) {
	if t.Params[flowfile.ParamEndSessions] == "" {
		return r, nil
	}
	return c.checkShells(ctx, t, r)
}

func (c *cloud) checkIAM(ctx context.Context, set *flowfile.Set, t access.Target) (accountassignment.Report, error) {
	w, err := c.iam(ctx, t.Params)
	if err != nil {
		return accountassignment.Report{}, err
	}
	if t.Way == flowfile.WayIAMGroup {
		r, err := w.groups.Check(ctx, t)
		return accountassignment.Report{Problems: r.Problems}, err
	}
	r, err := w.tags.Check(ctx, t, set.IAMOwners(t))
	if err != nil {
		return accountassignment.Report{}, err
	}
	return c.checkShells(ctx, t, accountassignment.Report{Problems: r.Problems, Warnings: r.Warnings})
}

// checkShells adds to a report whether Sesame sees the sessions that people
// start with grants on a target, which it is to end.
func (c *cloud) checkShells(ctx context.Context, t access.Target, r accountassignment.Report) (accountassignment.Report, error) {
	of, err := c.shells.Check(ctx, t)
	if of.Problem != "" {
		r.Problems = append(r.Problems, of.Problem)
	}
	if of.Warning != "" {
		r.Warnings = append(r.Warnings, of.Warning)
	}
	return r, err
}

// An opening is a way that opens what an object is on before it is asked.
type opening struct {
	open func(ctx context.Context, params map[string]string) (access.Way, error)
}

// unsent says that an error came before AWS was asked for anything.
func unsent(err error) error {
	if _, ok := errors.AsType[*access.WayError](err); ok {
		return err
	}
	return &access.WayError{Class: access.Busy, Err: err}
}

// Observe implements access.Way.
func (o opening) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	w, err := o.open(ctx, s.Params)
	if err != nil {
		return access.Observation{}, unsent(err)
	}
	return w.Observe(ctx, s, since)
}

// Apply implements access.Way.
func (o opening) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	w, err := o.open(ctx, s.Params)
	if err != nil {
		return access.Operation{}, unsent(err)
	}
	return w.Apply(ctx, s)
}

// Remove implements access.Way.
func (o opening) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	w, err := o.open(ctx, s.Params)
	if err != nil {
		return access.Operation{}, unsent(err)
	}
	return w.Remove(ctx, s)
}

// Poll implements access.Way.
func (o opening) Poll(ctx context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	w, err := o.open(ctx, s.Params)
	if err != nil {
		return op, unsent(err)
	}
	return w.Poll(ctx, s, op)
}
