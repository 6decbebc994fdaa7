package rolesession

import (
	"context"
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
}

type credentials struct {
	aws.Credentials
	refresh time.Time // wall time, as their end is
}

// NewSessions returns Sessions without any.
func NewSessions(c Config) *Sessions {
	if c.Wall == nil {
		c.Wall = clock.System{}
	}
	return &Sessions{Config: c, clients: map[string]*sts.Client{}, open: map[session]*credentials{}}
}

// Credentials returns those of a session of the ring's role for a grant, which
// must be open. They are refreshed ahead of their end, once for all who ask.
func (s *Sessions) Credentials(ctx context.Context, ring access.Spec, g access.Grant) (aws.Credentials, error) {
	which, now := session{ring.Key, g.ID, g.EndsAt.UnixNano()}, s.Wall.Now()
	s.mu.Lock()
	held := s.open[which]
	due := held == nil || !now.Before(held.refresh)
	if due && held != nil && now.Before(held.Expires) {
		// Whoever comes next goes on with what there is, and tries in a while.
		s.open[which] = &credentials{held.Credentials, now.Add(tryAgain)}
	}
	s.mu.Unlock()
	if !due {
		return held.Credentials, nil
	}
	fresh, err := s.fly(ctx, which, ring, g)
	if err != nil && held != nil && now.Before(held.Expires) {
		return held.Credentials, nil // for as long as they last
	}
	return fresh, err
}

// fly makes a session once for all who wait for it. It does not depend on
// whether the first of them stays.
func (s *Sessions) fly(ctx context.Context, which session, ring access.Spec, g access.Grant) (aws.Credentials, error) {
	done := s.flight.DoChan(fmt.Sprintf("%s\n%s\n%d", which.object, which.grant, which.ends), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), assumeIn)
		defer cancel()
		return s.make(ctx, which, ring, g)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return aws.Credentials{}, r.Err
		}
		return r.Val.(aws.Credentials), nil
	case <-ctx.Done():
		return aws.Credentials{}, context.Cause(ctx)
	}
}

func (s *Sessions) make(ctx context.Context, which session, ring access.Spec, g access.Grant) (aws.Credentials, error) {
	left := g.EndsAt.Sub(s.Clock.Now())
	if g.State != access.Open || left <= 0 {
		return aws.Credentials{}, fmt.Errorf("assume the role of %s for %s grant %s: %w", ring.Key, g.State, g.ID, access.ErrForbidden)
	}
	in, err := s.input(ring.Params, sessionName(ring.Params[ParamPerson], g.ID))
	if err != nil {
		return aws.Credentials{}, err
	}
	confined, err := policyOf(ring.Params)
	if err != nil {
		return aws.Credentials{}, err
	}
	began := s.Wall.Now()
	in.Policy = aws.String(confined.text(began.Add(left)))
	for _, arn := range confined.managed {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	in.DurationSeconds = aws.Int32(int32(min(max(left, minSession), maxSession) / time.Second))
	client, err := s.client(ctx, ring.Params[flowfile.ParamRegion])
	if err != nil {
		return aws.Credentials{}, err
	}
	out, err := client.AssumeRole(ctx, in)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume %s for %s: %w", aws.ToString(in.RoleArn), g.ID, err)
	}
	return s.keep(which, out.Credentials, began)
}

// keep holds what was issued, and lets go of what is over.
func (s *Sessions) keep(which session, c *types.Credentials, began time.Time) (aws.Credentials, error) {
	if c == nil || c.Expiration == nil {
		return aws.Credentials{}, errors.New("assume a role: the answer holds no credentials")
	}
	fresh := aws.Credentials{
		AccessKeyID: aws.ToString(c.AccessKeyId), SecretAccessKey: aws.ToString(c.SecretAccessKey), SessionToken: aws.ToString(c.SessionToken),
		Source: "rolesession", CanExpire: true, Expires: *c.Expiration,
	}
	life := time.Duration(float64(fresh.Expires.Sub(began)) * refreshAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.open, func(_ session, old *credentials) bool { return !began.Before(old.Expires) })
	s.open[which] = &credentials{fresh, began.Add(life)}
	return fresh, nil
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
