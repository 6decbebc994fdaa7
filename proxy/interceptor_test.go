package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"sesame/flows/clock"
	"sesame/proxy/calls"
	"sesame/proxy/sigv4"
)

// TestClientsOfTheSDK tells the story of an engineer's programs: the SDK's own
// clients, through CONNECT and our certificates, to AWS.
func TestClientsOfTheSDK(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	c, ctx := r.config(), t.Context()
	who, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil || !strings.HasSuffix(aws.ToString(who.Arn), "assumed-role/SesameEC2/alice@example.com+g-0123456789") {
		t.Fatalf("%+v, %v", who, err)
	}
	orders := aws.String("orders")
	if _, err := dynamodb.NewFromConfig(c).PutItem(ctx, &dynamodb.PutItemInput{
		TableName: orders, Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "é"}},
	}); err != nil {
		t.Error(err)
	}
	if out, err := sqs.NewFromConfig(c).ListQueues(ctx, nil); err != nil || len(out.QueueUrls) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	describe := r.signed(message{
		method: "POST", url: "https://ec2.us-east-1.amazonaws.com/", service: "ec2", body: "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	})
	if res, err := c.HTTPClient.(*http.Client).Do(describe); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("%+v, %v", res, err)
	} else {
		_ = res.Body.Close()
	}
	objects(t, c)
	found := map[string]bool{}
	for _, e := range r.entries() {
		found[fmt.Sprintf("%s:%s %s %s", e.Service, e.Operation, e.Kind, e.Level)] = true
		if e.Kind == calls.Refused {
			t.Errorf("refused: %+v", e)
		}
	}
	for _, want := range []string{
		"sts:GetCallerIdentity answer read", "dynamodb:PutItem intent write", "dynamodb:PutItem answer write", "sqs:ListQueues answer read",
		"ec2:DescribeInstances answer list", "s3:PutObject intent write", "s3:GetObject answer read", "s3:HeadObject answer read",
	} {
		if !found[want] {
			t.Errorf("not recorded: %s; recorded: %v", want, found)
		}
	}
}

// objects puts and gets objects under odd names, of known and unknown length.
func objects(t *testing.T, c aws.Config) {
	t.Helper()
	ctx, bucket := t.Context(), aws.String("bucket")
	for style, client := range map[string]*s3.Client{
		"path": s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), "host": s3.NewFromConfig(c),
	} {
		data := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
		for name, body := range map[string]io.Reader{
			"a b/../c//d+é": bytes.NewReader(data), "unseekable": io.MultiReader(bytes.NewReader(data)), "empty": strings.NewReader(""), "/slash": strings.NewReader("x"),
		} {
			key := aws.String(name)
			if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: body}); err != nil {
				t.Errorf("%s: put %q: %v", style, name, err)
				continue
			}
			if _, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key}); err != nil {
				t.Errorf("%s: head %q: %v", style, name, err)
			}
			out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
			if err != nil {
				t.Errorf("%s: get %q: %v", style, name, err)
				continue
			}
			got, err := io.ReadAll(out.Body)
			want := map[string]int{"empty": 0, "/slash": 1}
			size, small := want[name]
			if !small {
				size = len(data)
			}
			if err != nil || len(got) != size {
				t.Errorf("%s: %q has %d bytes, %v, want %d", style, name, len(got), err, size)
			}
		}
	}
	_, err := s3.NewFromConfig(c).GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("missing")})
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "NoSuchKey" {
		t.Errorf("a missing object: %v", err)
	}
}

// TestRefusalsReachTheClient holds that each protocol's client shows the
// sentence.
func TestRefusalsReachTheClient(t *testing.T) {
	r := newRig(t, `{"read_only":true}`)
	r.listen()
	c, ctx := r.config(), t.Context()
	for name, call := range map[string]func() error{
		"json": func() error {
			_, err := dynamodb.NewFromConfig(c).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("orders")})
			return err
		},
		"rest-xml": func() error {
			_, err := s3.NewFromConfig(c).PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("b"), Key: aws.String("k"), Body: strings.NewReader("x")})
			return err
		},
		"query": func() error {
			_, err := sts.NewFromConfig(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::1:role/x"), RoleSessionName: aws.String("x")})
			return err
		},
	} {
		err := call()
		api, ok := errors.AsType[smithy.APIError](err)
		if !ok || !strings.HasPrefix(api.ErrorCode(), "AccessDenied") || !strings.Contains(api.ErrorMessage(), "read-only: ask for another target.") && !strings.Contains(api.ErrorMessage(), "lists no roles to go on as") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheNextCallAfterTheEnd ends a grant in the middle of a loop of calls: the
// first call at or after its end is refused, however short a time after it.
func TestTheNextCallAfterTheEnd(t *testing.T) {
	for _, c := range []struct {
		what, says string
		end        func(*rig)
	}{
		{"somebody ends it", "ended at 2026-11-20 12:59:59 UTC", (*rig).end},
		{"its time is over", "ended at 2026-11-20 13:00:00 UTC", func(r *rig) { r.clock.Advance(time.Second) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t, "")
			r.listen()
			client := dynamodb.NewFromConfig(r.config())
			call := func() error {
				_, err := client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("orders"), KeyConditionExpression: aws.String("a = b")})
				return err
			}
			r.clock.Advance(time.Hour - time.Second) // a second before the end
			for range 3 {
				if err := call(); err != nil {
					t.Fatal(err)
				}
			}
			c.end(r)
			if err := call(); err == nil || !strings.Contains(err.Error(), "The grant g-0123456789 on ec2-frontend "+c.says+": ask again with sesame request ec2-frontend.") {
				t.Errorf("after the end: %v", err)
			}
			if n := len(r.aws.received()); n != 3 {
				t.Errorf("%d calls reached AWS, want 3", n)
			}
		})
	}
}

// dial opens a tunnel by hand, and returns what the proxy says to it.
func (r *rig) dial(request string) (net.Conn, *http.Response) {
	r.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		r.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.Fatal(err)
	}
	return conn, res
}

func TestTunnelsGoToAWSAlone(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	connect := func(host string) int {
		_, res := r.dial("CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		return res.StatusCode
	}
	for host, want := range map[string]int{
		"sts.amazonaws.com:443": 200, "b.s3.us-east-1.amazonaws.com:443": 200, "example.com:443": 403, "sts.amazonaws.com:80": 403,
		"ec2-192-0-2-1.compute-1.amazonaws.com:443": 403, "sts.amazonaws.com.example.com:443": 403, "127.0.0.1:443": 403, "sts.amazonaws.com": 403,
	} {
		if got := connect(host); got != want {
			t.Errorf("CONNECT %s: %d, want %d", host, got, want)
		}
	}
	if _, res := r.dial("GET http://sts.amazonaws.com/ HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", res.StatusCode)
	}
}

func TestTheNameIsThatOfTheTunnel(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.authority.PEM())
	open := func(name string) (*tls.Conn, error) {
		conn, _ := r.dial("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n")
		c := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: roots})
		return c, c.Handshake()
	}
	if _, err := open("sts.amazonaws.com"); err != nil {
		t.Errorf("the host of the tunnel: %v", err)
	}
	if _, err := open("dynamodb.us-east-1.amazonaws.com"); err == nil {
		t.Error("a handshake for another host than the tunnel's")
	}
	c, err := open("sts.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	req := r.signed(query()) // for another host
	if err := req.Write(c); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), req)
	if err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("a host that is not the tunnel's: %+v, %v", res, err)
	}
}

// TestGarbageLeavesNothingBehind opens a thousand connections that say nothing
// sensible. As many come before them, for which the runtime makes room that it
// never gives back.
func TestGarbageLeavesNothingBehind(t *testing.T) {
	r := newRig(t, "")
	listening := runtime.NumGoroutine() + 4 // Run, two servers, and who waits for the end
	r.listen()
	r.garbage(1000)
	before := r.quiet(listening)
	r.garbage(1000)
	// Less than a connection would take in any form.
	if after := r.quiet(listening); after > before+1000*128 {
		t.Errorf("%d bytes in use after 1,000 connections, %d before", after, before)
	}
}

// garbage opens n connections, of which half are left open until all are.
func (r *rig) garbage(n int) {
	r.Helper()
	garbage := [][]byte{
		nil, []byte("\x16\x03\x01"), []byte("CONNECT"), []byte("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n\r\n"), []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		[]byte("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\nnot tls at all, and rather long, so that it is read"),
		[]byte("CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n\x16\x03\x01\xff\xff"), bytes.Repeat([]byte("x"), 20<<10),
	}
	const workers = 10
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for n := range n / workers {
				conn, err := net.Dial("tcp", r.address)
				if err != nil {
					r.Error(err)
					return
				}
				_, _ = conn.Write(garbage[(worker+n)%len(garbage)]) // it may be shut already
				if n%2 == 0 {
					_ = conn.Close()
					continue
				}
				defer conn.Close()
			}
		})
	}
	wg.Wait()
}

// quiet waits until there are no more goroutines than that, and returns how
// much memory is in use then.
func (r *rig) quiet(goroutines int) uint64 {
	r.Helper()
	// net/http lingers half a second on what it turned away.
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	for runtime.NumGoroutine() > goroutines {
		if err := clock.Wait(ctx, clock.System{}, clock.System{}.Now().Add(10*time.Millisecond)); err != nil {
			r.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestBodiesStream holds that the first byte of a body is with AWS before its
// last is sent, and the same of an answer.
func TestBodiesStream(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	first := make(chan struct{})
	r.aws.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var b [1]byte
		if _, err := io.ReadFull(req.Body, b[:]); err != nil {
			t.Error(err)
		}
		close(first)
		n, err := io.Copy(io.Discard, req.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, "%d bytes", n+1)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done() // the answer does not end by itself
	})
	body, send := io.Pipe()
	req := r.signed(message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3", header: map[string]string{}})
	req = r.unsignedPayload(req, body)
	var res *http.Response
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		var err error
		if res, err = r.client().Do(req.WithContext(ctx)); err != nil {
			t.Error(err)
		}
	})
	if _, err := send.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-first
	if _, err := send.Write(bytes.Repeat([]byte("y"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	_ = send.Close()
	wg.Wait()
	if res == nil {
		t.Fatal("no answer")
	}
	got := make([]byte, len("1048577 bytes"))
	if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != "1048577 bytes" {
		t.Errorf("%q, %v", got, err)
	}
	cancel()
	_ = res.Body.Close()
}

// TestCallsUnderWayEndWithTheGrant breaks an answer off that lasts longer.
func TestCallsUnderWayEndWithTheGrant(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	g := r.grant()
	g.EndsAt = noon.Add(300 * time.Millisecond)
	r.put(g)
	r.aws.answers(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "the first of many")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})
	res, err := r.client().Do(r.signed(query()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && !strings.Contains(string(text), "ended while the call was under way") {
		t.Errorf("the answer ended as if it were whole: %d %s", res.StatusCode, text)
	}
	all := r.entries()
	if last := all[len(all)-1]; !strings.Contains(last.Why, "ended") || last.Kind == calls.Refused {
		t.Errorf("recorded %+v", last)
	}
}

// TestEndingIsInstant breaks an answer off when somebody ends its grant, and no
// other.
func TestEndingIsInstant(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	r.aws.answers(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "the first of many")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})
	res, err := r.client().Do(r.signed(query()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	head := make([]byte, len("the first of many"))
	if _, err := io.ReadFull(res.Body, head); err != nil {
		t.Fatal(err)
	}
	g := r.grant()
	g.Reminded = true
	r.put(g)
	if err := r.proxy.Cut(t.Context()); err != nil { // it is still open
		t.Fatal(err)
	}
	r.end()
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("the answer ended as if it were whole: %s", text)
	}
	all := r.entries()
	if last := all[len(all)-1]; last.Kind != calls.Ended || last.Why != "the grant ended" || last.Received != int64(len(head)) {
		t.Errorf("recorded %+v", last)
	}
}

// TestSignedChunks sends a body whose chunks are signed one by one, which is
// signed again as it passes.
func TestSignedChunks(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	const marker = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	chunk, now := strings.Repeat("x", 64<<10), clock.System{}.Now()
	c := sigv4.Credential{KeyID: r.key.ID, Token: r.key.Token, Key: sigv4.NewKey(r.key.Secret, sigv4.Scope{Day: now.Format("20060102"), Region: region, Service: "s3"})}
	in := sigv4.Request{Method: "PUT", Target: "/k", Host: "b.s3.us-east-1.amazonaws.com", Header: map[string][]string{
		"X-Amz-Content-Sha256": {marker}, "X-Amz-Decoded-Content-Length": {fmt.Sprint(2 * len(chunk))}, "Content-Encoding": {"aws-chunked"},
	}}
	if _, err := c.Sign(in, []string{"x-amz-content-sha256", "x-amz-decoded-content-length", "content-encoding"}, marker, now); err != nil {
		t.Fatal(err)
	}
	authorization := in.Header["Authorization"][0]
	signature := authorization[len(authorization)-64:]
	seed := chunkSigner{secret: r.key.Secret, stamp: now.Format("20060102T150405Z"), previous: signature}
	body := seed.chunk(chunk) + seed.chunk(chunk) + seed.chunk("")
	send := func(body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), "PUT", "https://"+in.Host+in.Target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header(in.Header)
		res, err := r.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	if res := send(body); res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %s", res.Status, text)
	}
	if got := r.aws.objects[in.Host+in.Target]; string(got) != chunk+chunk {
		t.Errorf("%d bytes arrived, want %d", len(got), 2*len(chunk))
	}
}

// A chunkSigner signs chunks as "Authenticating Requests" of the S3 API
// Reference has it.
type chunkSigner struct{ secret, stamp, previous string }

func (s *chunkSigner) chunk(data string) string {
	sum := func(text string) string { h := sha256.Sum256([]byte(text)); return hex.EncodeToString(h[:]) }
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	day := s.stamp[:8]
	key := mac(mac(mac(mac([]byte("AWS4"+s.secret), day), region), "s3"), "aws4_request")
	scope := day + "/" + region + "/s3/aws4_request"
	s.previous = hex.EncodeToString(mac(key, strings.Join([]string{"AWS4-HMAC-SHA256-PAYLOAD", s.stamp, scope, s.previous, sum(""), sum(data)}, "\n")))
	return fmt.Sprintf("%x;chunk-signature=%s\r\n%s\r\n", len(data), s.previous, data)
}
