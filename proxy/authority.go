package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"sesame/flows/clock"
)

// How long certificates are good for, and how long before their end others are
// made. What signs is told of before it does, so that whoever asked whom to trust
// in that time trusts it. Leaves begin before now, since clocks differ.
const (
	authorityFor   = 365 * 24 * time.Hour
	authorityRenew = 60 * 24 * time.Hour
	authorityTold  = 30 * 24 * time.Hour
	leafFor        = 24 * time.Hour
	leafRenew      = 6 * time.Hour
	leafBefore     = time.Hour
)

const maxLeaves = 10000

// A Sealer keeps secrets at rest.
type Sealer interface {
	Seal(name string, secret []byte) []byte
	Open(name string, sealed []byte) ([]byte, error)
	// Current reports whether something is sealed as Seal does it now.
	Current(sealed []byte) bool
}

// An Authority makes the certificates by which the proxy speaks for hosts of
// AWS. It signs for nothing else, whoever gets hold of its key: it is confined
// to the names of AWS and of the endpoint, makes no further authorities and no
// certificates but of servers, and its key is sealed. It changes its own
// certificate and key ahead of their end. It is safe for concurrent use.
type Authority struct {
	keeper
	names []string
	wall  clock.Clock
	leaf  *ecdsa.PrivateKey // of all leaves: they are one server's

	mu     sync.Mutex // guards what follows
	all    []issuer   // oldest first, and never none
	leaves map[string]*tls.Certificate
}

// An issuer is a certificate that signs others.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// OpenAuthority reads the authority that is kept in dir, and makes one if there
// is none, if it ends soon, or if it is confined to other names than these, which
// are those of AWS and maybe one of ours.
func OpenAuthority(dir string, s Sealer, names []string, wall clock.Clock) (*Authority, error) {
	a := &Authority{keeper: keeper{dir, s}, names: names, wall: wall, leaves: map[string]*tls.Certificate{}}
	all, current, err := a.read()
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	a.all = all
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if !current { // a key was changed, and then nothing else any more
		err = a.Reseal()
	}
	return a, errors.Join(err, a.Renew())
}

// Renew makes a successor when it is time for one, and lets go of what has
// ended. Call it now and then; it does nothing most of the time. When it fails,
// all is as before.
func (a *Authority) Renew() error {
	now := a.wall.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(a.all), func(i issuer) bool { return !now.Before(i.cert.NotAfter) })
	if !slices.ContainsFunc(all, func(i issuer) bool { return i.fits(a.names, now) }) {
		fresh, err := newIssuer(a.names, now)
		if err != nil {
			return fmt.Errorf("certificate authority: %w", err)
		}
		all = append(all, fresh)
	}
	if len(all) == len(a.all) && all[len(all)-1] == a.all[len(a.all)-1] {
		return nil
	}
	if err := a.write(all); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	a.all = all
	return nil
}

// Reseal seals the keys anew, for a Sealer whose own key was changed.
func (a *Authority) Reseal() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.write(a.all); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	return nil
}

// PEM is whom clients are to trust: who signs now, and who will.
func (a *Authority) PEM() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	var text []byte
	for _, i := range a.all {
		text = append(text, i.pem()...)
	}
	return text
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
	c, err := a.issuerLocked(host, now).leaf(a.leaf, append([]string{host}, more...), now)
	if err != nil {
		return nil, fmt.Errorf("certificate for %s: %w", host, err)
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[host] = c
	return c, nil
}

// issuerLocked is who signs for a host: the newest that clients have had the time
// to hear of, or who else may.
func (a *Authority) issuerLocked(host string, now time.Time) issuer {
	found, may := a.all[len(a.all)-1], false
	for _, i := range a.all {
		told := !now.Before(i.cert.NotBefore.Add(leafBefore + authorityTold))
		if i.permits(host) && now.Before(i.cert.NotAfter) && (told || !may) {
			found, may = i, true
		}
	}
	return found
}

func newIssuer(names []string, now time.Time) (i issuer, err error) {
	if i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return issuer{}, err
	}
	i.cert = &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Sesame proxy, for AWS only, " + now.Format(time.DateOnly), Organization: []string{"Sesame"}},
		NotBefore: now.Add(-leafBefore), NotAfter: now.Add(authorityFor),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: names,
		ExcludedIPRanges: []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}},
	}
	i.cert, _, err = i.sign(i.cert, &i.key.PublicKey)
	return i, err
}

// leaf makes a certificate of a server.
func (i issuer) leaf(key *ecdsa.PrivateKey, names []string, now time.Time) (*tls.Certificate, error) {
	ends := now.Add(leafFor)
	if i.cert.NotAfter.Before(ends) {
		ends = i.cert.NotAfter
	}
	cert, der, err := i.sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: names[0][:min(len(names[0]), 64)]},
		NotBefore: now.Add(-leafBefore), NotAfter: ends,
		DNSNames: names, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, i.cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// sign makes a certificate of c, which may be the issuer's own.
func (i issuer) sign(c *x509.Certificate, key *ecdsa.PublicKey) (cert *x509.Certificate, der []byte, err error) {
	const serialBits = 127
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits)); err != nil {
		return nil, nil, err
	}
	if der, err = x509.CreateCertificate(rand.Reader, c, i.cert, key, i.key); err != nil {
		return nil, nil, err
	}
	cert, err = x509.ParseCertificate(der)
	return cert, der, err
}

// fits reports whether an issuer is good for a while, and confined to names.
func (i issuer) fits(names []string, now time.Time) bool {
	set := func(all []string) map[string]bool {
		m := map[string]bool{}
		for _, n := range all {
			m[n] = true
		}
		return m
	}
	return maps.Equal(set(i.cert.PermittedDNSDomains), set(names)) && now.Add(authorityRenew).Before(i.cert.NotAfter)
}

// permits reports whether an issuer may sign for a host.
func (i issuer) permits(host string) bool {
	return slices.ContainsFunc(i.cert.PermittedDNSDomains, func(name string) bool {
		n := len(host) - len(name)
		return n == 0 && host == name || n > 0 && host[n-1] == '.' && host[n:] == name
	})
}
