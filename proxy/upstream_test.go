package proxy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sesame/proxy"
)

// TestUpstreamInHTTP2 has an AWS that speaks nothing else, and checks that what
// it gets is what was signed.
func TestUpstreamInHTTP2(t *testing.T) {
	r := newRig(t, "")
	var mu sync.Mutex
	var targets []string
	aws := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.ProtoMajor != 2 {
			t.Errorf("%s came in %s", q.RequestURI, q.Proto)
		}
		got, err := r.aws.check(q)
		if err != nil {
			t.Errorf("%s: %v", q.RequestURI, err)
		}
		mu.Lock()
		targets = append(targets, q.RequestURI+" "+got.body)
		mu.Unlock()
		_, _ = io.WriteString(w, "{}")
	}))
	aws.EnableHTTP2 = true
	aws.TLS = &tls.Config{NextProtos: []string{"h2"}}
	aws.StartTLS()
	t.Cleanup(aws.Close)
	roots := x509.NewCertPool()
	roots.AddCert(aws.Certificate())
	up := proxy.NewTransport()
	up.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: "example.com", NextProtos: []string{"h2"}}
	up.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, aws.Listener.Addr().String())
	}
	t.Cleanup(up.CloseIdleConnections)
	config := r.proxy.Config
	config.Upstream = byService{up, r.aws.transport()}
	r.proxy = proxy.New(config)
	r.listen()
	s3Get := func(target string) message {
		return message{method: "GET", url: "https://b.s3.us-east-1.amazonaws.com" + target, service: "s3", header: map[string]string{}}
	}
	for _, m := range []message{item(`{"TableName":"orders"}`), s3Get("/a/../c//d?versionId=2"), s3Get("//two//slashes"), s3Get("/")} {
		res, err := r.client().Do(r.signed(m))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s, %v", m.url, res.Status, text, err)
		}
		_ = res.Body.Close()
	}
	// A body without a length, which the client sends as it comes.
	upload := r.unsignedPayload(r.signed(message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3", header: map[string]string{}}), io.MultiReader(strings.NewReader("stream"), strings.NewReader("ed")))
	res, err := r.client().Do(upload)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", res, err)
	}
	_ = res.Body.Close()
	const want = `/ {"TableName":"orders"}|/a/../c//d?versionId=2 |//two//slashes |/ |/k streamed`
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(targets, "|"); got != want {
		t.Errorf("AWS got %s, want %s", got, want)
	}
}

// byService sends what is for STS by a way of its own.
type byService struct{ others, own http.RoundTripper }

func (s byService) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.Host, "sts.") {
		return s.own.RoundTrip(r)
	}
	return s.others.RoundTrip(r)
}
