//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// protocols are those of AWS, of which each has to be spoken.
var protocols = []string{"query", "ec2", "json 1.0", "json 1.1", "rest-json", "rest-xml", "rpc-v2-cbor"}

// spoken counts the requests in each protocol that went on to AWS.
type spoken struct {
	mu     sync.Mutex // guards what follows
	counts map[string]int
}

// by counts what goes by t.
func (s *spoken) by(t http.RoundTripper) http.RoundTripper { return &listening{t, s} }

type listening struct {
	http.RoundTripper
	spoken *spoken
}

// RoundTrip implements http.RoundTripper.
func (l *listening) RoundTrip(r *http.Request) (*http.Response, error) {
	l.spoken.mu.Lock()
	if l.spoken.counts == nil {
		l.spoken.counts = map[string]int{}
	}
	l.spoken.counts[protocolOf(r)]++
	l.spoken.mu.Unlock()
	return l.RoundTripper.RoundTrip(r)
}

// protocolOf tells by what is sent, and not by what the proxy took it for.
func protocolOf(r *http.Request) string {
	kind, service := r.Header.Get("Content-Type"), strings.SplitN(r.Host, ".", 2)[0]
	switch {
	case r.Header.Get("Smithy-Protocol") != "":
		return r.Header.Get("Smithy-Protocol")
	case strings.HasPrefix(kind, "application/x-amz-json-"):
		return "json " + strings.TrimPrefix(kind, "application/x-amz-json-")
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded") && service == "ec2":
		return "ec2"
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		return "query"
	case service == "lambda":
		return "rest-json"
	}
	return "rest-xml"
}

// verdict says what was spoken on a road, and whether anything was not.
func (s *spoken) verdict(w io.Writer, road string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said, not []string
	for _, p := range protocols {
		said = append(said, fmt.Sprintf("%d in %s", s.counts[p], p))
		if s.counts[p] == 0 {
			not = append(not, p)
		}
	}
	fmt.Fprintf(w, "spoken by %s: %s\n", road, strings.Join(said, ", "))
	if len(not) > 0 {
		return fmt.Errorf("nobody spoke %s by %s", strings.Join(not, " or "), road)
	}
	return nil
}
