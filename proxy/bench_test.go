package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/sigv4"
)

const tableHost = "dynamodb.us-east-1.amazonaws.com"

// BenchmarkCalls compares, in one run, what a call of 512 bytes costs through
// Sesame, which verifies, judges, records and signs it, with what it costs
// through a reverse proxy of the standard library, which does nothing to it.
// The clients sign in either case.
func BenchmarkCalls(b *testing.B) {
	r := newRig(b, `{"allow":["dynamodb:*"],"deny":["dynamodb:DeleteTable"]}`)
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write(bytes.Repeat([]byte("r"), 200))
	}))
	b.Cleanup(aws.Close)
	r.aws.Listener = aws.Listener // its transport goes there
	b.Cleanup(r.proxy.Upstream.(*http.Transport).CloseIdleConnections)
	sesame := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, req.Host) }))
	b.Cleanup(sesame.Close)
	to, err := url.Parse(aws.URL)
	if err != nil {
		b.Fatal(err)
	}
	t := proxy.NewTransport()
	b.Cleanup(t.CloseIdleConnections)
	bare := httptest.NewServer(&httputil.ReverseProxy{Transport: t, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }})
	b.Cleanup(bare.Close)
	for _, clients := range []int{1, 16, 64} {
		for _, way := range []struct{ name, address, operation string }{
			{"direct", aws.Listener.Addr().String(), "Query"}, {"bare", bare.Listener.Addr().String(), "Query"},
			{"read", sesame.Listener.Addr().String(), "Query"}, {"write", sesame.Listener.Addr().String(), "PutItem"},
		} {
			b.Run(fmt.Sprintf("%s/%d", way.name, clients), func(b *testing.B) {
				load(b, clients, way.address, r.caller(way.operation))
			})
		}
	}
}

// BenchmarkServe is the same without a network: what is left is the work.
func BenchmarkServe(b *testing.B) {
	r := newRig(b, `{"allow":["dynamodb:*"],"deny":["dynamodb:DeleteTable"]}`)
	r.proxy.Upstream = answering{}
	bare := &httputil.ReverseProxy{Transport: answering{}, Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = "https", tableHost }}
	for _, way := range []struct {
		name, operation string
		serve           func(http.ResponseWriter, *http.Request)
	}{
		{"bare", "Query", bare.ServeHTTP}, {"read", "Query", func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, tableHost) }},
		{"write", "PutItem", func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, tableHost) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			call := r.caller(way.operation)
			all := make([]*http.Request, b.N)
			for i := range all {
				req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(call(serial.Add(1)))))
				if err != nil {
					b.Fatal(err)
				}
				req.RemoteAddr = home
				all[i] = req
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, req := range all {
				w := discard{header: http.Header{}}
				way.serve(&w, req)
				if w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// answering is AWS without a network.
type answering struct{}

func (answering) RoundTrip(req *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, req.Body)
	return &http.Response{
		StatusCode: http.StatusOK, ContentLength: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"r"}},
		Body: io.NopCloser(bytes.NewReader(make([]byte, 200))), Request: req,
	}, err
}

// discard is a client that looks at the status alone.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) Flush()                      {}

// caller returns what writes the n-th call.
func (r *rig) caller(operation string) func(n int64) []byte {
	now := clock.System{}.Now()
	c := sigv4.Credential{KeyID: r.key.ID, Token: r.key.Token, Key: sigv4.NewKey(r.key.Secret, sigv4.Scope{Day: now.Format("20060102"), Region: region, Service: "dynamodb"})}
	return func(n int64) []byte {
		body := fmt.Sprintf(`{"TableName":"orders","N":"%012d","X":"%s"}`, n, strings.Repeat("x", 460))
		sum := sha256.Sum256([]byte(body))
		hash := hex.EncodeToString(sum[:])
		in := sigv4.Request{Method: "POST", Target: "/", Host: tableHost, Length: int64(len(body)), Header: map[string][]string{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"DynamoDB_20120810." + operation}, "X-Amz-Content-Sha256": {hash},
		}}
		if _, err := c.Sign(in, []string{"content-type", "x-amz-target", "x-amz-content-sha256"}, hash, now); err != nil {
			panic(err)
		}
		var out bytes.Buffer
		fmt.Fprintf(&out, "POST / HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nContent-Length: %d\r\n", tableHost, len(body))
		for name, values := range in.Header {
			fmt.Fprintf(&out, "%s: %s\r\n", name, values[0])
		}
		out.WriteString("\r\n" + body)
		return out.Bytes()
	}
}

// load makes b.N calls on some connections, and reports the median.
func load(b *testing.B, clients int, address string, call func(int64) []byte) {
	var next atomic.Int64
	var wg sync.WaitGroup
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	for range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				message, began := call(serial.Add(1)), clock.System{}.Now()
				if err := exchange(conn, in, message); err != nil {
					b.Error(err)
					return
				}
				took[n-1] = clock.System{}.Now().Sub(began)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
}

// serial makes every call of a run another, or it would be a repeat.
var serial atomic.Int64

func exchange(conn net.Conn, in *bufio.Reader, message []byte) error {
	if _, err := conn.Write(message); err != nil {
		return err
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return err
}
