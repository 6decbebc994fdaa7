package rolesession

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"golang.org/x/sync/singleflight"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
)

// The bounds of a session. The longest is what AWS allows a role that another
// role assumes; the policy of the session ends it before the shortest.
const (
	minSession = 15 * time.Minute
	maxSession = time.Hour
)

// refreshAt is the part of a session's life after which it is made anew while
// it can still be used.
const refreshAt = 0.8

// assumeIn is how long AWS may take, and tryAgain how long a session is left
// alone that could not be made anew.
const (
	assumeIn = 15 * time.Second
	tryAgain = 30 * time.Second
)

// Config says with whose credentials roles are assumed.
type Config struct {
	// Connect finds the server's own credentials, for STS in a region. It is
	// asked until it has some. Required.
	Connect func(ctx context.Context, region string) (aws.Config, error)
	// Secret returns what a reference such as ${file:external-id} stands for.
	// Required.
	Secret func(reference string) (string, error)
	// Clock is what grants go by. Required.
	Clock clock.Clock
	// Wall is what AWS goes by. Default clock.System.
	Wall clock.Clock
}

// Sessions are the sessions of roles that grants have at present. Their
// credentials are in memory only. It is safe for concurrent use.
type Sessions struct {
	Config
	flight singleflight.Group

	mu      sync.Mutex // guards what follows
	clients map[string]*sts.Client
	open    map[session]*credentials
}

// A session belongs to one grant, as it is defined and until it ends: one that
// was extended gets another.
type session struct {
	object access.ObjectKey
	grant  access.GrantID
	ends   int64
	roles  string // that were gone on as, as JSON
}

type credentials struct {
	aws.Credentials
	user    types.AssumedRoleUser
	refresh time.Time // wall time, as their end is
}

// A holding is what a session is made for: a ring's role for a grant, or the
// last of the roles that its holder went on as.
type holding struct {
	ring  access.Spec
	grant access.Grant
	roles []flowfile.Assumption
}

func (h holding) session() session {
	which := session{object: h.ring.Key, grant: h.grant.ID, ends: h.grant.EndsAt.UnixNano()}
	if len(h.roles) > 0 {
		text, err := json.Marshal(h.roles)
		if err != nil {
			panic(err) // texts encode
		}
		which.roles = string(text)
	}
	return which
}

// NewSessions returns Sessions without any.
func NewSessions(c Config) *Sessions {
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	return &Sessions{Config: c, clients: map[string]*sts.Client{}, open: map[session]*credentials{}}
}

// Credentials returns those of a session of the ring's role for a grant, which
// must be open; or of the last of the roles that its holder went on as, which
// the target must list. They are refreshed ahead of their end, once for all who
// ask.
func (s *Sessions) Credentials(ctx context.Context, ring access.Spec, g access.Grant, roles ...flowfile.Assumption) (aws.Credentials, error) {
	held, err := s.held(ctx, holding{ring, g, roles})
	return held.Credentials, err
}

// Assume goes on as the last of roles, and returns who that is to AWS.
func (s *Sessions) Assume(ctx context.Context, ring access.Spec, g access.Grant, roles ...flowfile.Assumption) (types.AssumedRoleUser, error) {
	held, err := s.held(ctx, holding{ring, g, roles})
	return held.user, err
}

// Vend returns credentials for the holder of a grant to use without Sesame, which
// end with the grant or after an hour. It refuses rings whose target does not
// hand out any, and keeps nothing.
func (s *Sessions) Vend(ctx context.Context, ring access.Spec, g access.Grant) (aws.Credentials, error) {
	if !flowfile.Vends(ring.Params) {
		return aws.Credentials{}, fmt.Errorf("hand out credentials for %s, which is only served: %w", ring.Key, access.ErrForbidden)
	}
	began := s.Wall.Now()
	ctx, cancel := context.WithTimeout(ctx, assumeIn)
	defer cancel()
	out, err := s.assume(ctx, holding{ring: ring, grant: g})
	if err != nil {
		return aws.Credentials{}, err
	}
	held, err := issued(out)
	if end := began.Add(g.EndsAt.Sub(s.Clock.Now())); end.Before(held.Expires) {
		held.Expires = end // from then on the session's policy denies everything
	}
	return held.Credentials, err
}

// held returns the session of h, which is made or refreshed if need be.
func (s *Sessions) held(ctx context.Context, h holding) (credentials, error) {
	which, now := h.session(), s.Wall.Now()
	s.mu.Lock()
	held := s.open[which]
	due := held == nil || !now.Before(held.refresh)
	if due && held != nil && now.Before(held.Expires) {
		// Whoever comes next goes on with what there is, and tries in a while.
		later := *held
		later.refresh = now.Add(tryAgain)
		s.open[which] = &later
	}
	s.mu.Unlock()
	if !due {
		return *held, nil
	}
	fresh, err := s.fly(ctx, which, h, held == nil)
	if err != nil && held != nil && now.Before(held.Expires) {
		return *held, nil // for as long as they last
	}
	return fresh, err
}

// made is the session that there is, or nil.
func (s *Sessions) made(which session) *credentials {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[which]
}

// fly makes a session once for all who wait for it. It does not depend on
// whether the first of them stays.
func (s *Sessions) fly(ctx context.Context, which session, h holding, first bool) (credentials, error) {
	done := s.flight.DoChan(fmt.Sprintf("%s\n%s\n%d\n%s", which.object, which.grant, which.ends, which.roles), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), assumeIn)
		defer cancel()
		began := s.Wall.Now()
		if made := s.made(which); first && made != nil {
			return *made, nil // by a flight that ended since it was looked for
		}
		out, err := s.assume(ctx, h)
		if err != nil {
			return nil, err
		}
		return s.keep(which, out, began)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return credentials{}, r.Err
		}
		return r.Val.(credentials), nil
	case <-ctx.Done():
		return credentials{}, context.Cause(ctx)
	}
}

// assume has AWS make a session, which ends with the grant.
func (s *Sessions) assume(ctx context.Context, h holding) (*sts.AssumeRoleOutput, error) {
	left := h.grant.EndsAt.Sub(s.Clock.Now())
	if h.grant.State != access.Open || left <= 0 {
		return nil, fmt.Errorf("assume the role of %s for %s grant %s: %w", h.ring.Key, h.grant.State, h.grant.ID, access.ErrForbidden)
	}
	in, err := s.inputOf(h)
	if err != nil {
		return nil, err
	}
	confined, err := policyOf(h.ring.Params)
	if err != nil {
		return nil, err
	}
	in.Policy = aws.String(confined.text(s.Wall.Now().Add(left)))
	for _, arn := range confined.managed {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	in.DurationSeconds = aws.Int32(int32(min(max(left, minSession), maxSession) / time.Second))
	client, err := s.client(ctx, h.ring.Params[flowfile.ParamRegion])
	if err != nil {
		return nil, err
	}
	as, err := s.before(ctx, h)
	if err != nil {
		return nil, err
	}
	out, err := client.AssumeRole(ctx, in, as)
	if err != nil {
		return nil, fmt.Errorf("assume %s for %s: %w", aws.ToString(in.RoleArn), h.grant.ID, err)
	}
	return out, nil
}

// inputOf is what the session of h is assumed with. A role that the holder goes
// on as gets the name, the source and the tags of the first one: whom shells run
// as is among them.
func (s *Sessions) inputOf(h holding) (*sts.AssumeRoleInput, error) {
	in, err := s.input(h.ring.Params, sessionName(h.ring.Params[ParamPerson], h.grant.ID))
	if err != nil || len(h.roles) == 0 {
		return in, err
	}
	calls, err := flowfile.ParseCalls(h.ring.Params)
	if err != nil {
		return nil, err
	}
	for _, r := range h.roles {
		if !slices.Contains(calls.Assume, r.Role) {
			return nil, fmt.Errorf("assume %s for %s, which its target does not list: %w", r.Role, h.grant.ID, access.ErrForbidden)
		}
	}
	last := h.roles[len(h.roles)-1]
	in.RoleArn, in.ExternalId = aws.String(last.Role), nil
	if last.ExternalID != "" {
		in.ExternalId = aws.String(last.ExternalID)
	}
	return in, nil
}

// before has a role be assumed as the one before it.
func (s *Sessions) before(ctx context.Context, h holding) (func(*sts.Options), error) {
	n := len(h.roles)
	if n == 0 {
		return func(*sts.Options) {}, nil
	}
	from, err := s.held(ctx, holding{h.ring, h.grant, h.roles[:n-1]})
	if err != nil {
		return nil, err
	}
	return func(o *sts.Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return from.Credentials, nil })
	}, nil
}

// keep holds what was issued, and lets go of what is over.
func (s *Sessions) keep(which session, out *sts.AssumeRoleOutput, began time.Time) (credentials, error) {
	fresh, err := issued(out)
	if err != nil {
		return credentials{}, err
	}
	life := time.Duration(float64(fresh.Expires.Sub(began)) * refreshAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.open, func(_ session, old *credentials) bool { return !began.Before(old.Expires) })
	fresh.refresh = began.Add(life)
	s.open[which] = &fresh
	return fresh, nil
}

// issued reads what AWS answered.
func issued(out *sts.AssumeRoleOutput) (credentials, error) {
	c := out.Credentials
	if c == nil || c.Expiration == nil || out.AssumedRoleUser == nil {
		return credentials{}, errors.New("assume a role: the answer holds no credentials, or nobody's")
	}
	return credentials{user: *out.AssumedRoleUser, Credentials: aws.Credentials{
		AccessKeyID: aws.ToString(c.AccessKeyId), SecretAccessKey: aws.ToString(c.SecretAccessKey), SessionToken: aws.ToString(c.SessionToken),
		Source: "rolesession", CanExpire: true, Expires: *c.Expiration,
	}}, nil
}

// Forget drops what was issued for a grant. It was never out of the server, so
// that it is gone with this.
func (s *Sessions) Forget(g access.GrantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.open, func(which session, _ *credentials) bool { return which.grant == g })
}

// input is what all sessions of a ring or target are assumed with.
func (s *Sessions) input(params map[string]string, name string) (*sts.AssumeRoleInput, error) {
	tags, err := flowfile.SessionTags(params)
	if err != nil {
		return nil, err
	}
	external, err := s.Secret(params[flowfile.ParamExternalID])
	if err != nil {
		return nil, fmt.Errorf("read the external id of %s: %w", params[flowfile.ParamRoleARN], err)
	}
	in := &sts.AssumeRoleInput{
		RoleArn: aws.String(params[flowfile.ParamRoleARN]), RoleSessionName: aws.String(name),
		ExternalId: aws.String(strings.TrimSpace(external)),
	}
	if who := params[ParamPerson]; who != "" {
		in.SourceIdentity = aws.String(who)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return in, nil
}

// client returns the one of a region. Two callers may make it at once, since no
// lock is held while credentials are looked for; either will do.
func (s *Sessions) client(ctx context.Context, region string) (*sts.Client, error) {
	s.mu.Lock()
	c := s.clients[region]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	own, err := s.Connect(ctx, region)
	if err != nil {
		return nil, err
	}
	c = sts.NewFromConfig(own, func(o *sts.Options) { o.Region = region })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[region] = c
	return c, nil
}
