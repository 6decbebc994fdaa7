package signed_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sesame/proxy/signed"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// call returns a signed call as a server receives it, with its body.
func call(k ed25519.PrivateKey) (*http.Request, []byte) {
	body := []byte(`{"target":"ec2-frontend"}`)
	r := httptest.NewRequest(http.MethodPost, "/v1/requests?wait=1", bytes.NewReader(body))
	signed.Sign(r, body, "l-0123456789", k, noon)
	return r, body
}

func verify(r *http.Request, body []byte, k ed25519.PublicKey, now time.Time) error {
	c, err := signed.Parse(r)
	if err != nil {
		return err
	}
	if err := c.Verify(r, body, k); err != nil {
		return err
	}
	return c.Fresh(now)
}

func TestACallThatWasSignedVerifies(t *testing.T) {
	r, body := call(key(1))
	if err := verify(r, body, public(key(1)), noon.Add(59*time.Second)); err != nil {
		t.Error(err)
	}
	c, err := signed.Parse(r)
	if err != nil || c.Who != "l-0123456789" || !c.Time.Equal(noon) {
		t.Errorf("parsed %+v, %v", c, err)
	}
}

func TestWhatIsNotAsItWasSignedIsRefused(t *testing.T) {
	header := func(old, now string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, now, 1))
		}
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		body   string
		key    byte
		now    time.Time
		want   error
	}{
		"another method":         {change: func(r *http.Request) { r.Method = http.MethodPut }, want: signed.ErrSignature},
		"another path":           {change: func(r *http.Request) { r.RequestURI = "/v1/requests/?wait=1" }, want: signed.ErrSignature},
		"another query":          {change: func(r *http.Request) { r.RequestURI = "/v1/requests?wait=2" }, want: signed.ErrSignature},
		"a path written another": {change: func(r *http.Request) { r.RequestURI = "/v1/%72equests?wait=1" }, want: signed.ErrSignature},
		"another body":           {body: `{"target":"ec2-backend"}`, want: signed.ErrSignature},
		"no body":                {body: " ", want: signed.ErrSignature},
		"another login":          {change: header("l-0123456789", "l-0123456780"), want: signed.ErrSignature},
		"another time":           {change: header(`time="1772452800"`, `time="1772452801"`), want: signed.ErrSignature},
		"another key":            {key: 2, want: signed.ErrSignature},
		"old":                    {now: noon.Add(61 * time.Second), want: signed.ErrTime},
		"from the future":        {now: noon.Add(-61 * time.Second), want: signed.ErrTime},
		"no header":              {change: func(r *http.Request) { r.Header.Del("Authorization") }, want: signed.ErrForm},
		"two headers":            {change: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, want: signed.ErrForm},
		"a bearer":               {change: header("Sesame1 ", "Bearer "), want: signed.ErrForm},
		"more behind it":         {change: header(`=="`, `==", more="x"`), want: signed.ErrForm},
		"a time with a nought":   {change: header(`time="`, `time="0`), want: signed.ErrForm},
	} {
		t.Run(name, func(t *testing.T) {
			r, body := call(key(1))
			if c.change != nil {
				c.change(r)
			}
			if c.body != "" {
				body = []byte(strings.TrimSpace(c.body))
			}
			now, by := c.now, max(c.key, 1)
			if now.IsZero() {
				now = noon
			}
			if err := verify(r, body, public(key(by)), now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestEveryByteOfTheHeaderCounts(t *testing.T) {
	r, body := call(key(1))
	header := r.Header.Get("Authorization")
	for i := range header {
		changed := []byte(header)
		changed[i] ^= 1
		r.Header.Set("Authorization", string(changed))
		if err := verify(r, body, public(key(1)), noon); err == nil {
			t.Errorf("byte %d changed from %q to %q, and it still verifies", i, header[i], changed[i])
		}
	}
}

func TestACallComesOnce(t *testing.T) {
	var p signed.Replays
	r, _ := call(key(1))
	c, err := signed.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := call(key(1))
	o, err := signed.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		call signed.Call
		at   time.Duration
		want error
	}{
		{c, -signed.Window, nil},
		{c, 0, signed.ErrReplayed},
		{o, 0, nil},
		{c, signed.Window, signed.ErrReplayed},
		{o, signed.Window, signed.ErrReplayed},
	} {
		if err := p.Take(step.call, noon.Add(step.at)); !errors.Is(err, step.want) {
			t.Errorf("at %v: got %v, want %v", step.at, err, step.want)
		}
	}
}

func TestCallsOfOneKeyAreBounded(t *testing.T) {
	var p signed.Replays
	n := 0
	take := func(who string) error {
		n++
		r := httptest.NewRequest(http.MethodGet, "/v1/me", nil)
		nonce := base32.StdEncoding.EncodeToString(fmt.Appendf(nil, "%016d", n))[:26]
		r.Header.Set("Authorization", fmt.Sprintf(`Sesame1 who="%s", time="%d", nonce="%s", signature="%s=="`, who, noon.Unix(), nonce, strings.Repeat("A", 86)))
		c, err := signed.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		return p.Take(c, noon)
	}
	for range signed.MaxCalls {
		if err := take("l-0123456789"); err != nil {
			t.Fatal(err)
		}
	}
	if err := take("l-0123456789"); !errors.Is(err, signed.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if err := take("l-abcdefghjk"); err != nil {
		t.Errorf("of another key: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	r, _ := call(key(1))
	f.Add(r.Header.Get("Authorization"))
	f.Add(`Sesame1 who="", time="", nonce="", signature=""`)
	f.Fuzz(func(t *testing.T, header string) {
		r, body := call(key(1))
		signedHeader := r.Header.Get("Authorization")
		r.Header.Set("Authorization", header)
		if c, err := signed.Parse(r); err == nil && header != signedHeader && c.Verify(r, body, public(key(2))) == nil {
			t.Errorf("%q verifies with a key that did not sign it", header)
		}
	})
}
