package sigv4_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sesame/proxy/sigv4"
)

const generated = 2000

// TestSDKRequestsVerify holds Parse and Verify against the signer of the SDK
// for Go, and the signatures that Resign makes against those of the SDK.
func TestSDKRequestsVerify(t *testing.T) {
	m := newMaker(t, 1)
	same := 0
	for i := range generated {
		d := m.draft()
		raw := d.sign(t)
		s, err := admit(raw, d.at)
		if err != nil {
			t.Fatalf("request %d: %v\n%q", i, err, raw)
		}
		if s.Scope.Service != d.service || s.Scope.Region != d.region || !s.Time.Equal(d.at) || s.Presigned != d.presigned {
			t.Fatalf("request %d: read as %+v of %v\n%q", i, s.Scope, s.Time, raw)
		}
		if again := resignAlike(t, s, raw); again == "" || bytes.Contains(raw, []byte(again)) {
			same++
		} else if !differsFromAWS(raw) {
			t.Fatalf("request %d: our signature differs: %s\n%q", i, again, raw)
		}
	}
	if same < generated*3/4 {
		t.Errorf("%d of %d signatures are the same, too few to compare", same, generated)
	}
}

// differsFromAWS tells the requests whose targets the SDK does not write as
// AWS documents it: it sorts repeated parameters before it escapes them, not
// after.
func differsFromAWS(raw []byte) bool {
	target := strings.Fields(string(raw[:bytes.IndexByte(raw, '\r')]))[1]
	_, query, _ := strings.Cut(target, "?")
	parts := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool { return strings.HasPrefix(p, "X-Amz-Signature=") })
	return !slices.IsSortedFunc(parts, func(a, b string) int {
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		return slices.Compare([]string{an, av}, []string{bn, bv})
	})
}

// resignAlike signs s again with the client's own key and time, and returns
// the part of the wire that should come out the same.
func resignAlike(t *testing.T, s *sigv4.Signed, raw []byte) string {
	t.Helper()
	c := sigv4.Credential{KeyID: keyID, Token: s.Token, Key: sigv4.NewKey(secret, s.Scope)}
	view, _, err := receive(raw)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := s.Resign(c, view.Host, s.Time)
	if err != nil {
		t.Fatalf("resign: %v", err)
	}
	if s.Presigned {
		return out.Target
	}
	return out.Header["Authorization"][0]
}

// TestOneByteChangedIsRefused changes bytes of signed requests. What is read
// as the very same request may still pass: the case of a header's name, or of
// the digits in an escape.
func TestOneByteChangedIsRefused(t *testing.T) {
	m := newMaker(t, 2)
	for range generated / 4 {
		d := m.draft()
		raw := d.sign(t)
		s, err := admit(raw, d.at)
		if err != nil {
			t.Fatal(err)
		}
		end := len(raw)
		if s.Payload != sigv4.Hashed && s.Payload != sigv4.Whole {
			end = bytes.Index(raw, []byte("\r\n\r\n"))
		}
		for range 25 {
			changed := bytes.Clone(raw)
			i := m.IntN(end)
			changed[i] ^= byte(1 + m.IntN(255))
			if _, err := admit(changed, d.at); err == nil && !readsAlike(raw, changed, s) {
				t.Fatalf("byte %d changed and admitted:\n%q\n%q", i, raw, changed)
			}
		}
	}
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// readsAlike reports whether two requests are the same to a reader who knows
// that unsigned headers are dropped or mean nothing.
func readsAlike(a, b []byte, s *sigv4.Signed) bool {
	x, xbody, xerr := receive(a)
	y, ybody, yerr := receive(b)
	if xerr != nil || yerr != nil {
		return false
	}
	target := func(r sigv4.Request) string { return escape.ReplaceAllStringFunc(r.Target, strings.ToUpper) }
	header := func(r sigv4.Request) map[string][]string {
		h := maps.Clone(r.Header)
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			name = strings.ToLower(name)
			return name != "authorization" && !s.Covers(name)
		})
		return h
	}
	return x.Method == y.Method && x.Host == y.Host && target(x) == target(y) && maps.EqualFunc(header(x), header(y), slices.Equal) && bytes.Equal(xbody, ybody)
}

func TestEveryByteOfOneRequest(t *testing.T) {
	m := newMaker(t, 3)
	d := m.draft()
	for d.presigned || len(d.body) == 0 || d.service != "s3" || d.payload != hexSum(d.body) {
		d = m.draft()
	}
	raw := d.sign(t)
	s, err := admit(raw, d.at)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(4, 4))
	for i := range raw {
		for range 4 {
			changed := bytes.Clone(raw)
			changed[i] ^= byte(1 + r.IntN(255))
			if _, err := admit(changed, d.at); err == nil && !readsAlike(raw, changed, s) {
				t.Fatalf("byte %d changed and admitted:\n%q\n%q", i, raw, changed)
			}
		}
	}
}
