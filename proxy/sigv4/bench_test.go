package sigv4_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"sesame/proxy/sigv4"
)

// BenchmarkVerifyAndResign is what the proxy does for a POST of 512 bytes with
// the keys of the day at hand.
func BenchmarkVerifyAndResign(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 512)
	c := credential("dynamodb")
	r := sigv4.Request{Method: "POST", Target: "/", Host: "dynamodb.us-east-1.amazonaws.com", Length: int64(len(body)), Header: map[string][]string{
		"Accept-Encoding": {"identity"},
		"Content-Length":  {"512"},
		"Content-Type":    {"application/x-amz-json-1.0"},
		"User-Agent":      {"aws-cli/1.45.0 md/Botocore#1.43.0"},
		"X-Amz-Target":    {"DynamoDB_20120810.PutItem"},
	}}
	if _, err := c.Sign(r, []string{"content-type", "x-amz-target"}, hexSum(body), signedAt); err != nil {
		b.Fatal(err)
	}
	up := sigv4.Credential{KeyID: "ASIAUPSTREAM", Token: token, Key: sigv4.NewKey(exampleSecret, c.Key.Scope())}
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		s.Hash(body)
		if err := s.Verify(c.Key, signedAt); err != nil {
			b.Fatal(err)
		}
		if _, _, err := s.Resign(up, r.Host, signedAt.Add(time.Second)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewKey(b *testing.B) {
	scope := sigv4.Scope{Day: "20260314", Region: "us-east-1", Service: "s3"}
	b.ReportAllocs()
	for b.Loop() {
		sigv4.NewKey(secret, scope)
	}
}

// BenchmarkChunks signs chunks of 64 KiB again, which costs one hash.
func BenchmarkChunks(b *testing.B) {
	const count = 64
	data := bytes.Repeat([]byte("x"), 64<<10)
	s, chain, down, _ := upload(b, chunkMarker, count*len(data))
	sent, err := io.ReadAll(&stream{framer: down, data: data, left: count})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(sent)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{s.Body(bytes.NewReader(sent), chain)}); err != nil {
			b.Fatal(err)
		}
	}
}
