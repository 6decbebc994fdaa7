package awstest_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"sesame/strategies/awstest"
)

// TestEveryRuleHasItsTest holds RULES.md to the tests that it names.
func TestEveryRuleHasItsTest(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(b)
	}
	rules, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`Test\w+`)
	for line := range strings.Lines(string(rules)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Rule") {
			continue
		}
		names := named.FindAllString(line, -1)
		if len(names) == 0 {
			t.Errorf("no test: %s", line)
		}
		for _, name := range names {
			if !strings.Contains(tests.String(), "func "+name+"(t ") {
				t.Errorf("%s does not exist", name)
			}
		}
	}
}

// TestInputsKnowWhatTheSDKSends compares each operation with the SDK's method
// and the fields of its input, so that the stand-in does not drift away.
func TestInputsKnowWhatTheSDKSends(t *testing.T) {
	notHere := map[string]bool{ // what AssumeRole offers to others than servers
		"SerialNumber": true, "TokenCode": true, "ProvidedContexts": true, "MinimumSessionTokenSize": true,
	}
	for service, client := range map[string]any{
		"sso": &ssoadmin.Client{}, "identitystore": &identitystore.Client{},
		"organizations": &organizations.Client{}, "sts": &sts.Client{},
		"ssm": &ssm.Client{}, "kms": &kms.Client{}, "iam": &iam.Client{}, "config": &configservice.Client{},
	} {
		for op, check := range awstest.InputChecks(service) {
			method, ok := reflect.TypeOf(client).MethodByName(op)
			if !ok {
				t.Errorf("%s: the SDK has no %s", service, op)
				continue
			}
			for _, field := range reflect.VisibleFields(method.Type.In(2).Elem()) {
				if !field.IsExported() || notHere[field.Name] {
					continue
				}
				err := check(map[string]any{field.Name: struct{}{}})
				if err == nil || strings.Contains(err.Error(), "unknown member") {
					t.Errorf("%s: %s: %v", op, field.Name, err)
				}
			}
		}
	}
}
