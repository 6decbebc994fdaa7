package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sesame/flows/clock"
	"sesame/proxy/sigv4"
)

// TestBodiesThatAreNotWhatTheySay has uploads whose bodies are found wrong once
// they are under way. Nobody is told more than that, nor that AWS is at fault.
func TestBodiesThatAreNotWhatTheySay(t *testing.T) {
	const host, chunks = "b.s3.us-east-1.amazonaws.com", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	forged := "4;chunk-signature=" + strings.Repeat("0", 64) + "\r\ndata\r\n"
	for name, c := range map[string]struct {
		payload, length string // as they are signed
		framed          string
		sentence        string
		entries         int
	}{
		"another body":            {strings.Repeat("a", 64), "", "Content-Length: 4\r\n\r\ndata", "Sesame cannot take this request: the body is not the one that was signed: its hash differs; have the client send what it signed.", 2},
		"a forged chunk":          {chunks, "4", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(forged), forged), "Sesame cannot take this request: the body is not the one that was signed: the signature of a chunk does not match; have the client send what it signed.", 2},
		"a length that is none":   {chunks, "x", "Content-Length: 4\r\n\r\ndata", "Sesame cannot take this request: the signature is malformed: x-amz-decoded-content-length is not a number; use a client that signs with SigV4.", 0},
		"framing that breaks off": {"UNSIGNED-PAYLOAD", "", "Transfer-Encoding: chunked\r\n\r\n4\r\ndata\r\nzz\r\n\r\n", "The body ended before its end: send it again.", 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			r.listen()
			now := clock.System{}.Now()
			key := sigv4.NewKey(r.key.Secret, sigv4.Scope{Day: now.Format("20060102"), Region: region, Service: "s3"})
			in := sigv4.Request{Method: "PUT", Target: "/k", Host: host, Header: map[string][]string{"X-Amz-Content-Sha256": {c.payload}}}
			names := []string{"x-amz-content-sha256"}
			if c.length != "" {
				in.Header["X-Amz-Decoded-Content-Length"] = []string{c.length}
				names = append(names, "x-amz-decoded-content-length")
			}
			if _, err := (sigv4.Credential{KeyID: r.key.ID, Token: r.key.Token, Key: key}).Sign(in, names, c.payload, now); err != nil {
				t.Fatal(err)
			}
			head := "PUT /k HTTP/1.1\r\nHost: " + host + "\r\n"
			for name, values := range in.Header {
				head += name + ": " + values[0] + "\r\n"
			}
			conn := r.tunnelTo(host)
			if _, err := io.WriteString(conn, head+c.framed); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(res.Body)
			if err != nil || !strings.Contains(string(text), "<Message>"+c.sentence+"</Message>") {
				t.Errorf("%s %s, %v, want %s", res.Status, text, err, c.sentence)
			}
			entries := r.entries()
			if len(entries) != c.entries || c.entries > 0 && entries[1].Why != c.sentence {
				t.Errorf("recorded %+v", entries)
			}
		})
	}
}

// TestErrorsDoNotQuoteTheRole has AWS quote what it was sent, as S3 does where a
// signature does not match or a token is over.
func TestErrorsDoNotQuoteTheRole(t *testing.T) {
	r := newRig(t, "")
	r.listen()
	r.aws.answers(func(w http.ResponseWriter, req *http.Request) {
		token, authorization := req.Header.Get("X-Amz-Security-Token"), req.Header.Get("Authorization")
		w.Header().Set("Location", "https://b.s3.eu-west-1.amazonaws.com/k?X-Amz-Security-Token="+url.QueryEscape(token))
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "<Error><Code>ExpiredToken</Code><Token-0>%s</Token-0><CanonicalRequest>X-Amz-Security-Token=%s\n%s</CanonicalRequest></Error>",
			token, url.QueryEscape(token), authorization)
	})
	res, err := r.client().Do(r.signed(message{method: "GET", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3"}))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.ContentLength != int64(len(text)) {
		t.Errorf("%d bytes of %d, %v", len(text), res.ContentLength, err)
	}
	text = append(text, res.Header.Get("Location")...)
	role := r.aws.received()[0].session
	for _, ours := range []string{role.Token, role.ID, url.QueryEscape(role.Token)} {
		if ours == "" || strings.Contains(string(text), ours) {
			t.Errorf("told of the role %q: %s", ours, text)
		}
	}
	for _, theirs := range []string{"<Token-0>" + r.key.Token + "</Token-0>", "Credential=" + r.key.ID} {
		if !strings.Contains(string(text), theirs) {
			t.Errorf("%s lacks %q", text, theirs)
		}
	}
	if e := r.entries()[0]; e.Code != "ExpiredToken" || e.Received != res.ContentLength {
		t.Errorf("recorded %+v", e)
	}
}
