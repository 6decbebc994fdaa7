package main

import (
	"testing"
	"time"

	"sesame/proxy/api"
)

func TestWhatCameOfCalls(t *testing.T) {
	var out syncLog
	c := &console{out: &out, zone: time.UTC}
	at := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	call := func(kind, id, operation string, status int, code, why string) api.Call {
		return api.Call{
			At: at, Kind: kind, Call: id, Grant: "g-1", Target: "ec2", From: "192.0.2.7", Service: "ec2", Operation: operation,
			Region: "us-east-1", Status: status, Code: code, Why: why, Received: 7,
		}
	}
	nested := call(api.CallAnswer, "7", "StopInstances", 200, "", "")
	nested.Role, nested.Token = "arn:aws:iam::1:role/ci/Deploy", "nightly"
	err := c.showCalls([]api.Call{
		call(api.CallIntent, "1", "StopInstances", 0, "", ""),
		call(api.CallAnswer, "1", "StopInstances", 200, "", ""),
		call(api.CallIntent, "2", "RunInstances", 0, "", ""),
		nested,
		call(api.CallAnswer, "3", "DescribeImages", 403, "UnauthorizedOperation", ""),
		call(api.CallAnswer, "4", "DescribeImages", 0, "", "AWS cannot be reached"),
		call(api.CallRefused, "5", "GET /\x1b[2J", 0, "AccessDenied", "not that"),
		call(api.CallEnded, "6", "GetObject", 200, "", "the grant ended"),
	}, true)
	const want = `AT                   GRANT  TARGET  FROM                  CALL                         REGION     OUTCOME
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:StopInstances            us-east-1  200
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:RunInstances             us-east-1  sent
2026-03-02 12:00:00  g-1    ec2     192.0.2.7 by nightly  ec2:StopInstances as Deploy  us-east-1  200
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:DescribeImages           us-east-1  403 UnauthorizedOperation
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:DescribeImages           us-east-1  no answer: AWS cannot be reached
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:GET /[2J                 us-east-1  refused: not that
2026-03-02 12:00:00  g-1    ec2     192.0.2.7             ec2:GetObject                us-east-1  ended after 7 bytes: the grant ended
`
	if err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}
