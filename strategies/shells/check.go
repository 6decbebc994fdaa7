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
)

// Check returns why sessions could not be found and ended that people start with
// grants on a target, as a sentence; empty if they could. An error means that AWS could
// not be asked.
func (c *Cutter) Check(ctx context.Context, t access.Target) (problem string, err error) {
	s := access.Spec{Key: access.ObjectKey(t.Name), Params: maps.Clone(t.Params)}
	if s.Params[flowfile.ParamRole] == "" {
		s.Params[flowfile.ParamUser] = nobody
	}
	of, err := wantedOf(s)
	if err == nil {
		err = c.probe(ctx, s, of)
	}
	if access.ClassOf(err) == access.Refused && err != nil {
		return fmt.Sprintf("Sesame could not end the sessions that grants on it let people start (%v): let the role of the strategy do that, as sesame policy generate server-role does, or name the regions of its machines under instances.", err), nil
	}
	if err != nil {
		return "", fmt.Errorf("check target %s: %w", t.Name, err)
	}
	return "", nil
}

// What there is none of: a user, a machine and a session.
const (
	nobody    = "-"
	noMachine = "i-00000000000000000"
	noSession = "sesame-checks-00000000000000000"
)

// checkedFor is how long a region counts as checked: many targets are in it.
const checkedFor = 10 * time.Minute

// probe makes each call by which sessions are found and ended, once in each
// region.
func (c *Cutter) probe(ctx context.Context, s access.Spec, of wanted) error {
	regions, err := c.regions(ctx, s, of)
	if err != nil {
		return err
	}
	for _, region := range regions {
		at, err := c.seat(ctx, s.Params, region)
		if err != nil {
			return err
		}
		if !at.checkedBefore(checkedFor) {
			err = at.probe(ctx)
		}
		if err != nil {
			return fmt.Errorf("in %s: %w", region, err)
		}
	}
	return nil
}

func (s *seat) probe(ctx context.Context) error {
	asked := s.clock.Now()
	_, err := s.ssm.DescribeSessions(ctx, &ssm.DescribeSessionsInput{State: types.SessionStateActive, MaxResults: aws.Int32(1)})
	if err == nil {
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

// mayCut asks for the end of a session that there is not, which says whether that
// is allowed. What else AWS says to it does not matter.
func (s *seat) mayCut(ctx context.Context) error {
	_, err := s.ssm.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String(noSession)})
	if api, ok := errors.AsType[smithy.APIError](err); ok && !strings.HasPrefix(api.ErrorCode(), "AccessDenied") && access.ClassOf(err) == access.Refused {
		return nil
	}
	return err
}
