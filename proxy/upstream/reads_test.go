package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sesame/proxy/upstream"
)

// A rig is AWS, as a server or as somebody who speaks it by hand, and the way
// there.
type rig struct {
	*testing.T
	reads  *upstream.Reads
	dialed atomic.Int64
}

// newRig reaches an address under whatever name.
func newRig(t *testing.T, address string) *rig {
	r := &rig{T: t}
	base := &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		r.dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	r.reads = upstream.New(base)
	t.Cleanup(r.reads.CloseIdleConnections)
	return r
}

func serve(t *testing.T, h http.HandlerFunc) *rig {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return newRig(t, s.Listener.Addr().String())
}

func (r *rig) request(ctx context.Context, method, body string) *http.Request {
	r.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "https://sts.amazonaws.com/", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	return req
}

func (r *rig) send(method, body string) (*http.Response, string) {
	r.Helper()
	res, err := r.reads.RoundTrip(r.request(r.Context(), method, body))
	if err != nil {
		r.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.Fatal(err)
	}
	return res, string(text)
}

func (r *rig) connections(want int64) {
	r.Helper()
	if got := r.dialed.Load(); got != want {
		r.Errorf("%d connections, want %d", got, want)
	}
}

// TestAnswersOfEveryKind go over one connection.
func TestAnswersOfEveryKind(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		switch string(body) {
		case "none":
			w.WriteHeader(http.StatusNoContent)
		case "early":
			w.WriteHeader(http.StatusEarlyHints)
			fallthrough
		case "chunked":
			_, _ = io.WriteString(w, "one ")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "two")
		default:
			_, _ = w.Write(body)
		}
	})
	long := strings.Repeat("x", 50<<10)
	for _, c := range []struct{ method, body, want string }{
		{"POST", "hello", "hello"}, {"GET", "", ""}, {"POST", "none", ""}, {"HEAD", "", ""}, {"POST", "chunked", "one two"},
		{"POST", "early", "one two"}, {"POST", long, long}, {"POST", "hello", "hello"},
	} {
		if res, got := r.send(c.method, c.body); got != c.want || res.StatusCode >= 300 {
			t.Errorf("%s %.10s: %s, %.40q", c.method, c.body, res.Status, got)
		}
	}
	r.connections(1)
}

// TestManyAtOnce has each answer reach who asked.
func TestManyAtOnce(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) })
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 50 {
				text := fmt.Sprint(worker, n)
				res, err := r.reads.RoundTrip(r.request(t.Context(), "POST", text))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(res.Body)
				if err != nil || string(got) != text {
					t.Errorf("%q, %v, want %q", got, err, text)
				}
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	if n := r.dialed.Load(); n > 8 {
		t.Errorf("%d connections for 8 at once", n)
	}
}

// byHand accepts connections, and has f speak on each.
func byHand(t *testing.T, f func(n int, c net.Conn, in *bufio.Reader)) *rig {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				f(n, c, bufio.NewReader(c))
			})
		}
	})
	r := newRig(t, l.Addr().String())
	t.Cleanup(func() {
		_ = l.Close()
		r.reads.CloseIdleConnections()
		wg.Wait()
	})
	return r
}

func heard(in *bufio.Reader) bool {
	req, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestWhatNobodyAskedForIsNoAnswer has a server say something on a connection
// that lies idle, as some do before they shut it, and right behind an answer.
func TestWhatNobodyAskedForIsNoAnswer(t *testing.T) {
	const idle, evil = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, c := range []struct{ what, behind, later string }{{"as it is shut", "", idle}, {"an answer", "", evil}, {"right behind", evil, ""}} {
		t.Run(c.what, func(t *testing.T) {
			read, said := make(chan struct{}, 2), make(chan struct{}, 2)
			r := byHand(t, func(_ int, conn net.Conn, in *bufio.Reader) {
				for heard(in) {
					_, _ = io.WriteString(conn, ok+c.behind)
					<-read
					_, _ = io.WriteString(conn, c.later)
					said <- struct{}{}
				}
			})
			for range 2 {
				if res, got := r.send("POST", "x"); res.StatusCode != http.StatusOK || got != "ok" {
					t.Errorf("%s: %q", res.Status, got)
				}
				read <- struct{}{}
				<-said
			}
			r.connections(2)
		})
	}
}

// TestAConnectionThatWasShut is not used; and one that is shut as the request
// comes has it sent once more, unless a byte of an answer was there.
func TestAConnectionThatWasShut(t *testing.T) {
	for _, c := range []struct {
		what, last string // what is said to the second request of a connection
		want       string
	}{
		{"nothing", "", "ok"}, {"a beginning", "HTTP/1.1 200", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := byHand(t, func(n int, conn net.Conn, in *bufio.Reader) {
				if !heard(in) {
					return
				}
				_, _ = io.WriteString(conn, ok)
				if n == 0 && heard(in) {
					_, _ = io.WriteString(conn, c.last)
				}
			})
			if _, got := r.send("POST", "x"); got != "ok" {
				t.Fatal(got)
			}
			res, err := r.reads.RoundTrip(r.request(t.Context(), "POST", "x"))
			if c.want == "" {
				if err == nil {
					t.Errorf("%s", res.Status)
				}
				r.connections(1)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			r.connections(2)
		})
	}
}

// TestTheContextBreaksItOff before the head of an answer, and within its body.
func TestTheContextBreaksItOff(t *testing.T) {
	why := errors.New("enough")
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"} {
		began := make(chan struct{})
		r := byHand(t, func(_ int, c net.Conn, in *bufio.Reader) {
			if !heard(in) {
				return
			}
			_, _ = io.WriteString(c, head)
			close(began)
			_, _ = in.ReadByte() // until it is shut
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			<-began
			cancel(why)
		})
		res, err := r.reads.RoundTrip(r.request(ctx, "POST", "x"))
		if err == nil {
			_, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
		} else if !errors.Is(err, why) {
			t.Errorf("before the head: %v", err)
		}
		if err == nil {
			t.Error("an answer that was broken off is whole")
		}
		wg.Wait()
		cancel(nil)
	}
}

// TestHeadsAreBounded refuses one that does not end, and answers that only
// announce others.
func TestHeadsAreBounded(t *testing.T) {
	for what, said := range map[string]string{
		"a long head": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20), "interim for ever": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100),
		"another protocol": "HTTP/1.1 101 Switching Protocols\r\n\r\n", "junk": "220 smtp ready\r\n", "nothing": "",
	} {
		r := byHand(t, func(_ int, c net.Conn, in *bufio.Reader) {
			if heard(in) {
				_, _ = io.WriteString(c, said)
			}
		})
		if res, err := r.reads.RoundTrip(r.request(t.Context(), "POST", "x")); err == nil {
			t.Errorf("%s: %s", what, res.Status)
		}
	}
}

// TestOthersGoTheOtherWay sends what is long, or streams, by net/http.
func TestOthersGoTheOtherWay(t *testing.T) {
	r := serve(t, func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, n)
	})
	stream := r.request(t.Context(), "POST", "12345")
	stream.GetBody = nil
	long := r.request(t.Context(), "POST", strings.Repeat("x", 100<<10))
	for want, req := range map[string]*http.Request{"5": stream, "102400": long} {
		res, err := r.reads.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		_ = res.Body.Close()
	}
}

// TestTLS checks who the other side is, as net/http does.
func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) }))
	t.Cleanup(s.Close)
	trusting := s.Client().Transport.(*http.Transport).Clone()
	for _, base := range []*http.Transport{trusting, {}} {
		reads := upstream.New(base)
		for range 2 {
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			res, err := reads.RoundTrip(req)
			if (err == nil) != (base == trusting) {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if got, err := io.ReadAll(res.Body); err != nil || string(got) != "hello" {
				t.Errorf("%q, %v", got, err)
			}
			_ = res.Body.Close()
		}
		reads.CloseIdleConnections()
	}
}

// TestHTTP2GoesTheOtherWay has a server that prefers it be asked in it.
func TestHTTP2GoesTheOtherWay(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = io.WriteString(w, req.Proto) }))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	base := s.Client().Transport.(*http.Transport).Clone()
	base.ForceAttemptHTTP2 = true
	reads := upstream.New(base)
	t.Cleanup(reads.CloseIdleConnections)
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := reads.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != "HTTP/2.0" {
			t.Errorf("%q, %v", got, err)
		}
		_ = res.Body.Close()
	}
}

// FuzzAnswers has the other side say anything.
func FuzzAnswers(f *testing.F) {
	for _, said := range []string{ok, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", ok + ok, "HTTP/1.1 204 No\r\n\r\nx", "HTTP/1.0 200 OK\r\n\r\nall"} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		here, there := net.Pipe()
		reads := upstream.New(&http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return here, nil }})
		var wg sync.WaitGroup
		wg.Go(func() {
			if heard(bufio.NewReader(there)) {
				_, _ = there.Write(said)
			}
			_ = there.Close()
		})
		req, err := http.NewRequestWithContext(t.Context(), "POST", "https://sts.amazonaws.com/", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if res, err := reads.RoundTrip(req); err == nil {
			compare(t, res, said, req)
		}
		_ = here.Close()
		wg.Wait()
	})
}

// compare holds an answer against what net/http makes of the same bytes.
func compare(t *testing.T, res *http.Response, said []byte, req *http.Request) {
	defer res.Body.Close()
	in := bufio.NewReader(bytes.NewReader(said))
	whole, err := http.ReadResponse(in, req)
	for err == nil && whole.StatusCode < 200 {
		whole, err = http.ReadResponse(in, req)
	}
	if err != nil || res.StatusCode != whole.StatusCode {
		t.Fatalf("%d, want %v, %v", res.StatusCode, whole, err)
	}
	got, gotErr := io.ReadAll(res.Body)
	want, wantErr := io.ReadAll(whole.Body)
	if !bytes.Equal(got, want) || (gotErr == nil) != (wantErr == nil) {
		t.Errorf("%q, %v, want %q, %v", got, gotErr, want, wantErr)
	}
}
