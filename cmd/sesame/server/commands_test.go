package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows/access"
)

func TestARenewedCertificateIsTakenUp(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	p := &pair{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), log: zerolog.New(&log)}
	if _, err := p.get(nil); err == nil {
		t.Error("a certificate that is not there is served")
	}
	began := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	serial := func() int64 {
		t.Helper()
		got, err := p.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	for i, c := range []struct {
		what  string
		write func(at time.Time)
		want  int64
	}{
		{"the first", func(at time.Time) { issue(t, p, 1, at) }, 1},
		{"the same", func(time.Time) {}, 1},
		{"a renewed one", func(at time.Time) { issue(t, p, 2, at) }, 2},
		{"one that is broken", func(at time.Time) { write(t, p.cert, "none", at) }, 2},
		{"one that is gone", func(time.Time) { _ = os.Remove(p.cert) }, 2},
		{"one that is repaired", func(at time.Time) { issue(t, p, 3, at) }, 3},
	} {
		c.write(began.Add(time.Duration(i) * time.Minute))
		if got := serial(); got != c.want {
			t.Errorf("%s: certificate %d is served, want %d", c.what, got, c.want)
		}
	}
	if !strings.Contains(log.String(), "going on with the old one") {
		t.Errorf("log:\n%s", &log)
	}
}

// issue writes a certificate with its key, as at a moment.
func issue(t *testing.T, p *pair, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: at.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), at)
	write(t, p.cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})), at)
}

func write(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCameByLogins(t *testing.T) {
	said := func(by access.Source, decided ...access.Source) access.Request {
		r := access.Request{Source: by}
		for _, s := range decided {
			r.Decisions = append(r.Decisions, access.Decision{Source: s})
		}
		return r
	}
	for name, c := range map[string]struct {
		r    access.Request
		want bool
	}{
		"asked and approved by command":            {said(access.FromCLI, access.FromCLI, access.FromCLI), true},
		"asked by command and approved by a route": {said(access.FromCLI, access.FromRoute), true},
		"asked in Slack":                           {said(access.FromCommand, access.FromCLI), false},
		"approved by one in Slack":                 {said(access.FromCLI, access.FromCLI, access.FromButton), false},
		"nothing":                                  {access.Request{}, false},
	} {
		if got := byLogins(c.r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
