package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"sesame/policies/iam"
)

// identity, and resource for somebody, return policies of one statement.
func identity(t testing.TB, effect, action string) *iam.Policy {
	return compile(t, fmt.Sprintf(`{"Statement": {"Effect": %q, "Action": %q, "Resource": "*"}}`, effect, action))
}

func resource(t testing.TB, principal string) *iam.Policy {
	return compile(t, fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": %q}, "Action": "s3:*", "Resource": "*"}}`, principal))
}

func trust(t testing.TB, principal string) *iam.Policy {
	return compile(t, fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": %q}, "Action": "sts:AssumeRole"}}`, principal))
}

func TestPoliciesTogether(t *testing.T) {
	const (
		user    = "arn:aws:iam::111111111111:user/alice"
		role    = "arn:aws:iam::111111111111:role/Ops"
		session = "arn:aws:sts::111111111111:assumed-role/Ops/alice"
		root    = "arn:aws:iam::111111111111:root"
		other   = "222222222222"
	)
	yes, no, deny := identity(t, "Allow", "*"), identity(t, "Allow", "ec2:*"), identity(t, "Deny", "*")
	all := func(p ...*iam.Policy) []*iam.Policy { return p }
	for _, c := range []struct {
		name, principal, account string
		policies                 iam.Policies
		want                     iam.Outcome
		lacking                  string
	}{
		{"nothing at all", session, "", iam.Policies{}, iam.ImplicitlyDenied, "identity-based policy"},
		{"the identity", session, "", iam.Policies{Identity: all(no, yes)}, iam.Allowed, ""},
		{"a deny beside it", session, "", iam.Policies{Identity: all(yes, deny)}, iam.ExplicitlyDenied, ""},
		{"a boundary that does not allow", session, "", iam.Policies{Identity: all(yes), Boundary: no}, iam.ImplicitlyDenied, "permissions boundary"},
		{"a session policy that does not allow", session, "", iam.Policies{Identity: all(yes), Session: all(no)}, iam.ImplicitlyDenied, "session policy"},
		{"one of two session policies", session, "", iam.Policies{Identity: all(yes), Session: all(no, yes)}, iam.Allowed, ""},
		{"each level of the organization", session, "", iam.Policies{Identity: all(yes), SCPs: [][]*iam.Policy{{yes}, {no, yes}}}, iam.Allowed, ""},
		{"a level without an allow", session, "", iam.Policies{Identity: all(yes), SCPs: [][]*iam.Policy{{yes}, {no}}}, iam.ImplicitlyDenied, "service control policy"},
		{"a level without policies", session, "", iam.Policies{Identity: all(yes), SCPs: [][]*iam.Policy{{}}}, iam.ImplicitlyDenied, "service control policy"},
		{"a deny of the organization", session, "", iam.Policies{Identity: all(yes), SCPs: [][]*iam.Policy{{yes, deny}}}, iam.ExplicitlyDenied, ""},

		{"the resource names the user", user, "", iam.Policies{Resource: resource(t, user)}, iam.Allowed, ""},
		{"whose boundary does not matter then", user, "", iam.Policies{Resource: resource(t, user), Boundary: no}, iam.Allowed, ""},
		{"the resource names the role", session, "", iam.Policies{Resource: resource(t, role)}, iam.Allowed, ""},
		{"whose boundary matters", session, "", iam.Policies{Resource: resource(t, role), Boundary: no}, iam.ImplicitlyDenied, "permissions boundary"},
		{"the resource names the session", session, "", iam.Policies{Resource: resource(t, session), Session: all(no)}, iam.Allowed, ""},
		{"the resource names the account", session, "", iam.Policies{Resource: resource(t, root)}, iam.ImplicitlyDenied, "identity-based policy"},
		{"and the account passes it on", session, "", iam.Policies{Resource: resource(t, "111111111111"), Identity: all(yes)}, iam.Allowed, ""},
		{"the resource names everybody", session, "", iam.Policies{Resource: resource(t, "*")}, iam.Allowed, ""},
		{"nobody at all", "", "", iam.Policies{Resource: resource(t, "*")}, iam.Allowed, ""},
		{"the resource names another", session, "", iam.Policies{Resource: resource(t, role+"s"), Identity: all(yes)}, iam.Allowed, ""},

		{"across accounts by the identity alone", session, other, iam.Policies{Identity: all(yes)}, iam.ImplicitlyDenied, "resource-based policy"},
		{"across accounts by the resource alone", session, other, iam.Policies{Resource: resource(t, session)}, iam.ImplicitlyDenied, "identity-based policy"},
		{"across accounts by both", session, other, iam.Policies{Resource: resource(t, root), Identity: all(yes)}, iam.Allowed, ""},
		{"a document of AWS", session, "aws", iam.Policies{Identity: all(yes)}, iam.Allowed, ""},

		{"a policy in the wrong place", session, "", iam.Policies{Identity: all(yes), Session: all(resource(t, role))}, iam.ImplicitlyDenied, "policy that was compiled for its place"},
		{"a policy that is not there", session, "", iam.Policies{Identity: all(yes, nil)}, iam.ImplicitlyDenied, "policy that was compiled for its place"},
		{"a policy that was not compiled", session, "", iam.Policies{Identity: all(yes), Boundary: &iam.Policy{}}, iam.ImplicitlyDenied, "policy that was compiled for its place"},
	} {
		v := c.policies.Evaluate(iam.Request{Principal: c.principal, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/o", ResourceAccount: c.account})
		if v.Outcome != c.want || v.Lacking != c.lacking {
			t.Errorf("%s: %v, lacking %q; want %v, lacking %q", c.name, v.Outcome, v.Lacking, c.want, c.lacking)
		}
	}
	assume := iam.Request{Principal: session, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/Next"}
	for _, c := range []struct {
		name     string
		policies iam.Policies
		want     iam.Outcome
	}{
		{"a role that trusts nobody asked", iam.Policies{Identity: all(yes), Resource: trust(t, user)}, iam.ImplicitlyDenied},
		{"a role that trusts the account", iam.Policies{Identity: all(yes), Resource: trust(t, root)}, iam.Allowed},
		{"a role that trusts the role", iam.Policies{Resource: trust(t, role)}, iam.Allowed},
	} {
		if v := c.policies.Evaluate(assume); v.Outcome != c.want {
			t.Errorf("%s: %v, want %v", c.name, v.Outcome, c.want)
		}
	}
}

func TestVerdictsNameStatements(t *testing.T) {
	p := compile(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"},
		{"Sid": "Until", "Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}},
		{"Sid": "Own", "Effect": "Deny", "Action": "ssm:Resume*", "Resource": "*", "Condition": {"StringNotEquals": {"a:b": "${aws:username}"}}}]}`)
	for _, c := range []struct{ action, by, errors string }{
		{"ssm:StartSession", "allowed statement 1 at policy.json:2:3", ""},
		{"ssm:ResumeSession", "explicitly denied Own at policy.json:4:3", ""},
		{"ec2:RunInstances", "implicitly denied", `[Until: "soon" is no date]`},
	} {
		v := p.Evaluate(iam.Request{Action: c.action, Context: context("aws:CurrentTime", "2026-03-02")})
		by := v.Outcome.String()
		for _, s := range v.By {
			by += " " + s.Name(1) + " at " + s.At.String()
		}
		if errs := fmt.Sprint(v.Errors); by != c.by || errs != c.errors && c.errors != "" {
			t.Errorf("%s: %s, errors %s; want %s, %s", c.action, by, errs, c.by, c.errors)
		}
	}
	misses := p.Misses(iam.Request{Action: "ec2:RunInstances", Context: context("aws:CurrentTime", "2026-03-02")})
	if len(misses) != 1 || misses[0].Statement.Sid != "Until" || misses[0].Condition.Name() != "DateLessThan" {
		t.Errorf("misses %v", misses)
	}
}

// TestErrorsNeverAllow: what a request leaves open is decided against it.
func TestErrorsNeverAllow(t *testing.T) {
	for _, c := range []struct{ name, condition string }{
		{"a key in two spellings", `"StringNotEquals": {"ssm:resourceTag/Department": "BackEnd"}`},
		{"a variable in two spellings", `"StringNotEquals": {"a:b": "${ssm:resourceTag/Department}"}`},
		{"several values without a quantifier", `"StringNotEquals": {"aws:TagKeys": "c"}`},
		{"several values of a variable", `"StringNotEquals": {"a:b": "${aws:TagKeys}"}`},
		{"a number that is none", `"NumericNotEquals": {"a:b": "1"}`},
		{"a policy's number that is none", `"NumericNotEquals": {"a:n": "${a:n}"}`},
		{"an address that is none", `"NotIpAddress": {"a:b": "192.0.2.1"}`},
		{"base64 that is none", `"BinaryEquals": {"a:b": "QQ=="}`},
		{"neither true nor false", `"BoolIfExists": {"a:b": "true"}`},
		{"Null of neither", `"Null": {"a:b": "maybe"}`},
	} {
		values := iam.NewContext(map[string][]string{
			"ssm:resourceTag/Department": {"FrontEnd"}, "ssm:resourceTag/department": {"BackEnd"},
			"aws:TagKeys": {"a", "b"}, "a:b": {"!"}, "a:n": {"1"},
		})
		for effect, want := range map[string]iam.Outcome{"Allow": iam.ImplicitlyDenied, "Deny": iam.ExplicitlyDenied} {
			p := compile(t, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": %q, "Action": "*", "Resource": "*", "Condition": {%s}}}`, effect, c.condition))
			if v := p.Evaluate(iam.Request{Action: "a:B", Context: values}); v.Outcome != want || len(v.Errors) != 1 {
				t.Errorf("%s in %s: %v, errors %v", c.name, effect, v.Outcome, v.Errors)
			}
		}
	}
}

func TestStartSessionIsTwoChecks(t *testing.T) {
	target := `{"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {"StringEquals": {"ssm:resourceTag/Department": "FrontEnd"}}}`
	shell := `{"Effect": "Allow", "Action": "ssm:StartSession", "Resource": ["arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell", "arn:aws:ssm:*:*:document/AWS-StartPortForwardingSession"], "Condition": {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}}`
	tagged := iam.Thing{ARN: frontEnd, Tags: map[string]string{"Department": "FrontEnd"}}
	for _, c := range []struct {
		name, statements string
		target, document iam.Thing
		want             iam.Outcome
	}{
		{"the target alone", target, tagged, iam.Thing{}, iam.ImplicitlyDenied},
		{"both", target + "," + shell, tagged, iam.Thing{}, iam.Allowed},
		{"a document of AWS", target + "," + shell, tagged, iam.Thing{ARN: "arn:aws:ssm:us-east-1::document/AWS-StartPortForwardingSession"}, iam.Allowed},
		{"another document of AWS", target + "," + shell, tagged, iam.Thing{ARN: "arn:aws:ssm:us-east-1::document/AWS-StartSSHSession"}, iam.ImplicitlyDenied},
		{"another target", target + "," + shell, iam.Thing{ARN: backEnd, Tags: map[string]string{"Department": "BackEnd"}}, iam.Thing{}, iam.ImplicitlyDenied},
	} {
		ps := iam.Policies{Identity: []*iam.Policy{compile(t, `{"Version": "2012-10-17", "Statement": [`+c.statements+`]}`)}}
		requests := iam.StartSession(iam.Request{}, c.target, c.document)
		if v := ps.EvaluateAll(requests...); v.Outcome != c.want {
			t.Errorf("%s: %v, want %v", c.name, v.Outcome, c.want)
		}
	}
	if v := (iam.Policies{}).EvaluateAll(); v.Outcome == iam.Allowed {
		t.Error("no request at all is allowed")
	}
}

func TestCheckCase(t *testing.T) {
	ps := iam.Policies{Identity: []*iam.Policy{compile(t, `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {"StringEquals": {"ssm:resourceTag/Team": "${aws:PrincipalTag/Team}"}}},
		{"Effect": "Allow", "Action": "ssm:TerminateSession", "Resource": "arn:aws:ssm:*:*:session/${aws:userid}-*", "Condition": {"Null": {"a:b": "true"}}}]}`)}}
	for _, c := range []struct{ name, action, keys, want string }{
		{"all there", "ssm:StartSession", "SSM:resourceTag/team aws:PrincipalTag/Team", ""},
		{"known to be absent", "ssm:StartSession", "ssm:resourceTag/Team aws:PrincipalTag/Team-", ""},
		{"one missing", "ssm:StartSession", "ssm:resourceTag/Team", "a policy asks for aws:principaltag/team, and the case does not say whether the request has it"},
		{"one misspelt", "ssm:StartSession", "ssm:resourceTag/Team aws:PrincipalTag/Team aws:PrincipalTag/Tema", "the case gives aws:principaltag/tema, and no policy asks for it"},
		{"a variable of a resource", "ssm:TerminateSession", "a:b", "a policy asks for aws:userid, and the case does not say whether the request has it"},
	} {
		values := map[string][]string{}
		for _, key := range strings.Fields(c.keys) {
			if absent, is := strings.CutSuffix(key, "-"); is {
				values[absent] = nil
			} else {
				values[key] = []string{"x"}
			}
		}
		got := ""
		if err := ps.CheckCase(iam.Request{Action: c.action, Resource: frontEnd, Context: iam.NewContext(values)}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// BenchmarkEvaluate evaluates twenty statements of which the last one allows.
func BenchmarkEvaluate(b *testing.B) {
	var statements []string
	for n := range 20 {
		statements = append(statements, fmt.Sprintf(`{"Effect": "Allow", "Action": ["ssm:StartSession", "ssm:ResumeSession"],
			"Resource": ["arn:aws:ec2:*:*:instance/*", "arn:aws:ssm:*:*:managed-instance/*"], "Condition": {"StringEquals": {
			"ssm:resourceTag/AppGroup": "${aws:PrincipalTag/AppGroup%d}", "ssm:resourceTag/AppId": "${aws:PrincipalTag/AppId%d}"}}}`, n, n))
	}
	ps := iam.Policies{Identity: []*iam.Policy{compile(b, `{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`)}}
	pairs := []string{"ssm:resourceTag/AppGroup", "g19", "ssm:resourceTag/AppId", "a19"}
	for n := range 20 {
		pairs = append(pairs, fmt.Sprintf("aws:PrincipalTag/AppGroup%d", n), fmt.Sprintf("g%d", n), fmt.Sprintf("aws:PrincipalTag/AppId%d", n), fmt.Sprintf("a%d", n))
	}
	r := start(frontEnd, pairs...)
	b.ReportAllocs()
	for b.Loop() {
		if v := ps.Evaluate(r); v.Outcome != iam.Allowed {
			b.Fatal(v)
		}
	}
}
