package awstest_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sesame/strategies/awstest"
)

func TestSessionsAreOfTheirRegion(t *testing.T) {
	r := newShellRig(t)
	id := r.start("", nil).id
	r.w.Tune(func(s *awstest.Settings) { s.Terminating = time.Hour })
	in := func(region string) *ssm.Client {
		return ssm.New(ssm.Options{Region: region, BaseEndpoint: aws.String(r.w.URL()), Credentials: credentials.NewStaticCredentialsProvider(r.key.ID, r.key.Secret, "")})
	}
	want := func(region string, want ...types.SessionStatus) {
		t.Helper()
		out := must(in(region).DescribeSessions(r.ctx(), &ssm.DescribeSessionsInput{State: types.SessionStateActive}))(t)
		if len(out.Sessions) != len(want) || len(want) == 1 && out.Sessions[0].Status != want[0] {
			t.Errorf("in %s: %+v, want %v", region, out.Sessions, want)
		}
	}
	must(in("eu-central-1").TerminateSession(r.ctx(), &ssm.TerminateSessionInput{SessionId: &id}))(t)
	want("us-east-1", types.SessionStatusConnecting)
	want("eu-central-1")
	must(in("us-east-1").TerminateSession(r.ctx(), &ssm.TerminateSessionInput{SessionId: &id}))(t)
	want("us-east-1", types.SessionStatusTerminating)
}
