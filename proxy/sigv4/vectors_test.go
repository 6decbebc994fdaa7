package sigv4_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sesame/proxy/sigv4"
)

// A vector is a request as another signer made it; see testdata/vectors/sigv4
// for how the files are written.
type vector struct {
	At      time.Time
	Method  string
	Host    string
	Target  string
	Headers [][2]string
	Body    string
	Service string
	Region  string
	Client  string
	Scheme  string
}

func (v vector) request() sigv4.Request {
	h := http.Header{}
	for _, nv := range v.Headers {
		h.Add(nv[0], nv[1])
	}
	h.Del("Transfer-Encoding") // as net/http does
	return sigv4.Request{Method: v.Method, Target: v.Target, Host: v.Host, Header: h, Length: int64(len(v.Body))}
}

func vectors(t testing.TB, name string) []vector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata/vectors/sigv4", name))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// TestBotocoreRequestsVerify reads what botocore signed, an independent signer
// in another language, and signs it again to the same bytes.
func TestBotocoreRequestsVerify(t *testing.T) {
	all, same := vectors(t, "botocore.jsonl"), 0
	for i, v := range all {
		s, err := sigv4.Parse(v.request())
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		s.Hash([]byte(v.Body))
		c := sigv4.Credential{KeyID: s.KeyID, Token: s.Token, Key: sigv4.NewKey(secret, s.Scope)}
		if err := s.Verify(c.Key, v.At); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if s.Scope.Service != v.Service || s.Scope.Region != v.Region {
			t.Errorf("line %d: read as %v", i+1, s.Scope)
		}
		out, _, err := s.Resign(c, v.Host, v.At)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if s.Presigned && out.Target == v.Target || !s.Presigned && out.Header["Authorization"][0] == v.request().Header["Authorization"][0] {
			same++
		}
	}
	if len(all) < 400 || same < len(all)/2 {
		t.Errorf("%d of %d are the same when they are signed again", same, len(all))
	}
	t.Logf("%d of %d are the same when they are signed again", same, len(all))
}

// TestClientRequestsVerify reads what clients sent, and signs it again to the
// same bytes, in the header and in presigned targets.
func TestClientRequestsVerify(t *testing.T) {
	forms := map[sigv4.Payload]int{}
	clients := map[string]int{}
	for i, v := range vectors(t, "clients.jsonl") {
		s, err := sigv4.Parse(v.request())
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		s.Hash([]byte(v.Body))
		c := sigv4.Credential{KeyID: keyID, Token: token, Key: sigv4.NewKey(secret, s.Scope)}
		if err := s.Verify(c.Key, v.At); err != nil {
			t.Fatalf("line %d: %s %s %s: %v", i+1, v.Client, v.Method, v.Target, err)
		}
		out, chain, err := s.Resign(c, v.Host, v.At)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if s.Presigned && out.Target != v.Target || !s.Presigned && out.Header["Authorization"][0] != v.request().Header["Authorization"][0] {
			t.Errorf("line %d: %s: signed again to something else: %+v", i+1, v.Client, out)
		}
		body, err := io.ReadAll(s.Body(strings.NewReader(v.Body), chain))
		if err != nil || string(body) != v.Body {
			t.Errorf("line %d: the body that goes on is %q, %v", i+1, body, err)
		}
		forms[s.Payload]++
		clients[v.Client+" "+v.Scheme]++
	}
	if len(clients) != 8 || forms[sigv4.Whole] == 0 || forms[sigv4.Hashed] == 0 || forms[sigv4.Unsigned] == 0 || forms[sigv4.UnsignedTrailer] == 0 {
		t.Errorf("clients %v, payload forms %v", clients, forms)
	}
}
