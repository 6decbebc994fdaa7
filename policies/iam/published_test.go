package iam_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sesame/policies/iam"
)

const (
	published = "../../testdata/iam/published"
	account   = "111111111111"
	frontEnd  = "arn:aws:ec2:us-east-1:111111111111:instance/i-0f"
	backEnd   = "arn:aws:ec2:us-east-1:111111111111:instance/i-0b"
	ownID     = "AROAEXAMPLE:alice@example.com"
	session   = "arn:aws:ssm:us-east-1:111111111111:session/alice@example.com-0123"
	external  = "sts:ExternalId"
)

// read compiles one of the published policies, with some texts replaced.
func read(t *testing.T, name string, oldNew ...string) *iam.Policy {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(published, name))
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, strings.NewReplacer(oldNew...).Replace(string(text)))
}

func compile(t testing.TB, text string) *iam.Policy {
	t.Helper()
	d, err := iam.Parse("policy.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := iam.Compile(d, d.Kind())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func context(pairs ...string) iam.Context {
	values := map[string][]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
	}
	return iam.NewContext(values)
}

func start(instance string, pairs ...string) iam.Request {
	return iam.Request{Action: "ssm:StartSession", Resource: instance, Context: context(pairs...)}
}

func document(name string) iam.Request {
	return iam.Request{Action: "ssm:StartSession", Resource: "arn:aws:ssm:us-east-1::document/" + name, Context: context()}
}

func end(sessionID string) iam.Request {
	return iam.Request{Action: "ssm:TerminateSession", Resource: session, Context: context(
		"aws:userid", ownID, "ssm:resourceTag/aws:ssmmessages:session-id", sessionID)}
}

// assume asks for a role of the account from a role session of another.
func assume(role string, pairs ...string) iam.Request {
	return iam.Request{
		Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/PartyA",
		Principal: "arn:aws:sts::222222222222:assumed-role/" + role + "/someone", Context: context(pairs...),
	}
}

func TestPublishedPolicies(t *testing.T) {
	byTag, forward := read(t, "shell-by-tag.json"), read(t, "forward-by-tag.json")
	tags, mended := read(t, "principal-tags.json"), read(t, "principal-tags.json", "APP_ID ", "APP_ID")
	party, trust := read(t, "third-party.json"), read(t, "third-party-trust.json")
	app := func(pairs ...string) iam.Request {
		return start(frontEnd, append([]string{
			"ssm:resourceTag/APP_GROUP_NAME", "web", "ssm:resourceTag/RELEASE_ID", "1.0",
			"aws:PrincipalTag/AppGroupName", "web", "aws:PrincipalTag/ReleaseId", "1.0"}, pairs...)...)
	}
	const resource, principal = "ssm:resourceTag/APP_ID", "aws:PrincipalTag/AppId"
	for _, c := range []struct {
		name    string
		policy  *iam.Policy
		request iam.Request
		want    iam.Outcome
	}{
		{"the front end by its tag", byTag, start(frontEnd, "ssm:resourceTag/Department", "FrontEnd"), iam.Allowed},
		{"the back end", byTag, start(backEnd, "ssm:resourceTag/Department", "BackEnd"), iam.ImplicitlyDenied},
		{"an instance without tags", byTag, start(backEnd), iam.ImplicitlyDenied},
		{"the tag under a key that the policy does not read", byTag, start(frontEnd, "aws:ResourceTag/Department", "FrontEnd"), iam.ImplicitlyDenied},
		{"keys in another case", byTag, start(frontEnd, "SSM:ResourceTag/DEPARTMENT", "FrontEnd"), iam.Allowed},
		{"values in another case", byTag, start(frontEnd, "ssm:resourceTag/Department", "frontend"), iam.ImplicitlyDenied},
		{"a document of AWS, which has no tags", byTag, document("AWS-RunShellScript"), iam.ImplicitlyDenied},
		{"the document that the policy names, under a tag", forward, document("AWS-StartPortForwardingSessionToRemoteHost"), iam.ImplicitlyDenied},
		{"the own session", byTag, end(ownID), iam.Allowed},
		{"another's session", byTag, end("AROAEXAMPLE:bob@example.com"), iam.ImplicitlyDenied},

		{"a blank at the end of a key", tags, app(resource, "ABC", principal, "ABC"), iam.ImplicitlyDenied},
		{"all tags agree", mended, app(resource, "ABC", principal, "ABC"), iam.Allowed},
		{"another application", mended, app(resource, "ABC", principal, "XYZ"), iam.ImplicitlyDenied},
		{"no tag on the principal", mended, app(resource, "ABC"), iam.ImplicitlyDenied},
		{"no tag on either", mended, app(), iam.ImplicitlyDenied},

		{"an instance of the party", party, start(frontEnd, "ssm:resourceTag/ExternalAccessGrantedTo", "Third_Party_A"), iam.Allowed},
		{"an instance of another party", party, start(backEnd, "ssm:resourceTag/ExternalAccessGrantedTo", "Third_Party_B"), iam.ImplicitlyDenied},
		{"the sessions of all", party, iam.Request{Action: "ssm:DescribeSessions"}, iam.ExplicitlyDenied},
		{"the log groups, which only * would cover", party, iam.Request{Action: "logs:DescribeLogGroups"}, iam.ImplicitlyDenied},

		{"the right external id", trust, assume("3PA_Operators", external, "party-a-7f3c"), iam.Allowed},
		{"no external id", trust, assume("3PA_Operators"), iam.ImplicitlyDenied},
		{"the wrong external id", trust, assume("3PA_Operators", external, "party-b-7f3c"), iam.ImplicitlyDenied},
		{"a role with nearly the name", trust, assume("3P_Operators", external, "party-a-7f3c"), iam.ImplicitlyDenied},
	} {
		if got := c.policy.Evaluate(c.request); got.Outcome != c.want || len(got.Errors) > 0 {
			t.Errorf("%s: %v, want %v (errors %v)", c.name, got.Outcome, c.want, got.Errors)
		}
	}
}

// TestTimeAndPlace shows what the policies that Sesame writes rest on.
func TestTimeAndPlace(t *testing.T) {
	older := compile(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "*", "Resource": "*"},
		{"Sid": "Older", "Effect": "Deny", "Action": "*", "Resource": "*",
		 "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2026-03-02T12:00:00Z"}}}]}`)
	window := compile(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*", "Condition": {
		"DateGreaterThanEquals": {"aws:CurrentTime": "2026-03-02T12:00:00Z"}, "DateLessThan": {"aws:CurrentTime": "2026-03-02T13:00:00Z"}}}}`)
	variable := compile(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
		"Condition": {"DateLessThan": {"aws:CurrentTime": "${aws:PrincipalTag/Until}"}}}}`)
	ifExists := compile(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
		"Condition": {"StringEqualsIfExists": {"ssm:resourceTag/Department": "FrontEnd"}}}}`)
	own := compile(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:TerminateSession",
		"Resource": "arn:aws:ssm:*:*:session/${aws:userid}-*"}}`)
	assign := compile(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sso:CreateAccountAssignment",
		"Resource": "arn:aws:sso:::account/222222222222"}}`)
	const home = `"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::home/${aws:username}", "Condition": {"StringEquals": {"a:b": "${aws:username}"}}}}`
	current, former := compile(t, `{"Version": "2012-10-17", `+home), compile(t, "{"+home)
	object := func(name, value string) iam.Request {
		return iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::home/" + name, Context: context("aws:username", "alice", "a:b", value)}
	}
	account := func(id string) iam.Request {
		return iam.Request{Action: "sso:CreateAccountAssignment", Resource: "arn:aws:sso:::account/" + id}
	}
	for _, c := range []struct {
		name    string
		policy  *iam.Policy
		request iam.Request
		want    iam.Outcome
	}{
		{"a token from before", older, start(frontEnd, "aws:TokenIssueTime", "2026-03-02T11:59:59Z"), iam.ExplicitlyDenied},
		{"a token from after", older, start(frontEnd, "aws:TokenIssueTime", "2026-03-02T12:00:01Z"), iam.Allowed},
		{"long-term keys, which have no such time", older, start(frontEnd), iam.Allowed},
		{"a time that is none denies", older, start(frontEnd, "aws:TokenIssueTime", "yesterday"), iam.ExplicitlyDenied},
		{"inside the window", window, start(frontEnd, "aws:CurrentTime", "2026-03-02T12:00:00Z"), iam.Allowed},
		{"at the end of the window", window, start(frontEnd, "aws:CurrentTime", "2026-03-02T13:00:00Z"), iam.ImplicitlyDenied},
		{"a variable as a date", variable, start(frontEnd, "aws:CurrentTime", "2026-03-02T12:00:00Z", "aws:PrincipalTag/Until", "2030-01-01T00:00:00Z"), iam.ImplicitlyDenied},
		{"IfExists lets in what has no tags", ifExists, start(backEnd), iam.Allowed},
		{"a role session by the name of the session", own, end(ownID), iam.ImplicitlyDenied},
		{"variables", current, object("alice", "alice"), iam.Allowed},
		{"variables before there were any", former, object("alice", "alice"), iam.ImplicitlyDenied},
		{"are texts like any other", former, object("${aws:username}", "${aws:username}"), iam.Allowed},
		{"the account that is named", assign, account("222222222222"), iam.Allowed},
		{"another account", assign, account("333333333333"), iam.ImplicitlyDenied},
	} {
		if got := c.policy.Evaluate(c.request); got.Outcome != c.want {
			t.Errorf("%s: %v, want %v (errors %v)", c.name, got.Outcome, c.want, got.Errors)
		}
	}
}
