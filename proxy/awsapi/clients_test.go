package awsapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"

	"sesame/proxy/awsapi"
)

var scope = regexp.MustCompile(`Credential=[^/]+(?:/|%2F)\d{8}(?:/|%2F)[a-z0-9-]+(?:/|%2F)([a-z0-9-]+)(?:/|%2F)aws4_request`)

// TestClientRequestsAreKnown classifies what real clients sent, which was
// recorded for the tests of signatures.
func TestClientRequestsAreKnown(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vectors/sigv4/clients.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	table := load(t)
	for rows := bufio.NewScanner(bytes.NewReader(text)); rows.Scan(); {
		var v struct {
			Method, Target, Body string
			Headers              [][2]string
		}
		if err := json.Unmarshal(rows.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		r := awsapi.Request{Method: v.Method, Target: v.Target, Header: http.Header{}, Body: []byte(v.Body)}
		for _, h := range v.Headers {
			http.Header(r.Header).Add(h[0], h[1])
		}
		r.Signing = scope.FindStringSubmatch(http.Header(r.Header).Get("Authorization") + v.Target)[1]
		c, err := table.Classify(&r)
		if err != nil || c.Known == nil {
			t.Errorf("%s %s for %s: %+v, %v", v.Method, v.Target, r.Signing, c, err)
			continue
		}
		if _, _, err := c.Params(&r); err != nil {
			t.Errorf("%s:%s: %v", c.Service, c.Operation, err)
		}
		found[c.Service+":"+c.Operation+" "+c.Protocol.String()]++
	}
	for _, want := range []string{
		"sts:GetCallerIdentity query", "dynamodb:PutItem json", "dynamodb:GetItem json", "lambda:GetFunction rest-json",
		"lambda:Invoke rest-json", "ec2:DescribeInstances ec2", "cloudwatch:ListMetrics json", "s3:PutObject rest-xml",
		"s3:GetObject rest-xml", "s3:CopyObject rest-xml", "s3:ListObjectsV2 rest-xml", "s3:CreateMultipartUpload rest-xml",
		"s3:DeleteObjects rest-xml", "s3:PutObjectTagging rest-xml", "s3:DeleteObjectTagging rest-xml",
	} {
		if found[want] == 0 {
			t.Errorf("nobody sent %s; found %v", want, found)
		}
	}
}
