package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files beside the store.
const (
	keyName    = "audit.key"  // signs checkpoints; 0600
	publicName = "audit.pub"  // checks them
	headName   = "audit.head" // the last checkpoint
)

// writeDurably puts b into the file at path, whole or not at all, so that it is
// there after a crash.
func writeDurably(path string, b []byte, mode os.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// loadKey reads the signing key in dir. The error is fs.ErrNotExist when there
// is none.
func loadKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyName)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("signing key %s can be read by others than its owner (mode %v); run chmod 600 on it", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("signing key %s is no PEM file; restore it from where it is kept", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if signing, ok := key.(ed25519.PrivateKey); ok && err == nil {
		return signing, nil
	}
	return nil, fmt.Errorf("signing key %s is no Ed25519 key; restore it from where it is kept", path)
}

// makeKey makes a signing key and puts both halves of it into dir.
func makeKey(dir string) (ed25519.PrivateKey, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	public, err := MarshalPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	err = errors.Join(
		writeDurably(filepath.Join(dir, publicName), public, 0o644),
		writeDurably(filepath.Join(dir, keyName), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
	)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	return key, nil
}

// MarshalPublicKey returns pub as PEM.
func MarshalPublicKey(pub ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// LoadPublicKey reads a public key from a PEM file, or from the file of it in a
// data directory.
func LoadPublicKey(path string) (ed25519.PublicKey, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, publicName)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("public key %s is no PEM file", path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if pub, ok := key.(ed25519.PublicKey); ok && err == nil {
		return pub, nil
	}
	return nil, fmt.Errorf("public key %s is no Ed25519 key", path)
}

// readHead returns the head in dir's file; the zero Head when there is none.
func readHead(dir string) (Head, error) {
	path := filepath.Join(dir, headName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("read head: %w", err)
	}
	h, err := ParseHead(string(b))
	if err != nil {
		return Head{}, fmt.Errorf("read %s: %w", path, err)
	}
	return h, nil
}

func writeHead(dir string, h Head) error {
	if err := writeDurably(filepath.Join(dir, headName), h.encode(), 0o600); err != nil {
		return fmt.Errorf("write head: %w", err)
	}
	return nil
}
