package awsapi_test

import (
	"fmt"
	"strings"
	"testing"

	"sesame/proxy/awsapi"
)

// TestMayPassRole shows in every protocol that a role is seen, however it is
// spelled, that nothing is made of what holds none, and that what was not read
// counts as holding one.
func TestMayPassRole(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	form := map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}
	object := func(target string) map[string][]string {
		return map[string][]string{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	}
	const trail = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.CreateTrail"
	for name, c := range map[string]struct {
		r      awsapi.Request
		unread bool
		want   bool
	}{
		"form with a role":       {r: awsapi.Request{Method: "POST", Target: "/", Signing: "rds", Header: form, Body: []byte("Action=CreateDBInstance&Version=2014-10-31&MonitoringRoleArn=arn")}, want: true},
		"form, escaped":          {r: awsapi.Request{Method: "POST", Target: "/", Signing: "rds", Header: form, Body: []byte("Action=CreateDBInstance&Version=2014-10-31&Monitoring%52ole%41rn=arn")}, want: true},
		"form, badly escaped":    {r: awsapi.Request{Method: "POST", Target: "/", Signing: "rds", Header: form, Body: []byte("Action=CreateDBInstance&Version=2014-10-31&X=%zz")}, want: true},
		"form in the query":      {r: awsapi.Request{Method: "GET", Target: "/?Action=CreateDBInstance&Version=2014-10-31&Monitoring%52oleArn=a", Signing: "rds"}, want: true},
		"form without":           {r: awsapi.Request{Method: "POST", Target: "/", Signing: "rds", Header: form, Body: []byte("Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=db")}},
		"form of another":        {r: awsapi.Request{Method: "POST", Target: "/", Signing: "rds", Header: form, Body: []byte("Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=role")}},
		"object with a role":     {r: awsapi.Request{Method: "POST", Target: "/", Signing: "cloudtrail", Header: object(trail), Body: []byte(`{"Name":"t","CloudWatchLogsRoleArn":"a"}`)}, want: true},
		"object, escaped":        {r: awsapi.Request{Method: "POST", Target: "/", Signing: "cloudtrail", Header: object(trail), Body: []byte(`{"Name":"t","CloudWatchLogsR\u006fleArn":"a"}`)}, want: true},
		"object without":         {r: awsapi.Request{Method: "POST", Target: "/", Signing: "cloudtrail", Header: object(trail), Body: []byte(`{"Name":"t","S3BucketName":"b"}`)}},
		"object, not read":       {r: awsapi.Request{Method: "POST", Target: "/", Signing: "cloudtrail", Header: object(trail)}, unread: true, want: true},
		"object, compressed":     {r: awsapi.Request{Method: "POST", Target: "/", Signing: "cloudtrail", Header: map[string][]string{"X-Amz-Target": {trail}, "Content-Encoding": {"gzip"}}, Body: []byte("\x1f\x8b")}, want: true},
		"XML, whatever it holds": {r: awsapi.Request{Method: "PUT", Target: "/b?replication", Signing: "s3", Body: []byte("<x/>")}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			call, err := table.Classify(&c.r)
			if err != nil {
				t.Fatal(err)
			}
			if got := call.MayPassRole(&c.r, !c.unread); got != c.want {
				t.Errorf("%s:%s: %v", call.Service, call.Operation, got)
			}
		})
	}
}

// TestMayGrant shows that a policy of a resource is seen wherever it is hidden.
func TestMayGrant(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	form := map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}
	stream := func(kind string) map[string][]string {
		return map[string][]string{"Content-Type": {kind}, "X-Amz-Target": {"Kinesis_20131202.PutResourcePolicy"}}
	}
	queue := map[string][]string{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.CreateQueue"}}
	for name, c := range map[string]struct {
		signing string
		header  map[string][]string
		body    string
		want    bool
	}{
		"attribute of a topic":     {"sns", form, `Action=CreateTopic&Version=2010-03-31&Name=t&Attributes.entry.1.key=Policy&Attributes.entry.1.value=%7B%22Statement%22%3A%7B%22Principal%22%3A%22%2A%22%7D%7D`, true},
		"the same, in escapes":     {"sns", form, `Action=CreateTopic&Version=2010-03-31&Name=t&Attributes.entry.1.key=Policy&Attributes.entry.1.value=%7B%22Statement%22%3A%7B%22%5Cu0050rincipal%22%3A%22%2A%22%7D%7D`, true},
		"a topic without":          {"sns", form, `Action=CreateTopic&Version=2010-03-31&Name=t&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=x`, false},
		"attribute of a queue":     {"sqs", queue, `{"QueueName":"q","Attributes":{"Policy":"{\"Statement\":{\"Principal\":\"*\"}}"}}`, true},
		"a policy in pieces":       {"kinesis", stream("application/x-amz-cbor-1.1"), "\xa1\x66Policy\x7f\x65Princ\x64ipal\xff", true},
		"the same that is JSON":    {"kinesis", stream("application/x-amz-json-1.1"), `{"Policy":"_"}`, false},
		"nothing":                  {"sqs", queue, "", false},
		"another attribute of one": {"sqs", queue, `{"QueueName":"q","Attributes":{"RedrivePolicy":"{}"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := awsapi.Request{Method: "POST", Target: "/", Signing: c.signing, Header: c.header, Body: []byte(c.body)}
			call, err := table.Classify(&r)
			if err != nil {
				t.Fatal(err)
			}
			if got := call.MayGrant(&r, true); got != c.want {
				t.Errorf("%s:%s: %v", call.Service, call.Operation, got)
			}
			if !call.MayGrant(&r, false) {
				t.Error("what was not read cannot grant")
			}
		})
	}
}

// TestOperationsThatTakeRoles holds the table to operations that are known to
// take a role or none.
func TestOperationsThatTakeRoles(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"lambda:CreateFunction": true, "ec2:RunInstances": true, "ecs:RunTask": true, "events:PutTargets": true, "codebuild:StartBuild": true,
		"firehose:CreateDeliveryStream": true, "dlm:CreateLifecyclePolicy": true, "s3:PutBucketReplication": true, "rds:CreateDBInstance": true,
		"dynamodb:PutItem": false, "sqs:SendMessage": false, "ec2:StopInstances": false, "quicksight:UpdateUser": false, "s3:PutObject": false,
	}
	for _, o := range table.Operations() {
		name := o.Service.Name + ":" + o.Name
		takes, listed := want[name]
		if listed && o.TakesRole != takes {
			t.Errorf("%s takes a role: %v", name, o.TakesRole)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no operations of AWS: %v", want)
	}
}

// TestShares shows that a list of access control is seen in the header and in
// the query, and that the lists which share nothing pass.
func TestShares(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, target string
		header         map[string][]string
		want           bool
	}{
		"no list":                {"PUT", "/b/k", nil, false},
		"a list for the public":  {"PUT", "/b/k", map[string][]string{"X-Amz-Acl": {"public-read"}}, true},
		"one that shares naught": {"PUT", "/b/k", map[string][]string{"X-Amz-Acl": {"bucket-owner-full-control"}}, false},
		"two lists":              {"PUT", "/b/k", map[string][]string{"X-Amz-Acl": {"private", "public-read"}}, true},
		"a grant":                {"PUT", "/b/k", map[string][]string{"X-Amz-Grant-Full-Control": {"id=1"}}, true},
		"a list in the query":    {"PUT", "/b/k?x-amz-acl=public-read", nil, true},
		"the same, escaped":      {"PUT", "/b/k?X-%41mz-Acl=public-read", nil, true},
		"a grant in the query":   {"POST", "/b/k?uploads&X-Amz-Grant-Read-Acp=id%3D1", nil, true},
		"a copy with a list":     {"PUT", "/b/k", map[string][]string{"X-Amz-Copy-Source": {"/b/j"}, "X-Amz-Acl": {"authenticated-read"}}, true},
		"a bucket with a list":   {"PUT", "/b", map[string][]string{"X-Amz-Acl": {"public-read-write"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := awsapi.Request{Method: c.method, Target: c.target, Signing: "s3", Header: c.header}
			call, err := table.Classify(&r)
			if err != nil || call.Known == nil {
				t.Fatalf("%+v, %v", call, err)
			}
			if got := call.Shares(&r); got != c.want {
				t.Errorf("%s: %v", call.Operation, got)
			}
		})
	}
}

// TestKeysAreNotTold has parameters whose names look like those of ids, and that
// let somebody in.
func TestKeysAreNotTold(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	target := func(name string) map[string][]string {
		return map[string][]string{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {name}}
	}
	for name, r := range map[string]awsapi.Request{
		"the id of a role for others": {Target: "/", Signing: "sts", Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte("Action=AssumeRole&Version=2011-06-15&RoleArn=a&ExternalId=hidden")},
		"an agent":                    {Target: "/", Signing: "datasync", Header: target("FmrsService.CreateAgent"), Body: []byte(`{"ActivationKey":"hidden","AgentName":"a"}`)},
		"a key of a firewall":         {Target: "/", Signing: "wafv2", Header: target("AWSWAF_20190729.DeleteAPIKey"), Body: []byte(`{"APIKey":"hidden","Scope":"REGIONAL"}`)},
		"a key of an API":             {Target: "/v1/apis/a/apikeys/hidden", Signing: "appsync", Body: []byte(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			r.Method = "POST"
			call, err := table.Classify(&r)
			if err != nil || call.Known == nil {
				t.Fatalf("%+v, %v", call, err)
			}
			params, _, err := call.Params(&r)
			if err != nil || strings.Contains(fmt.Sprint(params), "hidden") {
				t.Errorf("%s tells %v, %v", call.Operation, params, err)
			}
		})
	}
}

// TestUnknownOperationsAreOfTheServiceSignedFor has kin that share a host and a
// name to sign for.
func TestUnknownOperationsAreOfTheServiceSignedFor(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	endpoint, ours := table.Resolve("rds.us-east-1.amazonaws.com")
	call, err := table.Classify(&awsapi.Request{Method: "GET", Target: "/?Action=FrobDBInstance&Version=2014-10-31", Signing: "rds", Endpoint: endpoint})
	if err != nil || !ours || call.Service != "rds" || call.Known != nil {
		t.Errorf("%+v, %v", call, err)
	}
}
