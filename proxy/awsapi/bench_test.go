package awsapi_test

import (
	"net/http"
	"testing"

	"sesame/proxy/awsapi"
)

var benched = []struct {
	name string
	r    awsapi.Request
}{
	{"json", awsapi.Request{Method: "POST", Target: "/", Signing: "dynamodb", Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.PutItem"}}}},
	{"cbor", awsapi.Request{Method: "POST", Target: "/service/GraniteServiceVersion20100801/operation/GetMetricData", Signing: "monitoring", Header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}}},
	{"rest-json", awsapi.Request{Method: "PUT", Target: "/2015-03-31/functions/deploy/code", Signing: "lambda", Header: http.Header{"Content-Type": {"application/json"}}}},
	{"rest-xml", awsapi.Request{Method: "GET", Target: "/bucket/a/key?versionId=1&x-id=GetObject", Signing: "s3", Header: http.Header{}}},
	{"query", awsapi.Request{Method: "POST", Target: "/", Signing: "ec2", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: []byte("Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-0123456789abcdef0")}},
}

func BenchmarkClassify(b *testing.B) {
	table := load(b)
	for _, c := range benched {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if call, err := table.Classify(&c.r); err != nil || call.Known == nil {
					b.Fatal(call, err)
				}
			}
		})
	}
}

// TestClassifyDoesNotAllocate holds for every protocol.
func TestClassifyDoesNotAllocate(t *testing.T) {
	table := load(t)
	for _, c := range benched {
		if n := testing.AllocsPerRun(100, func() { _, _ = table.Classify(&c.r) }); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
