package awsapi_test

import (
	"errors"
	"net/http"
	"testing"

	"sesame/proxy/awsapi"
)

// FuzzClassify classifies any request, and asks for everything that is known
// about it.
func FuzzClassify(f *testing.F) {
	f.Add("ec2", "POST", "/", "", "application/x-www-form-urlencoded", "", []byte("Action=RunInstances&Version=2016-11-15&SecurityGroupId.1=sg-1"))
	f.Add("dynamodb", "POST", "/", "DynamoDB_20120810.PutItem", "application/x-amz-json-1.0", "", []byte(`{"TableName":"t","x":[{}]}`))
	f.Add("s3", "PUT", "/b/k/../x?partNumber=1&uploadId=2&x-id=UploadPart", "", "", "", []byte("x"))
	f.Add("lambda", "PUT", "/2015-03-31/functions/arn%3Aaws%3Alambda/code", "", "application/json", "", []byte(`{"S3Bucket":"b"}`))
	f.Add("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/GetMetricData", "", "application/cbor", "rpc-v2-cbor", []byte("\xbf\x61a\x9f\x61b\xff\xff"))
	f.Add("sqs", "POST", "/1/q?Action=SendMessage&Version=2012-11-05", "", "", "", []byte(""))
	table := load(f)
	f.Fuzz(func(t *testing.T, signing, method, target, amz, kind, smithy string, body []byte) {
		h := http.Header{}
		for name, value := range map[string]string{"X-Amz-Target": amz, "Content-Type": kind, "Smithy-Protocol": smithy} {
			if value != "" {
				h.Set(name, value)
			}
		}
		r := awsapi.Request{Method: method, Target: target, Header: h, Signing: signing, Body: body}
		c, err := table.Classify(&r)
		if err != nil {
			if c != (awsapi.Call{}) || !errors.Is(err, awsapi.ErrAmbiguous) && !errors.Is(err, awsapi.ErrEncoding) && !errors.Is(err, awsapi.ErrTooLarge) {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		if c.Known == nil && c.Level() != awsapi.Write {
			t.Fatal("unknown, and no write")
		}
		params, _, err := c.Params(&r)
		if err != nil && params != nil {
			t.Fatal("an error and a result")
		}
		c.Resources(params, awsapi.Place{Partition: "aws"})
		c.Actions(&r)
	})
}

// FuzzResolve looks up any host. What resolves is below a suffix of AWS.
func FuzzResolve(f *testing.F) {
	for _, host := range []string{"b.s3.us-east-1.amazonaws.com:443", "sts.amazonaws.com", "s3express-use1-az4.us-east-1.amazonaws.com", "..api.aws"} {
		f.Add(host)
	}
	table := load(f)
	f.Fuzz(func(t *testing.T, host string) {
		if e, ok := table.Resolve(host); ok && (e.Partition == "" || e.Region == "") {
			t.Fatalf("%q: %+v", host, e)
		}
	})
}
