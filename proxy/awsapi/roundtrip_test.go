package awsapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sesame/proxy/awsapi"
)

func load(t testing.TB) *awsapi.Table {
	t.Helper()
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// A line is an operation as the table has it, and its service.
type line struct {
	service, operation []string
	hosts              []string
}

func lines(t *testing.T) []line {
	t.Helper()
	fields, err := awsapi.TableLinesForTest()
	if err != nil {
		t.Fatal(err)
	}
	var all []line
	var service, hosts []string
	for _, f := range fields {
		switch f[0] {
		case "V":
			service, hosts = f, nil
		case "H":
			hosts = append(hosts, f[1])
		case "O":
			all = append(all, line{service, f, hosts})
		}
	}
	return all
}

// requests are how clients send an operation, one for each protocol.
func (l line) requests() map[awsapi.Protocol]awsapi.Request {
	signing, _, _ := strings.Cut(l.service[2], ",")
	switch l.operation[1] {
	case "ListDirectoryBuckets":
		signing = "s3express"
	case "WriteGetObjectResponse":
		signing = "s3-object-lambda"
	}
	target, version, name := l.service[4], l.service[5], l.operation[1]
	version = version[strings.LastIndexByte(version, ',')+1:]
	form := awsapi.Request{Method: "POST", Target: "/", Signing: signing, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: []byte("Action=" + name + "&Version=" + version)}
	all := map[awsapi.Protocol]awsapi.Request{}
	for _, code := range l.service[3] {
		switch code {
		case 'j':
			all[awsapi.JSON] = awsapi.Request{Method: "POST", Target: "/", Signing: signing, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target + "." + name}}}
		case 'c':
			all[awsapi.CBOR] = awsapi.Request{Method: "POST", Target: "/service/" + target + "/operation/" + name, Signing: signing, Header: http.Header{"Content-Type": {"application/cbor"}, "Smithy-Protocol": {"rpc-v2-cbor"}}}
		case 'q':
			all[awsapi.Query] = form
		case 'e':
			all[awsapi.EC2] = form
		case 'r':
			all[awsapi.RestJSON] = l.rest(signing)
		case 'x':
			all[awsapi.RestXML] = l.rest(signing)
		}
	}
	return all
}

var label = regexp.MustCompile(`\{[^}]+\}`)

func (l line) rest(signing string) awsapi.Request {
	path, query, _ := strings.Cut(l.operation[8], "?")
	path = label.ReplaceAllStringFunc(path, func(name string) string {
		if strings.HasSuffix(name, "+}") {
			return "a/value/of%20it"
		}
		return url.PathEscape("arn:aws:x/" + strings.Trim(name, "{}"))
	})
	if l.service[1] == "s3" {
		path = strings.Replace(path, url.PathEscape("arn:aws:x/Bucket"), "bucket-1", 1)
	}
	r := awsapi.Request{Method: l.operation[7], Signing: signing, Header: http.Header{"Content-Type": {"application/json"}}}
	for need := range strings.SplitSeq(l.operation[9], ",") {
		switch {
		case strings.HasPrefix(need, "q"):
			query += "&" + url.QueryEscape(need[1:]) + "=1"
		case strings.HasPrefix(need, "h"):
			http.Header(r.Header).Set(need[1:], "1")
		}
	}
	if r.Target = path; query != "" {
		r.Target += "?" + strings.TrimPrefix(query, "&")
	}
	return r
}

// TestEveryOperationIsFound sends every operation of the table in every
// protocol that its service speaks, to a host of the service. Services that
// share a signing name may share operations, which then are the same action.
func TestEveryOperationIsFound(t *testing.T) {
	table := load(t)
	all := lines(t)
	other, shared := 0, map[string]int{}
	for _, l := range all {
		for protocol, r := range l.requests() {
			r.Endpoint = l.endpoint(table)
			c, err := table.Classify(&r)
			what := fmt.Sprintf("%s:%s in %v: %s %s", l.service[1], l.operation[1], protocol, r.Method, r.Target)
			switch {
			case err != nil:
				t.Errorf("%s: %v", what, err)
			case c.Known == nil:
				t.Errorf("%s: not known", what)
			case c.Protocol != protocol:
				t.Errorf("%s: found in %v", what, c.Protocol)
			case c.Service != l.service[1] || c.Operation != l.operation[1]:
				other++
				shared[c.Service+" for "+l.service[1]]++
				if !twin(c.Operation, l.operation[1]) {
					t.Errorf("%s: found to be %s:%s", what, c.Service, c.Operation)
				}
			}
		}
	}
	t.Logf("%d operations, %d found as those of another service: %v", len(all), other, shared)
}

// twin tells the operations that only the version of the API tells apart, and
// the model marks as deprecated.
func twin(found, sent string) bool {
	return found == sent || strings.TrimSuffix(found, "Configuration") == sent
}

func (l line) endpoint(table *awsapi.Table) awsapi.Endpoint {
	for _, h := range l.hosts {
		if l.service[1] == "s3" && h != "s3.{}" {
			continue
		}
		host := strings.NewReplacer("{}", "us-east-1", "*", "123456789012", "<zone>", "use1-az4").Replace(h) + ".amazonaws.com"
		if e, ok := table.Resolve(host); ok {
			return e
		}
	}
	return awsapi.Endpoint{}
}

// TestEveryOperationHasActions looks at what rules will see.
func TestEveryOperationHasActions(t *testing.T) {
	table := load(t)
	levels := map[awsapi.Level]int{}
	credentials := 0
	for _, o := range table.Operations() {
		c := awsapi.Call{Service: o.Service.Name, Operation: o.Name, Known: o}
		names := c.Actions(&awsapi.Request{Target: "/"})
		if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.Count(n, ":") != 1 }) {
			t.Errorf("%s:%s: actions %q", o.Service.Name, o.Name, names)
		}
		levels[o.Level]++
		if o.ReturnsCredentials {
			credentials++
		}
	}
	if len(levels) != 5 || levels[awsapi.Write] < 8000 || credentials < 30 {
		t.Errorf("levels %v, %d return credentials", levels, credentials)
	}
}
