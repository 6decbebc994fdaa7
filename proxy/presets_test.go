package proxy_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sesame/flows/golden"
	"sesame/proxy"
	"sesame/proxy/awsapi"
)

// TestPresets writes down, of every operation of AWS, what the presets refuse. Of
// what merely is called a deletion it says how much there is of each service.
func TestPresets(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	known, plain, odd := map[string]bool{}, map[string]int{}, []string{}
	for _, o := range table.Operations() {
		name := o.Service.Name + ":" + o.Name
		known[name] = true
		switch reads := o.Level == awsapi.List || o.Level == awsapi.Read; {
		case reads || !proxy.IsDeletionForTest(o.Name):
		case strings.HasPrefix(o.Name, "Delete"):
			plain[o.Service.Name]++
		default:
			odd = append(odd, name)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "# Refused by no_delete, as many of each service, since their names begin with Delete.\n")
	for _, service := range slices.Sorted(maps.Keys(plain)) {
		fmt.Fprintf(&out, "%s %d\n", service, plain[service])
	}
	fmt.Fprintf(&out, "\n# Refused by no_delete by other names.\n%s\n", strings.Join(odd, "\n"))
	listed := proxy.PresetsForTest()
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !known[name] {
			t.Errorf("%s is not an operation of AWS", name)
		}
		fmt.Fprintf(&out, "%s: %s\n", listed[name], name)
	}
	golden.Equal(t, "testdata/presets.golden", out.String())
}

func json1(service, operation, body string) message {
	return message{
		method: "POST", url: "https://" + strings.ToLower(service) + ".us-east-1.amazonaws.com/", service: strings.ToLower(service), body: body,
		header: map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": operation},
	}
}

// TestCallsUnderPresets has calls that a preset refuses, and others that it lets
// through.
func TestCallsUnderPresets(t *testing.T) {
	const (
		// What escalates is refused before, unless the target names it.
		noDelete = `{"no_delete":true,"escalate":["dynamodb:FrobItem","s3:PutBucketLifecycleConfiguration"]}`
		deletes  = " may delete something, which is refused on ec2-frontend: ask for another target."
		shows    = " may show a secret, which is refused on ec2-frontend: ask for another target."
	)
	ddb := func(operation, body string) message {
		m := json1("dynamodb", "DynamoDB_20120810."+operation, body)
		m.header["Content-Type"] = "application/x-amz-json-1.0"
		return m
	}
	s3 := func(method, path string) message {
		return message{method: method, url: "https://b.s3.us-east-1.amazonaws.com" + path, service: "s3"}
	}
	for name, c := range map[string]struct {
		lists    string
		message  message
		sentence string // of the refusal; empty for none
	}{
		"a deletion":         {noDelete, ddb("DeleteItem", `{"TableName":"orders"}`), "dynamodb:DeleteItem" + deletes},
		"an object":          {noDelete, s3("DELETE", "/k"), "s3:DeleteObject" + deletes},
		"expiry":             {noDelete, s3("PUT", "/?lifecycle"), "s3:PutBucketLifecycleConfiguration" + deletes},
		"a batch that does":  {noDelete, ddb("BatchWriteItem", `{"RequestItems":{"orders":[{"DeleteRequest":{}}]}}`), "dynamodb:BatchWriteItem" + deletes},
		"a batch that puts":  {noDelete, ddb("BatchWriteItem", `{"RequestItems":{"orders":[{"PutRequest":{}}]}}`), ""},
		"what is not known":  {noDelete, ddb("FrobItem", `{}`), "dynamodb:FrobItem" + deletes},
		"a write":            {noDelete, ddb("PutItem", `{"TableName":"orders"}`), ""},
		"a read":             {noDelete, ddb("GetItem", `{"TableName":"orders"}`), ""},
		"protection":         {noDelete, json1("kms", "TrentService.CancelKeyDeletion", `{"KeyId":"k"}`), ""},
		"a secret":           {`{"no_secrets":true}`, json1("secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"db"}`), "secretsmanager:GetSecretValue" + shows},
		"a parameter":        {`{"no_secrets":true}`, json1("ssm", "AmazonSSM.GetParametersByPath", `{"Path":"/"}`), "ssm:GetParametersByPath" + shows},
		"an unknown read":    {`{"no_secrets":true,"escalate":["ssm:GetParameterInClear"]}`, json1("ssm", "AmazonSSM.GetParameterInClear", `{}`), "ssm:GetParameterInClear" + shows},
		"names of secrets":   {`{"no_secrets":true}`, json1("secretsmanager", "secretsmanager.ListSecrets", `{}`), ""},
		"a deletion of one":  {`{"no_secrets":true}`, json1("ssm", "AmazonSSM.DeleteParameter", `{"Name":"n"}`), ""},
		"a secret otherwise": {`{"no_delete":true}`, json1("secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"db"}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.lists)
			w := r.serve(r.signed(c.message), home)
			if refused := w.Code != http.StatusOK; refused != (c.sentence != "") || !strings.Contains(plain(w.Body.String()), c.sentence) {
				t.Errorf("%d %s, want %q", w.Code, w.Body, c.sentence)
			}
			if n := len(r.aws.received()); (c.sentence != "") != (n == 0) {
				t.Errorf("%d calls reached AWS", n)
			}
		})
	}
}
