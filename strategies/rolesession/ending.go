package rolesession

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Ending returns credentials that can end a terminal session of a grant, and
// do nothing else. They need no grant that is open: the sessions of a grant
// that is over can do nothing any more, and what it left behind is still to be
// ended.
func (s *Sessions) Ending(ctx context.Context, ring access.Spec, g access.GrantID, id string) (aws.Credentials, error) {
	in, err := s.input(ring.Params, sessionName(ring.Params[ParamPerson], g))
	if err != nil {
		return aws.Credentials{}, err
	}
	in.Policy = aws.String(endingPolicy(partitionOf(ring.Params[flowfile.ParamRoleARN]), id))
	in.DurationSeconds = aws.Int32(int32(minSession / time.Second))
	client, err := s.client(ctx, ring.Params[flowfile.ParamRegion])
	if err != nil {
		return aws.Credentials{}, err
	}
	out, err := client.AssumeRole(ctx, in)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("assume %s to end session %s: %w", aws.ToString(in.RoleArn), id, err)
	}
	fresh, err := issued(out)
	return fresh.Credentials, err
}

// endingPolicy allows to end one session. A wildcard in its id would be one in
// the policy.
func endingPolicy(partition, id string) string {
	id = strings.NewReplacer("*", "", "?", "", "$", "").Replace(id)
	return document(statement{Effect: "Allow", Action: texts{"ssm:TerminateSession"}, Resource: texts{"arn:" + partition + ":ssm:*:*:session/" + id}})
}
