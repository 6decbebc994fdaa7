package awsapi_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"sesame/proxy/awsapi"
)

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWhatIsCompressed holds that a compressed body is read as it is meant, or
// said to be left out, where it does not decide what is asked for.
func TestWhatIsCompressed(t *testing.T) {
	table := load(t)
	const body = `{"TableName":"a"}`
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		want     string
	}{
		"not":                {"", []byte(body), "a"},
		"not, in so many":    {"identity", []byte(body), "a"},
		"as SDKs do":         {"gzip", zip(t, body), "a"},
		"not what it says":   {"gzip", []byte(body), "without [TableName]"},
		"cut off":            {"gzip", zip(t, body)[:20], "without [TableName]"},
		"twice over":         {"gzip", append(zip(t, body), zip(t, `{"TableName":"b"}`)...), "without [TableName]"},
		"with something":     {"gzip", append(zip(t, body), 0), "without [TableName]"},
		"larger than a body": {"gzip", zip(t, strings.Repeat(" ", 2<<20)+body), "without [TableName]"},
		"otherwise":          {"br", zip(t, body), "the encoding of the request is not known: the body is compressed"},
		"and again":          {"gzip, gzip", zip(t, body), "the encoding of the request is not known: the body is compressed"},
	} {
		r := awsapi.Request{
			Method: "POST", Target: "/", Signing: "dynamodb", Body: c.body, Header: map[string][]string{
				"X-Amz-Target": {"DynamoDB_20120810.DescribeTable"}, "Content-Type": {"application/x-amz-json-1.0"}, "Content-Encoding": {c.encoding},
			},
		}
		call, err := table.Classify(&r)
		if err != nil {
			t.Fatal(err)
		}
		params, partial, err := call.Params(&r)
		got := strings.Join(params["TableName"], ",")
		switch {
		case err != nil:
			got = err.Error()
		case len(partial) > 0:
			got = "without [" + strings.Join(partial, " ") + "]" + got
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
