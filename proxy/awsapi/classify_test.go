package awsapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"sesame/flows/golden"
	"sesame/proxy/awsapi"
)

const callsFile = "../../testdata/vectors/awsapi/calls.txtar"

// TestCalls reads requests of every protocol and compares what they are found
// to be with what the file says below each. The first line of a request is
// what it is signed for and its host.
func TestCalls(t *testing.T) {
	ar, err := txtar.ParseFile(callsFile)
	if err != nil {
		t.Fatal(err)
	}
	table := load(t)
	for i := 0; i+1 < len(ar.Files); i += 2 {
		sent, want := ar.Files[i], &ar.Files[i+1]
		want.Data = []byte(describe(table, request(t, table, string(sent.Data))))
	}
	golden.Equal(t, callsFile, string(txtar.Format(ar)))
}

// request reads the form of the file: signing name and host, request line,
// header, empty line, body.
func request(t testing.TB, table *awsapi.Table, text string) awsapi.Request {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	rows := strings.Split(strings.TrimSpace(head), "\n")
	r := awsapi.Request{Header: http.Header{}, Body: []byte(strings.TrimSuffix(body, "\n"))}
	var host string
	if _, err := fmt.Sscan(rows[0], &r.Signing, &host); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(rows[1], &r.Method, &r.Target); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[2:] {
		name, value, _ := strings.Cut(row, ": ")
		http.Header(r.Header).Add(name, value)
	}
	e, ok := table.Resolve(host)
	if !ok {
		t.Fatalf("%s is no endpoint", host)
	}
	r.Endpoint = e
	return r
}

func describe(table *awsapi.Table, r awsapi.Request) string {
	c, err := table.Classify(&r)
	if err != nil {
		return fmt.Sprintf("refused: %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s %v %v", c.Service, c.Operation, c.Level(), c.Protocol)
	if c.Known == nil {
		b.WriteString(" unknown")
	}
	fmt.Fprintf(&b, "\nactions %s\n", strings.Join(c.Actions(&r), " "))
	params, _, err := c.Params(&r)
	if err != nil {
		return b.String() + fmt.Sprintf("refused: %v\n", err)
	}
	var names []string
	for name, values := range params {
		names = append(names, name+"="+strings.Join(values, "|"))
	}
	slices.Sort(names)
	fmt.Fprintf(&b, "params %s\n", strings.Join(names, " "))
	at := awsapi.Place{Partition: r.Endpoint.Partition, Region: r.Endpoint.Region, Account: "111111111111"}
	for _, arn := range c.Resources(params, at) {
		fmt.Fprintf(&b, "%s\n", arn)
	}
	return b.String()
}

func TestSmuggling(t *testing.T) {
	formed := func(body string) func(*awsapi.Request) {
		return func(r *awsapi.Request) {
			r.Signing, r.Body = "ec2", []byte(body)
			r.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		}
	}
	rest := func(signing, method, target string) func(*awsapi.Request) {
		return func(r *awsapi.Request) {
			r.Signing, r.Method, r.Target, r.Header = signing, method, target, http.Header{}
		}
	}
	both := func(fs ...func(*awsapi.Request)) func(*awsapi.Request) {
		return func(r *awsapi.Request) {
			for _, f := range fs {
				f(r)
			}
		}
	}
	header := func(name string, values ...string) func(*awsapi.Request) {
		return func(r *awsapi.Request) { r.Header[name] = values }
	}
	target := func(s string) func(*awsapi.Request) { return func(r *awsapi.Request) { r.Target = s } }
	const describe = "Action=DescribeInstances&Version=2016-11-15"
	for _, c := range []struct {
		what string
		do   func(*awsapi.Request)
		want error
	}{
		{"JSON as it should be", func(*awsapi.Request) {}, nil},
		{"two targets", header("X-Amz-Target", "DynamoDB_20120810.GetItem", "DynamoDB_20120810.DeleteTable"), awsapi.ErrAmbiguous},
		{"JSON and CBOR", header("Smithy-Protocol", "rpc-v2-cbor"), awsapi.ErrAmbiguous},
		{"JSON and an Action", both(func(r *awsapi.Request) { r.Signing = "monitoring" }, header("X-Amz-Target", "GraniteServiceVersion20100801.ListMetrics"), target("/?Action=DeleteAlarms")), awsapi.ErrAmbiguous},
		{"JSON at a path", target("/service/x/operation/y"), awsapi.ErrAmbiguous},
		{"JSON and a form", header("Content-Type", "application/x-www-form-urlencoded"), awsapi.ErrAmbiguous},
		{"JSON in XML", header("Content-Type", "text/xml"), awsapi.ErrEncoding},
		{"JSON in UTF-16", header("Content-Type", "application/x-amz-json-1.0; charset=utf-16"), awsapi.ErrEncoding},
		{"JSON of two types", header("Content-Type", "application/x-amz-json-1.0", "application/x-www-form-urlencoded"), awsapi.ErrAmbiguous},
		{"a target for a service without", func(r *awsapi.Request) { r.Signing = "s3" }, awsapi.ErrAmbiguous},
		{"CBOR without a Smithy-Protocol", both(rest("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics")), awsapi.ErrEncoding},
		{"an unknown Smithy-Protocol", both(rest("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics"), header("Smithy-Protocol", "rpc-v3")), awsapi.ErrEncoding},
		{"CBOR of two types", both(rest("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics"), header("Smithy-Protocol", "rpc-v2-cbor"), header("Content-Type", "application/cbor", "application/x-amz-json-1.0")), awsapi.ErrAmbiguous},
		{"CBOR and an Action", both(rest("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics?Action=DeleteAlarms"), header("Smithy-Protocol", "rpc-v2-cbor")), awsapi.ErrAmbiguous},
		{"CBOR for a service without", both(rest("s3", "POST", "/service/x/operation/y"), header("Smithy-Protocol", "rpc-v2-cbor")), awsapi.ErrAmbiguous},
		{"a form as it should be", formed(describe), nil},
		{"two actions", formed("Action=TerminateInstances&" + describe), awsapi.ErrAmbiguous},
		{"two actions, one escaped", formed("%41ction=TerminateInstances&" + describe), awsapi.ErrAmbiguous},
		{"two actions in two cases", formed("action=TerminateInstances&" + describe), awsapi.ErrAmbiguous},
		{"two versions", formed("Version=2014-09-01&" + describe), awsapi.ErrAmbiguous},
		{"an action behind a semicolon", formed("x=1;Action=TerminateInstances&" + describe), awsapi.ErrAmbiguous},
		{"an action in the query behind a semicolon", rest("ec2", "GET", "/?x=1;Action=TerminateInstances&"+describe), awsapi.ErrAmbiguous},
		{"an empty action", formed("Action=&Version=2016-11-15"), awsapi.ErrAmbiguous},
		{"an action in query and body", both(formed(describe), target("/?Action=TerminateInstances")), awsapi.ErrAmbiguous},
		{"a version in query and body", both(formed(describe), target("/?Version=2014-09-01")), awsapi.ErrAmbiguous},
		{"a compressed form", both(formed(describe), header("Content-Encoding", "gzip")), awsapi.ErrEncoding},
		{"a form in UTF-7", both(formed(describe), header("Content-Type", "application/x-www-form-urlencoded; charset=utf-7")), awsapi.ErrEncoding},
		{"a multipart form", both(formed(describe), header("Content-Type", "multipart/form-data; boundary=x")), awsapi.ErrEncoding},
		{"a form that is too large", formed(describe + "&x=" + strings.Repeat("x", awsapi.MaxForm)), awsapi.ErrTooLarge},
		{"a form with PUT", both(formed(describe), func(r *awsapi.Request) { r.Method = "PUT" }), awsapi.ErrEncoding},
		{"a target in the query", rest("lambda", "GET", "/2015-03-31/functions?X-Amz-Target=x"), awsapi.ErrAmbiguous},
		{"a copy in the query and a subresource", rest("s3", "PUT", "/b/k?acl&X-Amz-Copy-Source=/b/j"), awsapi.ErrAmbiguous},
		{"dot segments", rest("lambda", "GET", "/2015-03-31/functions/../functions/x"), awsapi.ErrAmbiguous},
		{"escaped dot segments", rest("lambda", "GET", "/2015-03-31/functions/%2e%2E/x"), awsapi.ErrAmbiguous},
		{"empty segments", rest("lambda", "DELETE", "/2015-03-31//functions/x"), awsapi.ErrAmbiguous},
		{"two subresources", rest("s3", "PUT", "/b/k?acl&tagging"), awsapi.ErrAmbiguous},
		{"one subresource twice", rest("s3", "PUT", "/b/k?acl&acl"), awsapi.ErrAmbiguous},
		{"one subresource twice, one escaped", rest("s3", "PUT", "/b/k?acl&%61cl="), awsapi.ErrAmbiguous},
		{"a copy and a subresource", both(rest("s3", "PUT", "/b/k?acl"), header("X-Amz-Copy-Source", "/b/j")), awsapi.ErrAmbiguous},
		{"an escaped bucket", rest("s3", "GET", "/b%2Fc/k"), awsapi.ErrAmbiguous},
		{"no bucket but a key", rest("s3", "GET", "//k"), awsapi.ErrAmbiguous},
		{"dot segments in a key of S3", rest("s3", "GET", "/b/a/../c//d"), nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := awsapi.Request{Method: "POST", Target: "/", Signing: "dynamodb", Header: http.Header{
				"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.GetItem"},
			}}
			c.do(&r)
			call, err := load(t).Classify(&r)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err == nil && call.Known == nil {
				t.Errorf("not known")
			}
			if err != nil && call != (awsapi.Call{}) {
				t.Errorf("an error and a call")
			}
		})
	}
}

// TestUnknownCountsAsWrite holds what is not in the table to the worst.
func TestUnknownCountsAsWrite(t *testing.T) {
	for _, r := range []awsapi.Request{
		{Method: "GET", Target: "/", Signing: "no-such-service"},
		{Method: "POST", Target: "/", Signing: "dynamodb", Header: http.Header{"X-Amz-Target": {"DynamoDB_20120810.GetEverything"}}},
		{Method: "POST", Target: "/", Signing: "dynamodb", Header: http.Header{"X-Amz-Target": {"SecretsManager.GetSecretValue"}}},
		{Method: "GET", Target: "/?Action=DescribeEverything&Version=2016-11-15", Signing: "ec2"},
		{Method: "GET", Target: "/?Action=DescribeInstances&Version=1999-01-01", Signing: "ec2"},
		{Method: "GET", Target: "/?Action=DescribeInstances", Signing: "ec2"},
		{Method: "GET", Target: "/2015-03-31/everything", Signing: "lambda"},
		{Method: "GET", Target: "/bucket?everything", Signing: "s3"},
		{Method: "GET", Target: "/bucket/key?everything=1", Signing: "s3"},
		{Method: "PUT", Target: "/bucket/key?uploadId=1", Signing: "s3"},
		{Method: "PUT", Target: "/bucket/key?x-amz-meta-a;policy", Signing: "s3"},
	} {
		c, err := load(t).Classify(&r)
		if err != nil || c.Known != nil || c.Level() != awsapi.Write || c.Level().String() != "write" {
			t.Errorf("%s %s for %s: %+v, %v", r.Method, r.Target, r.Signing, c, err)
		}
	}
}

func TestParamsRefuse(t *testing.T) {
	json := http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810.DeleteTable"}}
	cbor := http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}
	for _, c := range []struct {
		what   string
		header http.Header
		body   string
		want   error
	}{
		{"one table", json, `{"TableName":"a"}`, nil},
		{"two tables", json, `{"TableName":"a","TableName":"b"}`, awsapi.ErrAmbiguous},
		{"two tables in two cases", json, `{"TableName":"a","tablename":"b"}`, awsapi.ErrAmbiguous},
		{"two tables, one escaped", json, `{"TableName":"a","\u0054ableName":"b"}`, awsapi.ErrAmbiguous},
		{"more than an object", json, `{"TableName":"a"}{"TableName":"b"}`, awsapi.ErrEncoding},
		{"a list", json, `["a"]`, awsapi.ErrEncoding},
		{"a byte order mark", json, "\ufeff{}", awsapi.ErrEncoding},
		{"not UTF-8", json, "{\"TableName\":\"\xff\"}", awsapi.ErrEncoding},
		{"cut off", json, `{"TableName":"a"`, awsapi.ErrEncoding},
		{"CBOR", cbor, "\xa1\x69AlarmName\x61a", nil},
		{"CBOR of open length", cbor, "\xbf\x69AlarmName\x61a\xff", nil},
		{"CBOR with a key twice", cbor, "\xa2\x69AlarmName\x61a\x69AlarmName\x61b", awsapi.ErrAmbiguous},
		{"CBOR that goes on", cbor, "\xa0\xa0", awsapi.ErrEncoding},
		{"CBOR cut off", cbor, "\xa1\x69Alarm", awsapi.ErrEncoding},
		{"CBOR that claims too much", cbor, "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", awsapi.ErrEncoding},
		{"CBOR too deep", cbor, "\xa1\x61a" + strings.Repeat("\x81", 1000), awsapi.ErrEncoding},
	} {
		r := awsapi.Request{Method: "POST", Target: "/", Signing: "dynamodb", Header: c.header, Body: []byte(c.body)}
		if c.header.Get("Smithy-Protocol") != "" {
			r.Signing, r.Target = "monitoring", "/service/GraniteServiceVersion20100801/operation/DescribeAlarmHistory"
		}
		call, err := load(t).Classify(&r)
		if err != nil {
			t.Fatal(err)
		}
		params, _, err := call.Params(&r)
		if !errors.Is(err, c.want) || (err == nil) != (len(params) == 1) {
			t.Errorf("%s: %v, %v; want %v", c.what, params, err, c.want)
		}
	}
}

// TestBodiesThatAreNotParameters reads nothing in what a function is given.
func TestBodiesThatAreNotParameters(t *testing.T) {
	table := load(t)
	r := awsapi.Request{
		Method: "POST", Target: "/2015-03-31/functions/f/invocations", Signing: "lambda",
		Header: map[string][]string{"Content-Type": {"application/json"}}, Body: []byte("\xff not JSON"),
	}
	c, err := table.Classify(&r)
	if err != nil || c.Operation != "Invoke" {
		t.Fatalf("%+v, %v", c, err)
	}
	if params, _, err := c.Params(&r); err != nil || params["FunctionName"][0] != "f" {
		t.Errorf("%v, %v", params, err)
	}
}

// TestWhatIsLeftOutIsNamed has more values, and longer ones, than are told.
func TestWhatIsLeftOutIsNamed(t *testing.T) {
	table := load(t)
	many := "Action=DescribeInstances&Version=2016-11-15"
	for i := range 201 {
		many += fmt.Sprintf("&InstanceId.%d=i-%d", i+1, i)
	}
	for _, c := range []struct{ body, want string }{
		{"Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1", ""}, {many, "InstanceIds"},
		{"Action=DescribeInstances&Version=2016-11-15&InstanceId.1=" + strings.Repeat("i", 2049), "InstanceIds"},
	} {
		r := awsapi.Request{
			Method: "POST", Target: "/", Signing: "ec2", Body: []byte(c.body),
			Header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}},
		}
		call, err := table.Classify(&r)
		if err != nil {
			t.Fatal(err)
		}
		if _, partial, err := call.Params(&r); err != nil || strings.Join(partial, " ") != c.want {
			t.Errorf("%.80s: %q, %v, want %q", c.body, partial, err, c.want)
		}
	}
}

// TestObjectsOfJSON holds the reader of objects to encoding/json.
func TestObjectsOfJSON(t *testing.T) {
	table := load(t)
	for body, want := range map[string]string{
		`{"TableName":"a"}`: "a", " {\n\"TableName\" :\t\"a\" , \"x\":{\"y\":[1,{\"z\":\"}]\\\"\"}]}}\n": "a", `{"x":-1.5e3,"y":null,"z":true,"TableName":"\u0061\"b"}`: `a"b`,
		`{"x":"{","TableName":"a"}`: "a", `{"\u0054ableName":"a"}`: "a", `{}`: "", `{"TableName":1}`: "", `{"x":[],"TableName":"a","y":[[]]}`: "a",
	} {
		r := awsapi.Request{
			Method: "POST", Target: "/", Signing: "dynamodb", Body: []byte(body),
			Header: map[string][]string{"X-Amz-Target": {"DynamoDB_20120810.DescribeTable"}, "Content-Type": {"application/x-amz-json-1.0"}},
		}
		c, err := table.Classify(&r)
		if err != nil {
			t.Fatal(err)
		}
		params, _, err := c.Params(&r)
		if got := strings.Join(params["TableName"], ","); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", body, got, err, want)
		}
	}
}
