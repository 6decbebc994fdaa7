package sigv4_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sesame/proxy/sigv4"
)

const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func credential(service string) sigv4.Credential {
	scope := sigv4.Scope{Day: "20260314", Region: "us-east-1", Service: service}
	return sigv4.Credential{KeyID: keyID, Token: token, Key: sigv4.NewKey(secret, scope)}
}

// signed is a request for service that verifies.
func signed(t testing.TB, service string) sigv4.Request {
	t.Helper()
	r := sigv4.Request{Method: "POST", Target: "/a/b?x=1", Host: service + ".us-east-1.amazonaws.com", Length: 0, Header: map[string][]string{
		"Content-Type":         {"text/plain"},
		"X-Amz-Content-Sha256": {emptySum},
		"X-Amz-Meta-One":       {"1"},
	}}
	if _, err := credential(service).Sign(r, lowerNames(r.Header), emptySum, signedAt); err != nil {
		t.Fatal(err)
	}
	return r
}

// presigned is one that carries its signature in the query.
func presigned(t testing.TB, service string) sigv4.Request {
	t.Helper()
	m := newMaker(t, 7)
	for {
		d := m.draft()
		if !d.presigned || d.service != service || len(d.body) > 0 {
			continue
		}
		view, _, err := receive(d.sign(t))
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
}

func verify(r sigv4.Request, now time.Time) error {
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	s.Hash(nil)
	return s.Verify(sigv4.NewKey(secret, s.Scope), now)
}

func replaceAuth(old, with string) func(*sigv4.Request) {
	return func(r *sigv4.Request) {
		r.Header["Authorization"] = []string{strings.Replace(r.Header["Authorization"][0], old, with, 1)}
	}
}

func header(name string, values ...string) func(*sigv4.Request) {
	return func(r *sigv4.Request) { r.Header[name] = values }
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(*sigv4.Request)
		want error
	}{
		{"as signed", func(*sigv4.Request) {}, nil},
		{"no space after commas", func(r *sigv4.Request) {
			r.Header["Authorization"] = []string{strings.ReplaceAll(r.Header["Authorization"][0], ", ", ",")}
		}, nil},
		{"an unsigned header that means nothing", header("User-Agent", "x"), nil},
		{"an unsigned trace id", header("X-Amzn-Trace-Id", "Root=1"), nil},
		{"no signature", func(r *sigv4.Request) { delete(r.Header, "Authorization") }, sigv4.ErrUnsigned},
		{"basic authorization", header("Authorization", "Basic eDp5"), sigv4.ErrUnsigned},
		{"SigV2 in the header", header("Authorization", "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="), sigv4.ErrUnsupported},
		{"SigV2 in the query", func(r *sigv4.Request) {
			delete(r.Header, "Authorization")
			r.Target = "/?AWSAccessKeyId=AKIDEXAMPLE&Expires=1141889120&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D"
		}, sigv4.ErrUnsupported},
		{"SigV2 in the query, with a token", func(r *sigv4.Request) {
			delete(r.Header, "Authorization")
			r.Target = "/?x-amz-security-token=t&AWSAccessKeyId=AKIDEXAMPLE&Expires=1141889120&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D"
		}, sigv4.ErrUnsupported},
		{"SigV2 of the query protocol", func(r *sigv4.Request) {
			delete(r.Header, "Authorization")
			r.Target = "/?Action=DescribeInstances&SignatureVersion=2&SignatureMethod=HmacSHA256"
		}, sigv4.ErrUnsupported},
		{"SigV4a", replaceAuth("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), sigv4.ErrUnsupported},
		{"a certificate of Roles Anywhere", replaceAuth("AWS4-HMAC-SHA256", "AWS4-X509-RSA-SHA256"), sigv4.ErrUnsupported},
		{"signed events", header("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-EVENTS"), sigv4.ErrUnsupported},
		{"chunks under SigV4a", header("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), sigv4.ErrUnsupported},
		{"two authorizations", func(r *sigv4.Request) {
			r.Header["Authorization"] = append(r.Header["Authorization"], r.Header["Authorization"]...)
		}, sigv4.ErrMalformed},
		{"a signature in the query too", func(r *sigv4.Request) { r.Target += "&X-Amz-Signature=00" }, sigv4.ErrMalformed},
		{"a date in the query too", func(r *sigv4.Request) { r.Target += "&X-Amz-Date=20260314T150926Z" }, sigv4.ErrMalformed},
		{"two dates", header("X-Amz-Date", "20260314T150926Z", "20260314T150926Z"), sigv4.ErrMalformed},
		{"two tokens", header("X-Amz-Security-Token", token, token), sigv4.ErrMalformed},
		{"two content hashes", header("X-Amz-Content-Sha256", emptySum, emptySum), sigv4.ErrMalformed},
		{"no date", func(r *sigv4.Request) { delete(r.Header, "X-Amz-Date") }, sigv4.ErrMalformed},
		{"a date of HTTP", header("X-Amz-Date", "Sat, 14 Mar 2026 15:09:26 GMT"), sigv4.ErrMalformed},
		{"a date with fractions", header("X-Amz-Date", "20260314T150926.5Z"), sigv4.ErrMalformed},
		{"the scope of another day", replaceAuth("/20260314/", "/20260313/"), sigv4.ErrMalformed},
		{"the scope of another region", replaceAuth("/us-east-1/", "/us-east-2/"), sigv4.ErrMismatch},
		{"the scope of another service", replaceAuth("/s3/", "/sts/"), sigv4.ErrMismatch},
		{"no terminal", replaceAuth("aws4_request", "aws4_response"), sigv4.ErrMalformed},
		{"no scope", replaceAuth("/20260314/us-east-1/s3/aws4_request", ""), sigv4.ErrMalformed},
		{"no key id", replaceAuth(keyID+"/", "/"), sigv4.ErrMalformed},
		{"a part twice", replaceAuth("SignedHeaders=", "SignedHeaders=host, SignedHeaders="), sigv4.ErrMalformed},
		{"an unknown part", replaceAuth("SignedHeaders=", "Headers=host, SignedHeaders="), sigv4.ErrMalformed},
		{"a short signature", replaceAuth("Signature=", "Signature=0"), sigv4.ErrMalformed},
		{"another signature", func(r *sigv4.Request) {
			replaceAuth(signatureOf(*r), strings.Repeat("0", 64))(r)
		}, sigv4.ErrMismatch},
		{"headers out of order", replaceAuth("content-type;host", "host;content-type"), sigv4.ErrMalformed},
		{"a header twice in the list", replaceAuth("host;", "host;host;"), sigv4.ErrMalformed},
		{"a header in upper case", replaceAuth("host;", "Host;"), sigv4.ErrMalformed},
		{"host not signed", replaceAuth("host;", ""), sigv4.ErrMalformed},
		{"date not signed", replaceAuth("x-amz-date;", ""), sigv4.ErrMalformed},
		{"token not signed", replaceAuth(";x-amz-security-token", ""), sigv4.ErrUncovered},
		{"a header in the list that was not sent", replaceAuth("host;", "host;x-absent;"), sigv4.ErrMalformed},
		{"an unsigned header of AWS", header("X-Amz-Acl", "public-read"), sigv4.ErrUncovered},
		{"an unsigned header of AWS in odd case", header("x-aMZ-acl", "public-read"), sigv4.ErrUncovered},
		{"an unsigned target", header("X-Amz-Target", "DynamoDB_20120810.DeleteTable"), sigv4.ErrUncovered},
		{"an unsigned x-amzn header", header("X-Amzn-Bedrock-Guardrailidentifier", "none"), sigv4.ErrUncovered},
		{"an unsigned Content-MD5", header("Content-Md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), sigv4.ErrUncovered},
		{"a signed header with one more value", header("X-Amz-Meta-One", "1", "2"), sigv4.ErrMismatch},
		{"another host", func(r *sigv4.Request) { r.Host = "s3.us-east-2.amazonaws.com" }, sigv4.ErrMismatch},
		{"another method", func(r *sigv4.Request) { r.Method = "PUT" }, sigv4.ErrMismatch},
		{"a method that is more than a word", func(r *sigv4.Request) { r.Method = "POST\nx" }, sigv4.ErrMalformed},
		{"a header of two lines", header("X-Amz-Meta-One", "1\n2"), sigv4.ErrMalformed},
		{"another parameter", func(r *sigv4.Request) { r.Target += "&y=2" }, sigv4.ErrMismatch},
		{"a plus for a space", func(r *sigv4.Request) { r.Target = "/a/b?x=1+" }, sigv4.ErrMismatch},
		{"an incomplete escape", func(r *sigv4.Request) { r.Target += "%2" }, sigv4.ErrMalformed},
		{"a fragment", func(r *sigv4.Request) { r.Target += "#x" }, sigv4.ErrMalformed},
		{"an absolute target", func(r *sigv4.Request) { r.Target = "https://s3.amazonaws.com/a/b?x=1" }, sigv4.ErrMalformed},
		{"the asterisk", func(r *sigv4.Request) { r.Target = "*" }, sigv4.ErrMalformed},
		{"a hash that is none", header("X-Amz-Content-Sha256", strings.ToUpper(emptySum)), sigv4.ErrMalformed},
		{"dot segments on S3", func(r *sigv4.Request) { r.Target = "/a/c/../b?x=1" }, sigv4.ErrMismatch},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := signed(t, "s3")
			c.do(&r)
			if err := verify(r, signedAt); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestPresignedRefusals(t *testing.T) {
	replace := func(old, with string) func(*sigv4.Request) {
		return func(r *sigv4.Request) { r.Target = strings.Replace(r.Target, old, with, 1) }
	}
	for _, c := range []struct {
		what string
		do   func(*sigv4.Request)
		want error
	}{
		{"as signed", func(*sigv4.Request) {}, nil},
		{"a parameter twice", replace("X-Amz-Expires=900", "X-Amz-Expires=900&X-Amz-Expires=900"), sigv4.ErrMalformed},
		{"a parameter in lower case too", replace("X-Amz-Expires=900", "X-Amz-Expires=900&x-amz-expires=9"), sigv4.ErrMalformed},
		{"a parameter with an escape in its name", replace("X-Amz-Expires=900", "X%2DAmz-Expires=900"), sigv4.ErrMalformed},
		{"an empty parameter", replace("X-Amz-Expires=900", "X-Amz-Expires="), sigv4.ErrMalformed},
		{"a later end", replace("X-Amz-Expires=900", "X-Amz-Expires=901"), sigv4.ErrMismatch},
		{"no end", replace("X-Amz-Expires=900&", ""), sigv4.ErrMismatch},
		{"an end after eight days", replace("X-Amz-Expires=900", "X-Amz-Expires=691200"), sigv4.ErrMalformed},
		{"a negative end", replace("X-Amz-Expires=900", "X-Amz-Expires=-900"), sigv4.ErrMalformed},
		{"no algorithm", replace("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""), sigv4.ErrMalformed},
		{"SigV4a", replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), sigv4.ErrUnsupported},
		{"a date in the header too", header("X-Amz-Date", "20260314T150926Z"), sigv4.ErrMalformed},
		{"a token in the header too", header("X-Amz-Security-Token", token), sigv4.ErrMalformed},
		{"signed chunks", header("X-Amz-Content-Sha256", chunkMarker), sigv4.ErrMalformed},
		{"an unsigned header of AWS", header("X-Amz-Acl", "public-read"), sigv4.ErrUncovered},
		{"a second signature", replace("X-Amz-Signature=", "X-Amz-Signature=0&X-Amz-Signature="), sigv4.ErrMalformed},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := presigned(t, "s3")
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			c.do(&r)
			if err := verify(r, s.Time); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	r, p := signed(t, "s3"), presigned(t, "s3")
	s, err := sigv4.Parse(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		r     sigv4.Request
		now   time.Time
		wants error
	}{
		{"at the end of the window", r, signedAt.Add(sigv4.Window), nil},
		{"after the window", r, signedAt.Add(sigv4.Window + time.Second), sigv4.ErrSkewed},
		{"ahead within the window", r, signedAt.Add(-sigv4.Window), nil},
		{"ahead of the window", r, signedAt.Add(-sigv4.Window - time.Second), sigv4.ErrSkewed},
		{"presigned, at its end", p, s.Time.Add(900 * time.Second), nil},
		{"presigned, after its end", p, s.Time.Add(901 * time.Second), sigv4.ErrExpired},
		{"presigned, ahead of the window", p, s.Time.Add(-sigv4.Window - time.Second), sigv4.ErrSkewed},
	} {
		if err := verify(c.r, c.now); !errors.Is(err, c.wants) {
			t.Errorf("%s: %v, want %v", c.what, err, c.wants)
		}
	}
}

// TestPathForms signs targets that cannot be told apart by what AWS routes,
// and holds each service to its own way.
func TestPathForms(t *testing.T) {
	for _, c := range []struct {
		service, signs, sends string
		want                  error
	}{
		{"lambda", "/f/arn%3Aaws", "/f/arn%3Aaws", nil},
		{"lambda", "/f/arn%3Aaws", "/f/arn:aws", sigv4.ErrMismatch},
		{"lambda", "/a/../b", "/b", nil},
		{"lambda", "/b", "/a/.././/b", nil},
		{"lambda", "/b/", "/b", sigv4.ErrMismatch},
		{"lambda", "/?b=2&a=1&a=0&c", "/?a=0&a=1&b=2&c=", nil},
		{"s3", "/a/../b", "/b", sigv4.ErrMismatch},
		{"s3", "/a//b", "/a/b", sigv4.ErrMismatch},
		{"s3", "/a%2Fb", "/a/b", sigv4.ErrMismatch},
		{"s3", "/a%2fb%7e", "/a%2Fb~", nil},
		{"s3", "/a+b", "/a%2Bb", nil},
		{"s3", "/a?x=+", "/a?x=%20", sigv4.ErrMismatch},
		{"s3", "/a?uploads", "/a?uploads=", nil},
		{"s3", "/a?x=1&x=2", "/a?x=2&x=1", nil},
	} {
		r := sigv4.Request{Method: "GET", Target: c.signs, Host: "h", Header: map[string][]string{"X-Amz-Content-Sha256": {emptySum}}}
		if _, err := credential(c.service).Sign(r, nil, emptySum, signedAt); err != nil {
			t.Fatal(err)
		}
		r.Target = c.sends
		if err := verify(r, signedAt); !errors.Is(err, c.want) {
			t.Errorf("%s: signed %s, sent %s: %v, want %v", c.service, c.signs, c.sends, err, c.want)
		}
	}
}

func TestForwardLeavesOutWhatIsNotSigned(t *testing.T) {
	r := signed(t, "s3")
	maps.Copy(r.Header, map[string][]string{
		"User-Agent": {"x"}, "X-Forwarded-For": {"10.0.0.1"}, "Content-Encoding": {"gzip"}, "Connection": {"close"},
		"Proxy-Authorization": {"Basic eDp5"}, "Cookie": {"a=b"}, "Expect": {"100-continue"},
	})
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Resign(credential("s3"), r.Host, signedAt); err == nil {
		t.Error("a request that was not verified was signed")
	}
	if err := s.Verify(sigv4.NewKey(secret, s.Scope), signedAt); err != nil {
		t.Fatal(err)
	}
	out, _, err := s.Resign(credential("s3"), r.Host, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	want := "Authorization Content-Type Expect User-Agent X-Amz-Content-Sha256 X-Amz-Date X-Amz-Meta-One X-Amz-Security-Token"
	if got := sortedNames(out.Header); got != want {
		t.Errorf("sent on %s, want %s", got, want)
	}
	if _, _, err := s.Resign(credential("sts"), r.Host, signedAt); err == nil {
		t.Error("signed with the key of another service")
	}
	if _, _, err := s.Resign(credential("s3"), r.Host, signedAt.Add(24*time.Hour)); err == nil {
		t.Error("signed with the key of another day")
	}
}

// TestForwardLeavesOutOtherMethods holds a request to the method that was signed,
// even where its signer would have another one heeded.
func TestForwardLeavesOutOtherMethods(t *testing.T) {
	r := sigv4.Request{Method: "POST", Target: "/", Host: "lambda.us-east-1.amazonaws.com", Header: map[string][]string{"X-Http-Method-Override": {"PUT"}}}
	if _, err := credential("lambda").Sign(r, []string{"x-http-method-override"}, emptySum, signedAt); err != nil {
		t.Fatal(err)
	}
	r.Header["X-Amz-Content-Sha256"] = []string{emptySum}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(sigv4.NewKey(secret, s.Scope), signedAt); err != nil {
		t.Fatal(err)
	}
	out, _, err := s.Resign(credential("lambda"), r.Host, signedAt)
	if err != nil {
		t.Fatal(err)
	}
	if got := sortedNames(out.Header); strings.Contains(got, "Override") || strings.Contains(out.Header["Authorization"][0], "override") {
		t.Errorf("sent on %s", got)
	}
}

func TestHashedBodies(t *testing.T) {
	for size := range 70 {
		body := bytes.Repeat([]byte("b"), size)
		for _, length := range []int64{int64(size), -1, 3} {
			s := hashedUpload(t, body, length)
			for _, src := range []io.Reader{bytes.NewReader(body), iotest.OneByteReader(bytes.NewReader(body)), iotest.DataErrReader(bytes.NewReader(body))} {
				if got, err := io.ReadAll(s.Body(src, sigv4.Chain{})); err != nil || !bytes.Equal(got, body) {
					t.Fatalf("size %d: %d bytes, %v", size, len(got), err)
				}
			}
			if size == 0 {
				continue
			}
			wrong := bytes.Clone(body)
			wrong[size/2] = 'x'
			if got, err := io.ReadAll(s.Body(bytes.NewReader(wrong), sigv4.Chain{})); !errors.Is(err, sigv4.ErrBody) || len(got) >= size {
				t.Fatalf("size %d, one byte changed: let %d bytes go, %v", size, len(got), err)
			}
			if got, err := io.ReadAll(s.Body(bytes.NewReader(body[:size-1]), sigv4.Chain{})); !errors.Is(err, sigv4.ErrBody) || len(got) >= size {
				t.Fatalf("size %d, one byte less: let %d bytes go, %v", size, len(got), err)
			}
		}
	}
}

func hashedUpload(t *testing.T, body []byte, length int64) *sigv4.Signed {
	t.Helper()
	c := credential("s3")
	r := sigv4.Request{Method: "PUT", Target: "/k", Host: "h", Length: length, Header: map[string][]string{"X-Amz-Content-Sha256": {hexSum(body)}}}
	if _, err := c.Sign(r, nil, hexSum(body), signedAt); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Body(bytes.NewReader(body), sigv4.Chain{}).Read(make([]byte, 1)); !errors.Is(err, sigv4.ErrMalformed) {
		t.Fatalf("a body was read before its signature was verified: %v", err)
	}
	if err := s.Verify(c.Key, signedAt); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestUnsignedTrailersPass sends a body on as it is, byte for byte.
func TestUnsignedTrailersPass(t *testing.T) {
	s, chain, _, _ := upload(t, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", 5)
	body := "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
	if got, err := io.ReadAll(s.Body(strings.NewReader(body), chain)); err != nil || string(got) != body {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeysDoNotPrintThemselves(t *testing.T) {
	c := credential("s3")
	s, err := sigv4.Parse(signed(t, "s3"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(c.Key, signedAt); err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`\d+ \d+ \d+|[0-9a-f]{32}`)
	for _, v := range []any{c, &c, c.Key, &c.Key, []sigv4.Key{c.Key}, struct{ k sigv4.Key }{c.Key}, map[string]any{"c": c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, token) || strings.Contains(out, secret) || numbers.MatchString(out) {
				t.Errorf("%s of %T prints %q", verb, v, out)
			}
		}
		if out, err := json.Marshal(v); err == nil && strings.Contains(string(out), token) {
			t.Errorf("JSON of %T is %s", v, out)
		}
	}
}

func TestHMAC(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 200)
	for k := range 200 {
		for n := 0; n < 2000; n += 37 {
			got := sigv4.HMACForTest(long[:k], long[:n])
			if want := mac(long[:k], string(long[:n])); !bytes.Equal(got[:], want) {
				t.Fatalf("key of %d, text of %d bytes", k, n)
			}
		}
	}
}

// TestTabs has values with tabs as the SDK for Go signs them, which takes them as
// they are, and as most others do, which take them for spaces. What goes on is
// written down as it came.
func TestTabs(t *testing.T) {
	for name, written := range map[string]string{"as they are": "a\tb", "as spaces": "a b"} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, "s3")
			r.Header["X-Amz-Meta-A"] = []string{written}
			if _, err := credential("s3").Sign(r, []string{"x-amz-content-sha256", "x-amz-meta-a", "x-amz-meta-one"}, emptySum, signedAt); err != nil {
				t.Fatal(err)
			}
			r.Header["X-Amz-Meta-A"] = []string{"a\tb"}
			s, err := sigv4.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(sigv4.NewKey(secret, s.Scope), signedAt); err != nil {
				t.Fatal(err)
			}
			on, _, err := s.Resign(credential("s3"), r.Host, signedAt)
			if err != nil || on.Header["X-Amz-Meta-A"][0] != "a\tb" {
				t.Fatalf("%+v, %v", on, err)
			}
			on.Header["X-Amz-Meta-A"] = []string{written}
			if err := verify(on, signedAt); err != nil {
				t.Error(err)
			}
			on.Header["X-Amz-Meta-A"] = []string{"ab"}
			if err := verify(on, signedAt); err == nil {
				t.Error("a value that was changed is accepted")
			}
		})
	}
}

// A signature is compared by the key of its own scope alone, and by none that
// was not made.
func TestKeysOfOtherScopesRefuse(t *testing.T) {
	r := sigv4.Request{Method: "POST", Target: "/", Host: "ec2.us-east-1.amazonaws.com", Header: map[string][]string{}}
	if _, err := credential("ec2").Sign(r, nil, emptySum, signedAt); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	right := sigv4.NewKey(secret, s.Scope)
	if err := s.Verify(right, signedAt); !errors.Is(err, sigv4.ErrMalformed) {
		t.Errorf("before the body was hashed: %v", err)
	}
	s.Hash(nil)
	other := s.Scope
	other.Region = "eu-west-1"
	for name, key := range map[string]sigv4.Key{"another region": sigv4.NewKey(secret, other), "no key": {}} {
		if err := s.Verify(key, signedAt); !errors.Is(err, sigv4.ErrMismatch) || !strings.Contains(err.Error(), "scope") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Verify(right, signedAt); err != nil {
		t.Error(err)
	}
}
