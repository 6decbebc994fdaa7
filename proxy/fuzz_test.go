package proxy_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"sesame/proxy"
	"sesame/proxy/awsapi"
)

// FuzzServe gives the proxy requests that nobody signed, as they are and under
// hosts of several protocols. Each is refused, and nothing reaches AWS.
func FuzzServe(f *testing.F) {
	r := newRig(f, "")
	for _, m := range []message{item(`{"TableName":"orders"}`), query()} {
		var wire bytes.Buffer
		if err := r.signed(m).Write(&wire); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Replace(wire.Bytes(), []byte("Signature="), []byte("Signature=0"), 1))
		f.Add(bytes.Replace(wire.Bytes(), []byte("orders"), []byte("others"), 1))
	}
	f.Add([]byte("GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nSmithy-Protocol: rpc-v2-cbor\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		for _, host := range []string{"dynamodb.us-east-1.amazonaws.com", "b.s3.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com", "lambda.us-east-1.amazonaws.com"} {
			req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
			if err != nil {
				return
			}
			req.RemoteAddr = home
			w := httptest.NewRecorder()
			r.proxy.Serve(w, req, host)
			if w.Code < http.StatusBadRequest {
				t.Errorf("%s: %d", host, w.Code)
			}
		}
		if req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire))); err == nil {
			w := httptest.NewRecorder()
			r.proxy.ServeEndpoint(w, req, endpointName)
			if w.Code < http.StatusBadRequest {
				t.Errorf("the endpoint: %d", w.Code)
			}
		}
		if n := len(r.aws.received()); n != 0 {
			t.Errorf("%d calls reached AWS", n)
		}
	})
}

// FuzzAssume has the holder of a key ask STS for anything. A key is handed out
// for a listed role alone, named once.
func FuzzAssume(f *testing.F) {
	r := newBroker(f, brokering)
	for _, say := range []string{"", "&RoleArn=" + deployARN + "&ExternalId=theirs", "&RoleArn=" + auditARN, "&RoleArn=%61rn", "&rolearn=x;RoleArn=" + deployARN, "&Policy=&DurationSeconds=900"} {
		f.Add(say)
	}
	f.Fuzz(func(t *testing.T, say string) {
		r.TB = t
		m := assumeMessage(say)
		w := r.serve(r.signed(m), home)
		if w.Code != http.StatusOK {
			return
		}
		form, err := url.ParseQuery(m.body)
		if roles := form["RoleArn"]; err != nil || form.Get("Action") == "AssumeRole" && (len(roles) != 1 || roles[0] != deployARN) {
			t.Errorf("%q gave a key", m.body)
		}
	})
}

// FuzzLead holds that whatever a client puts before our name, a call goes to S3
// or nowhere, and under the very name that was read.
func FuzzLead(f *testing.F) {
	table, err := awsapi.Load()
	if err != nil {
		f.Fatal(err)
	}
	for _, host := range []string{"bucket." + endpointName, "my.bucket." + endpointName + ":8444", endpointName, "a@b." + endpointName, "s3-website." + endpointName, "x" + endpointName, "[::1]:443", "a/b." + endpointName, "*." + endpointName} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		lead, ours := proxy.LeadForTest(host, endpointName)
		if !ours {
			return
		}
		want := "s3.us-east-1.amazonaws.com"
		if lead != "" {
			want = lead + "." + want
		}
		for _, h := range table.Homes("s3", region, lead) {
			u, err := url.Parse("https://" + h.Host + "/")
			if h.Service == "s3" && (err != nil || u.Host != h.Host || u.Hostname() != want) {
				t.Errorf("%q leads to %q: %v", host, h.Host, err)
			}
		}
	})
}
