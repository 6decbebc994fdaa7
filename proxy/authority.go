package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sesame/flows/clock"
)

// How long certificates are good for, and how long before their end others are
// made. Leaves begin before now, since clocks differ.
const (
	authorityFor   = 365 * 24 * time.Hour
	authorityRenew = 60 * 24 * time.Hour
	leafFor        = 24 * time.Hour
	leafRenew      = 6 * time.Hour
	leafBefore     = time.Hour
)

const (
	authorityFile = "ca.pem"
	certBlock     = "CERTIFICATE"
	keyBlock      = "SESAME SEALED PRIVATE KEY"
	maxLeaves     = 10000
)

// A Sealer keeps secrets at rest.
type Sealer interface {
	Seal(name string, secret []byte) []byte
	Open(name string, sealed []byte) ([]byte, error)
}

// An Authority makes the certificates by which the proxy speaks for hosts of
// AWS. It signs for nothing else, whoever gets hold of its key: it is confined
// to the names of AWS, makes no further authorities, and its key is sealed. It
// is safe for concurrent use.
type Authority struct {
	wall clock.Clock
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	leaf *ecdsa.PrivateKey // of all leaves: they are one server's

	mu     sync.Mutex // guards what follows
	leaves map[string]*tls.Certificate
}

// OpenAuthority reads the authority that is kept in dir, and makes one if there
// is none, if it ends soon, or if AWS has other names than it is confined to.
func OpenAuthority(dir string, s Sealer, suffixes []string, wall clock.Clock) (*Authority, error) {
	a := &Authority{wall: wall, leaves: map[string]*tls.Certificate{}}
	path := filepath.Join(dir, authorityFile)
	text, err := os.ReadFile(path)
	if err == nil {
		err = a.read(text, s)
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && !a.fits(suffixes) {
		err = a.make(path, s, suffixes)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

func (a *Authority) read(text []byte, s Sealer) error {
	cert, rest := pem.Decode(text)
	key, _ := pem.Decode(rest)
	if cert == nil || key == nil || cert.Type != certBlock || key.Type != keyBlock {
		return fmt.Errorf("%s does not hold a certificate and its key: restore it, or remove it and have clients trust another", authorityFile)
	}
	der, err := s.Open(authorityFile, key.Bytes)
	if err != nil {
		return err
	}
	if a.key, err = x509.ParseECPrivateKey(der); err != nil {
		return err
	}
	a.cert, err = x509.ParseCertificate(cert.Bytes)
	return err
}

// fits reports whether the authority is good for a while, and for all of AWS.
func (a *Authority) fits(suffixes []string) bool {
	confined := map[string]bool{}
	for _, d := range a.cert.PermittedDNSDomains {
		confined[d] = true
	}
	for _, s := range suffixes {
		if !confined[s] {
			return false
		}
	}
	return len(confined) == len(suffixes) && a.wall.Now().Add(authorityRenew).Before(a.cert.NotAfter)
}

func (a *Authority) make(path string, s Sealer, suffixes []string) (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	now := a.wall.Now()
	der, err := a.sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: "Sesame proxy, for AWS only", Organization: []string{"Sesame"}},
		NotBefore: now.Add(-leafBefore), NotAfter: now.Add(authorityFor),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: suffixes,
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}, nil, &a.key.PublicKey)
	if err != nil {
		return err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return err
	}
	text := append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: s.Seal(authorityFile, secret)})...)
	return writeDurably(path, text)
}

// sign makes a certificate, by parent or, without one, by itself.
func (a *Authority) sign(c, parent *x509.Certificate, key *ecdsa.PublicKey) ([]byte, error) {
	const serialBits = 127
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	c.SerialNumber = serial
	if parent == nil {
		parent = c
	}
	return x509.CreateCertificate(rand.Reader, c, parent, key, a.key)
}

// writeDurably replaces a file as a whole.
func writeDurably(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), authorityFile+".*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// PEM is the certificate that clients are to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: a.cert.Raw})
}

// Leaf returns a certificate for a host, which has to be one that the authority
// is confined to. The first time it may name more, such as what stands before
// the host.
func (a *Authority) Leaf(host string, more ...string) (*tls.Certificate, error) {
	now := a.wall.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[host]; c != nil && now.Add(leafRenew).Before(c.Leaf.NotAfter) {
		return c, nil
	}
	der, err := a.sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: host[:min(len(host), 64)]},
		NotBefore: now.Add(-leafBefore), NotAfter: now.Add(leafFor),
		DNSNames: append([]string{host}, more...), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, a.cert, &a.leaf.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: a.leaf, Leaf: parsed}
	a.leaves[host] = c
	return c, nil
}
