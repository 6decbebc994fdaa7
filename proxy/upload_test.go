//go:build unix

package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/sigv4"
)

const (
	uploadSize = 100 << 20
	uploadHost = "b.s3.us-east-1.amazonaws.com"
	together   = 8
)

// BenchmarkUploads compares what uploading 100 MB takes through Sesame, and
// through a reverse proxy of the standard library, with what it takes without a
// proxy, in turns; and tells how much memory Sesame has resident at the most, and
// how much of an object has left the client when AWS sees the first of it. The
// body is not covered by the signature, as SDKs have it over TLS.
func BenchmarkUploads(b *testing.B) {
	s := newSink(b)
	p, bare := launch(b, kindSesame, s.Listener.Addr().String()), launch(b, kindBare, s.Listener.Addr().String())
	for _, n := range []int{1, together} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			direct, through, other := client(b, s.Listener.Addr().String()), client(b, p.Address), client(b, bare.Address)
			var ours, others []float64
			var resident, out int64
			for b.Loop() {
				for range turns {
					without := p.uploads(b, direct, s, n)
					others = append(others, p.uploads(b, other, s, n)/without)
					p.used(true)
					s.out.Store(0)
					s.first.Store(0)
					ours = append(ours, p.uploads(b, through, s, n)/without)
					resident, out = max(resident, p.used(false).Resident), max(out, s.first.Load())
				}
			}
			b.ReportMetric(median(ours), "x_direct")
			b.ReportMetric(median(others), "bare-x_direct")
			b.ReportMetric(float64(resident)/(1<<20), "resident-MB")
			if n == 1 {
				b.ReportMetric(float64(out)/(1<<20), "MB-out-at-first-byte")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// A sink is AWS for objects that nobody reads again, and that are all zeros.
type sink struct {
	*httptest.Server
	out   atomic.Int64 // bytes that clients took of objects to send them
	first atomic.Int64 // the most that out was when the first byte of an object was here
}

// Read takes some bytes of an object.
func (s *sink) Read(p []byte) (int, error) {
	clear(p)
	s.out.Add(int64(len(p)))
	return len(p), nil
}

func newSink(b *testing.B) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadFull(r.Body, make([]byte, 1))
		s.first.Store(max(s.first.Load(), s.out.Load()))
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		if err != nil {
			b.Error(err)
		}
	}))
	b.Cleanup(s.Server.Close)
	return s
}

// client reaches an address under whatever name.
func client(b *testing.B, address string) *http.Client {
	t := proxy.NewTransport()
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	b.Cleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t}
}

// uploads sends n objects at once, and returns how many seconds that took.
func (p *process) uploads(b *testing.B, c *http.Client, s *sink, n int) float64 {
	began := clock.System{}.Now()
	var all errgroup.Group
	for range n {
		all.Go(func() error { return p.upload(c, s) })
	}
	if err := all.Wait(); err != nil {
		b.Fatal(err)
	}
	return clock.System{}.Now().Sub(began).Seconds()
}

func (p *process) upload(c *http.Client, s *sink) error {
	const marker = "UNSIGNED-PAYLOAD"
	now := clock.System{}.Now()
	key := sigv4.NewKey(p.Key.Secret, sigv4.Scope{Day: now.Format("20060102"), Region: region, Service: "s3"})
	target := fmt.Sprintf("/object-%d", serial.Add(1))
	in := sigv4.Request{Method: "PUT", Target: target, Host: uploadHost, Header: map[string][]string{"X-Amz-Content-Sha256": {marker}}}
	if _, err := (sigv4.Credential{KeyID: p.Key.ID, Token: p.Key.Token, Key: key}).Sign(in, []string{"x-amz-content-sha256"}, marker, now); err != nil {
		return err
	}
	req, err := http.NewRequest("PUT", "http://"+uploadHost+target, io.LimitReader(s, uploadSize))
	if err != nil {
		return err
	}
	req.Header, req.ContentLength = in.Header, uploadSize
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s, %w", res.Status, text, err)
	}
	return nil
}
