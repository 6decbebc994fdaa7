package awstest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"

	"sesame/strategies/awstest"
)

func TestQueriesOfConfig(t *testing.T) {
	r := newRig(t)
	for _, i := range []awstest.Instance{
		{ID: "i-1", Account: management, Region: "us-east-1", Tags: map[string]string{"Team": "it's", "x": "y"}},
		{ID: "i-2", Account: management, Region: "eu-west-1", Tags: map[string]string{"Team": "it's"}},
		{ID: "i-3", Account: "999999999999", Region: "us-east-1", Tags: map[string]string{"Team": "it's"}},
	} {
		r.w.AddInstance(i)
	}
	r.w.AddAggregator(management, "org")
	client := configservice.NewFromConfig(r.config(r.key))
	const from = "SELECT resourceId, awsRegion, tags, configuration.state.name WHERE "
	query := func(where string) (string, error) {
		out, err := client.SelectResourceConfig(t.Context(), &configservice.SelectResourceConfigInput{Expression: aws.String(from + where)})
		if err != nil {
			return "", err
		}
		return strings.Join(out.Results, "\n"), nil
	}
	got, err := query("resourceType = 'AWS::EC2::Instance' AND tags.tag = 'Team=it''s' AND tags.tag = 'x=y'")
	if err != nil || !strings.Contains(got, `"i-1"`) || strings.Contains(got, `"i-2"`) || strings.Contains(got, `"i-3"`) {
		t.Errorf("by tags: %s, %v", got, err)
	}
	if got, err := query("tags.tag = 'Team=its'"); err != nil || got != "" {
		t.Errorf("by another value: %s, %v", got, err)
	}
	for _, wrong := range []string{"tags.tag = 'Team=it's'", "1 = 1", "tags.tag LIKE 'T%'", ""} {
		if _, err := query(wrong); err == nil || !strings.Contains(err.Error(), "InvalidExpressionException") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	aggregate := func(name string) (int, error) {
		out, err := client.SelectAggregateResourceConfig(t.Context(), &configservice.SelectAggregateResourceConfigInput{
			ConfigurationAggregatorName: &name, Expression: aws.String(from + "tags.tag = 'Team=it''s' AND awsRegion IN ('us-east-1', 'us-west-2')"),
		})
		if err != nil {
			return 0, err
		}
		return len(out.Results), nil
	}
	if n, err := aggregate("org"); n != 2 || err != nil {
		t.Errorf("an aggregator has %d machines, %v", n, err)
	}
	if _, err := aggregate("none"); err == nil {
		t.Error("an aggregator that does not exist answers")
	}
}
