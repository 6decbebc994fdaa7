package proxy

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	authorityFile = "ca.pem"
	certBlock     = "CERTIFICATE"
	keyBlock      = "SESAME SEALED PRIVATE KEY"
)

// A keeper keeps the issuers of an authority in one file, oldest first, each with
// its sealed key after it.
type keeper struct {
	dir    string
	sealer Sealer
}

// read returns what is kept, which may be nothing, and whether all of it is
// sealed as it is now.
func (k keeper) read() (all []issuer, current bool, err error) {
	text, err := os.ReadFile(filepath.Join(k.dir, authorityFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	current = true
	for len(bytes.TrimSpace(text)) > 0 {
		var cert, key *pem.Block
		cert, text = pem.Decode(text)
		key, text = pem.Decode(text)
		if cert == nil || key == nil || cert.Type != certBlock || key.Type != keyBlock {
			return nil, false, errNoAuthority
		}
		i, err := k.issuer(cert.Bytes, key.Bytes)
		if err != nil {
			return nil, false, err
		}
		all, current = append(all, i), current && k.sealer.Current(key.Bytes)
	}
	if len(all) == 0 {
		return nil, false, errNoAuthority
	}
	return all, current, nil
}

var errNoAuthority = fmt.Errorf("%s does not hold certificates and their keys: restore it, or remove it and have clients trust another", authorityFile)

func (k keeper) issuer(cert, sealed []byte) (i issuer, err error) {
	der, err := k.sealer.Open(authorityFile, sealed)
	if err != nil {
		return issuer{}, err
	}
	if i.key, err = x509.ParseECPrivateKey(der); err != nil {
		return issuer{}, err
	}
	if i.cert, err = x509.ParseCertificate(cert); err != nil {
		return issuer{}, err
	}
	if !i.key.PublicKey.Equal(i.cert.PublicKey) {
		return issuer{}, errNoAuthority
	}
	return i, nil
}

// write replaces what is kept.
func (k keeper) write(all []issuer) error {
	var text []byte
	for _, i := range all {
		secret, err := x509.MarshalECPrivateKey(i.key)
		if err != nil {
			return err
		}
		text = append(text, i.pem()...)
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: k.sealer.Seal(authorityFile, secret)})...)
	}
	return writeDurably(filepath.Join(k.dir, authorityFile), text)
}

func (i issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: i.cert.Raw})
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
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
