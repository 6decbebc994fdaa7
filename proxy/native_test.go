package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestErrorsAreNative holds a refusal as each protocol has it.
func TestErrorsAreNative(t *testing.T) {
	const why = "Sesame does not know this key, or its grant is over: get a fresh one with sesame env."
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	for name, c := range map[string]struct {
		message
		status int
		kind   string
		body   string // with %ID% for the id of the call
	}{
		"json": {query(), 400, "application/x-amz-json-1.0", `{"__type":"UnrecognizedClientException","message":"` + why + `","Message":"` + why + `"}`},
		"rest-json": {
			message{method: "GET", url: "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/f", service: "lambda"},
			403, "application/json", `{"__type":"UnrecognizedClientException","message":"` + why + `","Message":"` + why + `"}`,
		},
		"query": {
			message{method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", header: form, body: "Action=GetCallerIdentity&Version=2011-06-15"},
			403, "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>" + why + "</Message></Error><RequestId>%ID%</RequestId></ErrorResponse>",
		},
		"ec2": {
			message{method: "POST", url: "https://ec2.us-east-1.amazonaws.com/", service: "ec2", header: form, body: "Action=DescribeInstances&Version=2016-11-15"},
			403, "text/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>AuthFailure</Code><Message>" + why + "</Message></Error></Errors><RequestID>%ID%</RequestID></Response>",
		},
		"s3": {
			message{method: "GET", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3"},
			403, "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAccessKeyId</Code><Message>" + why + "</Message><RequestId>%ID%</RequestId></Error>",
		},
		"cbor": {
			message{
				method: "POST", url: "https://monitoring.us-east-1.amazonaws.com/service/GraniteServiceVersion20100801/operation/ListMetrics", service: "monitoring",
				header: map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"},
			},
			403, "application/cbor", "\xa2\x66__type\x78\x1bUnrecognizedClientException\x67message" + fmt.Sprintf("\x78%c", len(why)) + why,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			unknown := r.key
			unknown.ID = "SESA" + strings.Repeat("A", 16)
			c.key = &unknown
			w := r.serve(r.signed(c.message), home)
			id := w.Header().Get("X-Amzn-Requestid")
			if got := w.Body.String(); w.Code != c.status || w.Header().Get("Content-Type") != c.kind || got != strings.Replace(c.body, "%ID%", id, 1) || id == "" {
				t.Errorf("%d %s\n%q, want %d %s\n%q", w.Code, w.Header().Get("Content-Type"), got, c.status, c.kind, c.body)
			}
			if c.message.method == "GET" {
				c.message.method = http.MethodHead
				if w := r.serve(r.signed(c.message), home); w.Code != c.status || w.Body.Len() != 0 {
					t.Errorf("HEAD: %d %q", w.Code, w.Body)
				}
			}
		})
	}
}
