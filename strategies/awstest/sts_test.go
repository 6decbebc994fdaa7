package awstest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"sesame/strategies/awstest"
)

const roleARN = "arn:aws:iam::444444444444:role/path/SesameRole"

func (r *rig) assume(in *sts.AssumeRoleInput) (awstest.Key, error) {
	if in.RoleArn == nil {
		in.RoleArn = ptr(roleARN)
	}
	if in.RoleSessionName == nil {
		in.RoleSessionName = ptr("sesame-g-1")
	}
	out, err := r.sts.AssumeRole(r.ctx(), in)
	if err != nil {
		return awstest.Key{}, err
	}
	c := out.Credentials
	return awstest.Key{ID: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}, nil
}

func TestCallerIdentity(t *testing.T) {
	r := newRig(t)
	out := must(r.sts.GetCallerIdentity(r.ctx(), nil))(t)
	if *out.Account != management || *out.Arn != "arn:aws:iam::111111111111:user/sesame" {
		t.Errorf("caller = %s %s, want the user sesame", *out.Account, *out.Arn)
	}
}

func TestRoleSessionsWork(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{management}})
	key := must(r.assume(&sts.AssumeRoleInput{}))(t)
	r.use(r.config(key))
	out := must(r.sts.GetCallerIdentity(r.ctx(), nil))(t)
	if *out.Arn != "arn:aws:sts::444444444444:assumed-role/SesameRole/sesame-g-1" || !strings.HasSuffix(*out.UserId, ":sesame-g-1") {
		t.Errorf("caller = %s %s, want the session", *out.Arn, *out.UserId)
	}
	must(r.create(r.tuple(payments)))(t) // the account is the delegate
	r.clock.Advance(2 * time.Second)
	if by := r.w.Assignments()[0].By; by.ARN != *out.Arn || by.KeyID != key.ID {
		t.Errorf("made by %+v, want the session", by)
	}
	r.w.ExpireSessions()
	_, err := r.sso.ListInstances(r.ctx(), nil)
	wantCode(t, err, "ExpiredTokenException")
	_, err = r.sts.GetCallerIdentity(r.ctx(), nil)
	wantCode(t, err, "ExpiredToken")
	r.use(r.config(awstest.Key{ID: key.ID, Secret: key.Secret}))
	_, err = r.sts.GetCallerIdentity(r.ctx(), nil)
	wantCode(t, err, "InvalidClientTokenId")
}

func TestTrustPolicy(t *testing.T) {
	r := newRig(t)
	_, err := r.assume(&sts.AssumeRoleInput{})
	wantCode(t, err, "AccessDenied") // no such role
	r.w.AddRole(awstest.Role{ARN: roleARN})
	_, err = r.assume(&sts.AssumeRoleInput{})
	wantCode(t, err, "AccessDenied") // trusts nobody
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{"arn:aws:iam::111111111111:user/sesame"}, ExternalID: "s3same"})
	_, err = r.assume(&sts.AssumeRoleInput{})
	wantCode(t, err, "AccessDenied") // without the external id
	_, err = r.assume(&sts.AssumeRoleInput{ExternalId: ptr("wrong")})
	wantCode(t, err, "AccessDenied")
	must(r.assume(&sts.AssumeRoleInput{ExternalId: ptr("s3same")}))(t)
	_, err = r.assume(&sts.AssumeRoleInput{ExternalId: ptr("s3same"), Tags: []ststypes.Tag{{Key: ptr("k"), Value: ptr("v")}}})
	wantCode(t, err, "AccessDenied")
	_, err = r.assume(&sts.AssumeRoleInput{ExternalId: ptr("s3same"), SourceIdentity: ptr("alice")})
	wantCode(t, err, "AccessDenied")
	r.w.RemoveRole(roleARN)
	_, err = r.assume(&sts.AssumeRoleInput{ExternalId: ptr("s3same")})
	wantCode(t, err, "AccessDenied")
}

func TestATrustPolicyIsReplaced(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{management}, ExternalID: "first"})
	role := roleARN[strings.LastIndex(roleARN, "/")+1:]
	trust := func(ids string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + management + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":` + ids + `}}}]}`
	}
	for _, c := range []struct {
		ids   string
		taken map[string]bool
	}{
		{`["first","second"]`, map[string]bool{"first": true, "second": true, "third": false}},
		{`"second"`, map[string]bool{"first": false, "second": true}},
	} {
		if err := r.w.SetTrust(roleARN, trust(c.ids)); err != nil {
			t.Fatal(err)
		}
		for id, want := range c.taken {
			if _, err := r.assume(&sts.AssumeRoleInput{ExternalId: &id}); (err == nil) != want {
				t.Errorf("%s takes %s: %v", c.ids, id, err)
			}
		}
		_, err := r.assume(&sts.AssumeRoleInput{})
		wantCode(t, err, "AccessDenied")
	}
	for _, bad := range []string{"{", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}`} {
		if r.w.SetTrust(roleARN, bad) == nil {
			t.Errorf("%s is taken for a trust policy", bad)
		}
	}
	out := must(iam.NewFromConfig(r.config(r.w.AddKey("444444444444", "somebody"))).GetRole(r.ctx(), &iam.GetRoleInput{RoleName: &role}))(t)
	if text, err := url.QueryUnescape(*out.Role.AssumeRolePolicyDocument); err != nil || text != trust(`"second"`) || !strings.HasPrefix(*out.Role.AssumeRolePolicyDocument, "%7B") {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSessionInputs(t *testing.T) {
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{management}, MaxSession: 2 * time.Hour, TagSession: true})
	must(r.assume(&sts.AssumeRoleInput{
		DurationSeconds: ptr(int32(7200)), Tags: []ststypes.Tag{{Key: ptr("Team"), Value: ptr("front end")}},
		Policy: ptr(`{"Version":"2012-10-17"}`), PolicyArns: []ststypes.PolicyDescriptorType{{Arn: ptr("arn:aws:iam::aws:policy/ReadOnlyAccess")}},
	}))(t)
	for name, c := range map[string]struct {
		in   sts.AssumeRoleInput
		code string
	}{
		"too long for the role": {sts.AssumeRoleInput{DurationSeconds: ptr(int32(7201))}, "ValidationError"},
		"too short":             {sts.AssumeRoleInput{DurationSeconds: ptr(int32(60))}, "ValidationError"},
		"bad session name":      {sts.AssumeRoleInput{RoleSessionName: ptr("a b")}, "ValidationError"},
		"bad tag":               {sts.AssumeRoleInput{Tags: []ststypes.Tag{{Key: ptr("Team"), Value: ptr("*")}}}, "ValidationError"},
		"policy not JSON":       {sts.AssumeRoleInput{Policy: ptr("{")}, "MalformedPolicyDocument"},
		"policy too large":      {sts.AssumeRoleInput{Policy: ptr(`"` + strings.Repeat("x", 2047) + `"`)}, "PackedPolicyTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.assume(&c.in)
			wantCode(t, err, c.code)
		})
	}
	_, err := r.sts.GetSessionToken(r.ctx(), nil)
	wantCode(t, err, "InvalidAction")
}

func TestRoleChain(t *testing.T) {
	const second = "arn:aws:iam::222222222222:role/Second"
	r := newRig(t)
	r.w.AddRole(awstest.Role{ARN: roleARN, Trusts: []string{management}, SetSource: true})
	r.w.AddRole(awstest.Role{ARN: second, Trusts: []string{roleARN}, MaxSession: 12 * time.Hour, SetSource: true})
	first := must(r.assume(&sts.AssumeRoleInput{SourceIdentity: ptr("alice")}))(t)
	r.use(r.config(first))
	_, err := r.assume(&sts.AssumeRoleInput{RoleArn: ptr(second), DurationSeconds: ptr(int32(3601))})
	wantCode(t, err, "ValidationError")
	_, err = r.assume(&sts.AssumeRoleInput{RoleArn: ptr(second), SourceIdentity: ptr("mallory")})
	wantCode(t, err, "AccessDenied")
	out := must(r.sts.AssumeRole(r.ctx(), &sts.AssumeRoleInput{RoleArn: ptr(second), RoleSessionName: ptr("next")}))(t)
	if out.SourceIdentity == nil || *out.SourceIdentity != "alice" {
		t.Error("the source identity did not survive the chain")
	}
	if left := time.Until(*out.Credentials.Expiration); left > time.Hour || left < 59*time.Minute {
		t.Errorf("expires in %v, want an hour of wall time", left)
	}
}
