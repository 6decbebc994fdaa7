package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"sesame/strategies/awstest"
)

func TestSessionTagsAndWhatASessionIs(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{management}, TagSession: true, SetSource: true})
	tag := func(key, value string) ststypes.Tag { return ststypes.Tag{Key: ptr(key), Value: ptr(value)} }
	_, err := r.assume(&sts.AssumeRoleInput{Tags: []ststypes.Tag{tag("Team", "a"), tag("team", "b")}})
	wantCode(t, err, "InvalidParameterValue")
	const policy = `{"Version":"2012-10-17"}`
	key := must(r.assume(&sts.AssumeRoleInput{Tags: []ststypes.Tag{tag("Team", "a")}, SourceIdentity: ptr("alice"), Policy: ptr(policy)}))(t)
	s, known := r.w.Session(key.ID)
	if !known || s.Tags["Team"] != "a" || s.Source != "alice" || s.Policy != policy || s.Secret != key.Secret {
		t.Errorf("session %+v of tags %v", s.Caller, s.Tags)
	}
	r.w.ExpireSessions()
	if _, known := r.w.Session(key.ID); known {
		t.Error("a session is known after its end")
	}
	if _, known := r.w.Session(r.key.ID); known {
		t.Error("a long-term key is a session")
	}
}
