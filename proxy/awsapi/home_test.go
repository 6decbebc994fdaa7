package awsapi_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sesame/proxy/awsapi"
)

func TestHomes(t *testing.T) {
	for _, c := range []struct{ signing, region, lead, host, signedFor string }{
		{"dynamodb", "us-east-1", "", "dynamodb.us-east-1.amazonaws.com", "us-east-1"},
		{"dynamodb", "mx-central-9", "", "dynamodb.mx-central-9.amazonaws.com", "mx-central-9"},
		{"iam", "eu-west-1", "", "iam.amazonaws.com", "us-east-1"},
		{"iam", "cn-northwest-1", "", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"iam", "us-gov-east-1", "", "iam.us-gov.amazonaws.com", "us-gov-west-1"},
		{"ce", "eu-west-1", "", "ce.us-east-1.amazonaws.com", "us-east-1"},
		{"sdb", "us-east-1", "", "sdb.amazonaws.com", "us-east-1"},
		{"sdb", "us-west-2", "", "sdb.us-west-2.amazonaws.com", "us-west-2"},
		{"ec2", "us-gov-west-1", "", "ec2.us-gov-west-1.amazonaws.com", "us-gov-west-1"},
		{"sts", "eusc-de-east-1", "", "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"},
		{"bcm-data-exports", "eu-west-1", "", "bcm-data-exports.us-east-1.api.aws", "us-east-1"},
		{"s3", "eu-west-1", "bucket", "bucket.s3.eu-west-1.amazonaws.com", "eu-west-1"},
		{"s3", "cn-north-1", "my.bucket", "my.bucket.s3.cn-north-1.amazonaws.com.cn", "cn-north-1"},
		{"airflow", "us-east-1", "env", "env.airflow.us-east-1.amazonaws.com", "us-east-1"},
		{"sagemaker", "us-east-1", "", "runtime.sagemaker.us-east-1.amazonaws.com", "us-east-1"},
	} {
		all := load(t).Homes(c.signing, c.region, c.lead)
		if !slices.ContainsFunc(all, func(h awsapi.Home) bool {
			return h.Host == c.host && h.Region == c.signedFor && h.Serves(c.signing, c.signedFor)
		}) {
			t.Errorf("%s in %s has %+v, want %s", c.signing, c.region, all, c.host)
		}
	}
}

// TestNoHome holds that neither a region nor what stands before a host leads
// away from the hosts of services.
func TestNoHome(t *testing.T) {
	for _, c := range []struct{ signing, region, lead string }{
		{"no-such-service", "us-east-1", ""}, {"dynamodb", "", ""}, {"dynamodb", "aws-global", ""}, {"dynamodb", "example.com", ""},
		{"dynamodb", "us-east-1.elb", ""}, {"dynamodb", "us-east-1", "x"}, {"execute-api", "us-east-1", "abc123"}, {"es", "us-east-1", "search-x"},
		{"s3", "us-east-1", "{}"}, {"s3", "us-east-1", "a..b"}, {"s3", "us-east-1", "a."}, {"cloudfront-keyvaluestore", "us-east-1", ""},
		{"budgets", "us-gov-west-1", ""}, // whose host is that of another partition
	} {
		if all := load(t).Homes(c.signing, c.region, c.lead); len(all) > 0 {
			t.Errorf("%+v has %+v", c, all)
		}
	}
}

// TestHomesAreEndpoints holds the two files against each other: services have a
// home, and what is signed for its region may go there.
func TestHomesAreEndpoints(t *testing.T) {
	table, homeless := load(t), map[string]bool{}
	lines, err := awsapi.TableLinesForTest()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lines {
		if f[0] != "V" {
			continue
		}
		signing, _, _ := strings.Cut(f[2], ",")
		all := table.Homes(signing, "us-east-1", "")
		for _, h := range all {
			if !h.Serves(signing, h.Region) {
				t.Errorf("%s does not serve %s in %s", h.Host, signing, h.Region)
			}
		}
		if len(all) == 0 {
			homeless[f[1]] = true
		}
	}
	// These have hosts that depend on what is asked for, or paths before it.
	want := []string{"cloudfront-keyvaluestore", "geo-maps", "geo-routes", "neptune-graph", "signin"}
	if got := slices.Sorted(maps.Keys(homeless)); !slices.Equal(got, want) {
		t.Errorf("without a home: %v, want %v", got, want)
	}
}
