//go:build unix

package proxy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"sesame/proxy"
	"sesame/strategies/rolesession"
)

// proxyFor names the environment variable that makes the test program a proxy
// to the address in it, and proxyKind the one that says which.
const (
	proxyFor  = "SESAME_PROXY_FOR"
	proxyKind = "SESAME_PROXY_KIND"
)

// The kinds of proxies: Sesame, and a reverse proxy of the standard library.
const (
	kindSesame = "sesame"
	kindBare   = "bare"
)

func TestMain(m *testing.M) {
	if aws := os.Getenv(proxyFor); aws != "" {
		if err := proxyHere(os.Getenv(proxyKind), aws); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A greeting is what a proxy of another process says first.
type greeting struct {
	Address string
	Key     struct{ ID, Secret, Token string }
}

// usage is what a proxy has used so far, and the most memory that it had
// resident since it was asked before.
type usage struct {
	CPU      time.Duration
	Resident int64
	Objects  uint64
}

// proxyHere serves until the parent goes away. Asked by a line, it tells what
// it uses.
func proxyHere(kind, aws string) error {
	t := &alone{}
	defer t.clean()
	handler, key := bareProxy(aws), rolesession.Key{}
	if kind == kindSesame {
		debug.SetGCPercent(proxy.GCPercent) // as the server does
		handler, key = sesameProxy(t, aws)
	}
	server := httptest.NewServer(handler)
	defer server.CloseClientConnections()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(greeting{server.Listener.Addr().String(), struct{ ID, Secret, Token string }{key.ID, key.Secret, key.Token}}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "collect" {
			runtime.GC()
		}
		if err := out.Encode(used()); err != nil {
			return err
		}
	}
	return nil
}

func bareProxy(aws string) http.Handler {
	to := &url.URL{Scheme: "http", Host: aws}
	return &httputil.ReverseProxy{Transport: proxy.NewTransport(), Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
}

// sesameProxy has a key that is bound to this machine, as the commands ask for.
func sesameProxy(t testing.TB, aws string) (http.Handler, rolesession.Key) {
	r := newRig(t, `{"allow":["dynamodb:*","s3:*"],"deny":["dynamodb:DeleteTable"]}`)
	r.aws.Listener = elsewhere{r.aws.Listener, aws} // its transport goes there
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.proxy.Serve(w, req, req.Host) }), r.mint(netip.MustParseAddr("127.0.0.1"))
}

// elsewhere is a listener with the address of another.
type elsewhere struct {
	net.Listener
	at string
}

func (e elsewhere) Addr() net.Addr {
	at, err := net.ResolveTCPAddr("tcp", e.at)
	if err != nil {
		panic(err)
	}
	return at
}

func used() usage {
	var r syscall.Rusage
	var u usage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) == nil {
		u.CPU = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u.Objects, u.Resident = m.Mallocs, peak(r)
	return u
}

// peak is the most memory that was resident; Linux tells it since it was last
// asked, and what the process was before it began is not counted there.
func peak(r syscall.Rusage) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		return r.Maxrss
	}
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // where that may not be, it is the peak of all time
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int64
	_, _ = fmt.Sscan(rest, &kilobytes) // none would be seen at once
	return kilobytes << 10
}

// alone is a testing.TB for a process that is no test.
type alone struct {
	testing.TB
	cleanups []func()
}

func (a *alone) Helper()                   {}
func (a *alone) Cleanup(f func())          { a.cleanups = append(a.cleanups, f) }
func (a *alone) Context() context.Context  { return context.Background() }
func (a *alone) Fatal(why ...any)          { panic(fmt.Sprint(why...)) }
func (a *alone) Error(why ...any)          { panic(fmt.Sprint(why...)) }
func (a *alone) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }

func (a *alone) TempDir() string {
	dir, err := os.MkdirTemp("", "proxy")
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (a *alone) clean() {
	for i := len(a.cleanups) - 1; i >= 0; i-- {
		a.cleanups[i]()
	}
}

// A process is a proxy that runs in another one.
type process struct {
	testing.TB
	greeting
	ask     io.WriteCloser
	answers *json.Decoder
}

// launch starts a proxy to an upstream, until the test is over.
func launch(t testing.TB, kind, aws string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir, cmd.Stderr = filepath.Dir(program), os.Stderr
	cmd.Env = append(os.Environ(), proxyFor+"="+aws, proxyKind+"="+kind)
	p := &process{TB: t}
	if p.ask, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.ask.Close() // which ends it
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	p.answers = json.NewDecoder(out)
	if err := p.answers.Decode(&p.greeting); err != nil {
		t.Fatal(err)
	}
	return p
}

// used is what the proxy has used, after it collected its garbage if that is
// asked for.
func (p *process) used(collect bool) (u usage) {
	p.Helper()
	line := "tell\n"
	if collect {
		line = "collect\n"
	}
	if _, err := io.WriteString(p.ask, line); err != nil {
		p.Fatal(err)
	}
	if err := p.answers.Decode(&u); err != nil {
		p.Fatal(err)
	}
	return u
}
