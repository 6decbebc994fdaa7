//go:build unix

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
	"slices"
	"strconv"
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

// The slices of BenchmarkCalls: how often each way takes its turn, and how many
// calls a turn has.
const (
	turns     = 9
	turnAlone = 1500 // on one connection
	turn      = 5000
)

// BenchmarkCalls compares what a call of 512 bytes takes through Sesame, which
// verifies, judges, records and signs it, with what it takes through a reverse
// proxy of the standard library, which does nothing to it. Each of the two is a
// process of its own, that of Sesame set up as its server is. They take turns,
// and what is compared is neighbours: whatever else the machine does falls on
// both.
//
// The load and what stands for AWS share the machine with them. What a proxy
// itself costs is the time of its processors.
func BenchmarkCalls(b *testing.B) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write(answer)
	}))
	b.Cleanup(aws.Close)
	to := aws.Listener.Addr().String()
	sesame, bare := launch(b, kindSesame, to), launch(b, kindBare, to)
	for _, clients := range []int{1, 16, 64} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) {
			ways := []*way{
				{name: "bare", process: bare, call: sesame.caller("Query")},
				{name: "read", process: sesame, call: sesame.caller("Query")},
				{name: "write", process: sesame, call: sesame.caller("PutItem")},
			}
			n := turn
			if clients == 1 {
				n = turnAlone
			}
			for b.Loop() {
				for range turns {
					for _, w := range ways {
						w.turn(b, clients, n)
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, w := range ways {
				w.report(b, ways[0])
			}
		})
	}
}

var answer = bytes.Repeat([]byte("r"), 200)

// A way is one of those that calls may take.
type way struct {
	name    string
	process *process
	call    func(n int64) []byte

	rates   []float64 // calls a second, of each turn
	middles []float64 // medians of each turn, in microseconds
	cpu     []float64 // microseconds a call, of each turn
}

// turn makes n calls on some connections.
func (w *way) turn(b *testing.B, clients, n int) {
	messages := make([][]byte, n)
	for i := range messages {
		messages[i] = w.call(serial.Add(1))
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", w.process.Address)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
	}
	before, began := w.process.used(true), clock.System{}.Now()
	took := load(b, conns, messages)
	elapsed, after := clock.System{}.Now().Sub(began), w.process.used(false)
	slices.Sort(took)
	w.rates = append(w.rates, float64(n)/elapsed.Seconds())
	w.middles = append(w.middles, float64(took[n/2].Nanoseconds())/1e3)
	w.cpu = append(w.cpu, float64((after.CPU-before.CPU).Nanoseconds())/1e3/float64(n))
}

// report tells the medians of the turns, and of how they compare.
func (w *way) report(b *testing.B, bare *way) {
	b.ReportMetric(median(w.rates), w.name+"-calls/s")
	b.ReportMetric(median(w.middles), w.name+"-p50-µs")
	b.ReportMetric(median(w.cpu), w.name+"-cpu-µs")
	if w != bare {
		b.ReportMetric(median(ratios(w.rates, bare.rates)), w.name+"-x_bare")
		b.ReportMetric(median(ratios(w.middles, bare.middles)), w.name+"-p50-x_bare")
		b.ReportMetric(median(ratios(w.cpu, bare.cpu)), w.name+"-cpu-x_bare")
	}
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func ratios(over, under []float64) []float64 {
	all := make([]float64, len(over))
	for i := range all {
		all[i] = over[i] / under[i]
	}
	return all
}

// load makes calls on connections, and returns how long each took.
func load(b *testing.B, conns []net.Conn, messages [][]byte) []time.Duration {
	var next atomic.Int64
	var wg sync.WaitGroup
	took := make([]time.Duration, len(messages))
	for _, conn := range conns {
		wg.Go(func() {
			in := bufio.NewReader(conn)
			for n := next.Add(1); n <= int64(len(messages)); n = next.Add(1) {
				began := clock.System{}.Now()
				if err := exchange(conn, in, messages[n-1]); err != nil {
					b.Error(err)
					return
				}
				took[n-1] = clock.System{}.Now().Sub(began)
			}
		})
	}
	wg.Wait()
	return took
}

// serial makes every call of a run another, or it would be a repeat.
var serial atomic.Int64

// exchange makes one call, with as little work as it can.
func exchange(conn net.Conn, in *bufio.Reader, message []byte) error {
	if _, err := conn.Write(message); err != nil {
		return err
	}
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == len("\r\n") {
			_, err = in.Discard(length)
			return err
		}
		if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			text, _ := io.ReadAll(in) // until the other side gives up
			return fmt.Errorf("%s%s", line, text)
		}
		if value, is := bytes.CutPrefix(line, []byte("Content-Length: ")); is {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}

// BenchmarkServe is the same without a network: what is left is the work.
func BenchmarkServe(b *testing.B) {
	r := newRig(b, `{"allow":["dynamodb:*"],"deny":["dynamodb:DeleteTable"]}`)
	config := r.proxy.Config
	config.Upstream = answering{}
	r.proxy = proxy.New(config)
	bare := &httputil.ReverseProxy{Transport: answering{}, Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = "https", tableHost }}
	for _, way := range []struct {
		name, operation string
		serve           func(http.ResponseWriter, *http.Request)
	}{
		{"bare", "Query", bare.ServeHTTP}, {"read", "Query", func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, tableHost) }},
		{"write", "PutItem", func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, tableHost) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			call := caller(r.key.ID, r.key.Secret, r.key.Token, way.operation)
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

// caller returns what writes the n-th call under the proxy's key.
func (p *process) caller(operation string) func(n int64) []byte {
	return caller(p.Key.ID, p.Key.Secret, p.Key.Token, operation)
}

func caller(id, secret, token, operation string) func(n int64) []byte {
	scope := sigv4.Scope{Day: clock.System{}.Now().Format("20060102"), Region: region, Service: "dynamodb"}
	c := sigv4.Credential{KeyID: id, Token: token, Key: sigv4.NewKey(secret, scope)}
	return func(n int64) []byte {
		now := clock.System{}.Now()
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
