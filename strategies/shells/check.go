package shells

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

// A Report is what AWS says about the sessions that people start with grants on
// a target. Each text is a sentence, or empty.
type Report struct {
	// Problem is why they cannot be found, so that no grant could be closed.
	Problem string
	// Warning is why it may be that they cannot be ended.
	Warning string
}

// Check asks whether the sessions that people start with grants on a target can
// be found and ended. An error means that AWS could not be asked.
func (c *Cutter) Check(ctx context.Context, t access.Target) (Report, error) {
	s := access.Spec{Key: access.ObjectKey(t.Name), Params: maps.Clone(t.Params)}
	end, ends, err := flowfile.ParseEndSessions(t.Params)
	if err != nil {
		return Report{}, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	if ends {
		s.Way, s.SessionName = t.Way, nobody
		end.Role, end.Person = nobody, nobody
		s.Params[flowfile.ParamEndSessions] = end.Encode()
	} else if s.Params[flowfile.ParamRole] == "" {
		s.Params[flowfile.ParamUser] = nobody
	}
	of, err := wantedOf(s)
	region := of.home
	if err == nil {
		region, err = c.probe(ctx, s, of)
	}
	if err == nil && of.reserved {
		return c.checkUsers(ctx, s)
	}
	role, policy, place := "the role of the strategy", "sesame policy generate server-role", "instances"
	if ends {
		role, policy, place = end.RoleARN, "the policy of sesame policy generate server-role --end-sessions", flowfile.ParamEndSessions
	}
	_, mayNot := errors.AsType[*deniedError](err)
	switch {
	case err == nil:
		return Report{}, nil
	case mayNot:
		return Report{Warning: fmt.Sprintf("Sesame may not be allowed to end the sessions that grants on it let people start (%s): let %s do that, as %s does.", spoken(err, region), role, policy)}, nil
	case ends && unassumed(err):
		return Report{Problem: fmt.Sprintf("Sesame could not find the sessions that grants on it let people start, to end them, since AWS did not let it assume %s: have the role trust Sesame, or leave end_sessions out.", role)}, nil
	case access.ClassOf(err) == access.Refused:
		return Report{Problem: fmt.Sprintf("Sesame could not find the sessions that grants on it let people start, to end them (%s): let %s see them, as %s does, or name the regions of its machines under %s.", spoken(err, region), role, policy, place)}, nil
	}
	return Report{}, fmt.Errorf("check target %s: %w", t.Name, err)
}

// checkUsers asks whether Sesame may ask Identity Center whose sessions are whose.
func (c *Cutter) checkUsers(ctx context.Context, s access.Spec) (Report, error) {
	center, err := c.centers(ctx, s.Params)
	if err == nil {
		_, err = center.Named(ctx, nobody)
	}
	if err == nil || errors.Is(err, access.ErrNotFound) {
		_, err = center.InDirectoryGroup(ctx, noPrincipal, noPrincipal)
	}
	switch {
	case identitycenter.Denied(err):
		return Report{Warning: "Sesame may not ask Identity Center whose the sessions are that grants on it let people start, so that it would leave them alone: allow identitystore:GetUserId and identitystore:IsMemberInGroups, as sesame policy generate server-role --target does."}, nil
	case err != nil:
		return Report{}, fmt.Errorf("check target %s: %w", s.Key, err)
	}
	return Report{}, nil
}

// spoken says for people what AWS answered in a region, or what else is wrong.
func spoken(err error, region string) string {
	api, answered := errors.AsType[smithy.APIError](err)
	op, asked := errors.AsType[*smithy.OperationError](err)
	if !answered || !asked {
		return err.Error()
	}
	return fmt.Sprintf("AWS answers %s to %s in %s", api.ErrorCode(), op.Operation(), region)
}

// What there is none of: a user, a machine and a session.
const (
	nobody      = "-"
	noMachine   = "i-00000000000000000"
	noSession   = "sesame-checks-00000000000000000"
	noPrincipal = "00000000-0000-4000-8000-000000000000"
)

// checkedFor is how long a region counts as checked: many targets are in it.
const checkedFor = 10 * time.Minute

// probe makes each call by which sessions are found and ended, once in each
// region. It returns the region in which something went wrong.
func (c *Cutter) probe(ctx context.Context, s access.Spec, of wanted) (string, error) {
	regions, err := c.regions(ctx, s, of)
	if err != nil {
		return of.home, err
	}
	for _, region := range regions {
		at, err := c.seat(ctx, s.Params, region)
		if err == nil && !at.checkedBefore(checkedFor) {
			err = at.probe(ctx, len(of.tags) > 0)
		}
		if err != nil {
			return region, err
		}
	}
	return "", nil
}

func (s *seat) probe(ctx context.Context, tagged bool) error {
	asked := s.clock.Now()
	_, err := s.ssm.DescribeSessions(ctx, &ssm.DescribeSessionsInput{State: types.SessionStateActive, MaxResults: aws.Int32(1)})
	if err == nil && tagged {
		_, err = s.tags(ctx, []access.Session{{Machine: noMachine}})
	}
	if err == nil {
		err = s.mayCut(ctx)
	}
	if err == nil {
		s.checked.Store(asked.UnixNano())
	}
	return err
}

// checkedBefore reports whether a probe went well within the last d.
func (s *seat) checkedBefore(d time.Duration) bool {
	at := s.checked.Load()
	return at != 0 && s.clock.Now().Sub(time.Unix(0, at)) < d
}

// A deniedError is that AWS denied to end a session that there is not. Whether it
// would deny the same for one that there is, nobody knows: a policy may ask for
// tags of sessions.
type deniedError struct{ err error }

func (e *deniedError) Error() string { return e.err.Error() }
func (e *deniedError) Unwrap() error { return e.err }

// mayCut asks for the end of a session that there is not, which says whether that
// is denied. What else AWS says to it does not matter.
func (s *seat) mayCut(ctx context.Context) error {
	_, err := s.ssm.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String(noSession)})
	api, ok := errors.AsType[smithy.APIError](err)
	switch {
	case !ok:
		return err
	case strings.HasPrefix(api.ErrorCode(), "AccessDenied"):
		return &deniedError{err}
	}
	return nil
}
