package awstest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/strategies/awstest"
)

const (
	shellPolicy = `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {"StringEquals": {"ssm:resourceTag/Department": "${aws:PrincipalTag/Department}"}}},
		{"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell"},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/Shell"}]}`
	everything = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	nothing    = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "a4b:Nothing", "Resource": "*"}}`
)

func TestAccountsWithPoliciesAreGovernedByThem(t *testing.T) {
	r := newRig(t)
	for id, department := range map[string]string{"i-front": "FrontEnd", "i-back": "BackEnd", "i-none": ""} {
		tags := map[string]string{"Department": department}
		if department == "" {
			tags = nil
		}
		r.w.AddInstance(awstest.Instance{ID: id, Account: management, Region: "us-east-1", Tags: tags})
	}
	want := func(when string, codes map[string]string) {
		t.Helper()
		for id, code := range codes {
			if _, got := r.ssm("StartSession", map[string]any{"Target": id}); got != code {
				t.Errorf("%s, on %s: %q, want %q", when, id, got, code)
			}
		}
	}
	const denied = "AccessDeniedException"
	want("before anything is attached", map[string]string{"i-front": "", "i-back": "", "i-none": ""})
	alice := awstest.Principal{Account: management, Name: "sesame"}
	if err := r.w.Attach(alice, shellPolicy); err != nil {
		t.Fatal(err)
	}
	want("without tags", map[string]string{"i-front": denied, "i-back": denied, "i-none": denied})
	r.w.EditIAMTagsOf(alice, func(tags map[string]string) { tags["Department"] = "FrontEnd" })
	want("with a tag", map[string]string{"i-front": "", "i-back": denied, "i-none": denied})
	if err := r.w.Bound(alice, "arn:aws:iam::"+management+":policy/None", nothing); err != nil {
		t.Fatal(err)
	}
	want("beyond the boundary", map[string]string{"i-front": denied})
	if err := r.w.Bound(alice, "arn:aws:iam::"+management+":policy/All", everything); err != nil {
		t.Fatal(err)
	}
	r.key = r.w.AddKey(management, "bob")
	want("as one without policies", map[string]string{"i-front": denied})
	if err := r.w.Attach(alice, `{"Statement": 1}`); err == nil {
		t.Error("what is no policy was attached")
	}
}

func TestSessionPoliciesNarrow(t *testing.T) {
	r := newRig(t)
	r.w.AddInstance(awstest.Instance{ID: "i-front", Account: management, Region: "us-east-1"})
	const role = "arn:aws:iam::" + management + ":role/Shell"
	r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{management}})
	for p, text := range map[awstest.Principal]string{
		{Account: management, Name: "sesame"}: shellPolicy, {Account: management, Name: "Shell", Role: true}: everything,
	} {
		if err := r.w.Attach(p, text); err != nil {
			t.Fatal(err)
		}
	}
	for policy, want := range map[string]string{everything: "", nothing: "AccessDeniedException"} {
		out, err := r.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("alice"), Policy: &policy})
		if err != nil {
			t.Fatal(err)
		}
		long := r.key
		r.key = awstest.Key{ID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
		if _, got := r.ssm("StartSession", map[string]any{"Target": "i-front"}); got != want {
			t.Errorf("with the session policy %s: %q, want %q", policy, got, want)
		}
		r.key = long
	}
	if _, err := r.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + management + ":role/Other"), RoleSessionName: aws.String("alice")}); err == nil {
		t.Error("a role was assumed that no policy allows")
	}
}
