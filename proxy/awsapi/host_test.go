package awsapi_test

import (
	"slices"
	"testing"

	"sesame/proxy/awsapi"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct{ host, signing, region, partition, lead string }{
		{"dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", "aws", ""},
		{"dynamodb.us-east-1.amazonaws.com:443", "dynamodb", "us-east-1", "aws", ""},
		{"DynamoDB.US-East-1.amazonaws.com", "dynamodb", "us-east-1", "aws", ""},
		{"dynamodb.mx-central-9.amazonaws.com", "dynamodb", "mx-central-9", "aws", ""},
		{"123456789012.ddb.us-east-1.amazonaws.com", "dynamodb", "us-east-1", "aws", "123456789012"},
		{"sts.amazonaws.com", "sts", "us-east-1", "aws", ""},
		{"sts.eu-central-1.amazonaws.com", "sts", "eu-central-1", "aws", ""},
		{"iam.amazonaws.com", "iam", "us-east-1", "aws", ""},
		{"iam.us-gov.amazonaws.com", "iam", "us-gov-west-1", "aws-us-gov", ""},
		{"iam.cn-north-1.amazonaws.com.cn", "iam", "cn-north-1", "aws-cn", ""},
		{"route53.amazonaws.com", "route53", "us-east-1", "aws", ""},
		{"ec2.cn-northwest-1.amazonaws.com.cn", "ec2", "cn-northwest-1", "aws-cn", ""},
		{"ec2.us-gov-west-1.amazonaws.com", "ec2", "us-gov-west-1", "aws-us-gov", ""},
		{"ec2-fips.us-gov-east-1.api.aws", "ec2", "us-gov-east-1", "aws-us-gov", ""},
		{"ec2.us-east-1.api.aws", "ec2", "us-east-1", "aws", ""},
		{"lambda-fips.us-west-2.amazonaws.com", "lambda", "us-west-2", "aws", ""},
		{"lambda.cn-north-1.api.amazonwebservices.com.cn", "lambda", "cn-north-1", "aws-cn", ""},
		{"sts.eusc-de-east-1.amazonaws.eu", "sts", "eusc-de-east-1", "aws-eusc", ""},
		{"sts.us-iso-east-1.c2s.ic.gov", "sts", "us-iso-east-1", "aws-iso", ""},
		{"api.ecr.us-east-1.amazonaws.com", "ecr", "us-east-1", "aws", ""},
		{"api.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1", "aws", ""},
		{"runtime.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1", "aws", ""},
		{"data-servicediscovery.us-east-1.amazonaws.com", "servicediscovery", "us-east-1", "aws", ""},
		{"queue.amazonaws.com", "sqs", "us-east-1", "aws", ""}, // as the AWS CLI has it
		{"us-west-2.queue.amazonaws.com", "sqs", "us-west-2", "aws", ""},
		{"cn-north-1.queue.amazonaws.com.cn", "sqs", "cn-north-1", "aws-cn", ""},
		{"eu-west-1.elasticmapreduce.amazonaws.com", "elasticmapreduce", "eu-west-1", "aws", ""},
		{"rds.amazonaws.com", "rds", "us-east-1", "aws", ""},
		{"monitoring.us-east-1.amazonaws.com", "monitoring", "us-east-1", "aws", ""},
		{"ssm.us-east-1.amazonaws.com", "ssm", "us-east-1", "aws", ""},
		{"ssmmessages.us-east-1.amazonaws.com", "ssmmessages", "us-east-1", "aws", ""},
		{"ssmmessages-fips.us-west-2.amazonaws.com", "ssmmessages", "us-west-2", "aws", ""},
		{"ssmmessages.cn-north-1.amazonaws.com.cn", "ssmmessages", "cn-north-1", "aws-cn", ""},
		{"s3.amazonaws.com", "s3", "us-east-1", "aws", ""},
		{"s3.us-east-1.amazonaws.com", "s3", "us-east-1", "aws", ""},
		{"s3-us-west-2.amazonaws.com", "s3", "us-west-2", "aws", ""},
		{"b.s3.amazonaws.com", "s3", "us-east-1", "aws", "b"},
		{"b.us-west-2.s3.amazonaws.com", "s3", "us-east-1", "aws", "b.us-west-2"},
		{"my.bucket.s3.eu-west-1.amazonaws.com", "s3", "eu-west-1", "aws", "my.bucket"},
		{"b.s3-eu-west-1.amazonaws.com", "s3", "eu-west-1", "aws", "b"},
		{"b.s3.dualstack.eu-west-1.amazonaws.com", "s3", "eu-west-1", "aws", "b"},
		{"b.s3-fips.us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1", "aws-us-gov", "b"},
		{"b.s3-accelerate.amazonaws.com", "s3", "us-east-1", "aws", "b"},
		{"b.s3.cn-north-1.amazonaws.com.cn", "s3", "cn-north-1", "aws-cn", "b"},
		{"b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "s3express", "us-east-1", "aws", "b--use1-az4--x-s3"},
		{"s3express-control.us-east-1.amazonaws.com", "s3express", "us-east-1", "aws", ""},
		{"111122223333.s3-control.us-east-1.amazonaws.com", "s3", "us-east-1", "aws", "111122223333"},
		{"ap-111122223333.s3-accesspoint.us-east-1.amazonaws.com", "s3", "us-east-1", "aws", "ap-111122223333"},
	} {
		e, ok := load(t).Resolve(c.host)
		if !ok || e.Region != c.region || e.Partition != c.partition || e.Lead != c.lead || !e.Serves(c.signing, c.region) {
			t.Errorf("%s: %+v, %v", c.host, e, ok)
		}
		if e.Serves("no-such-service", c.region) || !e.Global && e.Serves(c.signing, "ap-south-2") {
			t.Errorf("%s serves anything", c.host)
		}
	}
}

// TestOtherHosts are of customers of AWS, or of nobody.
func TestOtherHosts(t *testing.T) {
	for _, host := range []string{
		"", "amazonaws.com", ".amazonaws.com", "example.com", "s3.amazonaws.com.example.com", "xamazonaws.com",
		"s3.amazonaws.com:80", "s3.amazonaws.com:8443", "s3..amazonaws.com", "..s3.amazonaws.com",
		"ec2-203-0-113-1.compute-1.amazonaws.com", "ec2-203-0-113-1.eu-west-1.compute.amazonaws.com",
		"my-lb-123.us-east-1.elb.amazonaws.com", "search-x-y.us-east-1.es.amazonaws.com",
		"abc123.execute-api.us-east-1.amazonaws.com", "x.dynamodb.us-east-1.amazonaws.com",
		"b.s3-website-us-east-1.amazonaws.com", "db.abc.us-east-1.rds.amazonaws.com", "x.us-east-1.on.aws",
		"111122223333.dkr.ecr.us-east-1.amazonaws.com", "iam.us-gov.api.aws.example",
		"sts.cn-north-1.amazonaws.com", "sts.us-east-1.amazonaws.com.cn", "sts.us-gov-west-1.amazonaws.com.cn",
		"s3.us-east-1.us-east-1.amazonaws.com.", "evil.sts.amazonaws.com", "x.us-west-2.queue.amazonaws.com", "x.ssmmessages.us-east-1.amazonaws.com", "ssmmessages.amazonaws.com", "a.b.c.d.e.f.g.h.i.j.k.l.m.s3.amazonaws.com",
	} {
		if e, ok := load(t).Resolve(host); ok {
			t.Errorf("%q resolves to %+v", host, e)
		}
	}
}

func TestSuffixes(t *testing.T) {
	all, err := awsapi.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"amazonaws.com", "amazonaws.com.cn", "api.aws"} {
		if !slices.Contains(all, want) {
			t.Errorf("%v has no %s", all, want)
		}
	}
}
