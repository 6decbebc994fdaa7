package iam_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sesame/policies/iam"
)

func TestProblemsOfDocuments(t *testing.T) {
	const end = `"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`
	for _, c := range []struct{ name, text, want string }{
		{"nothing", ``, `p:1:1: not JSON: it ends too soon`},
		{"cut off", "{\n  \"Statement\": [", `p:2:17: not JSON: it ends too soon`},
		{"no JSON", "{\n  \"Statement\" 1}", `p:2:15: not JSON: invalid character '1' after object key`},
		{"a comma too many", `{"Statement": [1,]}`, `p:1:18: not JSON: invalid character ']' looking for beginning of value`},
		{"a comma before anything", "{\n ,\"Statement\": 1}", `p:2:2: not JSON: invalid character ',' looking for beginning of object key string`},
		{"two colons", `{"Statement":: 1}`, `p:1:14: not JSON: invalid character ':' looking for beginning of value`},
		{"no comma between two", "[{}\n {}]", `p:2:2: not JSON: invalid character '{' after array element`},
		{"quotes of another language", `{"Statement": {"Effect": 'Allow'}}`, `p:1:26: not JSON: invalid character '\'' looking for beginning of value`},
		{"a comment", "{\"Version\": \"2012-10-17\", // now\n}", `p:1:27: not JSON: invalid character '/' looking for beginning of object key string`},
		{"a zero before a number", `{"Id": 01}`, `p:1:9: not JSON: invalid character '1' after object key:value pair`},
		{"an end of line in a string", "{\"Id\": \"a\nb\"}", `p:1:10: not JSON: invalid character '\n' in string literal`},
		{"a byte order mark", "\ufeff{}", `p:1:1: the document begins with a byte order mark, which IAM does not take: save it without one`},
		{"two documents", `{} {}`, `p:1:4: there is more after the end of the document`},
		{"no UTF-8", "{\"\xff\": 1}", `p:1:1: the document is not UTF-8`},
		{"very deep", strings.Repeat("[", 50), `p:1:14: nested too deeply for a policy`},
		{"a list", `[]`, `p:1:1: a policy is a list: it must be an object`},
		{"no statement", `{"Version": "2012-10-17"}`, `p:1:1: the policy has no Statement`},
		{"empty statement list", `{"Statement": []}`, `p:1:15: Statement is empty`},
		{"an unknown version", `{"Version": "2015-10-17", "Statement": {` + end, `p:1:13: there is no version "2015-10-17" of the policy language: write "2012-10-17"`},
		{"an unknown element", `{"Statement": {"Actions": 1, ` + end, `p:1:16: "Actions" is no element of a statement`},
		{"a name in another case", `{"statement": {` + end, "p:1:1: the policy has no Statement\np:1:2: \"statement\" is no element of a policy"},
		{"an element twice", `{"Statement": {"Effect": "Deny", ` + end, `p:1:34: "Effect" comes twice in a statement`},
		{"both sorts of an element", `{"Statement": {"NotAction": "s3:*", ` + end, `p:1:56: the statement has Action and NotAction: it may have one of them`},
		{"missing elements", `{"Statement": {"Sid": "A"}}`, "p:1:15: the statement has no Action\np:1:15: the statement has no Effect"},
		{"a Sid twice", `{"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}]}`, `p:1:81: two statements have the Sid "A"`},
		{"an unknown effect", `{"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}`, `p:1:26: Effect is "allow": it must be Allow or Deny`},
		{"actions that are none", `{"Statement": {"Effect": "Allow", "Action": ["StartSession", "ss*:Start", "ssm:Start Session", 1], "Resource": "*"}}`,
			"p:1:46: \"StartSession\" is no action: write service:Action\np:1:62: \"ss*:Start\" is no action: write service:Action\np:1:75: \"ssm:Start Session\" is no action: write service:Action\np:1:96: \"1\" is no action: write service:Action\np:1:96: Action has a number: it must be a string"},
		{"no resource", `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "instance/*"}}`, `p:1:62: "instance/*" is no resource: write an ARN or *`},
		{"no action at all", `{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}`, `p:1:45: Action is empty`},
		{"a principal that is none", `{"Statement": {"Principal": {"Aws": "*"}, ` + end, `p:1:30: "Aws" is no element of Principal`},
		{"unknown operators", `{"Statement": {"Condition": {"StringLikes": {"a:b": "c"}, "ForEach:StringLike": {"a:b": "c"}, "NullIfExists": {"a:b": "true"}}, ` + end,
			"p:1:30: there is no condition operator \"StringLikes\"\np:1:59: there is no condition operator \"ForEach:StringLike\"\np:1:95: there is no condition operator \"NullIfExists\""},
		{"a condition without values", `{"Statement": {"Condition": {"StringEquals": {"a:b": []}}, ` + end, `p:1:54: a:b is empty`},
		{"a value of no use", `{"Statement": {"Condition": {"StringEquals": {"a:b": null}}, ` + end, `p:1:54: a:b has null: it must be a string`},
		{"columns are characters", "{\"Id\": \"äöü\", \"x\": 1,\r\n\t\"Statement\": {" + end, `p:1:15: "x" is no element of a policy`},
	} {
		_, err := iam.Parse("p", []byte(c.text))
		if err == nil {
			t.Errorf("%s: no problem, want %s", c.name, c.want)
		} else if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestProblemsOfKinds(t *testing.T) {
	const both = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}`
	const neither = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*"}}`
	for _, c := range []struct {
		name, text string
		kind       iam.Kind
		want       string
	}{
		{"a principal too many", both, iam.IdentityBased, `p:1:60: an identity-based policy has a Principal (whoever has the policy is the principal)`},
		{"a resource too many", both, iam.Trust, `p:1:93: a trust policy has a Resource (it is about the role that has it)`},
		{"no resource", neither, iam.IdentityBased, `p:1:40: the statement has no Resource`},
		{"no principal", neither, iam.Trust, `p:1:40: the statement has no Principal (a trust policy says whom it is about)`},
		{"a variable without an end", strings.ReplaceAll(neither, `"*"}`, `"*", "Resource": "arn:${aws:x"}`), iam.IdentityBased, `p:1:87: "${aws:x" is a variable without an end`},
		{"a default without quotes", strings.ReplaceAll(neither, `"*"}`, `"*", "Resource": "*", "Condition": {"StringLike": {"a:b": "${aws:x, y}"}}}`), iam.IdentityBased, `p:1:128: the default in "${aws:x, y}" is not in single quotes`},
	} {
		d, err := iam.Parse("p", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = iam.Compile(d, c.kind); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestPositions(t *testing.T) {
	d, err := iam.Parse("p", []byte("{\"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Sid\": \"ä\", \"Effect\": \"Allow\",\n   \"Action\": [\"a:B\", \"a:C\"], \"Resource\": \"*\",\n   \"Condition\": {\"Bool\": {\"k:v\": true}}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	s := d.Statements[0]
	c := s.Conditions[0]
	got := []string{d.Version.At.String(), s.At.String(), s.Actions.Values[1].At.String(), c.At.String(), c.Key.At.String(), c.Values[0].At.String()}
	want := []string{"p:1:13", "p:3:3", "p:4:22", "p:5:18", "p:5:27", "p:5:34"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

func TestFormat(t *testing.T) {
	const text = `{"Statement": {"Condition": {"StringEquals": {"b:c": "<&>", "a:b": ["1", "2"]}, "ForAllValues:StringLikeIfExists": {"k:v": 1}},
		"NotResource": ["*"], "NotAction": ["a:B"], "Effect": "Deny", "Sid": "S"}, "Id": "I", "Version": "2012-10-17"}`
	const want = `{
  "Version": "2012-10-17",
  "Id": "I",
  "Statement": [
    {
      "Sid": "S",
      "Effect": "Deny",
      "NotAction": "a:B",
      "NotResource": "*",
      "Condition": {
        "StringEquals": {
          "b:c": "<&>",
          "a:b": [
            "1",
            "2"
          ]
        },
        "ForAllValues:StringLikeIfExists": {
          "k:v": "1"
        }
      }
    }
  ]
}
`
	d, err := iam.Parse("p", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(d.Format())); diff != "" {
		t.Errorf("format (-want +got):\n%s", diff)
	}
}

// FuzzParse looks for a document that panics, whose printed form reads
// differently, or that is taken although it is not one.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := iam.Parse("p", []byte(text))
		if err != nil {
			if d != nil || len(err.Error()) == 0 {
				t.Fatalf("%v with %v", d, err)
			}
			return
		}
		printed := d.Format()
		again, err := iam.Parse("p", printed)
		if err != nil {
			t.Fatalf("what is printed cannot be read: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(string(printed), string(again.Format())); diff != "" {
			t.Fatalf("printed again (-first +second):\n%s", diff)
		}
		lines := strings.Count(text, "\n") + 1
		for _, s := range d.Statements {
			if s.At.Line < 1 || s.At.Line > lines || s.At.Col < 1 {
				t.Fatalf("a statement at %s", s.At)
			}
		}
	})
}

var fuzzSeeds = []string{
	`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`,
	`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": ["a:B"], "NotResource": "arn:aws:s3:::${aws:username, 'x'}*", "Condition": {"ForAllValues:StringLikeIfExists": {"k:v": ["${k:w}", 1, true]}}}]}`,
	`{"Statement": {"Effect": "Deny", "Action": "a:?", "Resource": "arn:*a*:*:b", "Condition": {"DateLessThan": {"k:v": "${aws:x}"}, "Null": {"k:v": "false"}, "IpAddress": {"k:v": "::1/0"}}}}`,
	`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": ["1", "arn:aws:iam::1:role/x"]}, "Action": "sts:AssumeRole", "Condition": {"NumericEquals": {"k:v": "1e9"}, "ArnLike": {"k:v": "arn:a:b:c*:d:e:${k:v}"}, "Bool": {"k:v": "x"}, "BinaryEquals": {"k:v": "QQ=="}}}}`,
	`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotPrincipal": "*", "Action": "a:${x}"}}`,
}

// FuzzEvaluate looks for a request that panics, for an Allow without a
// statement that allows, and for one in spite of a Deny that cannot be decided.
func FuzzEvaluate(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed, "a:b", "arn:aws:s3:::x", "k:v", "2026-03-02")
	}
	f.Fuzz(func(t *testing.T, text, action, resource, key, value string) {
		d, err := iam.Parse("p", []byte(text))
		if err != nil {
			return
		}
		values := map[string][]string{key: {value}, "aws:username": {value}, "sesame:undecided": {"never"}}
		r := iam.Request{Action: action, Resource: resource, Principal: value, Context: iam.NewContext(values)}
		undecided := iam.Statement{
			Effect: iam.Deny, Actions: iam.Elements{Values: iam.Values("*")}, Resources: iam.Elements{Values: iam.Values("*")},
			Conditions: []iam.Condition{{Operator: "DateLessThan", Key: iam.Value{Text: "sesame:undecided"}, Values: iam.Values("2026-03-02")}},
		}
		p, err := iam.Compile(d, d.Kind())
		if err != nil {
			return
		}
		v := p.Evaluate(r)
		if v.Outcome == iam.Allowed && (len(v.By) == 0 || v.By[0].Effect != iam.Allow) {
			t.Fatalf("allowed by %v", v.By)
		}
		if d.Kind() != iam.IdentityBased {
			return
		}
		d.Statements = append(d.Statements, undecided)
		if p, err = iam.Compile(d, iam.IdentityBased); err != nil {
			t.Fatal(err)
		}
		if v := p.Evaluate(r); v.Outcome == iam.Allowed || len(v.Errors) == 0 {
			t.Fatalf("%v although a deny is not decided", v)
		}
		_ = p.Misses(r)
	})
}
