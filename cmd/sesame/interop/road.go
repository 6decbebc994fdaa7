package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/proxy/calls"
)

const region = "us-east-1"

// A road is a way to an emulator, and what a client needs to take it.
type road struct {
	dir   string // where clients work
	moto  *emulator
	proxy string // its address
	ca    []byte
	key   aws.Credentials
	calls string // where they are recorded, if they are
}

// newRoad starts an emulator with somebody who has a grant.
func (o options) newRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, *holder, error) {
	r := &road{dir: filepath.Join(dir, "work")}
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
	t := &tunnel{to: r.moto.address(), authority: h.authority}
	r.proxy, err = listen(running, func(l net.Listener) error { return t.serve(ctx, l) })
	return r, err
}

// sesameRoad goes through the proxy, with a proxy key.
func (o options) sesameRoad(ctx context.Context, dir string, running *errgroup.Group) (*road, error) {
	r, h, err := o.newRoad(ctx, dir, running)
	if err != nil {
		return nil, err
	}
	k, err := h.mint(ctx)
	if err != nil {
		return nil, err
	}
	r.key = aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token}
	r.calls = filepath.Join(dir, callsDir)
	log, err := calls.Open(calls.Config{Dir: r.calls, Clock: clock.System{}})
	if err != nil {
		return nil, err
	}
	p := proxy.NewInterceptor(h.proxy(log, r.moto), h.authority)
	r.proxy, err = listen(running, func(l net.Listener) error { return errors.Join(p.Run(ctx, l), log.Close()) })
	return r, err
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

func (r *road) bundle() string { return filepath.Join(filepath.Dir(r.dir), "ca.pem") }

// environment is what a client is started with, and nothing of ours beside it.
func (r *road) environment() []string {
	return []string{
		"HOME=" + r.dir, "PATH=/usr/bin:/bin", "TZ=UTC", "LC_ALL=C.UTF-8", "PYTHONUTF8=1",
		"HTTPS_PROXY=http://" + r.proxy, "AWS_CA_BUNDLE=" + r.bundle(), "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + r.key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.key.SecretAccessKey, "AWS_SESSION_TOKEN=" + r.key.SessionToken,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=",
	}
}

// client is the same for Go.
func (r *road) client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(r.ca)
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: r.proxy}), TLSClientConfig: &tls.Config{RootCAs: roots},
		ExpectContinueTimeout: http.DefaultTransport.(*http.Transport).ExpectContinueTimeout, DisableCompression: true,
	}}
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
