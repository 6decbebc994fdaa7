package sigv4_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sesame/proxy/sigv4"
)

// FuzzParse reads requests as they come from the wire. What verifies has to
// verify again upstream, under the key that it was signed with there.
func FuzzParse(f *testing.F) {
	m := newMaker(f, 5)
	for range 40 {
		f.Add(m.draft().sign(f))
	}
	up := func(s sigv4.Scope) sigv4.Credential {
		return sigv4.Credential{KeyID: "ASIAUPSTREAM", Token: token, Key: sigv4.NewKey(exampleSecret, s)}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		view, body, err := receive(raw)
		if err != nil {
			return
		}
		s, err := sigv4.Parse(view)
		if err != nil {
			if s != nil {
				t.Fatal("an error and a result")
			}
			return
		}
		s.Hash(body)
		if err := s.Verify(sigv4.NewKey(secret, s.Scope), s.Time); err != nil {
			return
		}
		c := up(s.Scope)
		out, _, err := s.Resign(c, view.Host, s.Time)
		if err != nil {
			t.Fatal(err)
		}
		again, err := sigv4.Parse(out)
		if err != nil {
			t.Fatalf("%v: %+v", err, out)
		}
		again.Hash(body)
		if err := again.Verify(c.Key, s.Time); err != nil {
			t.Fatalf("%v: %+v", err, out)
		}
	})
}

// FuzzTarget signs any target and verifies it as it was sent.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b//c?x=1&x=0&&y", "/%2e%2E/é?a+b=%20", "/?=&=&X-Amz-Expires=1", "/?x-amz-acl"} {
		f.Add("s3", seed)
		f.Add("execute-api", seed)
	}
	f.Fuzz(func(t *testing.T, service, target string) {
		c := credential(service)
		r := sigv4.Request{Method: "GET", Target: target, Host: "h", Header: map[string][]string{}}
		if _, err := c.Sign(r, nil, emptySum, signedAt); err != nil {
			t.Fatal(err)
		}
		if err := verify(r, signedAt); err != nil && !errors.Is(err, sigv4.ErrMalformed) && !errors.Is(err, sigv4.ErrUnsupported) {
			t.Fatal(err)
		}
	})
}

// FuzzChunks reads bodies that may or may not be framed. Nothing but a whole
// body signed by the key's holder ends well, and its length stays.
func FuzzChunks(f *testing.F) {
	for _, b := range bodies {
		_, _, down, _ := upload(f, b.marker, len(strings.Join(b.chunks, "")))
		f.Add(b.marker == trailerMarker, len(strings.Join(b.chunks, "")), []byte(down.body(b.chunks, b.trailer, b.ends)))
	}
	f.Fuzz(func(t *testing.T, trailer bool, length int, body []byte) {
		marker := chunkMarker
		if trailer {
			marker = trailerMarker
		}
		if length < 0 {
			return
		}
		s, chain, _, _ := upload(t, marker, length)
		got, err := io.ReadAll(s.Body(bytes.NewReader(body), chain))
		if err == nil && len(got) != len(body) || err != nil && !errors.Is(err, sigv4.ErrBody) {
			t.Fatalf("%d bytes of %d: %v", len(got), len(body), err)
		}
		slow, slowErr := io.ReadAll(s.Body(iotest.HalfReader(bytes.NewReader(body)), chain))
		if !bytes.Equal(got, slow) || (err == nil) != (slowErr == nil) {
			t.Fatalf("%v in one piece, %v in halves", err, slowErr)
		}
	})
}
