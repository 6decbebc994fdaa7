package iam_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"sesame/policies/iam"
)

// casesOf returns the lines of a file of cases, each cut at its bars, by where
// they stand. What begins with # is for readers.
func casesOf(t *testing.T, file string, fields int) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		field := strings.Split(line, "|")
		if len(field) != fields {
			t.Fatalf("%s:%d has %d fields, want %d", file, n, len(field), fields)
		}
		for i := range field {
			field[i] = strings.TrimSpace(field[i])
		}
		cases[fmt.Sprintf("%s:%d", file, n)] = field
	}
	return cases
}

// contextOf reads what a request has.
func contextOf(text string) iam.Context {
	values := map[string][]string{}
	for _, pair := range strings.Fields(text) {
		key, value, given := strings.Cut(pair, "=")
		some := values[key]
		if given {
			some = append(some, value)
		}
		values[key] = some
	}
	return iam.NewContext(values)
}

// TestConditions has each condition guard an Allow, which must not grant what is
// not decided, and a Deny, which must deny it.
func TestConditions(t *testing.T) {
	allow := map[string]iam.Outcome{"yes": iam.Allowed, "no": iam.ImplicitlyDenied, "?": iam.ImplicitlyDenied}
	deny := map[string]iam.Outcome{"yes": iam.ExplicitlyDenied, "no": iam.ImplicitlyDenied, "?": iam.ExplicitlyDenied}
	for at, c := range casesOf(t, "testdata/conditions.txt", 3) {
		condition, context, answer := c[0], contextOf(c[1]), c[2]
		for effect, want := range map[string]iam.Outcome{"Allow": allow[answer], "Deny": deny[answer]} {
			p := compile(t, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": %q, "Action": "*", "Resource": "*", "Condition": %s}}`, effect, condition))
			v := p.Evaluate(iam.Request{Action: "ssm:StartSession", Resource: frontEnd, Context: context})
			if undecided := len(v.Errors) > 0; v.Outcome != want || undecided != (answer == "?") {
				t.Errorf("%s: %s %s of %q: %v, errors %v; want %s", at, effect, condition, c[1], v.Outcome, v.Errors, answer)
			}
		}
	}
}

// TestElements has each statement be an Allow and a Deny; one with ! is no
// statement.
func TestElements(t *testing.T) {
	names := context("aws:username", "ana", "aws:PrincipalTag/Team", "Red", "aws:PrincipalTag/Star", "*")
	about := map[string]map[string]iam.Outcome{
		"Allow": {"yes": iam.Allowed, "no": iam.ImplicitlyDenied},
		"Deny":  {"yes": iam.ExplicitlyDenied, "no": iam.ImplicitlyDenied},
	}
	for at, c := range casesOf(t, "testdata/elements.txt", 3) {
		action, resource, _ := strings.Cut(c[1], " ")
		for effect, wants := range about {
			d, err := iam.Parse("p", fmt.Appendf(nil, `{"Version": "2012-10-17", "Statement": {"Effect": %q, %s}}`, effect, c[0]))
			var p *iam.Policy
			if err == nil {
				p, err = iam.Compile(d, iam.IdentityBased)
			}
			want, ok := wants[c[2]]
			if ok != (err == nil) {
				t.Errorf("%s: %s: %v, want %s", at, c[0], err, c[2])
			}
			if err != nil {
				continue
			}
			v := p.Evaluate(iam.Request{Action: action, Resource: resource, Context: names})
			if v.Outcome != want || len(v.Errors) > 0 {
				t.Errorf("%s: %s %s of %s: %v, errors %v; want %s", at, effect, c[0], c[1], v.Outcome, v.Errors, c[2])
			}
		}
	}
}

// saying returns policies that allow, do not allow (-), or deny (!), by the
// sort of policy that comes before the sign.
func saying(t *testing.T, words string) (ps iam.Policies) {
	t.Helper()
	effects := map[byte]*iam.Policy{'+': identity(t, "Allow", "*"), '-': identity(t, "Allow", "ec2:*"), '!': identity(t, "Deny", "*")}
	for _, word := range strings.Fields(words) {
		end := len(word) - 1
		p := effects[word[end]]
		switch sort := word[:end]; sort {
		case "identity":
			ps.Identity = append(ps.Identity, p)
		case "session":
			ps.Session = append(ps.Session, p)
		case "boundary":
			ps.Boundary = p
		case "scp":
			ps.SCPs = append(ps.SCPs, []*iam.Policy{p})
		default:
			t.Fatalf("no sort of policy %q", sort)
		}
	}
	return ps
}

func TestPrincipals(t *testing.T) {
	long := strings.NewReplacer(
		"iam::1:", "arn:aws:iam::111111111111:", "sts::1:", "arn:aws:sts::111111111111:",
		"iam::2:", "arn:aws:iam::222222222222:", "sts::2:", "arn:aws:sts::222222222222:")
	outcomes := map[string]iam.Outcome{"allowed": iam.Allowed, "implicit": iam.ImplicitlyDenied, "explicit": iam.ExplicitlyDenied}
	for at, c := range casesOf(t, "testdata/principals.txt", 4) {
		ps := saying(t, c[2])
		ps.Resource = compile(t, fmt.Sprintf(`{"Version": "2012-10-17", "Statement": {"Effect": %s, "Action": "s3:*", "Resource": "*"}}`, long.Replace(c[0])))
		r := iam.Request{Principal: strings.TrimPrefix(long.Replace(c[1]), "-"), Action: "s3:GetObject", Resource: "arn:aws:s3:::b/o", ResourceAccount: account}
		if v := ps.Evaluate(r); v.Outcome != outcomes[c[3]] || len(v.Errors) > 0 {
			t.Errorf("%s: %s by %s with %q: %v, errors %v; want %s", at, c[0], c[1], c[2], v.Outcome, v.Errors, c[3])
		}
	}
}
