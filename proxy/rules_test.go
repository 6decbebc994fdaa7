package proxy_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"sesame/flows/flowfile"
	"sesame/policies"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
)

// ruled are the calls of a target with one rule.
func ruled(deny string) string {
	text, err := json.Marshal(flowfile.Calls{Rules: []flowfile.CallRule{
		{Name: "ours", Deny: deny, Message: "{call.operation} of {call.params.TableName} is refused: ask the owners."},
	}})
	if err != nil {
		panic(err) // texts encode
	}
	return string(text)
}

func TestRulesAreAskedAboutEachCall(t *testing.T) {
	large := func() message {
		return item(`{"TableName":"orders","Item":{"d":{"S":"` + strings.Repeat("x", 70<<10) + `"}}}`)
	}
	put := func() message { return item(`{"TableName":"orders"}`) }
	object := func() message {
		return message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3", body: "data"}
	}
	const said, unsure = "is refused: ask the owners.", `Refused, since the rule "ours" of calls cannot be evaluated: `
	for _, c := range []struct {
		name, deny string
		message    func() message
		sentence   string // of the refusal, if it is one
	}{
		{"service and level", `call.service == "dynamodb" and call.level == "write"`, put, "PutItem of orders " + said},
		{"a read", `call.service == "dynamodb" and call.level == "write"`, query, ""},
		{"parameter", `(call.params["TableName"] ?? "") == "orders"`, query, "Query of orders " + said},
		{"other parameter", `(call.params["TableName"] ?? "") == "bills"`, query, ""},
		{"region and address", `call.region == "us-east-1" and call.source_ip == "192.0.2.7"`, query, said},
		{"action", `call.action == "dynamodb:PutItem"`, put, said},
		{"grant", `grant.target == "ec2-frontend" and grant.left <= duration("1h") and grant.ends.time == "13:00"`, put, said},
		{"requester and target", `requester.email == "alice@example.com" and target.tags.env == "prod" and target.account == "222222222222"`, put, said},
		{"now", `now.weekday == "Fri" and now.hour == 12`, put, said},
		{"a tag that is not there", `target.tags.owner == "x"`, put, unsure + "target ec2-frontend has no tag owner; tell an admin."},
		{"a body that is not read", `(call.params["TableName"] ?? "") == "bills"`, large, unsure + "whether the call has the parameter TableName is not known"},
		{"a body that is not asked for", `call.service == "s3" and (call.params["Key"] ?? "") == "x"`, large, ""},
		{"a path", `(call.params["Key"] ?? "") == "k" and (call.params["Bucket"] ?? "") == "b"`, object, said},
		{"another path", `(call.params["Key"] ?? "") == "j"`, object, ""},
		{"what XML may name", `(call.params["VersionId"] ?? "") == "1"`, object, unsure + "whether the call has the parameter VersionId is not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruled(c.deny))
			w := r.serve(r.signed(c.message()), home)
			refused := w.Code == http.StatusForbidden || w.Code == http.StatusBadRequest
			if refused != (c.sentence != "") || !strings.Contains(plain(w.Body.String()), c.sentence) {
				t.Errorf("%d %s, want %q", w.Code, w.Body, c.sentence)
			}
			if n := len(r.aws.received()); refused != (n == 0) {
				t.Errorf("%d calls reached AWS", n)
			}
			if e := r.entries()[0]; refused && (e.Kind != calls.Refused || e.Rule != "calls.rules ours" || !strings.Contains(e.Why, c.sentence)) {
				t.Errorf("recorded %+v", e)
			}
		})
	}
}

// TestRulesComeLast has a call that the target does not allow in any case.
func TestRulesComeLast(t *testing.T) {
	r := newRig(t, strings.Replace(ruled("true"), "{", `{"read_only":true,`, 1))
	if r.serve(r.signed(item(`{"TableName":"orders"}`)), home); r.entries()[0].Rule != "calls.read_only" {
		t.Errorf("%+v", r.entries()[0])
	}
	g := r.grant()
	g.Request = "r-gone"
	r.put(g)
	if w := r.serve(r.signed(query()), home); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not read what the grant was given for") {
		t.Errorf("without the request: %d %s", w.Code, w.Body)
	}
}

// TestAnEngineerIsRefusedByARule has clients of the SDK, which show the
// message, and a record that names the rule.
func TestAnEngineerIsRefusedByARule(t *testing.T) {
	const lists = `{"rules":[
		{"name":"orders","deny":"call.level == \"write\" and (call.params[\"TableName\"] ?? \"\") == \"orders\"","message":"Orders are not written by hand: ask in #orders."},
		{"name":"logs","deny":"call.service == \"s3\" and (call.params[\"Bucket\"] ?? \"\") endsWith \"-logs\"","message":"{call.params.Bucket} is for the auditors, {requester.email}: ask them."}]}`
	r := newRig(t, lists)
	r.listen()
	c, ctx := r.config(), t.Context()
	table := dynamodb.NewFromConfig(c)
	remove := func(name string) error {
		_, err := table.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(name)})
		return err
	}
	_, get := s3.NewFromConfig(c).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("web-logs"), Key: aws.String("k")})
	for want, err := range map[string]error{
		"Orders are not written by hand: ask in #orders.":            remove("orders"),
		"web-logs is for the auditors, alice@example.com: ask them.": get,
	} {
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok || !strings.HasPrefix(api.ErrorCode(), "AccessDenied") || api.ErrorMessage() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := remove("drafts"); err != nil {
		t.Error(err)
	}
	var rules []string
	for _, e := range r.entries() {
		if e.Kind == calls.Refused {
			rules = append(rules, e.Rule)
		}
	}
	slices.Sort(rules)
	if !slices.Equal(rules, []string{"calls.rules logs", "calls.rules orders"}) {
		t.Errorf("recorded %q", rules)
	}
}

// TestRulesKnowTheLevels holds the language to what calls are classified as.
func TestRulesKnowTheLevels(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := policies.CallVariables()
	known := all[slices.IndexFunc(all, func(n policies.Name) bool { return n.Name == "call.level" })].OneOf
	for _, o := range table.Operations() {
		if !slices.Contains(known, o.Level.String()) {
			t.Fatalf("%s is a %s, which no rule can ask for", o.Name, o.Level)
		}
	}
}
