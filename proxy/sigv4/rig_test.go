package sigv4_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sesame/proxy/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	token  = "FwoGZXIvYXdzEJr+example/token=="
)

var signedAt = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// wire writes a request as a client does.
func wire(t testing.TB, r *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// receive reads a request as a server does.
func receive(raw []byte) (sigv4.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return sigv4.Request{}, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return sigv4.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Length: r.ContentLength}, body, err
}

// admit does what a server does with a request: it knows one key.
func admit(raw []byte, now time.Time) (*sigv4.Signed, error) {
	view, body, err := receive(raw)
	if err != nil {
		return nil, err
	}
	s, err := sigv4.Parse(view)
	if err != nil {
		return nil, err
	}
	if s.KeyID != keyID {
		return nil, fmt.Errorf("no such key %q", s.KeyID)
	}
	s.Hash(body)
	if err := s.Verify(sigv4.NewKey(secret, s.Scope), now); err != nil {
		return nil, err
	}
	if s.Payload == sigv4.Hashed || s.Payload == sigv4.Whole {
		_, err = io.Copy(io.Discard, s.Body(bytes.NewReader(body), sigv4.Chain{}))
	}
	return s, err
}

// A draft is a request that the SDK's signer has not seen yet.
type draft struct {
	service, region string
	req             *http.Request
	body            []byte
	payload         string // as it goes into the signature
	at              time.Time
	presigned       bool
}

// sign signs d with the SDK for Go and returns what is on the wire.
func (d draft) sign(t testing.TB) []byte {
	t.Helper()
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if d.service != "sts" {
		creds.SessionToken = token
	}
	raw := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = strings.HasPrefix(d.service, "s3") }
	if !d.presigned {
		if err := v4.NewSigner().SignHTTP(context.Background(), creds, d.req, d.payload, d.service, d.region, d.at, raw); err != nil {
			t.Fatal(err)
		}
		return wire(t, d.req)
	}
	to, header, err := v4.NewSigner().PresignHTTP(context.Background(), creds, d.req, d.payload, d.service, d.region, d.at, raw)
	if err != nil {
		t.Fatal(err)
	}
	d.req.Header = header
	d.req.Header.Del("Host")
	if d.req.URL, err = url.Parse(to); err != nil {
		t.Fatal(err)
	}
	return wire(t, d.req)
}

// A maker makes drafts, the same ones for the same seed.
type maker struct {
	*rand.Rand
	t testing.TB
}

func newMaker(t testing.TB, seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 1)), t} }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

// text is some characters that signers have been seen to disagree on.
func (m maker) text(most int) string {
	var b strings.Builder
	for range 1 + m.IntN(most) {
		b.WriteString(pick(m, "a", "Z", "9", "-", ".", "_", "~", " ", "+", "/", "%", "&", "=", ":", "@", "$", ",", ";", "(", ")", "*", "!", "'", `"`, "<", "?", "#", "é", "日", "\U0001f511"))
	}
	return b.String()
}

func strict(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

func (m maker) path(service string) string {
	if m.IntN(4) == 0 {
		return "/"
	}
	var b strings.Builder
	for range 1 + m.IntN(4) {
		segment := m.text(8)
		if strings.Trim(segment, ".") == "" && !strings.HasPrefix(service, "s3") {
			segment = "arn:" + segment
		}
		b.WriteString("/" + strict(segment))
	}
	if strings.HasPrefix(service, "s3") && m.IntN(3) == 0 {
		b.WriteString(pick(m, "//x", "/../y", "/./", "/"))
	}
	return b.String()
}

func (m maker) query() string {
	if m.IntN(3) == 0 {
		return ""
	}
	v := url.Values{}
	for range 1 + m.IntN(4) {
		name := pick(m, "list-type", "prefix", "Action", "uploads", "partNumber", m.text(4))
		for range 1 + m.IntN(2) {
			v.Add(name, pick(m, "", "1", "a b", m.text(6)))
		}
	}
	return v.Encode()
}

func (m maker) header() http.Header {
	h := http.Header{"User-Agent": {"test/1.0"}, "Content-Type": {pick(m, "application/x-amz-json-1.1", "text/plain; charset=utf-8", "application/xml")}}
	for range m.IntN(4) {
		h.Add(pick(m, "X-Amz-Meta-One", "X-Amz-Meta-Two", "X-Amz-Target", "Content-Language"), pick(m, "a", "b  c   d", "é", `"quoted  text"`, "x,y", ""))
	}
	if m.IntN(6) == 0 {
		h.Set("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793")
	}
	return h
}

func (m maker) draft() draft {
	d := draft{
		service: pick(m, "s3", "s3express", "sts", "ec2", "lambda", "dynamodb", "execute-api", "ssm"),
		region:  pick(m, "us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"),
		at:      signedAt.Add(time.Duration(m.IntN(7200)) * time.Second),
	}
	if m.IntN(2) == 0 {
		d.body = []byte(m.text(40))
	}
	target := "https://" + d.service + "." + d.region + ".amazonaws.com" + pick(m, "", "", ":8443") + m.path(d.service) + "?" + m.query()
	req, err := http.NewRequest(pick(m, "GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"), strings.TrimSuffix(target, "?"), bytes.NewReader(d.body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header, d.req = m.header(), req
	m.cover(&d)
	return d
}

// cover decides how the body is signed, and where the signature goes.
func (m maker) cover(d *draft) {
	d.payload = hexSum(d.body)
	s3 := strings.HasPrefix(d.service, "s3")
	if m.IntN(4) == 0 {
		d.presigned = true
		q := d.req.URL.Query()
		q.Set("X-Amz-Expires", "900")
		d.req.URL.RawQuery = q.Encode()
		if s3 {
			d.payload = "UNSIGNED-PAYLOAD"
		}
		return
	}
	if s3 {
		d.payload = pick(m, d.payload, "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")
	}
	if s3 || m.IntN(2) == 0 {
		d.req.Header.Set("X-Amz-Content-Sha256", d.payload)
	}
}

func sortedNames(header map[string][]string) string {
	return strings.Join(slices.Sorted(maps.Keys(header)), " ")
}
