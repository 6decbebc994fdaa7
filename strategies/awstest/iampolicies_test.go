package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"sesame/strategies/awstest"
)

func TestOwnPolicies(t *testing.T) {
	r := newRig(t)
	r.w.AddIAMUser(management, "alice")
	r.w.AddRole(awstest.Role{ARN: "arn:aws:iam::" + management + ":role/Alice"})
	client := iam.NewFromConfig(r.config(r.key))
	large := func(n int) *string {
		return aws.String(`{"Version": "2012-10-17", "Statement": [], "Id": "` + strings.Repeat("x", n) + `"}`)
	}
	user := func(name string, n int) error {
		_, err := client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: &name, PolicyDocument: large(n)})
		return err
	}
	role := func(name string, n int) error {
		_, err := client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("Alice"), PolicyName: &name, PolicyDocument: large(n)})
		return err
	}
	for name, err := range map[string]error{"user": user("a", 1500), "again": user("a", 1600), "role": role("a", 9000)} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{"user": user("b", 500), "role": role("b", 1500)} {
		if err == nil || !strings.Contains(err.Error(), "LimitExceeded") {
			t.Errorf("too much in a %s: %v", name, err)
		}
	}
	out, err := client.GetUserPolicy(t.Context(), &iam.GetUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("a")})
	if err != nil || !strings.HasPrefix(*out.PolicyDocument, "%7B%22Version%22%3A%20") {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("c"), PolicyDocument: aws.String("{")})
	if err == nil || !strings.Contains(err.Error(), "MalformedPolicyDocument") {
		t.Errorf("what is no JSON: %v", err)
	}
}

func TestTagsOfASessionGoOverThoseOfItsRole(t *testing.T) {
	r := newRig(t)
	const role = "arn:aws:iam::" + management + ":role/Shell"
	r.w.AddRole(awstest.Role{ARN: role, Trusts: []string{management}, TagSession: true})
	r.w.EditIAMTagsOf(awstest.Principal{Account: management, Name: "Shell", Role: true}, func(tags map[string]string) {
		tags["Team"], tags["Department"] = "a", "BackEnd"
	})
	out, err := r.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String("alice"),
		Tags: []ststypes.Tag{{Key: aws.String("department"), Value: aws.String("FrontEnd")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	r.w.Decide(func(a awstest.Ask) bool {
		got = a.PrincipalTags
		return true
	})
	key := awstest.Key{ID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
	r.ec2(key, "Action=DescribeInstances")
	if len(got) != 2 || got["Team"] != "a" || got["department"] != "FrontEnd" {
		t.Errorf("tags %v", got)
	}
}
