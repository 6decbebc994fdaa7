//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/calls"
)

const region = "us-east-1"

// endpointName is one that DNS would have with a wildcard before it.
const endpointName = "aws.sesame.test"

// A road is a way to an emulator, and what a client needs to take it. It goes by
// the address of a proxy, or by that of an endpoint.
type road struct {
	name            string
	dir             string // where clients work
	moto            *emulator
	metrics         string // the address of what speaks CBOR
	heap            *heap  // what takes uploads; optional, and there is nothing else where it is
	proxy, endpoint string
	ca              []byte
	key             aws.Credentials
	token           aws.Credentials // a service token; none without the proxy
	calls           string          // where they are recorded, if they are
	spoken          *spoken
	wildcard        string // the folder of what stands in for DNS
}

// newRoad starts an emulator with somebody who has a grant.
func (o options) newRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, *holder, error) {
	r := &road{dir: filepath.Join(dir, "work"), spoken: &spoken{}, wildcard: filepath.Join(o.scripts, "wildcard")}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, nil, err
	}
	var err error
	if r.moto, err = startMoto(ctx, o.bin, running); err != nil {
		return nil, nil, err
	}
	if err := r.moto.seed(ctx); err != nil {
		return nil, nil, err
	}
	h, err := newHolder(ctx, dir, r.moto)
	if err != nil {
		return nil, nil, err
	}
	r.metrics, err = listen(running, func(l net.Listener) error { return serve(ctx, l, &metrics{}) })
	if err != nil {
		return nil, nil, err
	}
	if o.only == onlyUploads {
		if r.heap, err = newHeap(ctx, h.authority, running); err != nil {
			return nil, nil, err
		}
	}
	r.ca = h.authority.PEM()
	return r, h, os.WriteFile(r.bundle(), r.ca, 0o600)
}

// directRoad goes to the emulator through a tunnel that changes nothing, with
// the credentials that the proxy would use.
func (o options) directRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, error) {
	r, h, err := o.newRoad(ctx, dir, running)
	if err != nil {
		return nil, err
	}
	r.key = h.role
	r.proxy, err = listen(running, func(l net.Listener) error { return serve(ctx, l, &tunnel{r.stand, h.authority}) })
	return r, err
}

// stand is what stands in for a host of AWS.
func (r *road) stand(host string) (address string) {
	if r.heap != nil {
		return r.heap.address
	}
	if host == metricsHost {
		return r.metrics
	}
	return r.moto.address()
}

// proxyRoad goes through the proxy, with a proxy key.
func (o options) proxyRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, error) {
	return o.sesameRoad(ctx, dir, running, func(r *road, h *holder, p *proxy.Proxy) (err error) {
		r.name = "proxy"
		r.proxy, err = listen(running, func(l net.Listener) error { return proxy.NewInterceptor(p, h.authority).Run(ctx, l) })
		return err
	})
}

// endpointRoad is the same for clients that know of no proxy.
func (o options) endpointRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, error) {
	return o.sesameRoad(ctx, dir, running, func(r *road, h *holder, p *proxy.Proxy) (err error) {
		r.name = "endpoint"
		r.endpoint, err = listen(running, func(l net.Listener) error { return proxy.NewEndpoint(p, h.authority, endpointName).Run(ctx, l) })
		return err
	})
}

// sesameRoad goes through a proxy that open has serve it.
func (o options) sesameRoad(ctx context.Context, dir string, running *errgroup.Group, open func(*road, *holder, *proxy.Proxy) error) (*road, error) {
	r, h, err := o.newRoad(ctx, dir, running)
	if err != nil {
		return nil, err
	}
	k, err := h.mint(ctx)
	if err != nil {
		return nil, err
	}
	r.key = aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token}
	if r.token, err = h.token(ctx); err != nil {
		return nil, err
	}
	log, err := r.record(ctx, running)
	if err != nil {
		return nil, err
	}
	return r, open(r, h, h.proxy(log, r))
}

// record has calls recorded until ctx ends.
func (r *road) record(ctx context.Context, running *errgroup.Group) (*calls.Log, error) {
	r.calls = filepath.Join(filepath.Dir(r.dir), callsDir)
	log, err := calls.Open(calls.Config{Dir: r.calls, Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	running.Go(func() error {
		<-ctx.Done()
		return log.Close()
	})
	return log, nil
}

// listen has running serve a fresh address.
func listen(running *errgroup.Group, serve func(net.Listener) error) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	running.Go(func() error { return serve(l) })
	return l.Addr().String(), nil
}

// config is what the Go SDK needs to take the road.
func (r *road) config() aws.Config {
	cfg := aws.Config{
		Region: region, HTTPClient: r.client(), RetryMaxAttempts: 1,
		Credentials: credentials.StaticCredentialsProvider{Value: r.key},
	}
	if r.endpoint != "" {
		cfg.BaseEndpoint = aws.String(r.endpointURL())
	}
	return cfg
}

func (r *road) bundle() string { return filepath.Join(filepath.Dir(r.dir), "ca.pem") }

// environment is what a client is started with, as sesame env has it, and
// nothing of ours beside it.
func (r *road) environment() []string {
	all := []string{
		"HOME=" + r.dir, "PATH=/usr/bin:/bin", "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1",
		"AWS_CA_BUNDLE=" + r.bundle(), "NODE_EXTRA_CA_CERTS=" + r.bundle(), "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + r.key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.key.SecretAccessKey, "AWS_SESSION_TOKEN=" + r.key.SessionToken,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=",
	}
	if r.proxy != "" {
		return append(all, "HTTPS_PROXY=http://"+r.proxy)
	}
	return append(all, "AWS_ENDPOINT_URL="+r.endpointURL(), "AWS_DISABLE_HOST_PREFIX_INJECTION=true",
		"AWS_USE_FIPS_ENDPOINT=false", "AWS_USE_DUALSTACK_ENDPOINT=false",
		"WILDCARD="+endpointName, "PYTHONPATH="+r.wildcard, "NODE_OPTIONS=--require="+filepath.Join(r.wildcard, "wildcard.cjs"))
}

func (r *road) endpointURL() string {
	_, port, _ := net.SplitHostPort(r.endpoint) // it is that of a listener
	return "https://" + net.JoinHostPort(endpointName, port)
}

// client is the same for Go.
func (r *road) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.ca)
	t := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		ExpectContinueTimeout: http.DefaultTransport.(*http.Transport).ExpectContinueTimeout, DisableCompression: true,
	}
	if r.proxy != "" {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: r.proxy})
	} else {
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, r.endpoint)
		}
	}
	return &http.Client{Transport: t}
}

// work writes the file that clients send, the same on each road.
func (r *road) work(name string, size int) (string, error) {
	path := filepath.Join(r.dir, name)
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	return path, os.WriteFile(path, data, 0o600)
}
