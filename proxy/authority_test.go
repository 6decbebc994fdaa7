package proxy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sesame/flows/clock"
	"sesame/proxy"
	"sesame/strategies/rolesession"
)

const day = 24 * time.Hour

// An office is where an authority is kept, and opened again and again.
type office struct {
	testing.TB
	dir    string
	sealer *rolesession.Sealer
	wall   *clock.Movable
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{TB: t, dir: t.TempDir(), wall: clock.Frozen(clock.System{}.Now())}
	var err error
	if o.sealer, err = rolesession.OpenSealer(filepath.Join(t.TempDir(), "seal.key"), o.dir); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) open(names ...string) *proxy.Authority {
	o.Helper()
	a, err := proxy.OpenAuthority(o.dir, o.sealer, names, o.wall)
	if err != nil {
		o.Fatal(err)
	}
	return a
}

// trusts reports why a client with these certificates does not take the leaf of
// a host, by crypto/x509.
func (o *office) trusts(bundle []byte, a *proxy.Authority, host string) error {
	o.Helper()
	leaf, err := a.Leaf(host)
	if err != nil {
		o.Fatal(err)
	}
	return o.verify(bundle, leaf.Leaf, x509.VerifyOptions{DNSName: host})
}

func (o *office) verify(bundle []byte, cert *x509.Certificate, v x509.VerifyOptions) error {
	v.Roots, v.CurrentTime = x509.NewCertPool(), o.wall.Now()
	v.Roots.AppendCertsFromPEM(bundle)
	_, err := cert.Verify(v)
	return err
}

func TestTheAuthorityIsConfined(t *testing.T) {
	o := newOffice(t)
	a := o.open("amazonaws.com", "api.aws", endpointName)
	for host, good := range map[string]bool{
		"sts.amazonaws.com": true, "amazonaws.com": true, "s3.dualstack.us-east-1.api.aws": true, endpointName: true, "bucket." + endpointName: true,
		"example.com": false, "xamazonaws.com": false, "amazonaws.com.example.com": false, "sesame.example.com": false, "127.0.0.1": false,
	} {
		if err := o.trusts(a.PEM(), a, host); (err == nil) != good {
			t.Errorf("%s: %v", host, err)
		}
	}
	leaf, err := a.Leaf("*."+endpointName, endpointName)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{endpointName, "bucket." + endpointName} {
		if err := o.verify(a.PEM(), leaf.Leaf, x509.VerifyOptions{DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := o.verify(a.PEM(), leaf.Leaf, x509.VerifyOptions{DNSName: "a.b." + endpointName}); err == nil {
		t.Error("a wildcard for more than one label")
	}
}

// TestAStolenKeyIsConfined has a thief with the folder and the sealing key.
func TestAStolenKeyIsConfined(t *testing.T) {
	o := newOffice(t)
	a := o.open("amazonaws.com")
	thief := o.steal()
	for name, c := range map[string]struct {
		template x509.Certificate
		v        x509.VerifyOptions
		good     bool
	}{
		"what we sign as well": {x509.Certificate{DNSNames: []string{"sts.amazonaws.com"}}, x509.VerifyOptions{DNSName: "sts.amazonaws.com"}, true},
		"another name":         {x509.Certificate{DNSNames: []string{"example.com"}}, x509.VerifyOptions{DNSName: "example.com"}, false},
		"an address":           {x509.Certificate{IPAddresses: []net.IP{{192, 0, 2, 1}}}, x509.VerifyOptions{DNSName: "192.0.2.1"}, false},
		"a client":             {x509.Certificate{DNSNames: []string{"sts.amazonaws.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, false},
		"code":                 {x509.Certificate{DNSNames: []string{"sts.amazonaws.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, false},
	} {
		cert, _ := thief.sign(t, c.template)
		if err := o.verify(a.PEM(), cert, c.v); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	between, key := thief.sign(t, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	cert, _ := (&signer{between, key}).sign(t, x509.Certificate{DNSNames: []string{"sts.amazonaws.com"}})
	v := x509.VerifyOptions{DNSName: "sts.amazonaws.com", Intermediates: x509.NewCertPool()}
	v.Intermediates.AddCert(between)
	err := o.verify(a.PEM(), cert, v)
	if wrong, ok := errors.AsType[x509.CertificateInvalidError](err); !ok || wrong.Reason != x509.TooManyIntermediates {
		t.Errorf("an authority below ours: %v", err)
	}
}

// A signer has a certificate and its key.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// steal opens the key as its owner does.
func (o *office) steal() *signer {
	o.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, "ca.pem"))
	if err != nil {
		o.Fatal(err)
	}
	cert, rest := pem.Decode(text)
	sealed, _ := pem.Decode(rest)
	if _, err := x509.ParseECPrivateKey(sealed.Bytes); err == nil {
		o.Error("the key is not sealed")
	}
	der, err := o.sealer.Open("ca.pem", sealed.Bytes)
	if err != nil {
		o.Fatal(err)
	}
	s := &signer{}
	if s.key, err = x509.ParseECPrivateKey(der); err != nil {
		o.Fatal(err)
	}
	if s.cert, err = x509.ParseCertificate(cert.Bytes); err != nil {
		o.Fatal(err)
	}
	return s
}

func (s *signer) sign(t *testing.T, c x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(17), pkix.Name{CommonName: "stolen"}
	c.NotBefore, c.NotAfter = s.cert.NotBefore, s.cert.NotAfter
	der, err := x509.CreateCertificate(rand.Reader, &c, s.cert, &key.PublicKey, s.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestLeavesAreShortLived(t *testing.T) {
	o := newOffice(t)
	a := o.open("amazonaws.com")
	one, err := a.Leaf("sts.amazonaws.com")
	if err != nil || one.Leaf.NotAfter.After(o.wall.Now().Add(day)) {
		t.Fatalf("good until %s, %v", one.Leaf.NotAfter, err)
	}
	o.wall.Advance(17 * time.Hour)
	if two, err := a.Leaf("sts.amazonaws.com"); err != nil || two != one {
		t.Errorf("a leaf was not kept: %v", err)
	}
	o.wall.Advance(2 * time.Hour)
	if two, err := a.Leaf("sts.amazonaws.com"); err != nil || two == one {
		t.Errorf("a leaf was not renewed ahead of its end: %v", err)
	}
}

// TestRotation goes through more than a year of a server that runs on, with
// clients that asked whom to trust at one time or another.
func TestRotation(t *testing.T) {
	o := newOffice(t)
	a := o.open("amazonaws.com")
	const host = "sts.amazonaws.com"
	first := a.PEM()
	later := func(d time.Duration) {
		t.Helper()
		o.wall.Advance(d)
		if err := a.Renew(); err != nil {
			t.Fatal(err)
		}
	}
	for range 304 {
		later(day)
	}
	if !bytes.Equal(a.PEM(), first) {
		t.Fatal("renewed long before the end")
	}
	later(2 * day)
	both := a.PEM()
	if bytes.Equal(both, first) || !bytes.HasPrefix(both, first) {
		t.Fatal("the successor is not told of beside what signs now")
	}
	second := both[len(first):]
	for range 29 {
		later(day)
		if err := o.trusts(first, a, host); err != nil {
			t.Fatalf("a client that does not know of the successor: %v", err)
		}
	}
	if !bytes.Equal(o.open("amazonaws.com").PEM(), both) {
		t.Error("another authority after a restart")
	}
	later(2 * day)
	for name, bundle := range map[string][]byte{"both": both, "the successor alone": second} {
		if err := o.trusts(bundle, a, host); err != nil {
			t.Errorf("a client that knows %s: %v", name, err)
		}
	}
	if err := o.trusts(first, a, host); err == nil {
		t.Error("the successor does not sign, although everybody was told")
	}
	later(40 * day)
	if !bytes.Equal(a.PEM(), second) {
		t.Error("what has ended is still told of")
	}
	if text, err := os.ReadFile(filepath.Join(o.dir, "ca.pem")); err != nil || bytes.Contains(text, first) {
		t.Errorf("what has ended is still kept: %v", err)
	}
}

// TestNewNames has a server get an endpoint: clients that do not know of it go
// on, and those that ask now may call it at once.
func TestNewNames(t *testing.T) {
	o := newOffice(t)
	before := o.open("amazonaws.com").PEM()
	o.wall.Advance(day)
	a := o.open("amazonaws.com", endpointName)
	if err := o.trusts(before, a, "sts.amazonaws.com"); err != nil {
		t.Errorf("a client from before: %v", err)
	}
	if err := o.trusts(a.PEM(), a, endpointName); err != nil {
		t.Errorf("the endpoint: %v", err)
	}
	if err := o.trusts(before, a, endpointName); err == nil {
		t.Error("what was confined to AWS signed for the endpoint")
	}
	if again := o.open(endpointName, "amazonaws.com"); !bytes.Equal(again.PEM(), a.PEM()) {
		t.Error("another authority for the same names")
	}
}

func TestWhatIsKeptIsNotReplaced(t *testing.T) {
	o := newOffice(t)
	o.open("amazonaws.com")
	path := filepath.Join(o.dir, "ca.pem")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rolesession.OpenSealer(filepath.Join(t.TempDir(), "other.key"), o.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.OpenAuthority(o.dir, other, []string{"amazonaws.com"}, o.wall); err == nil {
		t.Error("opened with another sealing key")
	}
	elsewhere := newOffice(t)
	elsewhere.sealer = o.sealer
	elsewhere.open("amazonaws.com")
	foreign, err := os.ReadFile(filepath.Join(elsewhere.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := pem.Decode(foreign)
	_, key := pem.Decode(good)
	for name, text := range map[string][]byte{
		"cut short": good[:len(good)/2], "no key": good[:bytes.Index(good, []byte("-----BEGIN SESAME"))], "empty": nil,
		"the key of another": slices.Concat(pem.EncodeToMemory(cert), key),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := proxy.OpenAuthority(o.dir, o.sealer, []string{"amazonaws.com"}, o.wall); err == nil {
			t.Errorf("%s: opened", name)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s: replaced, %v", name, err)
		}
	}
}
